//! A tenant's policies: code length and lifetime, quotas, attestation.

use std::time::Duration;

use serde::Deserialize;

use super::clock::{Timestamp, millis};
use super::human_duration;

/// At most `burst` events in any period of length `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Number of events; at least 1, at most [`Quota::MAX_BURST`].
    pub burst: u32,
    /// The length of the period.
    #[serde(deserialize_with = "human_duration::deserialize")]
    pub per: Duration,
}

impl Quota {
    /// The largest burst that can be counted exactly; each counted event takes 8 bytes in a row.
    pub const MAX_BURST: u32 = 1000;
}

/// The times of the latest events that count against a [`Quota`], oldest first.
///
/// A log and not a bucket, because "never more than `burst` in any `per`" is exact for a log and
/// off by a factor of two for a bucket that refills.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventLog(Vec<i64>);

impl EventLog {
    /// From the stored times, in milliseconds since the epoch.
    #[must_use]
    pub fn from_millis(times: Vec<i64>) -> Self {
        Self(times)
    }

    /// The times, in milliseconds since the epoch, oldest first.
    #[must_use]
    pub fn as_millis(&self) -> &[i64] {
        &self.0
    }

    /// Removes events that no longer count at `now`, and those in the future: a wrong clock wrote
    /// them, and they would count for as long as it was ahead.
    pub fn expire(&mut self, quota: Quota, now: Timestamp) {
        let oldest_that_counts = now.as_millis().saturating_sub(millis(quota.per));
        let counts = |time: i64| {
            time > oldest_that_counts && !Timestamp::from_millis(time).is_in_the_future(now)
        };
        self.0.retain(|time| counts(*time));
    }

    /// Number of events in the log.
    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// Whether the log is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts an event at `now`.
    pub fn push(&mut self, now: Timestamp) {
        let at = self.0.partition_point(|time| *time <= now.as_millis());
        self.0.insert(at, now.as_millis());
    }

    /// Removes one event counted at `at`, if there is one.
    pub fn take_back(&mut self, at: Timestamp) {
        if let Some(index) = self.0.iter().position(|time| *time == at.as_millis()) {
            self.0.remove(index);
        }
    }

    /// How long until one more event fits in `burst`, given that the log is full: never zero.
    #[must_use]
    pub fn wait(&self, quota: Quota, now: Timestamp) -> Duration {
        let over = self.0.len().saturating_sub(quota.burst as usize);
        let Some(frees) = self.0.get(over) else { return Duration::from_millis(1) };
        Timestamp::from_millis(*frees).plus(quota.per).since(now).max(Duration::from_millis(1))
    }

    /// When the last event stops counting; `None` if there is none.
    #[must_use]
    pub fn idle_from(&self, quota: Quota) -> Option<Timestamp> {
        self.0.last().map(|time| Timestamp::from_millis(*time).plus(quota.per))
    }
}

/// How codes are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtpPolicy {
    /// Number of digits, 6 to 8.
    pub digits: u8,
    /// Lifetime of a code, in whole seconds; at most ten minutes (NIST SP 800-63B-4 3.1.3.2).
    pub lifetime: Duration,
    /// Number of wrong codes with a right password that burns a code.
    pub max_attempts: u32,
}

/// The store's quotas, which hold exactly, across nodes and restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// New codes per user.
    pub codes_per_user: Quota,
    /// Calls per number that led to a new code.
    pub calls_per_number: Quota,
    /// Wrong passwords per user.
    pub wrong_passwords_per_user: Quota,
    /// Wrong codes per user with a right password (or all wrong codes, if no password is required).
    pub wrong_codes_per_user: Quota,
}

/// What a login requires besides the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginPolicy {
    /// Whether the directory password is checked.
    pub password_required: bool,
    /// Refusals that depended on the directory or the store are sent at multiples of this.
    pub refusal_floor: Duration,
}

/// How surely the carrier vouches for the caller's number (STIR/SHAKEN, RFC 8588): lower is surer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
pub enum Attestation {
    /// Full attestation.
    A,
    /// Partial attestation.
    B,
    /// Gateway attestation.
    C,
    /// None: the carrier says nothing.
    #[default]
    #[serde(rename = "none")]
    None,
}

impl Attestation {
    /// Parses `A`, `B` or `C`; any other text attests nothing.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "A" | "a" => Self::A,
            "B" | "b" => Self::B,
            "C" | "c" => Self::C,
            _ => Self::None,
        }
    }

    /// Whether this is at least as sure as `minimum`.
    #[must_use]
    pub fn satisfies(self, minimum: Self) -> bool {
        self <= minimum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_more_than_burst_in_any_span(
            gaps in proptest::collection::vec(0_i64..400, 1..200),
            burst in 1_u32..6,
            per in 1_u64..1500,
        ) {
            let quota = Quota { burst, per: Duration::from_millis(per) };
            let (mut log, mut now, mut admitted) = (EventLog::default(), 1_000_000, Vec::new());
            for gap in gaps {
                now += gap;
                let at = Timestamp::from_millis(now);
                log.expire(quota, at);
                if log.len() < burst {
                    log.push(at);
                    admitted.push(now);
                } else {
                    let later = at.plus(log.wait(quota, at));
                    let mut then = log.clone();
                    then.expire(quota, later);
                    prop_assert!(then.len() < burst, "the wait it names is long enough");
                }
            }
            for window in admitted.windows(burst as usize + 1) {
                let span = window[window.len() - 1] - window[0];
                prop_assert!(span >= i64::try_from(per).expect("small"));
            }
        }
    }

    #[test]
    fn a_try_given_back_counts_no_more() {
        let mut log = EventLog::default();
        log.push(Timestamp::from_millis(5));
        log.push(Timestamp::from_millis(5));
        log.take_back(Timestamp::from_millis(5));
        assert_eq!(log.len(), 1);
        log.take_back(Timestamp::from_millis(7));
        assert_eq!(log.len(), 1);
    }

    #[test]
    fn an_attestation_satisfies_itself_and_anything_weaker() {
        assert!(Attestation::A.satisfies(Attestation::C));
        assert!(Attestation::B.satisfies(Attestation::B));
        assert!(!Attestation::C.satisfies(Attestation::B));
        assert_eq!(Attestation::parse("D"), Attestation::None);
        assert!(Attestation::None.satisfies(Attestation::None));
        assert!(!Attestation::None.satisfies(Attestation::C));
    }
}
