//! Watches the other servers in the list. If another one accepts writes as well, the database has
//! split in two. If that one was promoted later, it is the primary, and the node switches to it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::warn;

use super::database::Database;
use super::session::{ConnectError, Home, Session};
use super::supervisor;
use crate::breaker::DownReason;

/// Interval between checks whether the node has moved.
const GLANCE: Duration = Duration::from_secs(1);

/// Number of those checks until the other servers are examined again.
const ROUND: u32 = 5;

/// Warns of unfenced servers: at the start, on each new timeline, and whenever another server
/// starts accepting writes.
pub(super) async fn keep_watch(database: Arc<Database>) {
    if database.connector.servers() < 2 {
        return;
    }
    let mut watch = Watch { database, home: None, others: Vec::new() };
    let mut glances = 0;
    loop {
        let home = watch.database.home().filter(|_| watch.database.breaker.admit().is_some());
        if let Some(home) = home {
            let is_new = watch.home != Some(home);
            if is_new {
                watch.settle(home).await;
            }
            if is_new || glances % ROUND == 0 {
                watch.look_around(home).await;
            }
        }
        glances += 1;
        sleep(GLANCE).await;
    }
}

struct Watch {
    database: Arc<Database>,
    /// Where the node worked at the last check.
    home: Option<Home>,
    /// The other servers already warned about.
    others: Vec<Home>,
}

impl Watch {
    /// The node has moved.
    async fn settle(&mut self, home: Home) {
        match self.has_no_standby(home).await {
            Ok(has_no_standby) => {
                self.home = Some(home);
                self.others.clear();
                if has_no_standby {
                    warn!(
                        server = self.database.connector.name(home.server),
                        "store.url names several servers, and synchronous_standby_names is empty \
                         on the one that takes writes: if that server is lost, issued codes are \
                         lost and used codes work again (docs/cluster.md)"
                    );
                }
            }
            // The next check asks again.
            Err(error) => tracing::debug!(%error, "a look at the server's settings failed"),
        }
    }

    async fn has_no_standby(&self, home: Home) -> Result<bool, ConnectError> {
        let connector = &self.database.connector;
        let session = connector.open(home.server).await?;
        let sql = "SELECT btrim(current_setting('synchronous_standby_names')) = '' AS is_empty";
        let asked = session.client.query_one(sql, &[]);
        let row = connector.within(home.server, self.database.timeout, asked).await?;
        row.try_get("is_empty").map_err(|error| connector.error(home.server, &error))
    }

    /// Whether this session is with the node's own server under another name: both were started at
    /// the same moment.
    async fn is_the_same(&self, home: Home, session: &Session) -> bool {
        let started = async |session: &Session| {
            let sql = "SELECT pg_postmaster_start_time()::text AS started";
            let asked = session.client.query_one(sql, &[]);
            let connector = &self.database.connector;
            let row = connector.within(session.home.server, self.database.timeout, asked).await;
            row.ok()?.try_get::<_, String>("started").ok()
        };
        let Ok(own) = self.database.connector.open(home.server).await else { return false };
        let own = started(&own).await;
        own.is_some() && own == started(session).await
    }

    async fn look_around(&mut self, home: Home) {
        let connector = Arc::clone(&self.database.connector);
        for server in (0..connector.servers()).filter(|server| *server != home.server) {
            // A standby reports that it accepts no writes; a server that is down reports nothing.
            let Ok(session) = connector.open(server).await else {
                self.others.retain(|other| other.server != server);
                continue;
            };
            let other = session.home;
            if self.is_the_same(home, &session).await {
                continue;
            }
            if !self.others.contains(&other) {
                warn!(
                    server = connector.name(home.server),
                    other = connector.name(server),
                    "two servers of store.url take writes: fence the old primary, or codes are \
                     lost, and used ones work again (docs/cluster.md)"
                );
                self.others.push(other);
            }
            // Not to a server whose own standby is missing: it would be unusable.
            if other.is_later_than(home)
                && supervisor::commits(&self.database, &session).await.is_ok()
                && let Some(epoch) = self.database.breaker.admit()
            {
                let reason = format!(
                    "{} was promoted after {}, which still takes writes",
                    connector.name(server),
                    connector.name(home.server)
                );
                self.database.breaker.failed(epoch, DownReason::transient(reason));
                return;
            }
        }
    }
}
