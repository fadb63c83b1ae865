//! Whether all groups nested in the excluded group can be read. Walking up from a user misses a
//! group whose members the service account may not read, so its members would not be excluded.

use std::sync::Arc;
use std::time::Duration;

use ldap3::{Scope, SearchEntry};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use crate::directory::DirectoryError;
use crate::directory::ldap::descent::{Nested, Reader, Stop, descend};
use crate::directory::ldap::judgement::Kind;
use crate::directory::ldap::search::Query;
use crate::directory::ldap::server::Server;
use crate::directory::ldap::servers::Servers;

/// How long a finding that all are readable is kept; longer if reading takes long.
const READABLE_KEPT: Duration = Duration::from_mins(1);
/// How long a finding that one is hidden is kept.
const HIDDEN_KEPT: Duration = Duration::from_secs(5);
/// A finding is kept for at least this many times the duration of the reading.
const PAUSES: u32 = 20;
/// Time limit for reading the groups.
const LONGEST: Duration = Duration::from_mins(1);

/// The last finding.
#[derive(Default)]
pub(in crate::directory::ldap) struct Readable(Mutex<Option<Finding>>);

#[derive(Clone, Copy)]
struct Finding {
    all: bool,
    until: Instant,
}

impl Readable {
    /// Whether all groups nested in `group` can be read on each server that works.
    pub(super) async fn all(
        self: &Arc<Self>,
        servers: &Arc<Servers>,
        group: &str,
        deadline: Instant,
    ) -> Result<bool, DirectoryError> {
        // Read by a separate task, so that an impatient caller does not abort what others wait for.
        let looking = tokio::spawn({
            let (readable, servers) = (Arc::clone(self), Arc::clone(servers));
            let group = group.to_owned();
            async move { readable.look(&servers, &group).await }
        });
        match timeout_at(deadline, looking).await {
            Ok(looked) => looked.unwrap_or(Err(DirectoryError::Unavailable)),
            Err(_) => Err(DirectoryError::TimedOut),
        }
    }

    async fn look(&self, servers: &Servers, group: &str) -> Result<bool, DirectoryError> {
        let mut last = self.0.lock().await;
        if let Some(seen) = last.filter(|seen| Instant::now() < seen.until) {
            return Ok(seen.all);
        }
        let (started, limit) = (Instant::now(), Instant::now() + LONGEST);
        let mut all = None;
        for server in servers.hosts().servers(limit).await {
            if server.is_down() {
                continue;
            }
            let reader = ServerReader { server: &server, limit };
            let settings = servers.settings();
            match descend(&reader, settings, group, &Nested::Everywhere, |_| {}).await {
                // Groups nested too deep are found by walking up from each user.
                Ok(()) | Err(Stop::TooDeep) => all = Some(all.unwrap_or(true)),
                Err(Stop::Hidden(hidden)) => {
                    if last.is_none_or(|last| last.all) {
                        warn!(
                            server = server.name(),
                            group = hidden,
                            "a member of the excluded group is missing or cannot be read, so every \
                             user counts as excluded; remove that member, or let the service \
                             account read it"
                        );
                    }
                    all = Some(false);
                }
                Err(Stop::Failed(())) => {}
            }
        }
        let all = all.ok_or(DirectoryError::Unavailable)?;
        if all && last.is_some_and(|last| !last.all) {
            info!("all members of the excluded group can be read");
        }
        let kept = if all { READABLE_KEPT } else { HIDDEN_KEPT };
        *last = Some(Finding { all, until: Instant::now() + kept.max(started.elapsed() * PAUSES) });
        Ok(all)
    }
}

/// Asks one server.
struct ServerReader<'a> {
    server: &'a Server,
    limit: Instant,
}

impl Reader for ServerReader<'_> {
    /// The caller has logged why.
    type Error = ();

    async fn first(
        &self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &'static [&'static str],
    ) -> Result<Option<SearchEntry>, ()> {
        let query = Query {
            base: base.to_owned(),
            scope,
            filter: filter.to_owned(),
            attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
            size_limit: 1,
            time_limit: self.server.settings.time_limit(),
            kind: if scope == Scope::Base { Kind::Entry } else { Kind::Having(&[]) },
            gone_is_empty: true,
        };
        let found = self.server.search(&query, self.limit).await.map_err(drop)?;
        Ok(found.entries.into_iter().next())
    }
}
