//! The choice among a tenant's servers: the preferred one that works, then the next. A single
//! server is handled elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use futures_util::future::try_join_all;
use ldap3::{Scope, SearchEntry};
use tokio::time::Instant;
use tracing::warn;

use super::domains::{self, Partition};
use super::entry;
use super::hosts::{Hosts, connected_first};
use super::judgement::Kind;
use super::names::{self, NameSearch, WindowsName};
use super::resolver::Resolver;
use super::search::{Found, Query, SearchFailure};
use super::server::{BindOutcome, Server};
use super::settings::{LdapSettings, Profile, ServerOrder};
use crate::directory::{DependencyState, DirectoryError, PasswordCheck};
use crate::domain::secret::Password;
use crate::domain::user::{Candidates, TypedName, User};

/// How long a forest's list of domains is cached; it hardly ever changes.
const DOMAINS_KEPT: Duration = Duration::from_mins(10);

/// The result of looking up a known person again.
pub(super) enum Again {
    /// The person's current entry.
    Here(User),
    /// No longer in the directory.
    Gone,
    /// Not at the old DN, and no server could search for the new one.
    Away(DirectoryError),
}

/// A tenant's servers, which hold the same entries.
pub(super) struct Servers {
    settings: Arc<LdapSettings>,
    hosts: Arc<Hosts>,
    /// The next server's shift, for round robin.
    next: AtomicUsize,
    /// The attributes that searches for people read.
    attributes: Arc<[String]>,
    domains: ArcSwapOption<(Instant, Vec<Partition>)>,
}

impl Servers {
    pub(super) fn new(settings: Arc<LdapSettings>, resolver: Resolver) -> Self {
        Self {
            hosts: Arc::new(Hosts::new(&settings, resolver)),
            next: AtomicUsize::new(0),
            attributes: entry::attributes(&settings).into(),
            domains: ArcSwapOption::empty(),
            settings,
        }
    }

    pub(super) fn settings(&self) -> &Arc<LdapSettings> {
        &self.settings
    }

    /// Each server.
    pub(super) fn hosts(&self) -> &Arc<Hosts> {
        &self.hosts
    }

    /// The servers' states; `searched` says whether calls are currently searched there.
    pub(super) fn states(&self, searched: bool) -> Vec<DependencyState> {
        self.hosts.states(searched)
    }

    /// Duration of the latest service account bind on the slowest server.
    pub(super) fn service_bind(&self) -> Duration {
        let servers = self.hosts.now();
        servers.iter().map(|server| server.connector().service_bind()).max().unwrap_or_default()
    }

    /// The servers in the order to try them: as configured or in rotation, slow ones last.
    async fn order(&self, deadline: Instant) -> Vec<Arc<Server>> {
        let mut order = self.hosts.servers(deadline).await;
        if self.settings.server_order == ServerOrder::RoundRobin {
            let shift = self.next.fetch_add(1, Ordering::Relaxed) % order.len().max(1);
            order.rotate_left(shift);
        }
        order.sort_by_key(|server| server.is_slow());
        connected_first(&mut order, deadline).await;
        order
    }

    /// A search for people in each of `base_dns`.
    pub(super) fn people(&self, base_dns: &[String], kind: Kind, filter: &str) -> Vec<Query> {
        let query = |base: &String| Query {
            base: base.clone(),
            scope: Scope::Subtree,
            filter: filter.to_owned(),
            attributes: Arc::clone(&self.attributes),
            size_limit: self.settings.size_limit,
            time_limit: self.settings.time_limit(),
            kind,
            gone_is_empty: false,
        };
        base_dns.iter().map(query).collect()
    }

    /// Asks one server after another until one answers all `queries`.
    pub(super) async fn search(
        &self,
        queries: &[Query],
        deadline: Instant,
    ) -> Result<Found, DirectoryError> {
        self.search_first(None, queries, deadline).await
    }

    /// The same, starting with the server named `first`.
    pub(super) async fn search_first(
        &self,
        first: Option<&str>,
        queries: &[Query],
        deadline: Instant,
    ) -> Result<Found, DirectoryError> {
        let mut failed = DirectoryError::Unavailable;
        let mut servers = self.order(deadline).await;
        servers.sort_by_key(|server| first.is_some_and(|first| first != server.name()));
        for server in servers {
            if Instant::now() >= deadline {
                return Err(DirectoryError::TimedOut);
            }
            let all = queries.iter().map(|query| server.search(query, deadline));
            match try_join_all(all).await {
                Ok(found) => return Ok(Found::all_of(found)),
                Err(SearchFailure::TimedOut | SearchFailure::Crowded) => {
                    failed = DirectoryError::TimedOut;
                }
                Err(
                    SearchFailure::Down
                    | SearchFailure::Lost
                    | SearchFailure::Failed(_)
                    | SearchFailure::Rejected(_),
                ) => {}
            }
        }
        Err(failed)
    }

    /// A person's current entry, found by a filter that matches only it: at its last DN, or else
    /// elsewhere. Tries the server named `first` before the others.
    pub(super) async fn again(
        &self,
        first: Option<&str>,
        dn: &str,
        filter: &str,
        deadline: Instant,
    ) -> Result<Again, DirectoryError> {
        let query = Query {
            base: dn.to_owned(),
            scope: Scope::Base,
            filter: filter.to_owned(),
            attributes: Arc::clone(&self.attributes),
            size_limit: 1,
            time_limit: self.settings.time_limit(),
            kind: Kind::Entry,
            gone_is_empty: true,
        };
        let mut found = self.search_first(first, &[query], deadline).await?;
        if found.entries.is_empty() {
            let everywhere = self.people(&self.settings.base_dns, Kind::Entry, filter);
            match self.search_first(first, &everywhere, deadline).await {
                Ok(now) => found = now,
                Err(error) => return Ok(Again::Away(error)),
            }
        }
        let now = found.entries.first().and_then(|entry| self.read(entry, None));
        Ok(now.map_or(Again::Gone, Again::Here))
    }

    /// The users with this name.
    pub(super) async fn find_by_name(
        &self,
        name: &TypedName,
        deadline: Instant,
    ) -> Result<Candidates, DirectoryError> {
        let searches = self.name_searches(name, deadline).await?;
        let queries =
            searches.iter().flat_map(|one| self.people(&one.base_dns, Kind::Name, &one.filter));
        let queries: Vec<_> = queries.collect();
        if queries.is_empty() {
            return Ok(Candidates::default());
        }
        let found = self.search(&queries, deadline).await?;
        Ok(self.candidates(&found, Some(name)))
    }

    async fn name_searches(
        &self,
        name: &TypedName,
        deadline: Instant,
    ) -> Result<Vec<NameSearch>, DirectoryError> {
        if self.settings.profile != Profile::ActiveDirectory {
            return Ok(names::by_attribute(&self.settings, name));
        }
        let name = WindowsName::read(name);
        if !name.names_a_domain() {
            return Ok(names::by_windows_name(&self.settings, &name, &[]));
        }
        let domains = self.domains(deadline).await?;
        Ok(names::by_windows_name(&self.settings, &name, &domains.1))
    }

    /// The forest's domains, as the servers list them.
    async fn domains(
        &self,
        deadline: Instant,
    ) -> Result<Arc<(Instant, Vec<Partition>)>, DirectoryError> {
        if let Some(known) = self.domains.load_full()
            && known.0.elapsed() < DOMAINS_KEPT
        {
            return Ok(known);
        }
        let about = domains::root_dse(&self.settings, &["configurationNamingContext"]);
        let about = self.search(&[about], deadline).await?;
        let context = about.entries.first();
        let Some(context) =
            context.and_then(|dse| domains::first(dse, "configurationNamingContext"))
        else {
            warn!(
                "the directory names no configurationNamingContext, so names with a domain are refused; is it an Active Directory?"
            );
            return Err(DirectoryError::Unavailable);
        };
        let query = domains::partitions(&self.settings, &context);
        let found = self.search(&[query], deadline).await?;
        let all: Vec<_> = found.entries.iter().filter_map(domains::read).collect();
        if all.is_empty() || found.truncated {
            warn!(
                "the directory does not list its domains (CN=Partitions in the configuration naming context), so names with a domain are refused"
            );
            return Err(DirectoryError::Unavailable);
        }
        let known = Arc::new((Instant::now(), all));
        self.domains.store(Some(Arc::clone(&known)));
        Ok(known)
    }

    /// The users among the entries, without duplicates. An entry that cannot be identified marks
    /// the list incomplete, so that it is never overlooked.
    pub(super) fn candidates(&self, found: &Found, typed: Option<&TypedName>) -> Candidates {
        let mut candidates = Candidates::to_compare(Vec::new(), found.truncated);
        for entry in &found.entries {
            match self.read(entry, typed) {
                // Overlapping base DNs, or a name in two forms, find the same entry twice.
                Some(user) if candidates.users.iter().any(|other| other.id == user.id) => {}
                Some(user) => candidates.users.push(user),
                None => candidates.truncated = true,
            }
        }
        candidates
    }

    fn read(&self, found: &SearchEntry, typed: Option<&TypedName>) -> Option<User> {
        let typed = typed.map(TypedName::as_str);
        let read = entry::read(found, &self.settings, typed);
        if let Err(wrong) = &read {
            warn!(
                %wrong,
                id_attribute = self.settings.id_attribute,
                username_attribute = self.settings.username_attribute,
                "a directory entry is unusable; check these settings and what the service \
                 account may read"
            );
        }
        read.ok()
    }

    /// Sends the password to the first server that accepts it. A password that may have reached one
    /// server is never sent to another, or one try would count twice towards a lockout.
    pub(super) async fn check_password(
        &self,
        dn: &str,
        password: &Password,
        deadline: Instant,
    ) -> Result<PasswordCheck, DirectoryError> {
        for server in self.order(deadline).await {
            match server.check_password(dn, password, deadline).await {
                BindOutcome::Judged(check) => return Ok(check),
                BindOutcome::Unknown => return Err(DirectoryError::TimedOut),
                BindOutcome::NotSent => {}
            }
        }
        Err(DirectoryError::Unavailable)
    }
}
