//! The database as this node uses it: each step on a session of its own, within its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use deadpool::managed::PoolError;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::link::{Epoch, Link};
use super::pool::{Lease, Pool, Sessions};
use super::session::{Connector, each};
use super::settings::PostgresSettings;
use super::step::{self, Failure, Fate, Look, Step};
use crate::store::StoreError;

/// Sessions that a step may need: its first may have been lost with the server that had it, and it
/// may come second to other nodes' at each of the rows that it makes: texts, an intent, a user.
const ATTEMPTS: usize = 5;

/// Until a step that was refused a new session looks for one that is free.
const ANOTHER_LOOK: Duration = Duration::from_millis(20);

/// The database, for the steps and the tasks beside them.
pub(super) struct Database {
    pub(super) connector: Arc<Connector>,
    /// Another one whenever another server is used: what hangs on the old one takes no place here.
    pub(super) pool: ArcSwap<Pool>,
    pub(super) link: Link,
    /// How many steps were committed.
    pub(super) commits: AtomicU64,
    pub(super) runtime: Handle,
    pub(super) connections: usize,
    pub(super) timeout: Duration,
    pub(super) connect_timeout: Duration,
}

impl Database {
    pub(super) fn new(settings: PostgresSettings, runtime: &Handle) -> Self {
        let (timeout, connect_timeout) = (settings.timeout, settings.connect_timeout);
        let connections = settings.connections;
        let connector = Arc::new(Connector::new(settings));
        Self {
            pool: ArcSwap::from_pointee(pool(&connector, runtime, connections)),
            connector,
            link: Link::untried(),
            commits: AtomicU64::new(0),
            runtime: runtime.clone(),
            connections,
            timeout,
            connect_timeout,
        }
    }

    /// Works with this server from here on: a probe has just written to it.
    pub(super) fn use_server(&self, server: usize) {
        if self.connector.prefer(server) {
            let pool = pool(&self.connector, &self.runtime, self.connections);
            self.pool.store(Arc::new(pool));
        } else {
            let usable = |client: &tokio_postgres::Client| !client.is_closed();
            self.pool.load().retain(|ready, _| usable(&ready.session.client));
        }
        self.link.recovered(self.connector.name(server));
    }

    /// Runs a step, and waits for its answer.
    pub(super) async fn run<S: Step>(self: &Arc<Self>, step: S) -> Result<S::Answer, StoreError> {
        self.in_time(async move |database, fate, turn| database.take(&step, &fate, turn).await)
            .await
    }

    /// Takes a look, and waits for what it sees.
    pub(super) async fn see<L: Look>(self: &Arc<Self>, look: L) -> Result<L::Seen, StoreError> {
        self.in_time(async move |database, fate, turn| database.look(&look, &fate, turn).await)
            .await
    }

    /// Has `work` done, and waits for it no longer than the timeout. It goes on if whoever asked
    /// goes away, and where its commit is on its way.
    pub(super) async fn in_time<T, F>(
        self: &Arc<Self>,
        work: impl FnOnce(Arc<Self>, Arc<Fate>, Turn) -> F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let begun = self.link.admit().ok_or(StoreError::Unavailable)?;
        let limit = Instant::now() + self.timeout;
        let fate = Arc::new(Fate::default());
        let turn = Turn { begun, limit };
        let commits = self.commits.load(Ordering::Relaxed);
        let task = self.runtime.spawn(work(Arc::clone(self), Arc::clone(&fate), turn));
        // Whoever asked may go away; that the database is silent has to be learnt all the same.
        let seen = self.runtime.spawn(Arc::clone(self).see_through(task, fate, turn, commits));
        seen.await.unwrap_or(Err(StoreError::OutcomeUnknown))
    }

    /// Waits for a piece of work until its time is up, and then decides its fate.
    async fn see_through<T: Send + 'static>(
        self: Arc<Self>,
        task: JoinHandle<Result<T, StoreError>>,
        fate: Arc<Fate>,
        turn: Turn,
        commits: u64,
    ) -> Result<T, StoreError> {
        let abort = task.abort_handle();
        match timeout_at(turn.limit, task).await {
            Ok(Ok(answer)) => {
                if fate.is_committing() && answer.is_ok() {
                    self.commits.fetch_add(1, Ordering::Relaxed);
                }
                return answer;
            }
            Err(_) if fate.was_asked() => self.silent(turn, commits),
            Ok(Err(_)) | Err(_) => {}
        }
        if fate.give_up() {
            abort.abort();
            Err(StoreError::Unavailable)
        } else {
            Err(StoreError::OutcomeUnknown)
        }
    }

    /// A step had no answer: the server's fault, if it has done nothing for anybody else meanwhile.
    /// Else somebody holds this row alone.
    fn silent(&self, turn: Turn, commits: u64) {
        if self.commits.load(Ordering::Relaxed) == commits {
            let server = self.connector.name(self.connector.current());
            let reason = format!(
                "{server}: no answer within {:?}: it hangs, or its commits wait for a synchronous \
                 standby (see pg_stat_replication there)",
                self.timeout
            );
            self.link.failed(turn.begun, &reason);
        }
    }

    /// Commits a row of the gateway's own.
    pub(super) async fn beat(&self, fate: &Fate, turn: Turn) -> Result<(), StoreError> {
        let commits = self.commits.load(Ordering::Relaxed);
        let mut session = self.lease(fate, turn).await?;
        step::beat(&mut session, fate).await.map_err(|failure| {
            // Another's commit holds the row, and does not come to its end.
            if failure == Failure::NotTaken {
                self.silent(turn, commits);
            }
            StoreError::Unavailable
        })
    }

    async fn take<S: Step>(
        &self,
        step: &S,
        fate: &Fate,
        turn: Turn,
    ) -> Result<S::Answer, StoreError> {
        for _ in 0..ATTEMPTS {
            let mut session = self.lease(fate, turn).await?;
            match step::take(&mut session, step, fate).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Again) if Instant::now() < turn.limit => {}
                Err(Failure::Again | Failure::NotTaken) => break,
                Err(Failure::Unknown) => return Err(StoreError::OutcomeUnknown),
            }
        }
        Err(StoreError::Unavailable)
    }

    async fn look<L: Look>(
        &self,
        look: &L,
        fate: &Fate,
        turn: Turn,
    ) -> Result<L::Seen, StoreError> {
        for _ in 0..ATTEMPTS {
            let mut session = self.lease(fate, turn).await?;
            match step::look(&mut session, look).await {
                Ok(seen) => return Ok(seen),
                Err(Failure::Again) if Instant::now() < turn.limit => {}
                Err(_) => break,
            }
        }
        Err(StoreError::Unavailable)
    }

    /// A session of the step's own.
    pub(super) async fn lease(&self, fate: &Fate, turn: Turn) -> Result<Lease, StoreError> {
        loop {
            let pool = self.pool.load_full();
            let session = tokio::select! {
                biased;
                session = timeout_at(turn.limit, pool.get()) => session,
                () = self.link.fell(turn.begun) => return Err(StoreError::Unavailable),
            };
            match session {
                Ok(Ok(session)) => {
                    fate.ask();
                    return Ok(Lease::new(session));
                }
                // A server that takes no more sessions is no server that is down: those that there
                // are go on, and one of them will be free.
                Ok(Err(PoolError::Backend(errors))) if pool.status().size > 0 => {
                    self.link.short_of_sessions(turn.begun, || each(&errors));
                    sleep(ANOTHER_LOOK).await;
                }
                Ok(Err(PoolError::Backend(errors))) => {
                    self.link.failed(turn.begun, &each(&errors));
                    return Err(StoreError::Unavailable);
                }
                Ok(Err(_)) | Err(_) => return Err(StoreError::Unavailable),
            }
        }
    }
}

/// What a request has of the database: since when it is up, and until when it may ask.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    begun: Epoch,
    limit: Instant,
}

fn pool(connector: &Arc<Connector>, runtime: &Handle, connections: usize) -> Pool {
    let sessions = Sessions { connector: Arc::clone(connector), runtime: runtime.clone() };
    Pool::builder(sessions)
        .max_size(connections.max(1))
        .build()
        .expect("a pool without timeouts needs no runtime")
}
