//! Examines a tenant's LDAP servers for an administrator before going live: [`LdapInspection`]
//! connects as the service would, over its own connections that end with each request. It never
//! marks a server down, and logs nothing.

mod access_rules;
mod attributes;
mod contents;
mod hints;
mod index;
mod people;
mod reader;
mod security_descriptor;
mod servers;
mod writers;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;

use self::reader::Reader;
use super::connection::Connector;
use super::entry;
use super::filter;
use super::resolver::Resolver;
use super::server::server_name;
use super::settings::{LdapSettings, Lookup, NumberMatch, ServerUrl};
use crate::directory::inspection::{
    ExplainedSearch, Inspection, InspectionError, PeopleRead, Person, SelfWrite, ServerReport,
};
use crate::domain::clock::Clock;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::stored_number::Matching;

/// Examines a tenant's LDAP directory.
pub struct LdapInspection {
    settings: Arc<LdapSettings>,
    resolver: Resolver,
    clock: Arc<dyn Clock>,
}

impl LdapInspection {
    /// Does not connect yet. The clock is for certificate expiry.
    #[must_use]
    pub fn new(settings: LdapSettings, clock: Arc<dyn Clock>) -> Self {
        Self { settings: Arc::new(settings), resolver: Resolver::system(), clock }
    }

    fn connector(&self, url: &ServerUrl, address: SocketAddr) -> Connector {
        Connector::new(url.clone(), address, Arc::clone(&self.settings))
    }

    /// A server's addresses: its literal address, or those of its name.
    async fn addresses(&self, url: &ServerUrl) -> io::Result<Vec<SocketAddr>> {
        match url.literal() {
            Some(address) => Ok(vec![address]),
            None => self.resolver.addresses(url.host(), url.port()).await,
        }
    }

    /// The attributes that a search reads.
    fn attributes(&self) -> Vec<String> {
        entry::attributes(&self.settings)
    }

    /// The attributes that decide who gets a code, which people must not be able to write.
    fn guarded(&self) -> Vec<String> {
        let settings = &self.settings;
        settings.phone_attributes.iter().chain(&settings.pin_attribute).cloned().collect()
    }

    /// A connection to the first server that accepts one, and the server's name.
    async fn reader(&self) -> Result<(String, Reader), InspectionError> {
        let mut last = None;
        for url in &self.settings.servers {
            let addresses = match self.addresses(url).await {
                Ok(addresses) => addresses,
                Err(error) => {
                    last = Some(format!("{url}: {error}"));
                    continue;
                }
            };
            for address in addresses {
                let name = server_name(url, address);
                match self.connector(url, address).open_as_service().await {
                    Ok(connection) => {
                        return Ok((name, Reader::new(connection, self.settings.timeout)));
                    }
                    Err(error) => last = Some(format!("{name}: {error}")),
                }
            }
        }
        let detail = last.unwrap_or_else(|| "no server is configured".to_owned());
        let hint = "see what is said of each server".to_owned();
        Err(InspectionError { detail: format!("no people could be read: {detail}"), hint })
    }
}

#[async_trait]
impl Inspection for LdapInspection {
    async fn check_servers(&self) -> Vec<ServerReport> {
        join_all(self.settings.servers.iter().map(|url| self.check_name(url))).await.concat()
    }

    async fn read_people(
        &self,
        each: &mut (dyn FnMut(Person) + Send),
    ) -> Result<PeopleRead, InspectionError> {
        self.read_everyone(each).await
    }

    async fn self_write(&self, people: &[String], examples: usize) -> SelfWrite {
        self.who_writes(people, examples).await
    }

    fn matching(&self) -> Matching {
        match (self.settings.lookup, self.settings.number_match) {
            (Lookup::Index(_), _) => Matching::Everything,
            (Lookup::Search | Lookup::Never, NumberMatch::Equality) => Matching::Exact,
            (Lookup::Search | Lookup::Never, NumberMatch::Patterns) => Matching::Patterns,
        }
    }

    fn explain_search(&self, number: &PhoneNumber) -> Option<ExplainedSearch> {
        let settings = &self.settings;
        Some(ExplainedSearch {
            bases: settings.base_dns.clone(),
            filter: filter::by_number(settings, number),
            attributes: self.attributes(),
            size_limit: settings.size_limit,
            beside_index: matches!(settings.lookup, Lookup::Index(_)),
        })
    }
}
