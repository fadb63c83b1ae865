//! Whether one server is up. A failure marks it down and a successful probe marks it up; each
//! change is logged once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use tracing::{error, info, warn};

use crate::directory::{DependencyState, NOT_ASKED};

/// What is wrong with a server, for operators: never a password, a number or a typed name.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub reason: String,
    /// Whether it persists until a setting is changed, here or on the server.
    pub needs_operator: bool,
}

impl Trouble {
    pub(super) fn passing(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), needs_operator: false }
    }

    pub(super) fn lasting(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), needs_operator: true }
    }
}

/// Generation counter, incremented on every outage and recovery. A failure from an earlier
/// generation is stale and says nothing about the server now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Epoch(u64);

enum Phase {
    Untried,
    Up,
    Down(Trouble),
}

struct State {
    phase: Phase,
    epoch: watch::Sender<u64>,
}

impl State {
    fn now(&self) -> Epoch {
        Epoch(*self.epoch.borrow())
    }
}

/// One server's state.
pub(super) struct Breaker {
    name: String,
    state: Mutex<State>,
    went_down: Notify,
}

impl Breaker {
    /// A breaker for the server `name`, which has not been tried yet.
    pub(super) fn new(name: String) -> Self {
        let state = Mutex::new(State { phase: Phase::Untried, epoch: watch::Sender::new(0) });
        Self { name, state, went_down: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Permission to use the server, unless it is down.
    pub(super) fn admit(&self) -> Option<Epoch> {
        let state = self.state();
        (!matches!(state.phase, Phase::Down(_))).then(|| state.now())
    }

    /// The current generation, for a probe.
    pub(super) fn epoch(&self) -> Epoch {
        self.state().now()
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.state().phase, Phase::Up)
    }

    pub(super) fn is_down(&self) -> bool {
        matches!(self.state().phase, Phase::Down(_))
    }

    /// Waits until the server goes down; returns at once if it did since the last wait.
    pub(super) async fn went_down(&self) {
        self.went_down.notified().await;
    }

    /// Waits until the generation after `begun`; forever if there is none. A request waiting for
    /// this server's answer need not wait out a deadline that another request has already waited
    /// out.
    pub(super) async fn fell(&self, begun: Epoch) {
        let mut epoch = self.state().epoch.subscribe();
        // The sender lives as long as this.
        let _ = epoch.wait_for(|epoch| Epoch(*epoch) != begun).await;
    }

    /// Marks the server down because something begun at `begun` failed.
    pub(super) fn failed(&self, begun: Epoch, trouble: Trouble) {
        let mut state = self.state();
        if state.now() != begun {
            return;
        }
        let known = match &state.phase {
            Phase::Down(old) => old.needs_operator || !trouble.needs_operator,
            Phase::Untried | Phase::Up => {
                state.epoch.send_modify(|epoch| *epoch += 1);
                self.went_down.notify_one();
                false
            }
        };
        if !known && trouble.needs_operator {
            error!(server = self.name, reason = trouble.reason, "directory server cannot be used");
        } else if !known {
            warn!(server = self.name, reason = trouble.reason, "directory server is down");
        }
        state.phase = Phase::Down(trouble);
    }

    /// Marks the server up, if a probe begun at `begun` succeeded and nothing has changed since.
    pub(super) fn recovered(&self, begun: Epoch) {
        let mut state = self.state();
        if state.now() != begun || matches!(state.phase, Phase::Up) {
            return;
        }
        info!(server = self.name, "directory server is up");
        // What began before the first probe's answer still counts.
        if matches!(state.phase, Phase::Down(_)) {
            state.epoch.send_modify(|epoch| *epoch += 1);
        }
        state.phase = Phase::Up;
    }

    /// The state for operators.
    pub(super) fn dependency_state(&self) -> DependencyState {
        let (up, detail) = match &self.state().phase {
            Phase::Untried => (false, NOT_ASKED.to_owned()),
            Phase::Up => (true, String::new()),
            Phase::Down(trouble) => (false, trouble.reason.clone()),
        };
        DependencyState { name: self.name.clone(), up, detail, is_aid: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_the_past_does_not_mark_a_recovered_server_down() {
        let breaker = Breaker::new("ldap://one".to_owned());
        let begun = breaker.admit().unwrap();
        breaker.failed(begun, Trouble::passing("no answer"));
        assert!(breaker.admit().is_none());
        assert_eq!(breaker.dependency_state().detail, "no answer");
        breaker.recovered(breaker.epoch());
        breaker.failed(begun, Trouble::passing("no answer"));
        assert!(breaker.is_up() && breaker.admit().is_some());
    }

    #[test]
    fn a_probe_that_was_overtaken_by_a_failure_does_not_mark_the_server_up() {
        let breaker = Breaker::new("ldap://one".to_owned());
        let begun = breaker.epoch();
        breaker.failed(begun, Trouble::passing("refused"));
        breaker.recovered(begun);
        assert!(breaker.is_down());
    }

    #[test]
    fn a_failure_begun_before_the_first_probe_was_answered_counts() {
        let breaker = Breaker::new("ldap://one".to_owned());
        let begun = breaker.admit().unwrap();
        breaker.recovered(breaker.epoch());
        breaker.failed(begun, Trouble::passing("no answer"));
        assert!(breaker.is_down());
    }

    #[tokio::test]
    async fn whoever_waits_for_a_server_learns_that_it_fell() {
        let breaker = std::sync::Arc::new(Breaker::new("ldap://one".to_owned()));
        let begun = breaker.admit().unwrap();
        let waiting = tokio::spawn({
            let breaker = std::sync::Arc::clone(&breaker);
            async move { breaker.fell(begun).await }
        });
        breaker.recovered(begun);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "a first answer is no fall");
        breaker.failed(begun, Trouble::passing("no answer"));
        waiting.await.unwrap();
        breaker.fell(begun).await;
    }

    #[test]
    fn a_server_nobody_has_asked_is_not_up_but_may_be_asked() {
        let breaker = Breaker::new("ldap://one".to_owned());
        assert!(breaker.admit().is_some());
        assert!(!breaker.dependency_state().up);
    }
}
