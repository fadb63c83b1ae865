//! The tasks beside the steps: one finds a server that takes writes whenever the database is down,
//! one deletes idle rows.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};

use super::database::Database;
use super::pool::Lease;
use super::schema;
use super::session::ConnectError;
use super::sweep::Tables;

/// Time between two probes of a database that is down.
const PROBE_PAUSE: Duration = Duration::from_millis(250);

/// Probes of the servers, one at a time for each.
pub(super) struct Probes {
    database: Arc<Database>,
    /// Held by a probe for as long as it goes on. One whose commit hangs, because its synchronous
    /// standby is gone, must not be followed by another, or they would fill the server.
    turns: Vec<Arc<Semaphore>>,
    send: mpsc::UnboundedSender<Result<usize, ConnectError>>,
    found: mpsc::UnboundedReceiver<Result<usize, ConnectError>>,
}

impl Probes {
    pub(super) fn new(database: Arc<Database>) -> Self {
        let turns =
            (0..database.connector.servers()).map(|_| Arc::new(Semaphore::new(1))).collect();
        let (send, found) = mpsc::unbounded_channel();
        Self { database, turns, send, found }
    }

    /// Probes every server that is not being probed. The first that takes writes is used; else
    /// says what they answered, within `patience`.
    pub(super) async fn look(&mut self, patience: Duration) -> Result<(), Vec<ConnectError>> {
        for (server, turn) in self.turns.iter().enumerate() {
            let Ok(turn) = Arc::clone(turn).try_acquire_owned() else { continue };
            let (database, send) = (Arc::clone(&self.database), self.send.clone());
            tokio::spawn(async move {
                let outcome = probe(&database, server).await.map(|()| server);
                drop(turn);
                // Nobody listens any more once the store is closed.
                let _ = send.send(outcome);
            });
        }
        let mut errors = Vec::new();
        let answers = async {
            while errors.len() < self.turns.len() {
                match self.found.recv().await {
                    Some(Ok(server)) => return Some(server),
                    Some(Err(error)) => errors.push(error),
                    None => return None,
                }
            }
            None
        };
        let server = timeout(patience, answers).await.unwrap_or(None);
        let Some(server) = server else { return Err(errors) };
        self.database.use_server(server);
        Ok(())
    }
}

/// Whether a server can be worked with: it takes writes, its schema fits, and a commit goes
/// through. The last of these is waited for without limit.
async fn probe(database: &Database, server: usize) -> Result<(), ConnectError> {
    let connector = &database.connector;
    let session = connector.bare(server).await?;
    let migrated = schema::migrate(&session.client).await;
    migrated.map_err(|error| connector.unfit(server, &error))?;
    let may = schema::check_rights(&session.client).await;
    may.map_err(|error| connector.unfit(server, &error))?;
    let beat =
        session.client.batch_execute("UPDATE dialpass.pulse SET beat_at = dialpass.now_ms()");
    beat.await.map_err(|error| connector.error(server, &error))
}

/// Probes whenever the database is down, until it is up.
pub(super) async fn keep_up(mut probes: Probes) {
    let database = Arc::clone(&probes.database);
    loop {
        database.link.down().await;
        if let Err(errors) = probes.look(database.connect_timeout * 2).await {
            for error in &errors {
                database.link.still_down(error);
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
            Some(Err(error)) => {
                tracing::warn!(
                    reason = super::session::told(&error),
                    "idle rows could not be deleted; it is tried again"
                );
                AFTER_AN_ERROR
            }
            None => AFTER_AN_ERROR,
        };
        sleep(pause).await;
    }
}

/// One step; `None` while there is no session for it.
async fn sweep_once(
    database: &Database,
    tables: Tables,
) -> Option<Result<Duration, tokio_postgres::Error>> {
    database.link.admit()?;
    let session = timeout(database.timeout, database.pool.load().get()).await.ok()?.ok()?;
    let mut session = Lease::new(session);
    session.session.settled = false;
    let taken = tables.step(&session.session.client).await;
    session.session.settled = taken.is_ok();
    Some(taken)
}
