//! Whether the directory lets a user log in, and when: what a password check would report besides a
//! wrong password.

use super::audit_reason::AuditReason;
use super::clock::Timestamp;

/// The reasons against a user's logins, as the directory reported them when the user was found. If
/// several hold, the one added first is reported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountState(Vec<Restriction>);

/// One reason why a user may not log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restriction {
    /// The reason.
    pub why: PasswordRefusal,
    /// When it holds.
    pub when: When,
}

/// When a reason holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Until it is lifted.
    Always,
    /// From that time on.
    From(Timestamp),
    /// Before that time.
    Until(Timestamp),
    /// Outside these hours of the week.
    Outside(Hours),
}

impl When {
    fn holds(self, now: Timestamp) -> bool {
        match self {
            Self::Always => true,
            Self::From(from) => from <= now,
            Self::Until(until) => now < until,
            Self::Outside(hours) => !hours.hold(now),
        }
    }
}

/// Hours of the week, one bit each; the first hour of Sunday (UTC) is the lowest bit of the first
/// byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours(pub [u8; 21]);

impl Hours {
    fn hold(self, now: Timestamp) -> bool {
        /// The first day of 1970 was a Thursday.
        const FIRST: i64 = 4 * 24;
        let hour = (now.as_secs().div_euclid(3600) + FIRST).rem_euclid(7 * 24);
        let byte = usize::try_from(hour / 8).ok().and_then(|at| self.0.get(at));
        byte.is_some_and(|byte| byte >> (hour % 8) & 1 == 1)
    }
}

impl AccountState {
    /// No reason against a login.
    #[must_use]
    pub const fn open() -> Self {
        Self(Vec::new())
    }

    /// The user may not log in.
    #[must_use]
    pub fn restricted(why: PasswordRefusal) -> Self {
        let mut state = Self::open();
        state.restrict(why);
        state
    }

    /// [`Self::open`], or closed because the directory has disabled the user.
    #[must_use]
    pub fn enabled(enabled: bool) -> Self {
        if enabled { Self::open() } else { Self::restricted(PasswordRefusal::Disabled) }
    }

    /// Adds a reason that holds until it is lifted.
    pub fn restrict(&mut self, why: PasswordRefusal) {
        self.restrict_when(When::Always, why);
    }

    /// Adds a reason.
    pub fn restrict_when(&mut self, when: When, why: PasswordRefusal) {
        self.0.push(Restriction { why, when });
    }

    /// Why the user may not log in at `now`; `None` if no reason holds.
    #[must_use]
    pub fn refusal(&self, now: Timestamp) -> Option<PasswordRefusal> {
        self.0
            .iter()
            .find(|restriction| restriction.when.holds(now))
            .map(|restriction| restriction.why)
    }

    /// All reasons, whether or not they hold now.
    #[must_use]
    pub fn restrictions(&self) -> &[Restriction] {
        &self.0
    }
}

/// Why the directory refuses a user: at a password check or, if no password is required, from the
/// account's attributes. For a wrong password, most servers report only [`Self::WrongPassword`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordRefusal {
    /// The password is wrong, or the directory gives no reason.
    WrongPassword,
    /// The user no longer exists in the directory.
    NoSuchUser,
    /// The user may not log in at this time of the week.
    NotNow,
    /// The user may not log in from here.
    NotFromHere,
    /// The password has expired.
    PasswordExpired,
    /// The account is disabled.
    Disabled,
    /// The user must log in with a smart card.
    SmartCardRequired,
    /// The account has expired.
    AccountExpired,
    /// The user must set a new password first.
    MustChangePassword,
    /// The account was locked by too many wrong passwords or by an administrator.
    LockedOut,
}

impl PasswordRefusal {
    /// All variants.
    pub const ALL: [Self; 10] = [
        Self::WrongPassword,
        Self::NoSuchUser,
        Self::NotNow,
        Self::NotFromHere,
        Self::PasswordExpired,
        Self::Disabled,
        Self::SmartCardRequired,
        Self::AccountExpired,
        Self::MustChangePassword,
        Self::LockedOut,
    ];

    /// The refusal as a predicate: `… is disabled`.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::WrongPassword => "gave a wrong password",
            Self::NoSuchUser => "is no longer in the directory",
            Self::NotNow => "may not log in at this time",
            Self::NotFromHere => "may not log in from here",
            Self::PasswordExpired => "has an expired password",
            Self::Disabled => "is disabled",
            Self::SmartCardRequired => "must log in with a smart card",
            Self::AccountExpired => "has an expired account",
            Self::MustChangePassword => "must set a new password first",
            Self::LockedOut => "is locked out",
        }
    }

    /// The name in the audit trail.
    #[must_use]
    pub const fn name(self) -> AuditReason {
        match self {
            Self::WrongPassword => AuditReason::WrongPassword,
            Self::NoSuchUser => AuditReason::NoSuchUser,
            Self::NotNow => AuditReason::NotNow,
            Self::NotFromHere => AuditReason::NotFromHere,
            Self::PasswordExpired => AuditReason::PasswordExpired,
            Self::Disabled => AuditReason::Disabled,
            Self::SmartCardRequired => AuditReason::SmartCardRequired,
            Self::AccountExpired => AuditReason::AccountExpired,
            Self::MustChangePassword => AuditReason::MustChangePassword,
            Self::LockedOut => AuditReason::LockedOut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PasswordRefusal::{AccountExpired, Disabled, LockedOut, NotNow};
    use super::*;

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_state_is_judged_at_the_time_of_the_question() {
        let mut state = AccountState::open();
        assert_eq!(state.refusal(at(0)), None);
        state.restrict_when(When::Until(at(1_000)), LockedOut);
        state.restrict_when(When::From(at(5_000)), AccountExpired);
        for (now, expected) in [
            (i64::MIN, Some(LockedOut)),
            (999, Some(LockedOut)),
            (1_000, None),
            (4_999, None),
            (5_000, Some(AccountExpired)),
            (i64::MAX, Some(AccountExpired)),
        ] {
            assert_eq!(state.refusal(at(now)), expected, "{now}");
        }
    }

    #[test]
    fn hours_are_those_of_a_week_that_begins_on_sunday() {
        // The second hour of Sunday, and the last of Saturday.
        let mut hours = [0; 21];
        (hours[0], hours[20]) = (0b10, 0b1000_0000);
        let mut state = AccountState::open();
        state.restrict_when(When::Outside(Hours(hours)), NotNow);
        // 2025-12-27, a Saturday, 23:00.
        let saturday = 1_766_876_400_000;
        for (after, expected) in [
            (-1, Some(NotNow)),
            (0, None),
            (3_599_999, None),
            (3_600_000, Some(NotNow)),
            (7_200_000, None),
            (10_800_000, Some(NotNow)),
        ] {
            assert_eq!(state.refusal(at(saturday + after)), expected, "{after}");
        }
        assert_eq!(state.refusal(at(i64::MIN)), Some(NotNow));
    }

    #[test]
    fn the_first_reason_that_holds_is_given() {
        let mut state = AccountState::enabled(false);
        state.restrict(LockedOut);
        assert_eq!(state.refusal(at(0)), Some(Disabled));
        assert_eq!(AccountState::enabled(true), AccountState::open());
    }
}
