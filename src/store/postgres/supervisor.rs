//! The background tasks: one finds a writable server whenever the database is down, one deletes
//! idle rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::database::Database;
use super::errors::describe;
use super::session::{ConnectError, Home, Session};
use super::sweep::Tables;
use super::{pooler, schema, step};
use crate::breaker::DownReason;

/// Pause between two probes of a database that is down.
const PROBE_PAUSE: Duration = Duration::from_millis(250);

/// How long to wait for the other servers' probes after the first usable server answers.
const GRACE: Duration = Duration::from_millis(250);

/// Time limit for migrating the schema.
const MIGRATION: Duration = Duration::from_mins(10);

/// Time limit for one step of deleting idle rows.
const SWEEP: Duration = Duration::from_secs(30);

/// Probes of the servers, at most one per server at a time.
pub(super) struct Probes {
    database: Arc<Database>,
    servers: Vec<Arc<Probed>>,
}

/// One server's probe state.
struct Probed {
    /// Held by a probe while it runs; every probe ends.
    permit: Arc<Semaphore>,
    /// Whether it is known to give each session its own process.
    has_own_processes: AtomicBool,
}

impl Probes {
    pub(super) fn new(database: Arc<Database>) -> Self {
        let probed = || Probed {
            permit: Arc::new(Semaphore::new(1)),
            has_own_processes: AtomicBool::new(false),
        };
        let servers = (0..database.connector.servers()).map(|_| Arc::new(probed())).collect();
        Self { database, servers }
    }

    /// Probes every server that is not already being probed. Uses the usable server that was
    /// promoted last, otherwise the first in the list. If none is usable, returns the errors
    /// reported within `patience`.
    pub(super) async fn look(&mut self, patience: Duration) -> Result<(), Vec<ConnectError>> {
        let (send, mut answers) = mpsc::unbounded_channel();
        for (server, probed) in self.servers.iter().enumerate() {
            let Ok(permit) = Arc::clone(&probed.permit).try_acquire_owned() else { continue };
            let (database, probed, send) =
                (Arc::clone(&self.database), Arc::clone(probed), send.clone());
            tokio::spawn(async move {
                let outcome = probe(&database, server, &probed).await;
                drop(permit);
                // The receiver is gone once the patience is over.
                let _ = send.send(outcome);
            });
        }
        // The channel closes with the last probe.
        drop(send);
        let (mut found, mut errors) = (Vec::new(), Vec::new());
        let mut limit = Instant::now() + patience;
        while let Ok(Some(outcome)) = timeout_at(limit, answers.recv()).await {
            match outcome {
                Ok(home) => {
                    found.push(home);
                    limit = limit.min(Instant::now() + GRACE);
                }
                Err(error) => errors.push(error),
            }
        }
        let Some(home) = best(found) else { return Err(errors) };
        self.database.work_at(home);
        Ok(())
    }
}

/// The best of the usable servers.
fn best(mut found: Vec<Home>) -> Option<Home> {
    found.sort_by_key(|home| home.server);
    found.into_iter().reduce(|best, home| if home.is_later_than(best) { home } else { best })
}

/// Whether a server is usable: it accepts writes, gives each session its own process, its schema
/// fits, and a commit succeeds.
async fn probe(database: &Database, server: usize, probed: &Probed) -> Result<Home, ConnectError> {
    let (connector, limit) = (&database.connector, database.timeout);
    let session = connector.open(server).await?;
    if !probed.has_own_processes.load(Ordering::Relaxed) {
        pooler::check(connector, &session).await?;
        probed.has_own_processes.store(true, Ordering::Relaxed);
    }
    let client = &session.client;
    if !connector.within(server, limit, schema::is_current(client)).await? {
        connector.within(server, MIGRATION, schema::migrate(client)).await?;
    }
    connector.within(server, limit, schema::check_rights(client)).await?;
    commits(database, &session).await?;
    Ok(session.home)
}

/// Makes a test commit on a server.
pub(super) async fn commits(database: &Database, session: &Session) -> Result<(), ConnectError> {
    let (connector, server) = (&database.connector, session.home.server);
    if waits_for_a_standby(database, session).await? {
        return Err(connector.connect_error(
            server,
            "its commits wait for a synchronous standby (see pg_stat_replication there)",
        ));
    }
    let test_commit = session.client.batch_execute(step::TEST_COMMIT);
    connector.within(server, database.timeout, test_commit).await
}

/// Whether a commit has been waiting long for its standby. Another would wait too, even after its
/// session closed, and frequent probes would fill the server with them.
async fn waits_for_a_standby(database: &Database, session: &Session) -> Result<bool, ConnectError> {
    let sql = format!(
        "SELECT count(*) > 0 AS waits FROM pg_catalog.pg_stat_activity \
         WHERE usename = current_user AND datname = current_database() \
             AND wait_event = 'SyncRep' \
             AND query_start < clock_timestamp() - interval '{} ms'",
        database.timeout.as_millis() / 2
    );
    let (server, asked) = (session.home.server, session.client.query_one(&sql, &[]));
    let row = database.connector.within(server, database.timeout, asked).await?;
    row.try_get("waits").map_err(|error| database.connector.error(server, &error))
}

/// Probes while the database is down, until it is up.
pub(super) async fn keep_up(mut probes: Probes) {
    let database = Arc::clone(&probes.database);
    loop {
        database.breaker.not_up().await;
        if let Err(errors) = probes.look(database.connect_timeout * 2).await {
            for error in &errors {
                let trouble =
                    DownReason { reason: error.to_string(), needs_operator: error.needs_operator };
                database.breaker.failed(database.breaker.epoch(), trouble);
            }
            sleep(PROBE_PAUSE).await;
        }
    }
}

/// Deletes idle rows, a few at a time.
pub(super) async fn keep_swept(database: Arc<Database>, tables: Tables) {
    const AFTER_AN_ERROR: Duration = Duration::from_secs(5);
    loop {
        let pause = match sweep_once(&database, tables).await {
            Some(Ok(pause)) => pause,
            Some(Err(reason)) => {
                tracing::warn!(reason, "idle rows could not be deleted; dialpass tries again");
                AFTER_AN_ERROR
            }
            None => AFTER_AN_ERROR,
        };
        sleep(pause).await;
    }
}

/// One step, or why it failed; `None` if no session is available.
async fn sweep_once(database: &Database, tables: Tables) -> Option<Result<Duration, String>> {
    let mut session = database.spare().await?;
    session.session.is_clean = false;
    let taken = timeout(SWEEP, tables.step(&session.session.client)).await;
    session.session.is_clean = matches!(taken, Ok(Ok(_)));
    Some(match taken {
        Ok(taken) => taken.map_err(|error| describe(&error)),
        Err(_) => Err(format!("no answer within {SWEEP:?}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_promoted_last_is_best_and_else_the_first_in_the_list() {
        let home = |server, system, timeline| Home::known(server, system, timeline);
        let server = |found: &[Home]| best(found.to_vec()).map(|home| home.server);
        assert_eq!(server(&[]), None);
        assert_eq!(server(&[home(1, 7, 1), home(0, 7, 1)]), Some(0));
        assert_eq!(server(&[home(0, 7, 1), home(1, 7, 2)]), Some(1));
        assert_eq!(server(&[home(2, 7, 2), home(0, 7, 2), home(1, 7, 1)]), Some(0));
        assert_eq!(server(&[home(1, 8, 3), home(0, 7, 1)]), Some(0), "another cluster");
    }
}
