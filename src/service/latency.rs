//! How long logins lately took, so that a refusal that asked the directory for less takes as long.
//!
//! The slowest of the last minute or two counts, and beyond that what was usual whenever logins last
//! came: at a quiet site the first refusal of a day must not tell by its haste that no password was
//! checked.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long the slowest login of a span is remembered, at least; at most twice that.
const SPAN: Duration = Duration::from_mins(1);

/// How many logins say what is usual.
const USUAL_OF: usize = 64;

/// How far a login came at the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The account was found, and looked at with its groups.
    Account,
    /// Its password was checked too.
    Password,
    /// There was no answer to one of these: it took what silence takes, which is not usual.
    Unanswered,
}

/// How long the logins of one tenant took.
#[derive(Debug)]
pub struct Latency(Mutex<Memory>);

#[derive(Debug)]
struct Memory {
    since: Instant,
    slowest: Duration,
    slowest_before: Duration,
    account: Latest,
    password: Latest,
}

impl Default for Latency {
    fn default() -> Self {
        Self(Mutex::new(Memory {
            since: Instant::now(),
            slowest: Duration::ZERO,
            slowest_before: Duration::ZERO,
            account: Latest::default(),
            password: Latest::default(),
        }))
    }
}

impl Latency {
    /// Notes a login.
    pub(super) fn note(&self, stage: Stage, took: Duration, at: Instant) {
        self.with(at, |memory| {
            memory.slowest = memory.slowest.max(took);
            match stage {
                Stage::Account => memory.account.push(took),
                Stage::Password => memory.password.push(took),
                Stage::Unanswered => {}
            }
        });
    }

    /// How long a login takes, by the slowest of the last minute or two and by what is usual.
    /// `expected` is what a password check takes as far as the directory knows by itself, which
    /// counts until one was made.
    pub(super) fn lately(&self, at: Instant, expected: Duration) -> Duration {
        self.with(at, |memory| {
            let password = memory.password.usual().unwrap_or(expected);
            let usual = password.max(memory.account.usual().unwrap_or_default());
            // The usual is not the maximum: add some.
            memory.slowest.max(memory.slowest_before).max(usual + usual / 4)
        })
    }

    fn with<T>(&self, at: Instant, read: impl FnOnce(&mut Memory) -> T) -> T {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let age = at.saturating_duration_since(memory.since);
        if age >= SPAN {
            let before = if age >= SPAN * 2 { Duration::ZERO } else { memory.slowest };
            memory.slowest_before = before;
            memory.slowest = Duration::ZERO;
            memory.since = at;
        }
        read(&mut memory)
    }
}

/// The latest few times, however long ago they were.
#[derive(Debug, Default)]
struct Latest(VecDeque<Duration>);

impl Latest {
    fn push(&mut self, took: Duration) {
        if self.0.len() == USUAL_OF {
            self.0.pop_front();
        }
        self.0.push_back(took);
    }

    /// What nine in ten did not exceed: a few that hung do not hold up everybody for long.
    fn usual(&self) -> Option<Duration> {
        let mut sorted: Vec<Duration> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len().saturating_sub(1) * 9 / 10).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Duration = Duration::ZERO;

    #[test]
    fn the_slowest_login_is_remembered_for_a_minute_or_two() {
        let (latency, start) = (Latency::default(), Instant::now());
        let (ms, after) = (Duration::from_millis, |secs| start + Duration::from_secs(secs));
        assert_eq!(latency.lately(start, NONE), NONE);
        for _ in 0..USUAL_OF {
            latency.note(Stage::Password, ms(40), after(1));
        }
        latency.note(Stage::Password, ms(700), after(1));
        latency.note(Stage::Password, ms(200), after(2));
        assert_eq!(latency.lately(after(3), NONE), ms(700));
        assert_eq!(latency.lately(after(61), NONE), ms(700), "still that of the span before");
        assert_eq!(latency.lately(after(122), NONE), ms(50), "the usual, and a quarter more");
    }

    #[test]
    fn what_is_usual_is_never_forgotten_and_known_before_the_first_login() {
        let (latency, start) = (Latency::default(), Instant::now());
        let (ms, after) = (Duration::from_millis, |secs| start + Duration::from_secs(secs));
        assert_eq!(latency.lately(start, ms(800)), ms(1000), "as the directory expects");
        latency.note(Stage::Account, ms(400), after(1));
        latency.note(Stage::Password, ms(200), after(1));
        for _ in 0..USUAL_OF {
            latency.note(Stage::Unanswered, ms(4000), after(1));
        }
        assert_eq!(latency.lately(after(2), ms(800)), ms(4000));
        let tomorrow = after(86_400);
        assert_eq!(latency.lately(tomorrow, ms(800)), ms(500), "by what was seen, not expected");
        // Quick refusals of known users do not make password checks seem quick.
        for _ in 0..USUAL_OF {
            latency.note(Stage::Account, ms(4), tomorrow);
        }
        assert_eq!(latency.lately(after(2 * 86_400), NONE), ms(250));
    }
}
