//! The sessions that steps are run on: at most so many, opened when they are needed.
//!
//! A step whose commit is not answered keeps its session, and so its place, until the answer comes
//! or the connection breaks. A server that hangs can so never be left with more of a node's
//! sessions than the node may have.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use deadpool::managed::{self, Metrics, Object, RecycleError, RecycleResult};
use tokio::runtime::Handle;

use super::session::{ConnectError, ConnectErrors, Connector, Ready};

/// Opens sessions for the pool, and judges whether one may be used again.
pub(super) struct Sessions {
    pub(super) connector: Arc<Connector>,
    pub(super) runtime: Handle,
}

pub(super) type Pool = managed::Pool<Sessions>;

impl managed::Manager for Sessions {
    type Type = Ready;
    type Error = ConnectErrors;

    async fn create(&self) -> Result<Ready, ConnectErrors> {
        // On a task of its own, so that its connection works on the runtime that is meant for it.
        let connector = Arc::clone(&self.connector);
        let opening = self.runtime.spawn(async move { connector.connect().await });
        opening.await.unwrap_or_else(|_| {
            Err(vec![ConnectError {
                server: "all servers".to_owned(),
                reason: "the runtime stops".to_owned(),
                needs_operator: false,
            }])
        })
    }

    async fn recycle(&self, ready: &mut Ready, _: &Metrics) -> RecycleResult<ConnectErrors> {
        if ready.session.settled && !ready.session.client.is_closed() {
            Ok(())
        } else {
            Err(RecycleError::message("closed or unsettled"))
        }
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
        if let Some(object) = self.0.take()
            && !object.session.settled
        {
            drop(Object::take(object));
        }
    }
}
