//! What systemd is told (`sd_notify(3)`): ready, reloading, stopping, still alive. Without a
//! service manager nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// The server listens, or has read its configuration again.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The configuration is being read again.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The server stops, and has done so within `longest`. The service manager waits for that even
/// where its own patience (`TimeoutStopSec=`) is shorter.
pub fn stopping(longest: Duration) {
    let longest = u32::try_from(longest.as_micros()).unwrap_or(u32::MAX);
    tell(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(longest)]);
}

/// If the service has a watchdog, tells it from now on that the runtime still runs.
pub fn keep_watchdog_quiet() {
    if let Some(timeout) = sd_notify::watchdog_enabled() {
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(timeout / 3);
            loop {
                ticks.tick().await;
                tell(&[NotifyState::Watchdog]);
            }
        });
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}
