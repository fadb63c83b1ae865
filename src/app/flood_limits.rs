//! Builds the node's flood limits from the configuration.

use std::num::NonZeroUsize;

use crate::config::FloodConfig;
use crate::domain::policy::Quota;

/// How many keys a limit tracks.
pub(super) fn keys(flood: &FloodConfig) -> NonZeroUsize {
    NonZeroUsize::new(flood.tracked_keys).unwrap_or(NonZeroUsize::MIN)
}

/// `flood`, widened if it would admit less than the policy `quota` allows: a node's own protection
/// must never refuse what the policy allows.
pub(super) fn at_least(flood: Quota, quota: Quota) -> Quota {
    let burst = flood.burst.max(quota.burst);
    // The time for the whole burst at the faster of the two rates. Multiply first: dividing first
    // would round down the time per request, and multiply that error by the burst.
    let span = |quota: Quota| quota.per * burst / quota.burst.max(1);
    Quota { burst, per: span(flood).min(span(quota)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_flood_limit_of_a_caller_is_never_tighter_than_the_policy() {
        let minute = |burst| Quota { burst, per: Duration::from_mins(1) };
        assert_eq!(at_least(minute(30), minute(5)), minute(30));
        assert_eq!(at_least(minute(30), minute(90)), minute(90));
        let slow = Quota { burst: 60, per: Duration::from_hours(1) };
        let both = at_least(minute(30), slow);
        assert_eq!(
            (both.burst, both.per),
            (60, Duration::from_mins(2)),
            "the larger burst, at the faster rate"
        );
    }
}
