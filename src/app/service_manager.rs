//! Notifies systemd (`sd_notify(3)`): ready, reloading, stopping, still alive. Does nothing without
//! a service manager.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::http::workers::Workers;

/// The server is listening, or has reloaded its configuration.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// The configuration is being reloaded.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(_) => notify(&[NotifyState::Reloading]),
    }
}

/// The server is stopping, and will have stopped within `longest`. The service manager waits that
/// long even if `TimeoutStopSec=` is shorter.
pub fn stopping(longest: Duration) {
    let longest = u32::try_from(longest.as_micros()).unwrap_or(u32::MAX);
    notify(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(longest)]);
}

/// How often the workers must record their turns for the service's watchdog, if it has one.
#[must_use]
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|timeout| timeout / 6)
}

/// If the service has a watchdog, notifies it from now on for as long as the workers make progress.
pub fn keep_watchdog_quiet(workers: Arc<Workers>) {
    if let Some(timeout) = sd_notify::watchdog_enabled() {
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(timeout / 3);
            loop {
                ticks.tick().await;
                if workers.all_ran_within(timeout / 2) {
                    notify(&[NotifyState::Watchdog]);
                }
            }
        });
    }
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager could not be notified");
    }
}
