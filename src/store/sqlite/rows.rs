//! Reads and writes the rows of accounts and of numbers that called. The decisions about them are
//! in [`account`](crate::store::account).

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, named_params};

use super::columns::{WHOLE_TIMES, event_log, events, filled, padded, required, time};
use super::written_row::written_row;
use crate::domain::clock::Timestamp;
use crate::domain::grant::{Grant, KeyId, Purpose, Subject};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::{EventLog, Quota};
use crate::domain::reported_call::ReportedCall;
use crate::domain::tenant::TenantId;
use crate::store::account::{Account, StoredGrant};
use crate::store::address_log::AddressLog;
use crate::store::event_log_codec::{decode_with, encode_with};
use crate::store::told_calls_codec;

/// A row's grant, which expires at the time in the column `expires`; `None` if the row has none.
pub(super) fn grant(row: &Row<'_>, expires: &str) -> rusqlite::Result<Option<Grant>> {
    let Some(nonce) = row.get("nonce")? else { return Ok(None) };
    Ok(Some(Grant {
        nonce,
        key_id: KeyId::from_stored(row.get("key_id")?),
        issued_at: row.get("issued_at")?,
        expires_at: row.get(expires)?,
        digits: row.get("digits")?,
    }))
}

/// A subject's grant; `None` if the row has none.
fn stored_grant(row: &Row<'_>) -> rusqlite::Result<Option<StoredGrant>> {
    let Some(grant) = grant(row, "expires_at")? else { return Ok(None) };
    Ok(Some(StoredGrant {
        grant,
        tried: row.get("tried")?,
        tries_left: row.get("tries_left")?,
        wrong_codes_left: row.get("wrong_codes_left")?,
    }))
}

/// The subject's live grant, in one read.
pub(super) fn live_grant(
    connection: &Connection,
    subject: &Subject,
    now: Timestamp,
) -> rusqlite::Result<Option<Grant>> {
    const SQL: &str = "SELECT nonce, key_id, issued_at, expires_at, digits, tried, tries_left, \
        wrong_codes_left FROM subjects \
        WHERE tenant = :tenant AND purpose = :purpose AND subject = :subject";
    let stored = connection.prepare_cached(SQL)?.query_row(
        named_params! {
            ":tenant": subject.tenant.as_str(),
            ":purpose": subject.purpose.as_str(),
            ":subject": subject.id,
        },
        stored_grant,
    );
    let live = stored.optional()?.flatten().filter(|stored| stored.is_live(now));
    Ok(live.map(|stored| stored.grant))
}

written_row! {
    /// A subject's row.
    AccountRow in "subjects" (subject: &Subject, account: &Account);
    let stored = account.grant.as_ref();
    let grant = stored.map(|stored| &stored.grant);
    columns {
        nonce: grant.map(|grant| grant.nonce),
        key_id: grant.map(|grant| grant.key_id.as_str()),
        issued_at: grant.map(|grant| grant.issued_at),
        expires_at: grant.map(|grant| grant.expires_at),
        digits: grant.map(|grant| grant.digits),
        tried: stored.map(|stored| stored.tried),
        tries_left: stored.map(|stored| stored.tries_left),
        wrong_codes_left: stored.map(|stored| stored.wrong_codes_left),
        codes_issued: padded(&account.codes_issued),
        wrong_passwords: filled(&encode_with(&account.wrong_passwords, &account.by_address)),
        wrong_codes: padded(&account.wrong_codes),
        told_calls: told_calls_codec::encode(&account.told_calls),
        idle_from: account.idle_from.as_millis(),
    }
    key {
        tenant: subject.tenant.as_str(),
        purpose: subject.purpose.as_str(),
        subject: subject.id,
    }
}

written_row! {
    /// The row of a number that called.
    CallerRow in "callers" (tenant: &TenantId, number: &str, calls: &EventLog, quota: Quota);
    columns {
        calls: padded(calls),
        idle_from: calls.idle_from(quota).map_or(i64::MIN, Timestamp::as_millis),
    }
    key {
        tenant: tenant.as_str(),
        number: number,
    }
}

/// Prepared statements on both tables: looking each up at every step would cost as much as running
/// some of them.
pub(super) struct Tables<'c> {
    connection: &'c Connection,
    find_account: CachedStatement<'c>,
    insert_account: CachedStatement<'c>,
    update_account: CachedStatement<'c>,
    find_calls: CachedStatement<'c>,
    insert_calls: CachedStatement<'c>,
    update_calls: CachedStatement<'c>,
}

impl<'c> Tables<'c> {
    /// Prepares the statements.
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let prepare = |sql| connection.prepare_cached(sql);
        Ok(Self {
            connection,
            find_account: prepare(
                "SELECT nonce, key_id, issued_at, expires_at, digits, tried, tries_left, \
                 wrong_codes_left, codes_issued, wrong_passwords, wrong_codes, told_calls, \
                 idle_from FROM subjects \
                 WHERE tenant = :tenant AND purpose = :purpose AND subject = :subject",
            )?,
            insert_account: prepare(&AccountRow::sql().insert)?,
            update_account: prepare(&AccountRow::sql().update)?,
            find_calls: prepare(
                "SELECT calls FROM callers WHERE tenant = :tenant AND number = :number",
            )?,
            insert_calls: prepare(&CallerRow::sql().insert)?,
            update_calls: prepare(&CallerRow::sql().update)?,
        })
    }

    /// The connection that the statements run on.
    pub(super) fn connection(&self) -> &'c Connection {
        self.connection
    }

    /// The subject's account; `None` if it has none.
    pub(super) fn find_account(&mut self, subject: &Subject) -> rusqlite::Result<Option<Account>> {
        let key = named_params! {
            ":tenant": subject.tenant.as_str(),
            ":purpose": subject.purpose.as_str(),
            ":subject": subject.id,
        };
        let read = |row: &Row<'_>| {
            let (wrong_passwords, by_address) = passwords(row)?;
            Ok(Account {
                grant: stored_grant(row)?,
                codes_issued: event_log(row, "codes_issued")?,
                wrong_passwords,
                wrong_codes: event_log(row, "wrong_codes")?,
                by_address,
                told_calls: told_calls(row)?,
                idle_from: time(row, "idle_from")?,
            })
        };
        self.find_account.query_row(key, read).optional()
    }

    /// Writes an account that [`Tables::find_account`] did not find. Only for issuing a code: no
    /// other step creates a row.
    pub(super) fn insert_account(
        &mut self,
        subject: &Subject,
        account: &Account,
    ) -> rusqlite::Result<()> {
        AccountRow::execute(&mut self.insert_account, subject, account)
    }

    /// Writes an account that [`Tables::find_account`] found.
    pub(super) fn update_account(
        &mut self,
        subject: &Subject,
        account: &Account,
    ) -> rusqlite::Result<()> {
        AccountRow::execute(&mut self.update_account, subject, account)
    }

    /// The calls counted against a number; `None` if it has no row.
    pub(super) fn find_calls(
        &mut self,
        tenant: &TenantId,
        number: &str,
    ) -> rusqlite::Result<Option<EventLog>> {
        let key = named_params! {":tenant": tenant.as_str(), ":number": number};
        self.find_calls.query_row(key, |row| event_log(row, "calls")).optional()
    }

    /// Writes the calls counted against a number, which has a row if [`Tables::find_calls`] found
    /// one.
    pub(super) fn write_calls(
        &mut self,
        tenant: &TenantId,
        number: &str,
        calls: &EventLog,
        quota: Quota,
        found: bool,
    ) -> rusqlite::Result<()> {
        let statement = if found { &mut self.update_calls } else { &mut self.insert_calls };
        CallerRow::execute(statement, tenant, number, calls, quota)
    }
}

/// The `rows` accounts after the subject `after`, in order, each with its grant if any.
pub(super) fn grants_after(
    connection: &Connection,
    tenant: &TenantId,
    purpose: Purpose,
    after: &str,
    rows: u32,
) -> rusqlite::Result<Vec<(Subject, Option<StoredGrant>)>> {
    const SQL: &str = "SELECT nonce, key_id, issued_at, expires_at, digits, tried, tries_left, \
        wrong_codes_left, subject FROM subjects \
        WHERE tenant = :tenant AND purpose = :purpose AND subject > :after \
        ORDER BY subject LIMIT :rows";
    let range = named_params! {
        ":tenant": tenant.as_str(),
        ":purpose": purpose.as_str(),
        ":after": after,
        ":rows": rows,
    };
    let read = |row: &Row<'_>| {
        let subject = Subject { tenant: tenant.clone(), purpose, id: row.get("subject")? };
        Ok((subject, stored_grant(row)?))
    };
    connection.prepare_cached(SQL)?.query_map(range, read)?.collect()
}

/// The log of wrong passwords, preceded by the failures by address.
fn passwords(row: &Row<'_>) -> rusqlite::Result<(EventLog, AddressLog)> {
    let column = "wrong_passwords";
    required(row, column, decode_with(events(row, column)?), WHOLE_TIMES)
}

/// The calls that heard the subject's codes.
fn told_calls(row: &Row<'_>) -> rusqlite::Result<Vec<ReportedCall>> {
    let column = "told_calls";
    let bytes = row.get_ref(column)?.as_blob()?;
    required(row, column, told_calls_codec::decode(bytes), "calls of 40 bytes each")
}

/// Deletes the calls counted against a number; returns whether there were any.
pub(super) fn delete_calls(
    connection: &Connection,
    tenant: &TenantId,
    number: &PhoneNumber,
) -> rusqlite::Result<bool> {
    const SQL: &str = "DELETE FROM callers WHERE tenant = :tenant AND number = :number";
    let key = named_params! {":tenant": tenant.as_str(), ":number": number.key()};
    Ok(connection.prepare_cached(SQL)?.execute(key)? > 0)
}

/// Deletes the account of called-in codes under a subject's id.
pub(super) fn delete_account(
    connection: &Connection,
    tenant: &TenantId,
    id: &str,
) -> rusqlite::Result<()> {
    const SQL: &str = "DELETE FROM subjects \
        WHERE tenant = :tenant AND purpose = :purpose AND subject = :subject";
    let key = named_params! {
        ":tenant": tenant.as_str(),
        ":purpose": Purpose::Call.as_str(),
        ":subject": id,
    };
    connection.prepare_cached(SQL)?.execute(key).map(|_| ())
}
