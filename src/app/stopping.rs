//! Stops a gateway: first drains its clients while it still serves them, then finishes requests in
//! flight.

use std::io;
use std::time::Duration;

use actix_server::ServerHandle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinError, JoinHandle};

use super::reload::Reload;

/// The signals that a running gateway handles. Once this exists, none of them ends the process, and
/// those that arrive are queued.
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

    /// The next signal; none is lost if this future is dropped before one arrives.
    pub(super) async fn next(&mut self) -> SignalAction {
        tokio::select! {
            _ = self.terminate.recv() => SignalAction::Stop,
            _ = self.interrupt.recv() => SignalAction::Stop,
            _ = self.hangup.recv() => SignalAction::Reload,
        }
    }
}

/// What a signal asks for.
pub(super) enum SignalAction {
    /// SIGTERM, SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
}

/// The running public listener.
pub(super) type RunningListener = JoinHandle<io::Result<()>>;

/// Why the public listener ended on its own.
pub(super) fn failed(ended: Result<io::Result<()>, JoinError>) -> anyhow::Error {
    match ended {
        Err(panic) => anyhow::Error::from(panic).context("the public listener panicked"),
        Ok(Err(error)) => anyhow::Error::from(error).context("the public listener failed"),
        Ok(Ok(())) => anyhow::anyhow!("the public listener ended"),
    }
}

/// Keeps serving requests for `drain`, or until the next SIGTERM or SIGINT.
///
/// # Errors
/// If the public listener fails meanwhile.
pub(super) async fn drain(
    drain: Duration,
    signals: &mut Signals,
    reloading: &mut Reload,
    serving: &mut RunningListener,
) -> anyhow::Result<()> {
    if drain.is_zero() {
        return Ok(());
    }
    let drain_for = humantime::format_duration(drain);
    tracing::info!(%drain_for, "stopping: not ready any more; requests are served until the drain ends");
    let end = tokio::time::sleep(drain);
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => return Ok(()),
            asked = signals.next() => match asked {
                SignalAction::Stop => {
                    tracing::info!("asked to stop again: the drain ends");
                    return Ok(());
                }
                // Log files are rotated meanwhile too. The service manager is not notified: it does
                // not expect a stopping service to reload.
                SignalAction::Reload => reloading.reload().await,
            },
            ended = &mut *serving => return Err(failed(ended)),
        }
    }
}

/// Lets the listeners finish requests in flight and stop, the operators' listener last.
pub(super) async fn stop(public: ServerHandle, private: Option<ServerHandle>) {
    public.stop(true).await;
    if let Some(private) = private {
        private.stop(false).await;
    }
}
