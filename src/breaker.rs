//! Whether a server is up: a circuit breaker for directories and databases. A failure marks the
//! server down and a successful probe marks it up. Each change is logged once, and while the server
//! is down no request waits for it.

use tokio::sync::{Notify, watch};
use tracing::{error, info, warn};

/// Why a server is down, for operators: never a password, a phone number or a typed name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownReason {
    /// The reason, in words.
    pub reason: String,
    /// Whether it persists until a setting is changed, here or on the server.
    pub needs_operator: bool,
}

impl DownReason {
    /// A reason that may pass by itself.
    pub fn transient(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), needs_operator: false }
    }

    /// A reason that persists until an operator changes something.
    pub fn persistent(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), needs_operator: true }
    }
}

/// Generation counter, incremented on every outage and recovery. A failure from an earlier
/// generation is stale and says nothing about the server now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(u64);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Untried,
    Up,
    Down(DownReason),
}

struct State {
    phase: Phase,
    epoch: Epoch,
    /// Whether [`Breaker::note_once`] has noted something since the last change.
    noted: bool,
}

impl State {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch = Epoch(self.epoch.0 + 1);
        self.noted = false;
    }
}

/// What a breaker protects, and what it logs.
#[derive(Debug, Clone)]
pub struct BreakerSettings {
    /// The server's name; `None` if the reasons name it.
    pub name: Option<String>,
    /// Logged when it goes down.
    pub down: &'static str,
    /// Logged when it needs an operator.
    pub unusable: &'static str,
    /// Logged when it comes up.
    pub up: &'static str,
    /// Whether requests may use it before the first probe has succeeded.
    pub may_be_used_untried: bool,
}

/// One server's state.
pub struct Breaker {
    settings: BreakerSettings,
    state: watch::Sender<State>,
    went_down: Notify,
}

impl Breaker {
    /// A breaker for a server that has not been tried.
    #[must_use]
    pub fn new(settings: BreakerSettings) -> Self {
        let state = State { phase: Phase::Untried, epoch: Epoch(0), noted: false };
        Self { settings, state: watch::Sender::new(state), went_down: Notify::new() }
    }

    /// Permission to use the server, unless it is down.
    #[must_use]
    pub fn admit(&self) -> Option<Epoch> {
        let state = self.state.borrow();
        let is_usable = match state.phase {
            Phase::Untried => self.settings.may_be_used_untried,
            Phase::Up => true,
            Phase::Down(_) => false,
        };
        is_usable.then_some(state.epoch)
    }

    /// The current generation, for a probe.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.state.borrow().epoch
    }

    /// Whether the last probe succeeded and nothing has failed since.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.state.borrow().phase == Phase::Up
    }

    /// Whether it is known to be down.
    #[must_use]
    pub fn is_down(&self) -> bool {
        matches!(self.state.borrow().phase, Phase::Down(_))
    }

    /// Why it is down; `None` if it is up or untried.
    #[must_use]
    pub fn down_reason(&self) -> Option<DownReason> {
        match &self.state.borrow().phase {
            Phase::Untried | Phase::Up => None,
            Phase::Down(reason) => Some(reason.clone()),
        }
    }

    /// Waits until the server goes down; returns at once if it did since the last wait.
    pub async fn went_down(&self) {
        self.went_down.notified().await;
    }

    /// Waits until the server is not up; returns at once if it is not.
    pub async fn not_up(&self) {
        // The sender lives as long as this.
        let _ = self.state.subscribe().wait_for(|state| state.phase != Phase::Up).await;
    }

    /// Waits until the server's state changes from that of the generation `epoch`. A request that
    /// waits for this server can give up here as soon as another request has timed out.
    pub async fn changed(&self, epoch: Epoch) {
        let _ = self.state.subscribe().wait_for(|state| state.epoch != epoch).await;
    }

    /// Marks the server down because something that began in `epoch` failed.
    pub fn failed(&self, epoch: Epoch, down: DownReason) {
        let server = self.settings.name.as_deref();
        self.state.send_if_modified(|state| {
            if state.epoch != epoch {
                return false;
            }
            let reason = &down.reason;
            if let Phase::Down(old) = &mut state.phase {
                if down.needs_operator && !old.needs_operator {
                    error!(server, reason, "{}", self.settings.unusable);
                }
                let needs_operator = old.needs_operator || down.needs_operator;
                *old = DownReason { needs_operator, ..down };
                return false;
            }
            if down.needs_operator {
                error!(server, reason, "{}", self.settings.unusable);
            } else {
                warn!(server, reason, "{}", self.settings.down);
            }
            state.enter(Phase::Down(down));
            self.went_down.notify_one();
            true
        });
    }

    /// Marks the server up, if a probe that began in `epoch` succeeded and nothing has changed since.
    /// `server` is named in the log if the breaker has no name.
    pub fn recovered(&self, epoch: Epoch, server: &str) {
        self.state.send_if_modified(|state| {
            if state.epoch != epoch || state.phase == Phase::Up {
                return false;
            }
            info!(server = self.settings.name.as_deref().unwrap_or(server), "{}", self.settings.up);
            if self.settings.may_be_used_untried && state.phase == Phase::Untried {
                // What began before the first probe's answer still counts.
                state.phase = Phase::Up;
            } else {
                state.enter(Phase::Up);
            }
            true
        });
    }

    /// Calls `note` once, while the server is up, until its next change.
    pub fn note_once(&self, epoch: Epoch, note: impl FnOnce()) {
        self.state.send_if_modified(|state| {
            if state.phase == Phase::Up && state.epoch == epoch && !state.noted {
                note();
                state.noted = true;
            }
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker(may_be_used_untried: bool) -> Breaker {
        Breaker::new(BreakerSettings {
            name: Some("ldap://one".to_owned()),
            down: "down",
            unusable: "cannot be used",
            up: "up",
            may_be_used_untried,
        })
    }

    #[test]
    fn a_failure_of_the_past_does_not_mark_a_recovered_server_down() {
        let breaker = breaker(true);
        let epoch = breaker.admit().unwrap();
        breaker.failed(epoch, DownReason::transient("no answer"));
        assert!(breaker.admit().is_none());
        assert_eq!(breaker.down_reason(), Some(DownReason::transient("no answer")));
        breaker.recovered(breaker.epoch(), "");
        breaker.failed(epoch, DownReason::transient("no answer"));
        assert!(breaker.is_up() && breaker.admit().is_some());
    }

    #[test]
    fn a_probe_that_was_overtaken_by_a_failure_does_not_mark_the_server_up() {
        let breaker = breaker(true);
        let epoch = breaker.epoch();
        breaker.failed(epoch, DownReason::transient("refused"));
        breaker.recovered(epoch, "");
        assert!(breaker.is_down());
    }

    #[test]
    fn a_failure_begun_before_the_first_probe_was_answered_counts() {
        let breaker = breaker(true);
        let epoch = breaker.admit().unwrap();
        breaker.recovered(breaker.epoch(), "");
        breaker.failed(epoch, DownReason::transient("no answer"));
        assert!(breaker.is_down());
    }

    #[test]
    fn a_reason_that_needs_an_operator_stays_so_until_the_server_is_up() {
        let breaker = breaker(true);
        breaker.failed(breaker.epoch(), DownReason::persistent("wrong password"));
        breaker.failed(breaker.epoch(), DownReason::transient("no answer"));
        assert_eq!(breaker.down_reason(), Some(DownReason::persistent("no answer")));
    }

    #[tokio::test]
    async fn a_request_that_waits_for_a_server_learns_that_it_went_down() {
        let breaker = std::sync::Arc::new(breaker(true));
        let epoch = breaker.admit().unwrap();
        let waiting = tokio::spawn({
            let breaker = std::sync::Arc::clone(&breaker);
            async move { breaker.changed(epoch).await }
        });
        breaker.recovered(epoch, "");
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "the first answer is not a change");
        breaker.failed(epoch, DownReason::transient("no answer"));
        waiting.await.unwrap();
        breaker.changed(epoch).await;
        breaker.went_down().await;
        breaker.not_up().await;
    }

    #[test]
    fn an_untried_server_is_not_up_and_is_used_only_if_the_settings_allow_it() {
        assert!(breaker(true).admit().is_some() && !breaker(true).is_up());
        assert!(breaker(false).admit().is_none());
        let breaker = breaker(false);
        breaker.recovered(breaker.epoch(), "");
        assert!(breaker.admit().is_some());
    }

    #[test]
    fn a_note_is_made_once_until_the_next_change() {
        let breaker = breaker(false);
        let mut notes = 0;
        breaker.recovered(breaker.epoch(), "");
        for _ in 0..2 {
            breaker.note_once(breaker.epoch(), || notes += 1);
        }
        assert_eq!(notes, 1);
        breaker.failed(breaker.epoch(), DownReason::transient("no answer"));
        breaker.recovered(breaker.epoch(), "");
        breaker.note_once(breaker.epoch(), || notes += 1);
        assert_eq!(notes, 2);
    }
}
