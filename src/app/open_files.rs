//! Checks whether the process may open enough files for its connections.

use anyhow::bail;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::{Config, DirectoryConfig, StoreBackend};
use crate::fastagi::listener::SESSIONS;

/// How many connections the operators' listener holds.
pub(super) const OPERATORS: usize = 256;

/// Files open besides the connections counted here: files, listeners, the workers' own, and
/// requests to token issuers, SMS providers and push services.
const OTHERS: usize = 256;

/// How many client connections are allowed if the configuration does not say.
const CONNECTIONS: usize = 10_000;

/// With fewer connections, serving makes no sense.
const FEWEST: usize = 100;

/// How many client connections to allow. Raises the process's limit on open files as far as
/// permitted.
///
/// # Errors
/// If the limit is too low for the configuration.
pub(super) fn connections(config: &Config) -> anyhow::Result<usize> {
    fit(config.server.limits.connections, own(config), raised())
}

/// The warning that a server with this configuration would not start under this process's limit.
pub(super) fn trouble(config: &Config) -> Option<(String, String)> {
    let error = fit(config.server.limits.connections, own(config), most()).err()?;
    let text = format!("a server with the limits of this shell would not start: {error}");
    Some(("server.limits.connections".to_owned(), text))
}

/// How many of `most` files remain for `wanted` connections.
fn fit(wanted: Option<usize>, own: usize, most: usize) -> anyhow::Result<usize> {
    let left = most.saturating_sub(own);
    let least = wanted.unwrap_or(FEWEST);
    if left < least {
        bail!(
            "the process may open {most} files, and needs {}: {least} for server.limits.connections, \
             {own} for its own; raise LimitNOFILE in the unit (`ulimit -n` in a shell), or lower the \
             key",
            least + own
        );
    }
    if wanted.is_none() && left < CONNECTIONS {
        tracing::warn!(
            connections = left,
            open_files = most,
            "the process may not open enough files for {CONNECTIONS} connections, so it holds fewer: \
             raise LimitNOFILE in the unit (`ulimit -n` in a shell)"
        );
    }
    Ok(wanted.unwrap_or(CONNECTIONS).min(left))
}

/// The files that the process opens besides its clients' connections.
fn own(config: &Config) -> usize {
    let directories = config.tenants.iter().map(|tenant| match &tenant.directory {
        DirectoryConfig::Ldap(ldap) => {
            let ldap = &ldap.settings;
            ldap.servers.len() * (ldap.search_connections + ldap.bind_connections + 1)
        }
        DirectoryConfig::File(_) | DirectoryConfig::Registered => 0,
    });
    let store = match &config.store.backend {
        StoreBackend::Postgres(postgres) => postgres.settings.connections,
        StoreBackend::Sqlite(_) => 0,
    };
    let sessions = config.fastagi.map_or(0, |_| SESSIONS);
    OTHERS + OPERATORS + store + sessions + directories.sum::<usize>()
}

/// The limit on open files, after raising it as far as permitted.
fn raised() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => most(),
        Err(_) => files(limit.current),
    }
}

/// The highest limit on open files that this process may set.
fn most() -> usize {
    files(getrlimit(Resource::Nofile).maximum)
}

fn files(limit: Option<u64>) -> usize {
    limit.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_has_to_fit_and_the_default_makes_do() {
        assert_eq!(fit(Some(20_000), 500, 65_536).ok(), Some(20_000));
        assert_eq!(fit(None, 500, 65_536).ok(), Some(CONNECTIONS));
        assert_eq!(fit(None, 500, 1_024).ok(), Some(524));
        for (wanted, most) in [(Some(20_000), 20_000), (Some(100), 599), (None, 599)] {
            let error = fit(wanted, 500, most).expect_err("does not fit").to_string();
            assert!(error.contains("LimitNOFILE") && error.contains(&most.to_string()), "{error}");
        }
    }
}
