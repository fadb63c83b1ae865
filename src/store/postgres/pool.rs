//! The sessions that steps are run on: at most so many, opened when they are needed, all with one
//! server on one timeline.
//!
//! A place comes back whatever becomes of its session: one that is not answered within its step's
//! time is closed. A server that hangs is not left with ever more of them, because the database is
//! down by then, and a probe of it commits nothing while others' commits hang.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool::managed::{self, Metrics, Object, RecycleError, RecycleResult};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::session::{ConnectError, Connector, Home, Ready};

/// Opens sessions for the pool, and judges whether one may be used again.
pub(super) struct Sessions {
    connector: Arc<Connector>,
    runtime: Handle,
    home: Home,
    /// A session that has not answered since then is asked whether it is still there.
    doubted: Mutex<Instant>,
}

/// How long a session may be idle before it is asked, too.
const IDLE: Duration = Duration::from_secs(5);

/// Why there is no new session.
pub(super) enum NoSession {
    /// The server is another than the pool's, or on another timeline.
    Elsewhere(ConnectError),
    /// What the server said, or that it said nothing.
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
        let sessions = Sessions {
            connector: Arc::clone(connector),
            runtime: runtime.clone(),
            home,
            doubted: Mutex::new(Instant::now()),
        };
        let pool = Pool::builder(sessions).max_size(connections.max(1)).build();
        Self { home, pool: pool.expect("a pool without timeouts needs no runtime") }
    }

    /// From now on, sessions that have not answered since `since` are asked whether they are still
    /// there before they are used.
    pub(super) fn doubt(&self, since: Instant) {
        let mut doubted = self.doubted();
        *doubted = since.max(*doubted);
    }

    fn doubted(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.pool.manager().doubted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    /// Whether a session may be broken, though nobody said so.
    fn doubts(&self, ready: &Ready) -> bool {
        let doubted = *self.doubted.lock().unwrap_or_else(PoisonError::into_inner);
        ready.session.answered < doubted || ready.session.answered.elapsed() > IDLE
    }
}

impl managed::Manager for Sessions {
    type Type = Ready;
    type Error = NoSession;

    async fn create(&self) -> Result<Ready, NoSession> {
        // On a task of its own, so that its connection works on the runtime that is meant for it.
        let (connector, home) = (Arc::clone(&self.connector), self.home);
        let opening = self.runtime.spawn(async move { connector.open(home.server).await });
        let stops = || self.connector.trouble(self.home.server, "the runtime stops");
        let opened = opening.await.unwrap_or_else(|_| Err(stops()));
        let session = opened.map_err(NoSession::Refused)?;
        if session.home.is_elsewhere_than(self.home) {
            let reason = "the sessions reach another server than before, or one that was restored \
                or promoted";
            return Err(NoSession::Elsewhere(self.connector.trouble(self.home.server, reason)));
        }
        Ok(Ready::new(session))
    }

    async fn recycle(&self, ready: &mut Ready, _: &Metrics) -> RecycleResult<NoSession> {
        if !ready.session.settled || ready.session.client.is_closed() {
            return Err(RecycleError::message("closed or unsettled"));
        }
        if self.doubts(ready) {
            let asked = ready.session.client.simple_query("");
            let asked = self.connector.reached(self.home.server, asked).await;
            asked.map_err(|error| RecycleError::Backend(NoSession::Refused(error)))?;
            ready.session.answered = Instant::now();
        }
        Ok(())
    }
}

/// A session in use. Unless it is settled, it is closed rather than given back: the server then
/// undoes what was begun on it.
pub(super) struct Lease(Option<Object<Sessions>>);

impl Lease {
    pub(super) fn new(session: Object<Sessions>) -> Self {
        Self(Some(session))
    }
}

impl Deref for Lease {
    type Target = Ready;

    fn deref(&self) -> &Ready {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Ready {
        self.0.as_mut().expect("it is there until it is dropped")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut object) = self.0.take() else { return };
        if object.session.settled {
            object.session.answered = Instant::now();
        } else {
            drop(Object::take(object));
        }
    }
}
