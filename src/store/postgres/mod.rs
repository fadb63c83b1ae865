//! The store of several nodes: grants and budgets in one PostgreSQL database.
//!
//! As in the embedded store, a subject's live grant and its budgets share one row, so that a call
//! writes two rows and each step of a login one. Each step is a transaction of two round trips,
//! see `step`; simultaneous steps on one user wait for each other's row lock, on whichever nodes
//! they are.
//!
//! A commit is never cancelled and never timed out on the server; one that is not answered in time
//! is a refusal, and keeps its session until its fate is known, see `pool`. A database that does
//! not answer is left alone until a probe has written to one of its servers, see `keeper`: so
//! requests are refused at once instead of piling up, and a standby that was promoted is found.

mod administration;
mod keeper;
mod link;
mod pool;
mod rows;
mod schema;
mod session;
mod settings;
mod step;
mod sweep;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use deadpool::managed::PoolError;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout_at};

pub use self::administration::PostgresAdministration;
pub use self::schema::Schema;
pub use self::session::ConnectError;
pub use self::settings::{Encryption, PostgresServer, PostgresSettings};

use self::keeper::Probes;
use self::link::{Epoch, Link};
use self::pool::{Lease, Pool, Sessions};
use self::session::Connector;
use self::step::{Decision, Failure, Fate, Step};
use super::account::{Account, Decided};
use super::{
    CodeTry, Grants, Issue, IssueRequest, Redemption, Reservation, ReserveRequest, StoreError,
    StoreHealth, Tries,
};
use crate::domain::clock::Timestamp;
use crate::domain::grant::{Grant, Subject};
use crate::domain::policy::EventLog;

/// Sessions that a step may need: its first may have been lost with the server that had it, its
/// second may come second to another node's.
const ATTEMPTS: usize = 3;

/// Until a step that was refused a new session looks for one that is free.
const ANOTHER_LOOK: Duration = Duration::from_millis(20);

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}", each(.0))]
pub struct OpenError(Vec<ConnectError>);

fn each(errors: &[ConnectError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Grants and budgets in a PostgreSQL database.
///
/// Its methods may be awaited on any Tokio runtime that has its timer enabled.
pub struct PostgresStore {
    shared: Arc<Shared>,
    beside: [AbortHandle; 2],
}

/// What the steps and the tasks beside them share.
struct Shared {
    connector: Arc<Connector>,
    /// Another one whenever another server is used: what hangs on the old one takes no place here.
    pool: ArcSwap<Pool>,
    link: Link,
    /// How many steps were committed.
    commits: AtomicU64,
    runtime: Handle,
    connections: usize,
    timeout: Duration,
    connect_timeout: Duration,
}

impl PostgresStore {
    /// Connects to the database and brings its schema up to date. `runtime` is where its
    /// connections work.
    ///
    /// If no server answers, the store is there all the same, refuses every request, and works as
    /// soon as one does.
    ///
    /// # Errors
    /// What a server says that will not change by itself: a wrong password, a missing database or
    /// right, a schema of a later release.
    pub async fn open(settings: PostgresSettings, runtime: &Handle) -> Result<Self, OpenError> {
        let shared = Arc::new(Shared::new(settings, runtime));
        let mut probes = Probes::new(Arc::clone(&shared));
        let patience = shared.connect_timeout * 2;
        let first = runtime.spawn(async move {
            let found = probes.look(patience).await;
            (probes, found)
        });
        let (probes, found) = first.await.map_err(|_| OpenError(Vec::new()))?;
        if let Err(errors) = found {
            if errors.iter().any(|error| error.needs_operator) {
                return Err(OpenError(errors));
            }
            tracing::warn!(
                reason = each(&errors),
                "no server of the store's database takes writes yet; requests are refused until \
                 one does"
            );
        }
        let beside = [
            runtime.spawn(keeper::keep_up(probes)).abort_handle(),
            runtime.spawn(keeper::keep_swept(Arc::clone(&shared))).abort_handle(),
        ];
        Ok(Self { shared, beside })
    }

    /// Brings the schema of the server that takes writes up to date, and does nothing else.
    ///
    /// # Errors
    /// What the servers say if there is none that it can be done on.
    pub async fn migrate(settings: PostgresSettings) -> Result<Schema, OpenError> {
        let connector = Connector::new(settings);
        let mut errors = Vec::new();
        for server in 0..connector.servers() {
            let migrated = match connector.bare(server).await {
                Ok(session) => {
                    let migrated = schema::migrate(&session.client).await;
                    migrated.map_err(|error| connector.unfit(server, &error))
                }
                Err(error) => Err(error),
            };
            match migrated {
                Ok(schema) => return Ok(schema),
                Err(error) => errors.push(error),
            }
        }
        Err(OpenError(errors))
    }

    /// Runs a step on the subject's account; `none` is the answer where it has none.
    async fn on_account<T>(
        &self,
        subject: &Subject,
        none: T,
        decide: impl Fn(&mut Account, Timestamp) -> Decided<T> + Send + Sync + 'static,
    ) -> Result<T, StoreError>
    where
        T: Clone + Send + Sync + 'static,
    {
        self.shared.run(Step::on_account(subject, none, decide)).await
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.beside.iter().for_each(AbortHandle::abort);
    }
}

impl Shared {
    fn new(settings: PostgresSettings, runtime: &Handle) -> Self {
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
    fn use_server(&self, server: usize) {
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
    async fn run<T: Send + 'static>(self: &Arc<Self>, step: Step<T>) -> Result<T, StoreError> {
        self.in_time(async move |shared, fate, turn| shared.take(&step, &fate, turn).await).await
    }

    /// Has `work` done, and waits for it no longer than the timeout. It goes on if whoever asked
    /// goes away, and where its commit is on its way.
    async fn in_time<T, F>(
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
        let abort = task.abort_handle();
        match timeout_at(limit, task).await {
            Ok(Ok(answer)) => {
                if fate.is_committing() && answer.is_ok() {
                    self.commits.fetch_add(1, Ordering::Relaxed);
                }
                return answer;
            }
            // The server's fault, if it was asked anything and has done nothing for anybody else
            // meanwhile: else somebody holds this row alone.
            Err(_) if fate.was_asked() && self.commits.load(Ordering::Relaxed) == commits => {
                self.link.failed(begun, &format!("no answer within {:?}", self.timeout));
            }
            Ok(Err(_)) | Err(_) => {}
        }
        if fate.give_up() {
            abort.abort();
            Err(StoreError::Unavailable)
        } else {
            Err(StoreError::OutcomeUnknown)
        }
    }

    async fn take<T>(&self, step: &Step<T>, fate: &Fate, turn: Turn) -> Result<T, StoreError> {
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

    /// The subject's live grant, by one round trip.
    async fn live(
        &self,
        subject: &Subject,
        fate: &Fate,
        turn: Turn,
    ) -> Result<Option<Grant>, StoreError> {
        for _ in 0..ATTEMPTS {
            let mut session = self.lease(fate, turn).await?;
            match step::live(&mut session, subject).await {
                Ok(live) => return Ok(live),
                Err(Failure::Again) if Instant::now() < turn.limit => {}
                Err(_) => break,
            }
        }
        Err(StoreError::Unavailable)
    }

    /// A session of the step's own.
    async fn lease(&self, fate: &Fate, turn: Turn) -> Result<Lease, StoreError> {
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
struct Turn {
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

#[async_trait]
impl Grants for PostgresStore {
    async fn issue(&self, request: IssueRequest) -> Result<Issue, StoreError> {
        let subject = request.subject.clone();
        let caller = (request.number.clone(), request.limits.calls_per_number);
        let decide = move |account: Option<Account>, calls: EventLog, now| {
            let mut account = account.unwrap_or_default();
            let known = || Ok::<_, std::convert::Infallible>(calls);
            let Ok((answer, calls)) = account.issue(&request, now, known);
            let tells = matches!(answer, Issue::Repeat(_));
            let account = calls.is_some().then_some(account);
            Decision { answer, account, calls, tells }
        };
        let step = Step { subject, caller: Some(caller), decide: Box::new(decide) };
        self.shared.run(step).await
    }

    async fn live(&self, subject: &Subject) -> Result<Option<Grant>, StoreError> {
        let subject = subject.clone();
        let live = async move |shared: Arc<Shared>, fate: Arc<Fate>, turn| {
            shared.live(&subject, &fate, turn).await
        };
        self.shared.in_time(live).await
    }
}

#[async_trait]
impl Tries for PostgresStore {
    async fn reserve(&self, request: ReserveRequest) -> Result<Reservation, StoreError> {
        let subject = request.subject.clone();
        let decide = move |account: &mut Account, now| account.reserve(&request, now);
        self.on_account(&subject, Reservation::NoGrant, decide).await
    }

    async fn give_back(&self, subject: &Subject, reserved: Timestamp) -> Result<(), StoreError> {
        let decide = move |account: &mut Account, _| account.give_back(reserved);
        self.on_account(subject, (), decide).await
    }

    async fn redeem(&self, attempt: CodeTry) -> Result<Redemption, StoreError> {
        let subject = attempt.subject.clone();
        let decide = move |account: &mut Account, now| account.redeem(&attempt, now);
        self.on_account(&subject, Redemption::NoGrant, decide).await
    }

    async fn wrong_code(&self, attempt: CodeTry) -> Result<(), StoreError> {
        let subject = attempt.subject.clone();
        let decide = move |account: &mut Account, now| account.wrong_code(&attempt, now);
        self.on_account(&subject, (), decide).await
    }
}

#[async_trait]
impl StoreHealth for PostgresStore {
    /// Commits a row of its own, as every step does, so that a database that takes no writes or
    /// waits for its standby shows.
    async fn ready(&self) -> Result<(), StoreError> {
        let beat = async |shared: Arc<Shared>, fate: Arc<Fate>, turn| {
            let mut session = shared.lease(&fate, turn).await?;
            step::beat(&mut session, &fate).await.map_err(|_| StoreError::Unavailable)
        };
        self.shared.in_time(beat).await
    }

    fn trouble(&self) -> String {
        self.shared.link.trouble()
    }
}
