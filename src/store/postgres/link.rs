//! Whether the database is up. A failure marks it down and a successful test write marks it up.
//! Each change is logged once, and while it is down no request waits for it.

use tokio::sync::watch;
use tracing::{error, info, warn};

use super::session::ConnectError;

/// Generation counter, incremented on every outage and recovery. A failure from an earlier
/// generation is stale and must not mark the database down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Epoch(u64);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Up,
    Down { reason: String, needs_operator: bool },
}

struct State {
    phase: Phase,
    epoch: u64,
    /// Whether the lack of sessions was logged since the last change.
    short: bool,
}

/// The database's state as this node knows it.
pub(super) struct Link(watch::Sender<State>);

impl Link {
    /// A database that has not been tried yet.
    pub(super) fn untried() -> Self {
        let phase = Phase::Down { reason: "not asked yet".to_owned(), needs_operator: false };
        Self(watch::Sender::new(State { phase, epoch: 0, short: false }))
    }

    /// Permission to use it, unless it is down.
    pub(super) fn admit(&self) -> Option<Epoch> {
        let state = self.0.borrow();
        (state.phase == Phase::Up).then_some(Epoch(state.epoch))
    }

    /// Why it is down; empty if it is up.
    pub(super) fn trouble(&self) -> String {
        match &self.0.borrow().phase {
            Phase::Up => String::new(),
            Phase::Down { reason, .. } => reason.clone(),
        }
    }

    /// Waits until it is down; returns at once if it is.
    pub(super) async fn down(&self) {
        // The sender lives as long as this.
        let _ = self.0.subscribe().wait_for(|state| state.phase != Phase::Up).await;
    }

    /// Waits until the generation after `begun`. A step waiting for a connection need not wait out
    /// a deadline that another step has already waited out.
    pub(super) async fn fell(&self, begun: Epoch) {
        let _ = self.0.subscribe().wait_for(|state| Epoch(state.epoch) != begun).await;
    }

    /// Marks it down because something begun at `begun` failed.
    pub(super) fn failed(&self, begun: Epoch, reason: &str) {
        self.0.send_if_modified(|state| {
            if state.phase != Phase::Up || Epoch(state.epoch) != begun {
                return false;
            }
            warn!(
                reason,
                "the store's database is down; until it works again, every request that needs it \
                 is refused"
            );
            state.phase = Phase::Down { reason: reason.to_owned(), needs_operator: false };
            state.epoch += 1;
            state.short = false;
            true
        });
    }

    /// Logs once, while it is up, that it accepts no more sessions.
    pub(super) fn short_of_sessions(&self, begun: Epoch, reason: impl FnOnce() -> String) {
        self.0.send_if_modified(|state| {
            if state.phase == Phase::Up && Epoch(state.epoch) == begun && !state.short {
                warn!(
                    reason = reason(),
                    "the store's database gives this node no more sessions; requests share those \
                     that there are"
                );
                state.short = true;
            }
            false
        });
    }

    /// Records why a probe failed while it is down.
    pub(super) fn still_down(&self, trouble: &ConnectError) {
        self.0.send_if_modified(|state| {
            let Phase::Down { reason, needs_operator } = &mut state.phase else { return false };
            if trouble.needs_operator && !*needs_operator {
                error!(reason = %trouble, "the store's database cannot be used");
            }
            *needs_operator |= trouble.needs_operator;
            *reason = trouble.to_string();
            false
        });
    }

    /// Marks it up, after a probe has written to it.
    pub(super) fn recovered(&self, server: &str) {
        self.0.send_if_modified(|state| {
            if state.phase == Phase::Up {
                return false;
            }
            info!(server, "the store's database is up");
            state.phase = Phase::Up;
            state.epoch += 1;
            state.short = false;
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_asks_a_database_before_a_probe_has_written_to_it() {
        let link = Link::untried();
        assert_eq!(link.admit(), None);
        link.recovered("db1");
        assert!(link.admit().is_some());
    }

    #[tokio::test]
    async fn a_failure_of_the_past_does_not_mark_a_recovered_database_down() {
        let link = Link::untried();
        link.recovered("db1");
        let begun = link.admit().unwrap();
        link.failed(begun, "no answer");
        assert_eq!(link.admit(), None);
        link.fell(begun).await;
        link.down().await;
        link.recovered("db1");
        link.failed(begun, "no answer");
        assert!(link.admit().is_some());
    }
}
