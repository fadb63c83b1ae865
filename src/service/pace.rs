//! How long logins with a bind have lately taken, so that refusals without one take as long.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long the slowest login of a span is remembered, at least; at most twice that.
const SPAN: Duration = Duration::from_mins(1);

/// The longest that logins with a bind took.
#[derive(Debug)]
pub struct Pace(Mutex<Slowest>);

#[derive(Debug)]
struct Slowest {
    since: Instant,
    now: Duration,
    before: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let (now, before) = (Duration::ZERO, Duration::ZERO);
        Self(Mutex::new(Slowest { since: Instant::now(), now, before }))
    }
}

impl Pace {
    /// Notes a login with a bind.
    pub(super) fn note(&self, took: Duration, at: Instant) {
        self.with(at, |slowest| slowest.now = slowest.now.max(took));
    }

    /// The longest of the last minute or two.
    pub(super) fn lately(&self, at: Instant) -> Duration {
        self.with(at, |slowest| slowest.now.max(slowest.before))
    }

    fn with<T>(&self, at: Instant, read: impl FnOnce(&mut Slowest) -> T) -> T {
        let mut slowest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let age = at.saturating_duration_since(slowest.since);
        if age >= SPAN {
            slowest.before = if age >= SPAN * 2 { Duration::ZERO } else { slowest.now };
            slowest.now = Duration::ZERO;
            slowest.since = at;
        }
        read(&mut slowest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_login_is_remembered_for_a_minute_or_two() {
        let (pace, start) = (Pace::default(), Instant::now());
        let (ms, after) = (Duration::from_millis, |secs| start + Duration::from_secs(secs));
        assert_eq!(pace.lately(start), Duration::ZERO);
        pace.note(ms(700), after(1));
        pace.note(ms(200), after(2));
        assert_eq!(pace.lately(after(3)), ms(700));
        assert_eq!(pace.lately(after(61)), ms(700), "still that of the span before");
        assert_eq!(pace.lately(after(122)), Duration::ZERO);
        pace.note(ms(300), after(123));
        assert_eq!(pace.lately(after(400)), Duration::ZERO);
    }
}
