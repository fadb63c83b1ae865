//! Accepts sessions, limits their number, and ends them at a stop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::outcome::Outcome;
use super::scripts::CurrentScripts;
use super::session;
use crate::telemetry::metrics;

/// How many sessions are served at once.
pub const SESSIONS: usize = 1_000;
/// How many refused connections are ended in order at once; more are just closed.
const REFUSALS: usize = 100;
/// How long to wait after a connection could not be accepted, because the process has too many files
/// open.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener that is running.
pub struct Sessions {
    stop: oneshot::Sender<Duration>,
    task: JoinHandle<()>,
}

/// Starts to serve sessions on `listener`, which is bound and does not block.
///
/// # Errors
/// If the listener cannot be used.
pub fn start(
    listener: std::net::TcpListener,
    scripts: Arc<CurrentScripts>,
) -> io::Result<Sessions> {
    let listener = TcpListener::from_std(listener)?;
    let (stop, stopping) = oneshot::channel();
    let running = Running {
        scripts,
        sessions: Arc::new(Semaphore::new(SESSIONS)),
        refusals: Arc::new(Semaphore::new(REFUSALS)),
        tasks: JoinSet::new(),
    };
    let task = tokio::spawn(running.run(listener, stopping));
    Ok(Sessions { stop, task })
}

impl Sessions {
    /// Accepts no more sessions, and waits until those in progress have ended, for `patience` at
    /// most; then cuts them.
    pub async fn stop(self, patience: Duration) {
        // It has no receiver only if the task has ended.
        let _ = self.stop.send(patience);
        let _ = self.task.await;
    }
}

struct Running {
    scripts: Arc<CurrentScripts>,
    sessions: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    tasks: JoinSet<()>,
}

impl Running {
    async fn run(mut self, listener: TcpListener, mut stopping: oneshot::Receiver<Duration>) {
        let patience = loop {
            tokio::select! {
                patience = &mut stopping => break patience.unwrap_or_default(),
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => self.admit(stream, peer),
                    Err(error) => {
                        tracing::warn!(%error, "a FastAGI connection could not be accepted");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
                Some(_) = self.tasks.join_next() => {}
            }
        };
        drop(listener);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(patience, ended).await.is_err() {
            tracing::warn!(sessions = self.tasks.len(), "FastAGI sessions are cut by the stop");
            self.tasks.shutdown().await;
        }
    }

    /// Serves a connection, or ends it.
    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        let peer = peer.ip().to_canonical();
        let scripts = self.scripts.load_full();
        if !scripts.list(peer) {
            metrics::connection_refused("fastagi_address");
            match self.room_for_refusal() {
                Some(room) => self.tasks.spawn(async move {
                    session::refuse_stranger(stream, peer, scripts).await;
                    drop(room);
                }),
                None => return session::record_stranger(peer, scripts),
            };
            return;
        }
        let Ok(room) = Arc::clone(&self.sessions).try_acquire_owned() else {
            metrics::connection_refused("fastagi_sessions");
            if let Some(room) = self.room_for_refusal() {
                self.tasks.spawn(async move {
                    session::refuse_for_now(stream).await;
                    drop(room);
                });
            }
            return;
        };
        self.tasks.spawn(async move {
            let open = metrics::FastAgiSession::begin(Outcome::Error.word());
            let outcome = session::serve(stream, peer, scripts).await;
            open.end(outcome.word());
            drop(room);
        });
    }

    fn room_for_refusal(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.refusals).try_acquire_owned().ok()
    }
}
