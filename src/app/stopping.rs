//! How a gateway stops: first its clients are sent elsewhere while they are still served, then what
//! is in flight is finished.

use std::io;
use std::time::Duration;

use actix_server::ServerHandle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinError, JoinHandle};

use super::reload::Reload;

/// The signals that a running gateway answers to. From when this is made, none of them ends the
/// process, and those that come are kept.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next one; none is lost if this is dropped before it comes.
    pub(super) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}

/// What a signal asks for.
pub(super) enum Asked {
    /// SIGTERM, SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
}

/// The running public listener.
pub(super) type Serving = JoinHandle<io::Result<()>>;

/// Why the public listener ended without being asked to.
pub(super) fn failed(ended: Result<io::Result<()>, JoinError>) -> anyhow::Error {
    match ended {
        Err(panic) => anyhow::Error::from(panic).context("the public listener panicked"),
        Ok(Err(error)) => anyhow::Error::from(error).context("the public listener failed"),
        Ok(Ok(())) => anyhow::anyhow!("the public listener ended"),
    }
}

/// Lets requests be served for `drain`, or until the next SIGTERM or SIGINT.
///
/// # Errors
/// If the public listener fails meanwhile.
pub(super) async fn drain(
    drain: Duration,
    signals: &mut Signals,
    reloading: &mut Reload,
    serving: &mut Serving,
) -> anyhow::Result<()> {
    if drain.is_zero() {
        return Ok(());
    }
    let drain_for = humantime::format_duration(drain);
    tracing::info!(%drain_for, "stopping: not ready any more; requests are served until clients went elsewhere");
    let end = tokio::time::sleep(drain);
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => return Ok(()),
            asked = signals.next() => match asked {
                Asked::Stop => {
                    tracing::info!("asked to stop again: the drain ends");
                    return Ok(());
                }
                // Log files are rotated meanwhile too. The service manager is not told: to it a
                // service that stops does nothing else.
                Asked::Reload => reloading.reload().await,
            },
            ended = &mut *serving => return Err(failed(ended)),
        }
    }
}

/// Has the listeners finish what is in flight and end; the operators' last.
pub(super) async fn stop(public: ServerHandle, private: Option<ServerHandle>) {
    public.stop(true).await;
    if let Some(private) = private {
        private.stop(false).await;
    }
}
