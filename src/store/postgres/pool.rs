//! The sessions that steps run in: a limited number, opened on demand, all with one server on one
//! timeline.
//!
//! A slot is freed whatever happens to its session: a session without an answer within its step's
//! time is closed. Closed sessions do not pile up on a hanging server, because the database is
//! marked down by then, and its probes commit nothing while other commits hang.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool::managed::{self, Metrics, Object, RecycleError, RecycleResult};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::session::{ConnectError, Connector, Home, PreparedSession};

/// Opens sessions for the pool, and decides whether one may be reused.
pub(super) struct Sessions {
    connector: Arc<Connector>,
    runtime: Handle,
    home: Home,
    doubt: Mutex<Doubt>,
}

/// Idle sessions that may be broken without an error so far.
struct Doubt {
    /// Sessions that have not answered since then are tested before use.
    asked: Instant,
    /// Sessions that have not answered since then are broken: one of them failed the test.
    broken: Instant,
}

/// Idle time after which a session is tested as well.
const IDLE: Duration = Duration::from_secs(5);

/// Why a new session could not be opened.
pub(super) enum NoSession {
    /// The server is not the pool's, or is on another timeline.
    Elsewhere(ConnectError),
    /// The server's error, or that it did not answer.
    Refused(ConnectError),
}

type Pool = managed::Pool<Sessions>;

/// Where the node works: a server on a timeline, and the sessions there.
pub(super) struct Place {
    pub(super) home: Home,
    pub(super) pool: Pool,
}

impl Place {
    pub(super) fn new(
        connector: &Arc<Connector>,
        runtime: &Handle,
        home: Home,
        connections: usize,
    ) -> Self {
        let now = Instant::now();
        let sessions = Sessions {
            connector: Arc::clone(connector),
            runtime: runtime.clone(),
            home,
            doubt: Mutex::new(Doubt { asked: now, broken: now }),
        };
        let pool = Pool::builder(sessions).max_size(connections.max(1)).build();
        Self { home, pool: pool.expect("a pool without timeouts needs no runtime") }
    }

    /// From now on, sessions that have not answered since `since` are tested before they are used.
    pub(super) fn doubt(&self, since: Instant) {
        let mut doubt = self.pool.manager().doubt();
        doubt.asked = doubt.asked.max(since);
    }
}

impl Sessions {
    fn doubt(&self) -> MutexGuard<'_, Doubt> {
        self.doubt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tests an idle session, if it is in doubt.
    async fn is_there(&self, prepared: &mut PreparedSession) -> bool {
        let answered = prepared.session.answered;
        let limit = {
            let doubt = self.doubt();
            if answered < doubt.broken {
                return false;
            }
            let idle = Instant::now().checked_sub(IDLE).unwrap_or(doubt.asked);
            doubt.asked.max(idle)
        };
        if answered >= limit {
            return true;
        }
        let asked = prepared.session.client.simple_query("");
        let is_there = self.connector.reached(self.home.server, asked).await.is_ok();
        if is_there {
            prepared.session.answered = Instant::now();
        } else {
            let mut doubt = self.doubt();
            doubt.broken = doubt.broken.max(limit);
        }
        is_there
    }
}

impl managed::Manager for Sessions {
    type Type = PreparedSession;
    type Error = NoSession;

    async fn create(&self) -> Result<PreparedSession, NoSession> {
        // In a separate task, so that its connection runs on the intended runtime.
        let (connector, home) = (Arc::clone(&self.connector), self.home);
        let opening = self.runtime.spawn(async move { connector.open(home.server).await });
        let stops = || self.connector.connect_error(self.home.server, "the runtime stops");
        let opened = opening.await.unwrap_or_else(|_| Err(stops()));
        let session = opened.map_err(NoSession::Refused)?;
        if session.home.is_elsewhere_than(self.home) {
            let reason = "the sessions reach another server than before, or one that was restored \
                or promoted";
            return Err(NoSession::Elsewhere(
                self.connector.connect_error(self.home.server, reason),
            ));
        }
        Ok(PreparedSession::new(session))
    }

    async fn recycle(
        &self,
        prepared: &mut PreparedSession,
        _: &Metrics,
    ) -> RecycleResult<NoSession> {
        if !prepared.session.is_clean || prepared.session.client.is_closed() {
            return Err(RecycleError::message("closed or unsettled"));
        }
        if !self.is_there(prepared).await {
            return Err(RecycleError::message("silent"));
        }
        Ok(())
    }
}

/// A session in use. Unless it is clean, it is closed instead of returned to the pool, and the
/// server rolls back what was begun in it.
pub(super) struct PooledSession(Option<Object<Sessions>>);

impl PooledSession {
    pub(super) fn new(session: Object<Sessions>) -> Self {
        Self(Some(session))
    }
}

impl Deref for PooledSession {
    type Target = PreparedSession;

    fn deref(&self) -> &PreparedSession {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl DerefMut for PooledSession {
    fn deref_mut(&mut self) -> &mut PreparedSession {
        self.0.as_mut().expect("it is there until it is dropped")
    }
}

impl Drop for PooledSession {
    fn drop(&mut self) {
        let Some(mut object) = self.0.take() else { return };
        if object.session.is_clean {
            object.session.answered = Instant::now();
        } else {
            drop(Object::take(object));
        }
    }
}
