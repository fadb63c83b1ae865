//! The sessions that steps are run on: at most so many, opened when they are needed, all with one
//! server on one timeline.
//!
//! A place comes back whatever becomes of its session: one that is not answered within its step's
//! time is closed. A server that hangs is not left with ever more of them, because the database is
//! down by then, and a probe of it commits nothing while others' commits hang.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    doubt: Mutex<Doubt>,
}

/// Which idle sessions may be broken, though nobody said so.
struct Doubt {
    /// Those that have not answered since then are asked whether they are still there.
    asked: Instant,
    /// Those that have not answered since then are broken: one of them was asked in vain.
    broken: Instant,
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

    /// From now on, sessions that have not answered since `since` are asked whether they are still
    /// there before they are used.
    pub(super) fn doubt(&self, since: Instant) {
        let mut doubt = self.pool.manager().doubt();
        doubt.asked = doubt.asked.max(since);
    }
}

impl Sessions {
    fn doubt(&self) -> MutexGuard<'_, Doubt> {
        self.doubt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks an idle session whether it is still there, if that is in doubt.
    async fn is_there(&self, ready: &mut Ready) -> bool {
        let answered = ready.session.answered;
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
        let asked = ready.session.client.simple_query("");
        let is_there = self.connector.reached(self.home.server, asked).await.is_ok();
        if is_there {
            ready.session.answered = Instant::now();
        } else {
            let mut doubt = self.doubt();
            doubt.broken = doubt.broken.max(limit);
        }
        is_there
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
        if !self.is_there(ready).await {
            return Err(RecycleError::message("silent"));
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
