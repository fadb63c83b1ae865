//! Reads and writes the rows of the two tables of grants and calls, and the kinds of columns that
//! all tables share. The decisions about them are in [`account`](crate::store::account).

use rusqlite::types::Type;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::grant::{Grant, KeyId, Purpose, Subject};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::{EventLog, Quota};
use crate::domain::stored_number::NumberingPlan;
use crate::domain::tenant::TenantId;
use crate::store::account::{Account, StoredGrant};
use crate::store::address_log::AddressLog;
use crate::store::event_log_codec::{decode, decode_with, encode, encode_with};

/// The first eight columns of a subject's row; `None` if it has no grant.
fn stored_grant(row: &Row<'_>) -> rusqlite::Result<Option<StoredGrant>> {
    let Some(nonce) = row.get::<_, Option<[u8; 16]>>(0)? else { return Ok(None) };
    let grant = Grant {
        nonce,
        key_id: KeyId::from_stored(row.get(1)?),
        issued_at: row.get(2)?,
        expires_at: row.get(3)?,
        digits: row.get(4)?,
    };
    Ok(Some(StoredGrant {
        grant,
        tried: row.get(5)?,
        tries_left: row.get(6)?,
        wrong_codes_left: row.get(7)?,
    }))
}

/// The subject's live grant, in one read.
pub(super) fn live_grant(
    connection: &Connection,
    subject: &Subject,
    now: Timestamp,
) -> rusqlite::Result<Option<Grant>> {
    const SQL: &str = "SELECT nonce, key_id, issued_at, expires_at, digits, tried, tries_left, \
        wrong_codes_left FROM subjects WHERE tenant = ?1 AND purpose = ?2 AND subject = ?3";
    let key = params![subject.tenant.as_str(), subject.purpose.as_str(), subject.id];
    let stored = connection.prepare_cached(SQL)?.query_row(key, stored_grant).optional()?;
    Ok(stored.flatten().filter(|stored| stored.is_live(now)).map(|stored| stored.grant))
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
                 wrong_codes_left, codes_issued, wrong_passwords, wrong_codes, idle_from \
                 FROM subjects WHERE tenant = ?1 AND purpose = ?2 AND subject = ?3",
            )?,
            insert_account: prepare(
                "INSERT INTO subjects (tenant, purpose, subject, nonce, key_id, issued_at, \
                 expires_at, digits, tried, tries_left, wrong_codes_left, codes_issued, \
                 wrong_passwords, wrong_codes, idle_from) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            )?,
            update_account: prepare(
                "UPDATE subjects SET nonce = ?4, key_id = ?5, issued_at = ?6, expires_at = ?7, \
                 digits = ?8, tried = ?9, tries_left = ?10, wrong_codes_left = ?11, \
                 codes_issued = ?12, wrong_passwords = ?13, wrong_codes = ?14, idle_from = ?15 \
                 WHERE tenant = ?1 AND purpose = ?2 AND subject = ?3",
            )?,
            find_calls: prepare("SELECT calls FROM callers WHERE tenant = ?1 AND number = ?2")?,
            insert_calls: prepare(
                "INSERT INTO callers (tenant, number, calls, idle_from) VALUES (?1, ?2, ?3, ?4)",
            )?,
            update_calls: prepare(
                "UPDATE callers SET calls = ?3, idle_from = ?4 WHERE tenant = ?1 AND number = ?2",
            )?,
        })
    }

    /// The connection that the statements run on.
    pub(super) fn connection(&self) -> &'c Connection {
        self.connection
    }

    /// The subject's account; `None` if it has none.
    pub(super) fn find_account(&mut self, subject: &Subject) -> rusqlite::Result<Option<Account>> {
        let key = params![subject.tenant.as_str(), subject.purpose.as_str(), subject.id];
        let read = |row: &Row<'_>| {
            let (wrong_passwords, by_address) = passwords(row, 9)?;
            Ok(Account {
                grant: stored_grant(row)?,
                codes_issued: event_log(row, 8)?,
                wrong_passwords,
                wrong_codes: event_log(row, 10)?,
                by_address,
                idle_from: Timestamp::from_millis(row.get(11)?),
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
        write_account(&mut self.insert_account, subject, account)
    }

    /// Writes an account that [`Tables::find_account`] found.
    pub(super) fn update_account(
        &mut self,
        subject: &Subject,
        account: &Account,
    ) -> rusqlite::Result<()> {
        write_account(&mut self.update_account, subject, account)
    }

    /// The calls counted against a number; `None` if it has no row.
    pub(super) fn find_calls(
        &mut self,
        tenant: &TenantId,
        number: &str,
    ) -> rusqlite::Result<Option<EventLog>> {
        let key = params![tenant.as_str(), number];
        self.find_calls.query_row(key, |row| event_log(row, 0)).optional()
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
        let idle_from = calls.idle_from(quota).map_or(i64::MIN, Timestamp::as_millis);
        let row = params![tenant.as_str(), number, even(calls), idle_from];
        let statement = if found { &mut self.update_calls } else { &mut self.insert_calls };
        statement.execute(row).map(|_| ())
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
        WHERE tenant = ?1 AND purpose = ?2 AND subject > ?3 ORDER BY subject LIMIT ?4";
    let mut statement = connection.prepare_cached(SQL)?;
    let found = statement.query_map(
        params![tenant.as_str(), purpose.as_str(), after, rows],
        |row: &Row<'_>| {
            let subject = Subject { tenant: tenant.clone(), purpose, id: row.get(8)? };
            Ok((subject, stored_grant(row)?))
        },
    )?;
    found.collect()
}

fn write_account(
    statement: &mut CachedStatement<'_>,
    subject: &Subject,
    account: &Account,
) -> rusqlite::Result<()> {
    let stored = account.grant.as_ref();
    let grant = stored.map(|stored| &stored.grant);
    let row = params![
        subject.tenant.as_str(),
        subject.purpose.as_str(),
        subject.id,
        grant.map(|grant| grant.nonce),
        grant.map(|grant| grant.key_id.as_str()),
        grant.map(|grant| grant.issued_at),
        grant.map(|grant| grant.expires_at),
        grant.map(|grant| grant.digits),
        stored.map(|stored| stored.tried),
        stored.map(|stored| stored.tries_left),
        stored.map(|stored| stored.wrong_codes_left),
        even(&account.codes_issued),
        filled(&encode_with(&account.wrong_passwords, &account.by_address)),
        even(&account.wrong_codes),
        account.idle_from.as_millis(),
    ];
    statement.execute(row).map(|_| ())
}

/// A log's space grows by this many events. A row that keeps its length is overwritten in place;
/// growing at each call would split its page again and again.
const ROOM: usize = 5;

/// The log as bytes, padded at the front to a multiple of [`ROOM`] with times of zero, which count
/// as long expired.
pub(super) fn even(log: &EventLog) -> Vec<u8> {
    filled(&encode(log))
}

fn filled(events: &[u8]) -> Vec<u8> {
    let length = events.len().next_multiple_of(ROOM * 8);
    let mut bytes = vec![0; length - events.len()];
    bytes.extend_from_slice(events);
    bytes
}

/// Deletes the calls counted against a number; returns whether there were any.
pub(super) fn delete_calls(
    connection: &Connection,
    tenant: &TenantId,
    number: &PhoneNumber,
) -> rusqlite::Result<bool> {
    const SQL: &str = "DELETE FROM callers WHERE tenant = ?1 AND number = ?2";
    let deleted =
        connection.prepare_cached(SQL)?.execute(params![tenant.as_str(), number.key()])?;
    Ok(deleted > 0)
}

/// A log as written by [`even`], with or without padding.
pub(super) fn event_log(row: &Row<'_>, column: usize) -> rusqlite::Result<EventLog> {
    decode(events(row, column)?).ok_or_else(|| cut(column))
}

/// The log of wrong passwords, preceded by the failures by address.
fn passwords(row: &Row<'_>, column: usize) -> rusqlite::Result<(EventLog, AddressLog)> {
    decode_with(events(row, column)?).ok_or_else(|| cut(column))
}

/// A log's bytes without padding.
fn events<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<&'r [u8]> {
    let mut bytes = row.get_ref(column)?.as_blob()?;
    while let Some(rest) = bytes.strip_prefix(&[0; 8]) {
        bytes = rest;
    }
    Ok(bytes)
}

fn cut(column: usize) -> rusqlite::Error {
    let cut = "a budget's times are not 8 bytes each".into();
    rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, cut)
}

/// A UUID as these tables have it: hyphenated, in small letters.
pub(super) fn text_of(id: &Uuid) -> String {
    id.hyphenated().to_string()
}

/// What a column holds if it was readable, else an error that says what it is not.
pub(super) fn known<T>(column: usize, read: Option<T>, what: &str) -> rusqlite::Result<T> {
    read.ok_or_else(|| {
        let error = format!("a row holds what is not {what}").into();
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error)
    })
}

/// The error of a step whose case cannot be written.
pub(super) fn unwritable(why: &str) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(why.into())
}

/// A column with a UUID in it.
pub(super) fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    known(column, Uuid::try_parse(row.get_ref(column)?.as_str()?).ok(), "an id")
}

/// A column with a time in it.
pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

/// A column with a phone number in it.
pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<PhoneNumber> {
    known(column, NumberingPlan::read_e164(row.get_ref(column)?.as_str()?), "a phone number")
}

/// The text of a number that [`number`] reads as the same: one without an extension.
pub(super) fn readable(number: &PhoneNumber) -> rusqlite::Result<&str> {
    let text = number.as_str();
    let reads_back = NumberingPlan::read_e164(text).as_ref() == Some(number);
    reads_back.then_some(text).ok_or_else(|| unwritable("a phone number that is not plain E.164"))
}
