//! How flags and times are read.

use std::collections::HashMap;

use proptest::prelude::*;

use super::AccountChecks::{AtTheBind, FromTheEntry};
use super::Profile::{ActiveDirectory, Dirsrv, OpenLdap};
use super::*;

/// 2026-01-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

fn entry(values: &[(&str, &[u8])]) -> SearchEntry {
    let mut bin_attrs: HashMap<String, Vec<Vec<u8>>> = HashMap::new();
    for (name, value) in values {
        bin_attrs.entry((*name).to_owned()).or_default().push(value.to_vec());
    }
    SearchEntry { dn: String::new(), attrs: HashMap::new(), bin_attrs }
}

fn now_of(values: &[(&str, &[u8])], profile: Profile) -> Option<PasswordRefusal> {
    read(&entry(values), profile, FromTheEntry).refusal(NOW)
}

/// The refusal for a usual Active Directory account with these attributes replaced; an empty value
/// removes one.
fn windows_with(changes: &[(&str, &str)]) -> Option<PasswordRefusal> {
    let mut all = vec![
        (ACCOUNT_CONTROL, "512"),
        (COMPUTED_CONTROL, "0"),
        (ACCOUNT_EXPIRES, "9223372036854775807"),
        (PASSWORD_LAST_SET, "132000000000000000"),
    ];
    for (name, value) in changes {
        all.retain(|(other, _)| other != name);
        all.push((*name, *value));
    }
    let all: Vec<_> = all.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    now_of(&all, ActiveDirectory)
}

#[test]
fn each_flag_and_time_of_active_directory_has_the_reason_that_a_bind_gives() {
    assert_eq!(windows_with(&[]), None);
    let expired = "133484544000000000"; // 2024-01-01
    let later = "134484544000000000"; // 2027-03-03
    for (name, value, expected) in [
        (ACCOUNT_CONTROL, "514", Some(Disabled)),
        (ACCOUNT_CONTROL, "262656", Some(SmartCardRequired)),
        (ACCOUNT_CONTROL, "528", Some(LockedOut)),
        (ACCOUNT_CONTROL, "8389120", Some(PasswordExpired)),
        (ACCOUNT_CONTROL, "66048", None),
        (COMPUTED_CONTROL, "16", Some(LockedOut)),
        (COMPUTED_CONTROL, "8388608", Some(PasswordExpired)),
        (ACCOUNT_EXPIRES, "0", None),
        (ACCOUNT_EXPIRES, expired, Some(AccountExpired)),
        (ACCOUNT_EXPIRES, "1", Some(AccountExpired)),
        (ACCOUNT_EXPIRES, later, None),
        (PASSWORD_LAST_SET, "0", Some(MustChangePassword)),
    ] {
        assert_eq!(windows_with(&[(name, value)]), expected, "{name} {value}");
    }
    let changing = [(PASSWORD_LAST_SET, "0"), (COMPUTED_CONTROL, "8388608")];
    assert_eq!(windows_with(&changing), Some(MustChangePassword), "not merely expired");
    let never = [(PASSWORD_LAST_SET, "0"), (ACCOUNT_CONTROL, "66048")];
    assert_eq!(
        windows_with(&never),
        None,
        "of a password that never expires, a bind asks no change"
    );
    let both = [(ACCOUNT_EXPIRES, expired), (ACCOUNT_CONTROL, "514")];
    assert_eq!(windows_with(&both), Some(Disabled));
}

#[test]
fn an_attribute_that_every_account_has_counts_as_a_refusal_where_it_is_hidden() {
    for name in OF_EVERY_ACCOUNT {
        for value in ["", "x", "-", "9223372036854775808"] {
            assert_eq!(windows_with(&[(name, value)]), Some(Disabled), "{name} {value:?}");
        }
    }
    assert_eq!(
        now_of(&[(ACCOUNT_CONTROL, b"512"), (ACCOUNT_CONTROL, b"514")], OpenLdap),
        Some(Disabled)
    );
    assert_eq!(now_of(&[(ACCOUNT_CONTROL, &[0xff])], OpenLdap), Some(Disabled));
}

#[test]
fn each_attribute_of_the_other_servers_has_the_reason_that_a_bind_gives() {
    let (past, future, earliest) = ("20200101000000Z", "20300101000000Z", "19700101000000Z");
    for profile in [OpenLdap, Dirsrv] {
        for (name, value, expected) in [
            (ACCOUNT_CONTROL, "512", None),
            (ACCOUNT_CONTROL, "514", Some(Disabled)),
            ("pwdAccountLockedTime", "000001010000Z", Some(LockedOut)),
            ("pwdAccountLockedTime", past, Some(LockedOut)),
            ("pwdAccountTmpLockoutEnd", past, None),
            ("pwdAccountTmpLockoutEnd", future, Some(LockedOut)),
            ("pwdStartTime", past, None),
            ("pwdStartTime", future, Some(LockedOut)),
            ("pwdEndTime", past, Some(LockedOut)),
            ("pwdEndTime", future, None),
            ("pwdReset", "TRUE", Some(MustChangePassword)),
            ("pwdReset", "FALSE", None),
            ("nsAccountLock", "true", Some(LockedOut)),
            ("nsAccountLock", "TRUE", Some(LockedOut)),
            ("nsAccountLock", "yes", Some(LockedOut)),
            ("nsAccountLock", "False", None),
            ("accountUnlockTime", earliest, Some(LockedOut)),
            ("accountUnlockTime", past, None),
            ("accountUnlockTime", future, Some(LockedOut)),
            ("passwordExpirationTime", earliest, Some(MustChangePassword)),
            ("passwordExpirationTime", past, Some(PasswordExpired)),
            ("passwordExpirationTime", future, None),
            ("krbPrincipalExpiration", past, Some(AccountExpired)),
            ("krbPrincipalExpiration", future, None),
            ("krbPrincipalExpiration", "soon", Some(AccountExpired)),
            ("accountUnlockTime", "soon", Some(LockedOut)),
        ] {
            assert_eq!(now_of(&[(name, value.as_bytes())], profile), expected, "{name} {value}");
        }
        assert_eq!(now_of(&[], profile), None);
    }
}

#[test]
fn where_a_bind_judges_only_the_flag_counts_that_disables() {
    let locked = entry(&[(ACCOUNT_CONTROL, b"512"), ("nsAccountLock", b"TRUE")]);
    assert_eq!(read(&locked, Dirsrv, AtTheBind), AccountState::open());
    let flags = |flags: &[u8]| {
        read(&entry(&[(ACCOUNT_CONTROL, flags)]), ActiveDirectory, AtTheBind).refusal(NOW)
    };
    assert_eq!(flags(b"512"), None);
    assert_eq!(flags(b"262656"), None);
    for disabled in [b"514" as &[u8], b"2", b"x", b"-", &[0xff], b""] {
        assert_eq!(flags(disabled), Some(Disabled), "{disabled:?}");
    }
}

#[test]
fn times_are_read_in_all_forms_of_the_standard() {
    let millis = |text: &str| generalized_time(text.as_bytes()).map(Timestamp::as_millis);
    let noon = Some(1_767_268_800_000);
    for text in [
        "20260101120000Z",
        "202601011200Z",
        "2026010112Z",
        "20260101120000.5Z",
        "20260101120000,000Z",
        "20260101130000+0100",
        "20260101130000.0+01",
        "20260101073000-0430",
    ] {
        assert_eq!(millis(text), noon, "{text}");
    }
    assert_eq!(millis("20161231235960Z"), Some(1_483_228_799_000));
    assert_eq!(millis("19700101000000Z"), Some(0));
    for text in [
        "",
        "Z",
        "2026",
        "20260101Z",
        "20260101120000",
        "20261301120000Z",
        "20260230120000Z",
        "2026010112000Z",
        "20260101120000z",
        "20260101120000+1",
        "20260101120000+01:00",
        "20260101250000Z",
        "2026-01-01T12:00:00Z",
        "20260101120000Zx",
    ] {
        assert_eq!(millis(text), None, "{text}");
    }
    assert_eq!(file_time(116_444_736_000_000_000), Timestamp::from_millis(0));
    assert_eq!(file_time(134_117_424_000_000_000).as_millis(), 1_767_268_800_000);
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(value in proptest::collection::vec(any::<u8>(), 0..24)) {
        for profile in [ActiveDirectory, OpenLdap, Dirsrv] {
            for name in OF_EVERY_ACCOUNT.iter().chain(&OF_SOME) {
                let _ = now_of(&[(name, &value)], profile);
            }
        }
        let _ = generalized_time(&value);
    }

    #[test]
    fn no_text_like_a_time_makes_the_reader_panic(text in "[0-9]{8,16}([.,][0-9]*)?([Z+-][0-9]{0,5})?") {
        let _ = generalized_time(text.as_bytes());
    }
}
