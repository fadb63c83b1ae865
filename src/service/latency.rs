//! How long recent logins took, so that a refusal that needed less of the directory takes as long.
//!
//! The slowest login of the last minute or two counts, and the usual duration of the last logins
//! however old they are: at a quiet site, the first refusal of the day must not reveal by its speed
//! that no password was checked.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long the slowest login is remembered: at least this long, at most twice.
const SPAN: Duration = Duration::from_mins(1);

/// Number of logins from which the usual duration is taken.
const SAMPLE_SIZE: usize = 64;

/// How far a login got with the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The account was found, and its state and groups were checked.
    Account,
    /// The password was checked too.
    Password,
    /// The directory or the store did not answer, so the duration is a timeout, not a usual one.
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
    account: RecentDurations,
    password: RecentDurations,
}

impl Default for Latency {
    fn default() -> Self {
        Self(Mutex::new(Memory {
            since: Instant::now(),
            slowest: Duration::ZERO,
            slowest_before: Duration::ZERO,
            account: RecentDurations::default(),
            password: RecentDurations::default(),
        }))
    }
}

impl Latency {
    /// Records a login.
    pub(super) fn record(&self, stage: Stage, took: Duration, at: Instant) {
        self.with(at, |memory| {
            memory.slowest = memory.slowest.max(took);
            match stage {
                Stage::Account => memory.account.push(took),
                Stage::Password => memory.password.push(took),
                Stage::Unanswered => {}
            }
        });
    }

    /// How long a login takes, from the slowest of the last minute or two and the usual duration.
    /// `expected` is the directory's own estimate of a password check. It counts until many were
    /// made: if it ended with the first, that one's refusal would go out sooner than those before
    /// it, and so reveal that a password was checked.
    pub(super) fn recent(&self, at: Instant, expected: Duration) -> Duration {
        self.with(at, |memory| {
            let expected = if memory.password.is_full() { Duration::ZERO } else { expected };
            let password = memory.password.usual().unwrap_or_default().max(expected);
            let usual = password.max(memory.account.usual().unwrap_or_default());
            // The usual duration is not the maximum, so add a margin.
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

/// The durations of the last few logins, however long ago they were.
#[derive(Debug, Default)]
struct RecentDurations(VecDeque<Duration>);

impl RecentDurations {
    fn push(&mut self, took: Duration) {
        if self.0.len() == SAMPLE_SIZE {
            self.0.pop_front();
        }
        self.0.push_back(took);
    }

    /// Whether enough logins were seen to say what is usual.
    fn is_full(&self) -> bool {
        self.0.len() == SAMPLE_SIZE
    }

    /// The 90th percentile, so that a few logins that hung do not delay everyone for long.
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
        assert_eq!(latency.recent(start, NONE), NONE);
        for _ in 0..SAMPLE_SIZE {
            latency.record(Stage::Password, ms(40), after(1));
        }
        latency.record(Stage::Password, ms(700), after(1));
        latency.record(Stage::Password, ms(200), after(2));
        assert_eq!(latency.recent(after(3), NONE), ms(700));
        assert_eq!(latency.recent(after(61), NONE), ms(700), "still that of the span before");
        assert_eq!(latency.recent(after(122), NONE), ms(50), "the usual, and a quarter more");
    }

    #[test]
    fn what_is_usual_is_never_forgotten_and_known_before_the_first_login() {
        let (latency, start) = (Latency::default(), Instant::now());
        let (ms, after) = (Duration::from_millis, |secs| start + Duration::from_secs(secs));
        assert_eq!(latency.recent(start, ms(800)), ms(1000), "as the directory expects");
        latency.record(Stage::Account, ms(400), after(1));
        latency.record(Stage::Password, ms(200), after(1));
        for _ in 0..SAMPLE_SIZE {
            latency.record(Stage::Unanswered, ms(4000), after(1));
        }
        assert_eq!(latency.recent(after(2), ms(800)), ms(4000));
        let tomorrow = after(86_400);
        assert_eq!(latency.recent(tomorrow, NONE), ms(500), "never forgotten");
        assert_eq!(latency.recent(tomorrow, ms(800)), ms(1000), "one check is not what is usual");
        for _ in 0..SAMPLE_SIZE {
            latency.record(Stage::Password, ms(200), tomorrow);
        }
        let next_day = after(2 * 86_400);
        assert_eq!(latency.recent(next_day, ms(800)), ms(500), "by what was seen, not expected");
        // Quick refusals of known users do not make password checks seem quick.
        for _ in 0..SAMPLE_SIZE {
            latency.record(Stage::Account, ms(4), next_day);
        }
        assert_eq!(latency.recent(after(3 * 86_400), NONE), ms(250));
    }
}
