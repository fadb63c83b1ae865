//! Whether a server is so slow that others are tried first. A slow server is not down: it is used
//! if there is no better one, and probed until it is quick again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tracing::{info, warn};

/// Consecutive slow answers that make a server slow; fewer may be chance.
const SLOW_ANSWERS: u32 = 3;
/// Consecutive quick probes that make it quick again.
const QUICK_PROBES: u32 = 3;

/// How fast one server answers searches.
pub(super) struct Latency {
    server: String,
    /// An answer that takes longer is slow.
    limit: Duration,
    state: Mutex<State>,
    became_slow: Notify,
}

#[derive(Default)]
struct State {
    slow: bool,
    /// Consecutive answers that contradict `slow`.
    against: u32,
}

impl Latency {
    /// For a server whose answers may take at most `timeout`; a quarter of that is slow.
    pub(super) fn new(server: String, timeout: Duration) -> Self {
        Self { server, limit: timeout / 4, state: Mutex::default(), became_slow: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_slow(&self) -> bool {
        self.state().slow
    }

    /// Waits until the server becomes slow; returns at once if it did since the last wait.
    pub(super) async fn became_slow(&self) {
        self.became_slow.notified().await;
    }

    /// For operators; empty if there is nothing to report.
    pub(super) fn detail(&self) -> String {
        if self.is_slow() { self.slowness() } else { String::new() }
    }

    fn slowness(&self) -> String {
        format!("answers take longer than {:?}; other servers are asked first", self.limit)
    }

    /// Records an answer to a search. A slow server's answers do not make it quick: there are few
    /// of them, which may be why they are quick.
    pub(super) fn answered(&self, took: Duration) {
        let mut state = self.state();
        if state.slow {
            return;
        }
        state.against = if took > self.limit { state.against + 1 } else { 0 };
        if state.against >= SLOW_ANSWERS {
            *state = State { slow: true, against: 0 };
            self.became_slow.notify_one();
            warn!(server = self.server, reason = self.slowness(), "directory server is slow");
        }
    }

    /// Records an answer to a probe.
    pub(super) fn probed(&self, took: Duration) {
        let mut state = self.state();
        if !state.slow {
            return;
        }
        state.against = if took > self.limit { 0 } else { state.against + 1 };
        if state.against >= QUICK_PROBES {
            *state = State::default();
            info!(server = self.server, "directory server is quick again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn slow_answers_in_a_row_make_a_server_slow_and_quick_probes_quick() {
        let latency = Latency::new("ldap://one".to_owned(), 4 * SECOND);
        for took in [2 * SECOND, 2 * SECOND, SECOND, 2 * SECOND, 2 * SECOND] {
            latency.answered(took);
        }
        assert!(!latency.is_slow() && latency.detail().is_empty(), "not in a row");
        latency.answered(2 * SECOND);
        assert!(latency.is_slow() && latency.detail().contains("1s"));
        for took in [SECOND / 2, SECOND / 2, 3 * SECOND, SECOND / 2, SECOND / 2] {
            latency.probed(took);
            latency.answered(SECOND / 2);
        }
        assert!(latency.is_slow(), "not in a row");
        latency.probed(SECOND / 2);
        assert!(!latency.is_slow());
    }
}
