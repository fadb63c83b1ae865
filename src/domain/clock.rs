//! Time as a parameter: everything that decides by time asks a [`Clock`], so that tests can set it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point in time, in whole milliseconds since the Unix epoch (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This time moved forward by `duration`; saturates.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// Whether it is later than `now` by more than the clocks of several machines may differ: it
    /// was written by a clock that was ahead and has since been set back.
    #[must_use]
    pub fn is_in_the_future(self, now: Self) -> bool {
        self > now.plus(SKEW)
    }

    /// How long after `earlier` this is; zero if it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// How far the clocks of machines that share a database may differ.
pub const SKEW: Duration = Duration::from_secs(30);

/// A duration in whole milliseconds; saturates.
#[must_use]
pub fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A source of the time of day.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp(millis(since_epoch))
    }
}

/// A clock that follows another forwards but never goes back: if the other is set back, time
/// continues from where it was, so that nothing lives or counts longer. It covers one process; for
/// data from an earlier one use [`Timestamp::is_in_the_future`].
pub struct SteadyClock {
    clock: Arc<dyn Clock>,
    began: Instant,
    /// The other clock's time at `began`, in milliseconds, according to its furthest lead so far.
    at_begin: AtomicI64,
}

impl SteadyClock {
    /// A clock that follows `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let at_begin = AtomicI64::new(clock.now().0);
        Self { clock, began: Instant::now(), at_begin }
    }

    /// How far the other clock has been set back.
    #[must_use]
    pub fn ahead(&self) -> Duration {
        self.now().since(self.clock.now())
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        let passed = millis(self.began.elapsed());
        let at_begin = self.clock.now().0.saturating_sub(passed);
        let latest = self.at_begin.fetch_max(at_begin, Ordering::Relaxed).max(at_begin);
        Timestamp(latest.saturating_add(passed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Hands(AtomicI64);

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::SeqCst))
        }
    }

    #[test]
    fn time_follows_a_clock_forward_and_goes_on_where_that_is_set_back() {
        let hour = 3_600_000;
        let hands = Arc::new(Hands(AtomicI64::new(10 * hour)));
        let clock = SteadyClock::new(Arc::<Hands>::clone(&hands));
        // The test's own duration adds to the time.
        let shows = |hours: i64| {
            let now = clock.now().as_millis();
            assert!((hours * hour..hours * hour + 60_000).contains(&now), "{now}");
        };
        shows(10);
        hands.0.store(11 * hour, Ordering::SeqCst);
        shows(11);
        assert!(clock.ahead() < Duration::from_mins(1));
        hands.0.store(9 * hour, Ordering::SeqCst);
        let before = clock.now();
        shows(11);
        assert!(clock.now() >= before);
        assert!(clock.ahead() >= Duration::from_hours(2) - Duration::from_secs(1));
        hands.0.store(12 * hour, Ordering::SeqCst);
        shows(12);
    }

    #[test]
    fn the_clocks_of_several_machines_may_differ_a_little() {
        let now = Timestamp::from_millis(1_000_000);
        assert!(!now.plus(SKEW).is_in_the_future(now));
        assert!(now.plus(SKEW + Duration::from_millis(1)).is_in_the_future(now));
        assert!(!Timestamp::from_millis(0).is_in_the_future(now));
    }
}
