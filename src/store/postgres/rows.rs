//! The statements on accounts and callers, and the rows that they read and write. The decisions are
//! in [`account`](crate::store::account).

use tokio_postgres::{Error, Row};

use super::statements::statements;
use super::written_row::written_row;
use crate::domain::clock::Timestamp;
use crate::domain::grant::{Grant, KeyId, Subject};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::{EventLog, Quota};
use crate::domain::reported_call::ReportedCall;
use crate::domain::tenant::TenantId;
use crate::store::account::{Account, StoredGrant};
use crate::store::event_log_codec::{decode, decode_with, encode, encode_with};
use crate::store::told_calls_codec;

/// Reads a subject's account; `$rest` follows.
macro_rules! account {
    ($rest:literal) => {
        concat!(
            "SELECT nonce, key_id, issued_at, expires_at, digits, tried, tries_left, \
             wrong_codes_left, codes_issued, wrong_passwords, wrong_codes, told_calls, \
             idle_from FROM dialpass.subjects WHERE tenant = $1 AND purpose = $2 AND subject = $3",
            $rest
        )
    };
}

/// Reads a subject's account, for [`account`].
pub(super) const ACCOUNT: &str = account!("");

/// Reads the calls counted against a number.
pub(super) const CALLS: &str =
    "SELECT calls FROM dialpass.callers WHERE tenant = $1 AND number = $2";

/// Remembers a call that heard no code under each of its ids.
const WRITE_REPORTED: &str = "INSERT INTO dialpass.reported_calls \
    (tenant, call_id, first_reported, idle_from) \
    SELECT $1, call_id, $3, $4 FROM unnest($2::uuid[]) AS call_id ORDER BY call_id \
    ON CONFLICT (tenant, call_id) DO NOTHING";

statements! {
    /// The statements on accounts and callers, named by what they do.
    Statements {
        now: "SELECT dialpass.now_ms() AS now",
        live: "SELECT nonce, key_id, issued_at, expires_at, digits, tried, tries_left, \
            wrong_codes_left, dialpass.now_ms() AS now FROM dialpass.subjects \
            WHERE tenant = $1 AND purpose = $2 AND subject = $3",
        lock_account: account!(" FOR UPDATE"),
        lock_calls: "SELECT calls FROM dialpass.callers \
            WHERE tenant = $1 AND number = $2 FOR UPDATE",
        lock_reported: "SELECT call_id, first_reported FROM dialpass.reported_calls \
            WHERE tenant = $1 AND call_id = ANY ($2) ORDER BY call_id FOR UPDATE",
        write_reported: WRITE_REPORTED,
        insert_account: &AccountRow::sql().insert,
        update_account: &AccountRow::sql().update,
        insert_calls: &CallerRow::sql().insert,
        update_calls: &CallerRow::sql().update,
    }
}

written_row! {
    /// A subject's row.
    AccountRow in "subjects" (subject: &Subject, account: &Account);
    let stored = account.grant.as_ref();
    let grant = stored.map(|stored| &stored.grant);
    key {
        tenant: subject.tenant.as_str().to_owned(),
        purpose: subject.purpose.as_str(),
        subject: subject.id.clone(),
    }
    columns {
        nonce: grant.map(|grant| grant.nonce.to_vec()),
        key_id: grant.map(|grant| grant.key_id.as_str().to_owned()),
        issued_at: grant.map(|grant| grant.issued_at),
        expires_at: grant.map(|grant| grant.expires_at),
        digits: grant.map(|grant| i16::from(grant.digits)),
        tried: stored.map(|stored| stored.tried),
        tries_left: stored.map(|stored| to_integer(stored.tries_left)),
        wrong_codes_left: stored.map(|stored| to_integer(stored.wrong_codes_left)),
        codes_issued: encode(&account.codes_issued),
        wrong_passwords: encode_with(&account.wrong_passwords, &account.by_address),
        wrong_codes: encode(&account.wrong_codes),
        told_calls: told_calls_codec::encode(&account.told_calls),
        idle_from: account.idle_from.as_millis(),
    }
}

written_row! {
    /// The row of a number that called.
    CallerRow in "callers" (tenant: &TenantId, number: &PhoneNumber, calls: &EventLog, quota: Quota);
    key {
        tenant: tenant.as_str().to_owned(),
        number: number.key(),
    }
    columns {
        calls: encode(calls),
        idle_from: calls.idle_from(quota).map_or(i64::MIN, Timestamp::as_millis),
    }
}

/// Why a row could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowError {
    /// The database answered with an error, or not at all.
    #[error("{0}")]
    Database(#[from] Error),
    /// This release cannot have written such a row.
    #[error("a row in the store's database is invalid: {0}")]
    Invalid(&'static str),
}

/// A row's grant, which expires at the time in the column `expires`; `None` if the row has none.
pub(super) fn grant(row: &Row, expires: &str) -> Result<Option<Grant>, RowError> {
    let Some(nonce) = row.try_get::<_, Option<&[u8]>>("nonce")? else { return Ok(None) };
    let digits: i16 = row.try_get("digits")?;
    Ok(Some(Grant {
        nonce: required(nonce.try_into().ok(), "a nonce's length")?,
        key_id: KeyId::from_stored(row.try_get("key_id")?),
        issued_at: row.try_get("issued_at")?,
        expires_at: row.try_get(expires)?,
        digits: required(u8::try_from(digits).ok(), "a number of digits")?,
    }))
}

/// A subject's grant; `None` if the row has none.
pub(super) fn stored_grant(row: &Row) -> Result<Option<StoredGrant>, RowError> {
    let Some(grant) = grant(row, "expires_at")? else { return Ok(None) };
    Ok(Some(StoredGrant {
        grant,
        tried: row.try_get("tried")?,
        tries_left: count(row, "tries_left")?,
        wrong_codes_left: count(row, "wrong_codes_left")?,
    }))
}

/// The row of [`Statements::live`]: the grant, if it is live now.
pub(super) fn live_grant(row: &Row) -> Result<Option<Grant>, RowError> {
    let now = time(row, "now")?;
    Ok(stored_grant(row)?.filter(|stored| stored.is_live(now)).map(|stored| stored.grant))
}

/// A row of [`ACCOUNT`] or [`Statements::lock_account`].
pub(super) fn account(row: &Row) -> Result<Account, RowError> {
    let wrong_passwords = decode_with(row.try_get("wrong_passwords")?);
    let (wrong_passwords, by_address) = required(wrong_passwords, "a budget's times")?;
    Ok(Account {
        grant: stored_grant(row)?,
        codes_issued: event_log(row, "codes_issued")?,
        wrong_passwords,
        wrong_codes: event_log(row, "wrong_codes")?,
        by_address,
        told_calls: required(told_calls_codec::decode(row.try_get("told_calls")?), "told calls")?,
        idle_from: time(row, "idle_from")?,
    })
}

/// A row of [`CALLS`] or [`Statements::lock_calls`].
pub(super) fn calls(row: &Row) -> Result<EventLog, RowError> {
    event_log(row, "calls")
}

/// A row of [`Statements::lock_reported`].
pub(super) fn reported_call(row: &Row) -> Result<ReportedCall, RowError> {
    let first_reported = time(row, "first_reported")?;
    Ok(ReportedCall { id: row.try_get("call_id")?, first_reported, nonce: None })
}

/// A column's value if it was readable, otherwise an error that says what is invalid.
pub(super) fn required<T>(read: Option<T>, what: &'static str) -> Result<T, RowError> {
    read.ok_or(RowError::Invalid(what))
}

/// A column with text that `parse` accepts.
pub(super) fn parsed<T>(
    row: &Row,
    column: &str,
    parse: impl FnOnce(&str) -> Option<T>,
    what: &'static str,
) -> Result<T, RowError> {
    required(parse(row.try_get(column)?), what)
}

/// A column with null or with text that `parse` accepts.
pub(super) fn parsed_or_null<T>(
    row: &Row,
    column: &str,
    parse: impl FnOnce(&str) -> Option<T>,
    what: &'static str,
) -> Result<Option<T>, RowError> {
    let text: Option<&str> = row.try_get(column)?;
    text.map(|text| required(parse(text), what)).transpose()
}

/// A column with a time in it, in milliseconds.
pub(super) fn time(row: &Row, column: &str) -> Result<Timestamp, RowError> {
    Ok(Timestamp::from_millis(row.try_get(column)?))
}

/// A column with an event log in it.
pub(super) fn event_log(row: &Row, column: &str) -> Result<EventLog, RowError> {
    required(decode(row.try_get(column)?), "a budget's times")
}

/// A column with a count in it.
pub(super) fn count(row: &Row, column: &str) -> Result<u32, RowError> {
    let count: i32 = row.try_get(column)?;
    required(u32::try_from(count).ok(), "a negative count")
}

/// A count as PostgreSQL's `integer`.
pub(super) fn to_integer(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
