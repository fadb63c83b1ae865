//! Flood limits of one node: per client, per address, per caller. They protect the node; policy is
//! enforced by the store's quotas.

use std::hash::Hash;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota as Rate, RateLimiter};
use lru::LruCache;

use crate::domain::policy::Quota;

/// A keyed limit (GCRA: `burst` at once, refilled evenly over `per`) for a bounded number of keys:
/// the least recently used key is forgotten first.
pub struct FloodLimit<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, CappedStore<K>, DefaultClock>,
    states: CappedStore<K>,
    clock: DefaultClock,
    settings: (Quota, NonZeroUsize),
}

impl<K: Hash + Eq + Clone> FloodLimit<K> {
    /// A limit of `quota` for each of the `keys` latest keys.
    ///
    /// # Panics
    /// Never: the period is made longer than zero.
    #[must_use]
    pub fn new(quota: Quota, keys: NonZeroUsize) -> Self {
        let burst = NonZeroU32::new(quota.burst).unwrap_or(NonZeroU32::MIN);
        let one = (quota.per / burst.get()).max(Duration::from_nanos(1));
        let rate = Rate::with_period(one).expect("a span above zero").allow_burst(burst);
        let clock = DefaultClock::default();
        let states = CappedStore(Arc::new(Mutex::new(LruCache::new(keys))));
        let limiter = RateLimiter::new(rate, states.clone(), clock.clone());
        Self { limiter, states, clock, settings: (quota, keys) }
    }

    /// Keeps the limit `before` with its counts if it has the same `quota` and `keys`; otherwise
    /// returns a new one.
    #[must_use]
    pub fn reuse_or_new(before: Option<&Arc<Self>>, quota: Quota, keys: NonZeroUsize) -> Arc<Self> {
        match before {
            Some(before) if before.settings == (quota, keys) => Arc::clone(before),
            _ => Arc::new(Self::new(quota, keys)),
        }
    }

    /// Admits one event of `key`.
    ///
    /// # Errors
    /// How long until the next event is admitted.
    pub fn admit(&self, key: &K) -> Result<(), Duration> {
        self.limiter.check_key(key).map_err(|until| until.wait_time_from(self.clock.now()))
    }

    /// Number of keys remembered.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.states.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// governor's own keyed stores grow until they are cleared; this one never exceeds its cap.
#[derive(Clone)]
struct CappedStore<K: Hash + Eq>(Arc<Mutex<LruCache<K, Nanos>>>);

impl<K: Hash + Eq + Clone> StateStore for CappedStore<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = states.get_mut(key) {
            let (answer, next) = decide(Some(*state))?;
            *state = next;
            return Ok(answer);
        }
        let (answer, next) = decide(None)?;
        states.put(key.clone(), next);
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(burst: u32, keys: usize) -> FloodLimit<u32> {
        let quota = Quota { burst, per: Duration::from_hours(1) };
        FloodLimit::new(quota, NonZeroUsize::new(keys).expect("not zero"))
    }

    #[test]
    fn each_key_has_a_burst_of_its_own() {
        let limit = limit(3, 10);
        assert!((0..3).all(|_| limit.admit(&1).is_ok()));
        let wait = limit.admit(&1).expect_err("the burst is used");
        assert!(wait > Duration::from_mins(1) && wait <= Duration::from_mins(20), "{wait:?}");
        assert!(limit.admit(&2).is_ok());
    }

    #[test]
    fn counts_go_on_where_the_limit_is_the_same() {
        let quota = |burst| Quota { burst, per: Duration::from_hours(1) };
        let keys = |keys| NonZeroUsize::new(keys).expect("not zero");
        let first = FloodLimit::reuse_or_new(None, quota(1), keys(10));
        assert!(first.admit(&1).is_ok());
        let same = FloodLimit::reuse_or_new(Some(&first), quota(1), keys(10));
        assert!(same.admit(&1).is_err() && same.admit(&2).is_ok());
        for other in [(quota(2), keys(10)), (quota(1), keys(11))] {
            assert!(FloodLimit::reuse_or_new(Some(&first), other.0, other.1).admit(&1).is_ok());
        }
    }

    #[test]
    fn a_million_keys_are_remembered_up_to_the_cap() {
        let limit = limit(1, 1000);
        for key in 0..1_000_000 {
            assert!(limit.admit(&key).is_ok());
        }
        assert_eq!(limit.keys(), 1000);
        assert!(limit.admit(&999_999).is_err(), "the latest keys are still limited");
    }
}
