//! The reasons against a user's logins, as bytes of a record.

use super::varint;
use crate::domain::account_state::{AccountState, Hours, PasswordRefusal, Restriction, When};
use crate::domain::clock::Timestamp;
/// The kinds of [`When`].
const ALWAYS: u8 = 0;
const FROM: u8 = 1;
const UNTIL: u8 = 2;
const OUTSIDE: u8 = 3;

/// Writes the reasons against a user's logins.
pub(super) fn put(to: &mut Vec<u8>, account: &AccountState) {
    let restrictions = account.restrictions();
    // For times before 1970, the exact value does not matter.
    let time = |time: Timestamp| u128::try_from(time.as_millis()).unwrap_or_default();
    varint::put(to, restrictions.len() as u128);
    for Restriction { why, when } in restrictions {
        let why = PasswordRefusal::ALL.iter().position(|one| one == why);
        varint::put(to, why.expect("all are listed") as u128);
        match when {
            When::Always => to.push(ALWAYS),
            When::From(from) => {
                to.push(FROM);
                varint::put(to, time(*from));
            }
            When::Until(until) => {
                to.push(UNTIL);
                varint::put(to, time(*until));
            }
            When::Outside(Hours(hours)) => {
                to.push(OUTSIDE);
                to.extend_from_slice(hours);
            }
        }
    }
}

/// Reads them back.
pub(super) fn take(from: &mut &[u8]) -> AccountState {
    let mut account = AccountState::open();
    for _ in 0..varint::take_length(from) {
        let why = PasswordRefusal::ALL[varint::take_length(from)];
        let (kind, rest) = from.split_first().expect("a restriction has its kind");
        *from = rest;
        let mut time = || {
            let time = i64::try_from(varint::take(from));
            Timestamp::from_millis(time.expect("it was one"))
        };
        let when = match *kind {
            FROM => When::From(time()),
            UNTIL => When::Until(time()),
            OUTSIDE => {
                let (hours, rest) = from.split_first_chunk().expect("all hours are there");
                *from = rest;
                When::Outside(Hours(*hours))
            }
            _ => When::Always,
        };
        account.restrict_when(when, why);
    }
    account
}
