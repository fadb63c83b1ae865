//! Whether an entry's user may log in, as a bind would report: flags and times of Active Directory,
//! OpenLDAP's password policy, 389-ds and `FreeIPA`.
//!
//! Unreadable values count as a refusal. In Active Directory, so does a missing attribute that
//! every account has; on other servers a missing attribute means nothing.

use ldap3::SearchEntry;

use super::settings::{AccountChecks, Profile};
use super::values::values;
use crate::domain::account_state::PasswordRefusal::{
    self, AccountExpired, Disabled, LockedOut, MustChangePassword, NotNow, PasswordExpired,
    SmartCardRequired,
};
use crate::domain::account_state::{AccountState, Hours, When};
use crate::domain::clock::Timestamp;

/// Active Directory's account flags ([MS-ADTS] 2.2.16).
pub(super) const ACCOUNT_CONTROL: &str = "userAccountControl";
/// More flags, computed by the controller on request ([MS-ADTS] 3.1.1.4.5.17).
const COMPUTED_CONTROL: &str = "msDS-User-Account-Control-Computed";
const ACCOUNT_EXPIRES: &str = "accountExpires";
const PASSWORD_LAST_SET: &str = "pwdLastSet";
/// When the user may log in; always, if absent.
const LOGON_HOURS: &str = "logonHours";

/// The account is disabled.
const ACCOUNT_DISABLED: i64 = 0x2;
/// The account is locked after too many wrong passwords.
const LOCKOUT: i64 = 0x10;
/// The password never expires and need not be changed.
const DONT_EXPIRE_PASSWORD: i64 = 0x1_0000;
/// The user logs in by smart card only.
const SMARTCARD_REQUIRED: i64 = 0x4_0000;
/// The password has expired or must be changed.
const PASSWORD_EXPIRED: i64 = 0x80_0000;

/// Attributes that every Active Directory account has.
pub(super) const OF_EVERY_ACCOUNT: [&str; 4] =
    [ACCOUNT_CONTROL, COMPUTED_CONTROL, ACCOUNT_EXPIRES, PASSWORD_LAST_SET];

/// Attributes of other servers, present only on accounts they concern.
pub(super) const OF_SOME: [&str; 9] = [
    "pwdAccountLockedTime",
    "pwdAccountTmpLockoutEnd",
    "pwdReset",
    "pwdStartTime",
    "pwdEndTime",
    "nsAccountLock",
    "accountUnlockTime",
    "passwordExpirationTime",
    "krbPrincipalExpiration",
];

/// The attributes to read.
pub(super) fn attributes(profile: Profile, checks: AccountChecks) -> Vec<&'static str> {
    match (checks, profile) {
        (AccountChecks::AtTheBind, _) => vec![ACCOUNT_CONTROL],
        (AccountChecks::FromTheEntry, Profile::ActiveDirectory) => {
            [&OF_EVERY_ACCOUNT[..], &[LOGON_HOURS]].concat()
        }
        (AccountChecks::FromTheEntry, Profile::OpenLdap | Profile::Dirsrv) => {
            [&[ACCOUNT_CONTROL][..], &OF_SOME].concat()
        }
    }
}

/// Reads an entry's account state.
pub(super) fn read(entry: &SearchEntry, profile: Profile, checks: AccountChecks) -> AccountState {
    let active_directory = profile == Profile::ActiveDirectory;
    let mut state = AccountState::open();
    let flags = match number(entry, ACCOUNT_CONTROL) {
        Read::Value(flags) => flags,
        Read::Absent if !active_directory => 0,
        Read::Absent | Read::Unreadable => ACCOUNT_DISABLED,
    };
    if flags & ACCOUNT_DISABLED != 0 {
        state.restrict(Disabled);
    }
    match (checks, active_directory) {
        (AccountChecks::AtTheBind, _) => {}
        (AccountChecks::FromTheEntry, true) => windows(entry, flags, &mut state),
        (AccountChecks::FromTheEntry, false) => others(entry, &mut state),
    }
    state
}

fn windows(entry: &SearchEntry, flags: i64, state: &mut AccountState) {
    let mut expected = |name| match number(entry, name) {
        Read::Value(value) => Some(value),
        Read::Absent | Read::Unreadable => {
            state.restrict(Disabled);
            None
        }
    };
    let computed = expected(COMPUTED_CONTROL);
    let expires = expected(ACCOUNT_EXPIRES);
    let password_set = expected(PASSWORD_LAST_SET);
    if flags & SMARTCARD_REQUIRED != 0 {
        state.restrict(SmartCardRequired);
    }
    let all = flags | computed.unwrap_or_default();
    if all & LOCKOUT != 0 {
        state.restrict(LockedOut);
    }
    match expires {
        None | Some(0 | i64::MAX) => {}
        Some(expires) => state.restrict_when(When::From(file_time(expires)), AccountExpired),
    }
    for hours in values(entry, LOGON_HOURS) {
        let when = hours.try_into().map_or(When::Always, |hours| When::Outside(Hours(hours)));
        state.restrict_when(when, NotNow);
    }
    if password_set == Some(0) && flags & DONT_EXPIRE_PASSWORD == 0 {
        state.restrict(MustChangePassword);
    }
    if all & PASSWORD_EXPIRED != 0 {
        state.restrict(PasswordExpired);
    }
}

fn others(entry: &SearchEntry, state: &mut AccountState) {
    let not_false = |name| {
        let is_false = |value: &&[u8]| value.eq_ignore_ascii_case(b"FALSE");
        !values(entry, name).iter().all(is_false)
    };
    // A lock's duration is defined in a policy, and its expiry shows only at a bind: so it counts
    // as long as the attribute is set.
    if not_false("nsAccountLock") || !values(entry, "pwdAccountLockedTime").is_empty() {
        state.restrict(LockedOut);
    }
    // Here the epoch (time zero) means never.
    times(entry, "accountUnlockTime", state, |time| {
        (if time.as_millis() == 0 { When::Always } else { When::Until(time) }, LockedOut)
    });
    for name in ["pwdAccountTmpLockoutEnd", "pwdStartTime"] {
        times(entry, name, state, |time| (When::Until(time), LockedOut));
    }
    times(entry, "pwdEndTime", state, |time| (When::From(time), LockedOut));
    times(entry, "krbPrincipalExpiration", state, |time| (When::From(time), AccountExpired));
    if not_false("pwdReset") {
        state.restrict(MustChangePassword);
    }
    // A password set by someone else expires at the epoch (time zero).
    times(entry, "passwordExpirationTime", state, |time| {
        let reset = time.as_millis() == 0;
        (When::From(time), if reset { MustChangePassword } else { PasswordExpired })
    });
}

/// Adds a restriction for each time in an attribute; an invalid time closes the account.
fn times(
    entry: &SearchEntry,
    attribute: &str,
    state: &mut AccountState,
    means: impl Fn(Timestamp) -> (When, PasswordRefusal),
) {
    for value in values(entry, attribute) {
        match generalized_time(value) {
            Some(time) => {
                let (when, why) = means(time);
                state.restrict_when(when, why);
            }
            None => state.restrict(means(Timestamp::from_millis(-1)).1),
        }
    }
}

/// The result of reading an integer attribute.
enum Read {
    Value(i64),
    Absent,
    Unreadable,
}

fn number(entry: &SearchEntry, attribute: &str) -> Read {
    match values(entry, attribute)[..] {
        [] => Read::Absent,
        [value] => {
            match std::str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok()) {
                Some(value) => Read::Value(value),
                None => Read::Unreadable,
            }
        }
        [_, _, ..] => Read::Unreadable,
    }
}

/// An Active Directory time: tenths of microseconds since 1601 ([MS-DTYP] 2.3.3).
fn file_time(ticks: i64) -> Timestamp {
    const MILLIS_BEFORE_1970: i64 = 11_644_473_600_000;
    Timestamp::from_millis(ticks.div_euclid(10_000) - MILLIS_BEFORE_1970)
}

/// Parses a `GeneralizedTime` (RFC 4517 3.3.13), ignoring fractions.
fn generalized_time(value: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(value).ok()?;
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (time, mut zone) = text.split_at(digits);
    if let Some(fraction) = zone.strip_prefix(['.', ',']) {
        zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    let part = |from: usize, length: usize| -> Option<i8> {
        match time.get(from..from + length) {
            Some(part) => part.parse().ok(),
            None if time.len() <= from => Some(0),
            None => None,
        }
    };
    if !matches!(time.len(), 10 | 12 | 14) {
        return None;
    }
    let year = time[..4].parse().ok()?;
    // Counts a leap second as the one before it.
    let second = part(12, 2)?.min(59);
    let local = jiff::civil::DateTime::new(
        year,
        part(4, 2)?,
        part(6, 2)?,
        part(8, 2)?,
        part(10, 2)?,
        second,
        0,
    )
    .ok()?;
    let utc = jiff::tz::Offset::UTC.to_timestamp(local).ok()?;
    Some(Timestamp::from_millis(utc.as_millisecond() - offset_millis(zone)?))
}

/// How far a time zone (`Z`, `+0100`, `-08`) is ahead.
fn offset_millis(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, rest) = match zone.as_bytes().first()? {
        b'+' => (1, &zone[1..]),
        b'-' => (-1, &zone[1..]),
        _ => return None,
    };
    if !matches!(rest.len(), 2 | 4) || !rest.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let hours: i64 = rest[..2].parse().ok()?;
    let minutes: i64 = if rest.len() == 4 { rest[2..].parse().ok()? } else { 0 };
    Some(sign * (hours * 60 + minutes) * 60_000)
}

#[cfg(test)]
mod tests;
