//! Builds all components from a configuration before any of them is used, and decides which ones to
//! keep from the previous configuration.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::clients::{entry, forwarded_ca, jwks};
use super::components::{Components, Origins};
use super::directories::{self, directory};
use super::messengers::{self, messenger};
use super::notifier::{self, notifier};
use super::report::ConfigReporter;
use crate::config::{Config, ConfigError, Problem, PushConfig, ServerConfig, TenantConfig};
use crate::domain::clock::Clock;
use crate::domain::tenant::TenantId;
use crate::http::client_table::ClientTable;
use crate::http::jwks::Jwks;
use crate::tls::server::ClientCaState;

/// All components, built but not started.
pub(super) struct PreparedComponents {
    directories: Vec<(TenantId, directories::PreparedDirectory)>,
    messengers: HashMap<TenantId, messengers::ReusableMessenger>,
    notifier: Option<notifier::ReusableNotifier>,
    clients: Arc<ClientTable>,
    jwks: Option<Jwks>,
    forwarded_ca: Option<Arc<ClientCaState>>,
}

/// Collects problems while the successful results are used.
#[derive(Default)]
struct Outcome(Vec<Problem>);

impl Outcome {
    fn of<T>(&mut self, result: Result<T, ConfigError>) -> Option<T> {
        result.map_err(|error| self.0.extend(error.problems)).ok()
    }
}

impl PreparedComponents {
    /// Builds all components from sections without connecting to anything. Keys of token issuers known
    /// from `before` are kept. They will run on `runtime`.
    ///
    /// # Errors
    /// Every problem that the adapters report about their sections.
    pub(super) fn new(
        server: &ServerConfig,
        push: Option<&PushConfig>,
        tenants: &[TenantConfig],
        before: Option<&Components>,
        (clock, runtime): (&Arc<dyn Clock>, &Handle),
        report: &ConfigReporter<'_>,
    ) -> Result<Self, ConfigError> {
        let (mut outcome, mut entries) = (Outcome::default(), Vec::new());
        let (mut directories, mut messengers) = (Vec::new(), HashMap::new());
        for tenant in tenants {
            let directory = outcome.of(directory(tenant, runtime, report));
            directories.extend(directory.map(|prepared| (tenant.id.clone(), prepared)));
            let messenger = outcome.of(messenger(tenant, runtime, report)).flatten();
            messengers.extend(messenger.map(|messenger| (tenant.id.clone(), messenger)));
            for client in &tenant.clients {
                entries.extend(outcome.of(entry(client, report)));
            }
        }
        let notifier = push.map(|push| notifier(push, clock, runtime, report)).transpose();
        let notifier = outcome.of(notifier).flatten();
        let clients = outcome.of(ClientTable::new(entries)
            .map_err(|error| report.problem("tenants.clients", &error, "clients that differ")));
        let forwarded_ca = outcome.of(forwarded_ca(server, report)).flatten().map(Arc::new);
        let known = before.and_then(|before| before.jwks.as_deref());
        let jwks = outcome.of(jwks(tenants, known, clock, runtime, report)).flatten();
        match clients.map(Arc::new) {
            Some(clients) if outcome.0.is_empty() => {
                Ok(Self { directories, messengers, notifier, clients, jwks, forwarded_ca })
            }
            _ => Err(ConfigError { problems: outcome.0 }),
        }
    }

    /// Starts all components on `runtime`, or keeps those of `before` that were built from the same.
    pub(super) fn start(self, before: Option<&Components>, runtime: &Handle) -> Components {
        let before = before.map(|before| &before.origins);
        let directories = self.directories.into_iter().filter_map(|(tenant, prepared)| {
            let known = before.and_then(|before| before.directories.get(&tenant));
            Some((tenant, prepared.start(known, runtime)?))
        });
        let directories: Vec<_> = directories.collect();
        let messengers = self.messengers.into_iter().map(|(tenant, messenger)| {
            let known = before.and_then(|before| before.messengers.get(&tenant));
            (tenant, messenger.or_previous(known))
        });
        let messengers: HashMap<_, _> = messengers.collect();
        let known = before.and_then(|before| before.notifier.as_ref());
        let notifier = self.notifier.map(|notifier| notifier.or_previous(known));
        let jwks = self.jwks.map(|mut jwks| {
            jwks.keep_fresh();
            Arc::new(jwks)
        });
        let part = |(tenant, made): &(TenantId, directories::ReusableDirectory)| {
            (tenant.clone(), Arc::clone(&made.part))
        };
        Components {
            directories: directories.iter().map(part).collect(),
            messengers: messengers
                .iter()
                .map(|(tenant, made)| (tenant.clone(), Arc::clone(&made.part)))
                .collect(),
            notifier: notifier.as_ref().map(|made| Arc::clone(&made.part)),
            clients: self.clients,
            jwks,
            forwarded_ca: self.forwarded_ca,
            origins: Origins {
                directories: directories.into_iter().collect(),
                messengers,
                notifier,
            },
        }
    }
}

/// Builds the adapters without connecting to anything. They will run on `runtime`.
///
/// # Errors
/// Every problem that the adapters report about their sections.
pub fn prepare(
    config: &Config,
    clock: &Arc<dyn Clock>,
    runtime: &Handle,
) -> Result<Components, ConfigError> {
    let (push, report) = (config.push.as_ref(), ConfigReporter(&config.positions));
    let (server, tenants) = (&config.server, &config.tenants);
    let prepared = PreparedComponents::new(server, push, tenants, None, (clock, runtime), &report)?;
    Ok(prepared.start(None, runtime))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::parse;
    use crate::domain::clock::SystemClock;

    const KEY: &str =
        "keys.server_key='000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'";
    const REGISTERED: &str = "directory.kind='registered'\nlogin.password='not-asked'\n";

    fn read(folder: &Path, text: &str, before: Option<&Components>) -> Components {
        let config = parse(Path::new("test.toml"), text, folder, &[]);
        let config = config.unwrap_or_else(|error| panic!("{error}"));
        let (server, push, tenants) = (&config.server, config.push.as_ref(), &config.tenants);
        let (clock, runtime): (Arc<dyn Clock>, _) = (Arc::new(SystemClock), Handle::current());
        let at = (&clock, &runtime);
        let prepared = PreparedComponents::new(
            server,
            push,
            tenants,
            before,
            at,
            &ConfigReporter(&config.positions),
        );
        prepared.unwrap_or_else(|error| panic!("{error}")).start(before, &runtime)
    }

    #[tokio::test]
    async fn what_sends_texts_and_notifications_is_kept_where_nothing_of_it_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("a file");
        };
        let key = || rcgen::KeyPair::generate().expect("a key").serialize_pem();
        write("push.pem", &key());
        write("token", "one");
        let tenant = |id: &str, sms: &str| {
            format!("[[tenants]]\nid='{id}'\ncountry='SE'\n{REGISTERED}{sms}")
        };
        let sms = "[[tenants.sms.providers]]\nname='a'\nurl='https://x/?to={phone}&text={message}'\n\
                   headers={A={file='token'}}\n";
        let push = "[push]\ncontact='mailto:it@example.com'\nprivate_key_file='push.pem'\n";
        let text = |tenants: &str| format!("{KEY}\n{push}{tenants}");
        let id = TenantId::parse("t1").expect("an id");
        let first = read(folder.path(), &text(&tenant("t1", sms)), None);
        let kept = |now: &Components| {
            let messenger = Arc::ptr_eq(&now.messengers[&id], &first.messengers[&id]);
            let notifiers = now.notifier.as_ref().zip(first.notifier.as_ref());
            (messenger, notifiers.is_some_and(|(one, other)| Arc::ptr_eq(one, other)))
        };
        let moved = text(&(tenant("t0", "") + &tenant("t1", sms)));
        let same = read(folder.path(), &moved, Some(&first));
        assert_eq!(kept(&same), (true, true), "another tenant before it");
        write("token", "two");
        let other = read(folder.path(), &moved, Some(&same));
        assert_eq!(kept(&other), (false, true), "another secret in the same file");
        write("push.pem", &key());
        assert_eq!(kept(&read(folder.path(), &moved, Some(&same))), (false, false));
        let slower = text(&tenant("t1", &format!("{sms}timeout='3s'\n")));
        write("token", "one");
        assert_eq!(kept(&read(folder.path(), &slower, Some(&same))), (false, false));
    }
}
