//! This node's use of the database: each step runs in its own session, within its time limit.

mod done;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use deadpool::managed::PoolError;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use self::done::{Counts, Done};
use super::pool::{NoSession, Place, PooledSession};
use super::session::{ConnectError, Connector, Home};
use super::settings::PostgresSettings;
use super::step::{self, CommitState, Failure, Look, Step};
use crate::breaker::{Breaker, BreakerSettings, DownReason, Epoch};
use crate::store::StoreError;
use crate::telemetry::node_metrics::{self, PoolUse};

/// Sessions a step may need: the first may be lost with its server, and another node may win the
/// race for each row that it creates (texts, an intent, a user).
const ATTEMPTS: usize = 5;

/// Delay before a step that was refused a new session tries to reuse a free one.
const ANOTHER_LOOK: Duration = Duration::from_millis(20);

/// The database, for the steps and the background tasks.
pub(super) struct Database {
    pub(super) connector: Arc<Connector>,
    /// The current server and its pool. Sessions hanging at an earlier place take no slots here.
    place: ArcSwapOption<Place>,
    pub(super) breaker: Breaker,
    /// Work done for all requests, to tell a hanging server from a busy one.
    done: Done,
    pub(super) runtime: Handle,
    connections: usize,
    pub(super) timeout: Duration,
    pub(super) connect_timeout: Duration,
}

const BREAKER: BreakerSettings = BreakerSettings {
    name: None,
    down: "the store's database is down; until it works again, every request that needs it is \
           refused",
    unusable: "the store's database cannot be used",
    up: "the store's database is up",
    // A database is not used before a probe has written to it.
    may_be_used_untried: false,
};

/// Logs that the database accepts no further sessions.
fn short_of_sessions(reason: &ConnectError) {
    tracing::warn!(
        %reason,
        "the store's database accepts no more sessions from this node; requests share the existing \
         ones: raise max_connections there, or lower store.connections"
    );
}

impl Database {
    pub(super) fn new(settings: PostgresSettings, runtime: &Handle) -> Self {
        let (timeout, connect_timeout) = (settings.timeout, settings.connect_timeout);
        let connections = settings.connections;
        Self {
            place: ArcSwapOption::empty(),
            connector: Arc::new(Connector::new(settings)),
            breaker: Breaker::new(BREAKER),
            done: Done::new(),
            runtime: runtime.clone(),
            connections,
            timeout,
            connect_timeout,
        }
    }

    /// Switches to `home`, where a probe has just committed. Unless it is certainly the same server
    /// and timeline as before, all sessions are replaced, and answers on the old ones are not
    /// trusted.
    pub(super) fn work_at(&self, home: Home) {
        match self.place.load_full() {
            Some(place) if place.home.is_same_as(home) => place.doubt(Instant::now()),
            old => {
                let place = Place::new(&self.connector, &self.runtime, home, self.connections);
                self.place.store(Some(Arc::new(place)));
                if let Some(old) = old {
                    old.pool.close();
                }
            }
        }
        self.breaker.recovered(self.breaker.epoch(), self.connector.name(home.server));
    }

    /// Why the database is down, for operators; empty if it is up.
    pub(super) fn trouble(&self) -> String {
        match self.breaker.down_reason() {
            Some(trouble) => trouble.reason,
            None if self.breaker.is_up() => String::new(),
            None => "not asked yet".to_owned(),
        }
    }

    /// The current server, if there has been one.
    pub(super) fn home(&self) -> Option<Home> {
        self.place.load().as_ref().map(|place| place.home)
    }

    /// Runs a step and waits for its answer.
    pub(super) async fn run<S: Step>(self: &Arc<Self>, step: S) -> Result<S::Answer, StoreError> {
        let asked = Instant::now();
        let answer = self
            .in_time(async move |database, commit_state, attempt| {
                database.take(&step, &commit_state, attempt).await
            })
            .await;
        node_metrics::store().writes.record(asked.elapsed());
        answer
    }

    /// Runs a look and waits for its result.
    pub(super) async fn see<L: Look>(self: &Arc<Self>, look: L) -> Result<L::Seen, StoreError> {
        let asked = Instant::now();
        let seen = self
            .in_time(async move |database, commit_state, attempt| {
                database.look(&look, &commit_state, attempt).await
            })
            .await;
        node_metrics::store().reads.record(asked.elapsed());
        // A look changes nothing, whether or not its commit was answered.
        seen.map_err(|_| StoreError::Unavailable)
    }

    /// How the pool's sessions are used.
    pub(super) fn pool_use(&self) -> PoolUse {
        let (open, free) = self.place.load().as_ref().map_or((0, 0), |place| {
            let status = place.pool.status();
            (status.size, status.available)
        });
        PoolUse {
            pool: "store",
            name: String::new(),
            open,
            in_use: open - free.min(open),
            limit: self.connections,
        }
    }

    /// Whether requests can be served: some recently were, or a test commit succeeds, or other
    /// requests' commits do meanwhile.
    pub(super) async fn ready(self: &Arc<Self>) -> Result<(), StoreError> {
        let epoch = self.breaker.admit().ok_or(StoreError::Unavailable)?;
        if self.done.commits_lately() {
            return Ok(());
        }
        let before = self.done.counts().commits;
        let test_commit = async |database: Arc<Self>, commit_state: Arc<CommitState>, attempt| {
            database.test_commit(&commit_state, attempt).await
        };
        let committed = self.in_time(test_commit).await;
        let others = || self.done.counts().commits != before && self.breaker.admit() == Some(epoch);
        if committed.is_ok() || others() { Ok(()) } else { Err(StoreError::Unavailable) }
    }

    /// Runs `work` and waits for it up to the timeout. The work continues if the caller goes away,
    /// and ends with its time limit.
    async fn in_time<T, F>(
        self: &Arc<Self>,
        work: impl FnOnce(Arc<Self>, Arc<CommitState>, Attempt) -> F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let epoch = self.breaker.admit().ok_or(StoreError::Unavailable)?;
        let since = Instant::now();
        let commit_state = Arc::new(CommitState::default());
        let attempt = Attempt { epoch, since, limit: since + self.timeout };
        let before = self.done.counts();
        let task = self.runtime.spawn(work(Arc::clone(self), Arc::clone(&commit_state), attempt));
        // The caller may go away, but a silent database must still be noticed.
        let seen =
            self.runtime.spawn(Arc::clone(self).supervise(task, commit_state, attempt, before));
        seen.await.unwrap_or(Err(StoreError::OutcomeUnknown))
    }

    /// Waits for the work until its time is up, then decides its fate. After that its session is
    /// closed and its slot free.
    async fn supervise<T: Send + 'static>(
        self: Arc<Self>,
        task: JoinHandle<Result<T, StoreError>>,
        commit_state: Arc<CommitState>,
        attempt: Attempt,
        before: Counts,
    ) -> Result<T, StoreError> {
        let abort = task.abort_handle();
        match timeout_at(attempt.limit, task).await {
            Ok(Ok(answer)) => {
                if commit_state.is_committing() && answer.is_ok() {
                    self.done.commit();
                }
                return answer;
            }
            Ok(Err(_)) => {}
            Err(_) => self.silent(&commit_state, attempt, before),
        }
        abort.abort();
        if commit_state.give_up() {
            Err(StoreError::Unavailable)
        } else {
            Err(StoreError::OutcomeUnknown)
        }
    }

    /// A step got no answer, or not even a session. Blames the server if it has done nothing for
    /// other requests meanwhile; otherwise the row is locked or this session is broken.
    fn silent(&self, commit_state: &CommitState, attempt: Attempt, before: Counts) {
        let Some(place) = self.place.load_full() else { return };
        let (now, server) = (self.done.counts(), self.connector.name(place.home.server));
        if commit_state.was_asked() {
            place.doubt(attempt.since);
        }
        let hangs = if commit_state.is_committing() {
            now.commits == before.commits
        } else {
            now.answers == before.answers
        };
        if hangs {
            let limit = self.timeout;
            let reason = format!(
                "{server}: no answer within {limit:?}: it hangs, or its commits wait for a \
                 synchronous standby (see pg_stat_replication there)"
            );
            self.breaker.failed(attempt.epoch, DownReason::transient(reason));
        }
    }

    /// Commits an empty message.
    async fn test_commit(
        &self,
        commit_state: &CommitState,
        attempt: Attempt,
    ) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS {
            let mut session = self.session(commit_state, attempt).await?;
            match step::test_commit(&mut session, commit_state).await {
                Ok(()) => return Ok(()),
                // As for a step: the session was lost, and another may work.
                Err(Failure::Again) if Instant::now() < attempt.limit => commit_state.open_again(),
                Err(_) => break,
            }
        }
        Err(StoreError::Unavailable)
    }

    async fn take<S: Step>(
        &self,
        step: &S,
        commit_state: &CommitState,
        attempt: Attempt,
    ) -> Result<S::Answer, StoreError> {
        for _ in 0..ATTEMPTS {
            let mut session = self.session(commit_state, attempt).await?;
            let taken = step::take(&mut session, step, commit_state).await;
            self.note(&session);
            match taken {
                Ok(answer) if self.is_here(&session) => return Ok(answer),
                // Another server took over meanwhile, and may not have the step.
                Ok(_) | Err(Failure::Unknown) => return Err(StoreError::OutcomeUnknown),
                Err(Failure::Again) if Instant::now() < attempt.limit => {}
                Err(Failure::Again | Failure::NotTaken) => break,
            }
        }
        Err(StoreError::Unavailable)
    }

    async fn look<L: Look>(
        &self,
        look: &L,
        commit_state: &CommitState,
        attempt: Attempt,
    ) -> Result<L::Seen, StoreError> {
        for _ in 0..ATTEMPTS {
            let mut session = self.session(commit_state, attempt).await?;
            let seen = step::look(&mut session, look, commit_state).await;
            self.note(&session);
            match seen {
                Ok(seen) if self.is_here(&session) => return Ok(seen),
                Ok(_) | Err(Failure::Again) if Instant::now() < attempt.limit => {
                    commit_state.open_again();
                }
                Ok(_) | Err(_) => break,
            }
        }
        Err(StoreError::Unavailable)
    }

    /// Counts the server's answer, if it gave one.
    fn note(&self, session: &PooledSession) {
        if session.session.is_clean {
            self.done.answers.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn is_here(&self, session: &PooledSession) -> bool {
        self.home().is_some_and(|home| !session.session.home.is_elsewhere_than(home))
    }

    /// A session for this step alone.
    async fn session(
        &self,
        commit_state: &CommitState,
        attempt: Attempt,
    ) -> Result<PooledSession, StoreError> {
        loop {
            let place = self.place.load_full().ok_or(StoreError::Unavailable)?;
            let session = tokio::select! {
                biased;
                session = timeout_at(attempt.limit, place.pool.get()) => session,
                () = self.breaker.changed(attempt.epoch) => return Err(StoreError::Unavailable),
            };
            match session {
                Ok(Ok(session)) => {
                    commit_state.ask();
                    return Ok(PooledSession::new(session));
                }
                // A server that accepts no more sessions is not down: the existing ones continue,
                // and one of them will be free.
                Ok(Err(PoolError::Backend(NoSession::Refused(error))))
                    if place.pool.status().size > 0 =>
                {
                    self.breaker.note_once(attempt.epoch, || short_of_sessions(&error));
                    sleep(ANOTHER_LOOK).await;
                }
                Ok(Err(PoolError::Backend(
                    NoSession::Elsewhere(error) | NoSession::Refused(error),
                ))) => {
                    self.breaker.failed(attempt.epoch, DownReason::transient(error.to_string()));
                    return Err(StoreError::Unavailable);
                }
                // A new pool has replaced this one.
                Ok(Err(PoolError::Closed)) => {}
                Ok(Err(_)) | Err(_) => return Err(StoreError::Unavailable),
            }
        }
    }

    /// A session for background work, within a step's time limit; `None` if none is available.
    pub(super) async fn spare(&self) -> Option<PooledSession> {
        self.breaker.admit()?;
        let place = self.place.load_full()?;
        let session = timeout_at(Instant::now() + self.timeout, place.pool.get());
        session.await.ok()?.ok().map(PooledSession::new)
    }
}

/// A request's view of the database: since when it has been up, and the request's own time window.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    epoch: Epoch,
    since: Instant,
    limit: Instant,
}
