//! The statements, and the meaning of their rows. The decisions are in
//! [`account`](crate::store::account).

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row};

use super::statements::{Prepared, statements};
use crate::domain::clock::Timestamp;
use crate::domain::grant::{Grant, KeyId, Subject};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::{EventLog, Quota};
use crate::domain::tenant::TenantId;
use crate::store::account::{Account, StoredGrant};
use crate::store::event_log_codec::{decode, decode_with, encode, encode_with};

statements! {
    /// The statements on accounts and callers, named by what they do.
    Statements {
        now: "SELECT dialpass.now_ms()",
        live: "SELECT nonce, key_id, issued_at, expires_at, digits, tried, tries_left, \
            wrong_codes_left, dialpass.now_ms() FROM dialpass.subjects \
            WHERE tenant = $1 AND purpose = $2 AND subject = $3",
        lock_account: "SELECT nonce, key_id, issued_at, expires_at, digits, tried, tries_left, \
            wrong_codes_left, codes_issued, wrong_passwords, wrong_codes, idle_from \
            FROM dialpass.subjects \
            WHERE tenant = $1 AND purpose = $2 AND subject = $3 FOR UPDATE",
        lock_calls: "SELECT calls FROM dialpass.callers \
            WHERE tenant = $1 AND number = $2 FOR UPDATE",
        insert_account: "INSERT INTO dialpass.subjects (tenant, purpose, subject, nonce, key_id, \
            issued_at, expires_at, digits, tried, tries_left, wrong_codes_left, codes_issued, \
            wrong_passwords, wrong_codes, idle_from) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        update_account: "UPDATE dialpass.subjects SET nonce = $4, key_id = $5, issued_at = $6, \
            expires_at = $7, digits = $8, tried = $9, tries_left = $10, wrong_codes_left = $11, \
            codes_issued = $12, wrong_passwords = $13, wrong_codes = $14, idle_from = $15 \
            WHERE tenant = $1 AND purpose = $2 AND subject = $3",
        insert_calls: "INSERT INTO dialpass.callers (tenant, number, calls, idle_from) \
            VALUES ($1, $2, $3, $4)",
        update_calls: "UPDATE dialpass.callers SET calls = $3, idle_from = $4 \
            WHERE tenant = $1 AND number = $2",
    }
}

/// Why a row could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowError {
    /// The database answered with an error, or not at all.
    #[error("{0}")]
    Database(#[from] Error),
    /// This release cannot have written such a row.
    #[error("a row of the store makes no sense: {0}")]
    Senseless(&'static str),
}

/// The first eight columns of a subject's row; `None` if it has no grant.
pub(super) fn stored_grant(row: &Row) -> Result<Option<StoredGrant>, RowError> {
    let Some(nonce) = row.try_get::<_, Option<&[u8]>>(0)? else { return Ok(None) };
    let small = |column| -> Result<u32, RowError> {
        u32::try_from(row.try_get::<_, i32>(column)?)
            .map_err(|_| RowError::Senseless("a negative count"))
    };
    let grant = Grant {
        nonce: nonce.try_into().map_err(|_| RowError::Senseless("a nonce's length"))?,
        key_id: KeyId::from_stored(row.try_get(1)?),
        issued_at: row.try_get(2)?,
        expires_at: row.try_get(3)?,
        digits: u8::try_from(row.try_get::<_, i16>(4)?)
            .map_err(|_| RowError::Senseless("a number of digits"))?,
    };
    let tried = row.try_get(5)?;
    Ok(Some(StoredGrant { grant, tried, tries_left: small(6)?, wrong_codes_left: small(7)? }))
}

/// The row of [`Statements::live`]: the grant, if it is live now.
pub(super) fn live_grant(row: &Row) -> Result<Option<Grant>, RowError> {
    let now = Timestamp::from_millis(row.try_get(8)?);
    Ok(stored_grant(row)?.filter(|stored| stored.is_live(now)).map(|stored| stored.grant))
}

/// The row of [`Statements::lock_account`].
pub(super) fn account(row: &Row) -> Result<Account, RowError> {
    let (wrong_passwords, by_address) =
        decode_with(row.try_get(9)?).ok_or(RowError::Senseless("a budget's times"))?;
    Ok(Account {
        grant: stored_grant(row)?,
        codes_issued: event_log(row, 8)?,
        wrong_passwords,
        wrong_codes: event_log(row, 10)?,
        by_address,
        idle_from: Timestamp::from_millis(row.try_get(11)?),
    })
}

/// What a text or number in a row stands for, or what makes no sense about it.
pub(super) fn sense<T>(read: Option<T>, what: &'static str) -> Result<T, RowError> {
    read.ok_or(RowError::Senseless(what))
}

/// A time in a column, in milliseconds.
pub(super) fn time(row: &Row, column: usize) -> Result<Timestamp, RowError> {
    Ok(Timestamp::from_millis(row.try_get(column)?))
}

/// The event log in a column.
pub(super) fn event_log(row: &Row, column: usize) -> Result<EventLog, RowError> {
    decode(row.try_get(column)?).ok_or(RowError::Senseless("a budget's times"))
}

/// Writes an account by a statement that takes all its columns.
pub(super) async fn write_account(
    client: &Client,
    statement: &Prepared,
    subject: &Subject,
    account: &Account,
) -> Result<u64, Error> {
    let stored = account.grant.as_ref();
    let grant = stored.map(|stored| &stored.grant);
    let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    let parameters: [&(dyn ToSql + Sync); 15] = [
        &subject.tenant.as_str(),
        &subject.purpose.as_str(),
        &subject.id,
        &grant.map(|grant| grant.nonce.as_slice()),
        &grant.map(|grant| grant.key_id.as_str()),
        &grant.map(|grant| grant.issued_at),
        &grant.map(|grant| grant.expires_at),
        &grant.map(|grant| i16::from(grant.digits)),
        &stored.map(|stored| stored.tried),
        &stored.map(|stored| count(stored.tries_left)),
        &stored.map(|stored| count(stored.wrong_codes_left)),
        &encode(&account.codes_issued),
        &encode_with(&account.wrong_passwords, &account.by_address),
        &encode(&account.wrong_codes),
        &account.idle_from.as_millis(),
    ];
    client.execute(statement.get(), &parameters).await
}

/// Writes the calls counted against a number by a statement that takes all columns.
pub(super) async fn write_calls(
    client: &Client,
    statement: &Prepared,
    (tenant, number): (&TenantId, &PhoneNumber),
    calls: &EventLog,
    quota: Quota,
) -> Result<u64, Error> {
    let idle_from = calls.idle_from(quota).map_or(i64::MIN, Timestamp::as_millis);
    let (tenant, number, calls) = (tenant.as_str(), number.key(), encode(calls));
    client.execute(statement.get(), &[&tenant, &number, &calls, &idle_from]).await
}
