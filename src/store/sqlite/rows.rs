//! The rows of the two tables: reading them and writing them back. What is decided on them is in
//! [`steps`](super::steps).

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::domain::clock::Timestamp;
use crate::domain::grant::{Grant, Subject};
use crate::domain::otp::KeyId;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::{EventLog, Limits, Quota};
use crate::domain::tenant::TenantId;
use crate::store::event_log_codec::{decode, encode};

/// A grant with what is left of it.
#[derive(Debug, Clone)]
pub(super) struct StoredGrant {
    pub(super) grant: Grant,
    /// Whether any login has tried it.
    pub(super) tried: bool,
    /// Wrong codes with a right password that it still takes.
    pub(super) tries_left: u32,
    /// Wrong codes that it still takes, whatever the password.
    pub(super) wrong_codes_left: u32,
}

impl StoredGrant {
    /// Reads the first eight columns of a row; `None` if it holds no grant.
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Option<Self>> {
        let Some(nonce) = row.get::<_, Option<[u8; 16]>>(0)? else { return Ok(None) };
        let grant = Grant {
            nonce,
            key_id: KeyId::from_stored(row.get(1)?),
            issued_at: row.get(2)?,
            expires_at: row.get(3)?,
            digits: row.get(4)?,
        };
        Ok(Some(Self {
            grant,
            tried: row.get(5)?,
            tries_left: row.get(6)?,
            wrong_codes_left: row.get(7)?,
        }))
    }

    /// Whether it is neither burnt nor expired at `now`.
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.tries_left > 0 && self.wrong_codes_left > 0 && self.grant.expires_at > now.as_secs()
    }
}

/// The subject's live grant, by one read.
pub(super) fn live_grant(
    connection: &Connection,
    subject: &Subject,
    now: Timestamp,
) -> rusqlite::Result<Option<Grant>> {
    const SQL: &str = "SELECT nonce, key_id, issued_at, expires_at, digits, tried, tries_left, \
        wrong_codes_left FROM subjects WHERE tenant = ?1 AND purpose = ?2 AND subject = ?3";
    let key = params![subject.tenant.as_str(), subject.purpose.as_str(), subject.id];
    let stored =
        connection.prepare_cached(SQL)?.query_row(key, StoredGrant::from_row).optional()?;
    Ok(stored.flatten().filter(|stored| stored.is_live(now)).map(|stored| stored.grant))
}

/// A subject's row.
#[derive(Debug, Clone)]
pub(super) struct SubjectRow {
    pub(super) grant: Option<StoredGrant>,
    pub(super) codes_issued: EventLog,
    pub(super) wrong_passwords: EventLog,
    pub(super) wrong_codes: EventLog,
    idle_from: Timestamp,
}

impl SubjectRow {
    /// The row of a subject that has none.
    pub(super) fn new() -> Self {
        Self {
            grant: None,
            codes_issued: EventLog::default(),
            wrong_passwords: EventLog::default(),
            wrong_codes: EventLog::default(),
            idle_from: Timestamp::from_millis(i64::MIN),
        }
    }

    /// The subject's row.
    pub(super) fn find(
        connection: &Connection,
        subject: &Subject,
    ) -> rusqlite::Result<Option<Self>> {
        const SQL: &str = "SELECT nonce, key_id, issued_at, expires_at, digits, tried, \
            tries_left, wrong_codes_left, codes_issued, wrong_passwords, wrong_codes, idle_from \
            FROM subjects WHERE tenant = ?1 AND purpose = ?2 AND subject = ?3";
        let key = params![subject.tenant.as_str(), subject.purpose.as_str(), subject.id];
        let read = |row: &Row<'_>| {
            Ok(Self {
                grant: StoredGrant::from_row(row)?,
                codes_issued: event_log(row, 8)?,
                wrong_passwords: event_log(row, 9)?,
                wrong_codes: event_log(row, 10)?,
                idle_from: Timestamp::from_millis(row.get(11)?),
            })
        };
        connection.prepare_cached(SQL)?.query_row(key, read).optional()
    }

    /// Forgets the events that no longer count at `now`.
    pub(super) fn expire(&mut self, limits: &Limits, now: Timestamp) {
        self.codes_issued.expire(limits.codes_per_user, now);
        self.wrong_passwords.expire(limits.wrong_passwords_per_user, now);
        self.wrong_codes.expire(limits.wrong_codes_per_user, now);
    }

    /// The live grant, if it is the one with this nonce.
    pub(super) fn live(&mut self, nonce: [u8; 16], now: Timestamp) -> Option<&mut StoredGrant> {
        self.grant.as_mut().filter(|stored| stored.grant.nonce == nonce && stored.is_live(now))
    }

    /// Clears the grant if it takes no more wrong codes.
    pub(super) fn burn_if_spent(&mut self) {
        self.grant = self.grant.take().filter(|g| g.tries_left > 0 && g.wrong_codes_left > 0);
    }

    /// Works out when the sweep may delete the row.
    pub(super) fn settle_idle_from(&mut self, limits: &Limits) {
        let expiry = self
            .grant
            .as_ref()
            .map(|stored| Timestamp::from_millis(stored.grant.expires_at.saturating_mul(1000)));
        let ends = [
            expiry,
            self.codes_issued.idle_from(limits.codes_per_user),
            self.wrong_passwords.idle_from(limits.wrong_passwords_per_user),
            self.wrong_codes.idle_from(limits.wrong_codes_per_user),
        ];
        let latest = ends.into_iter().flatten().max();
        self.idle_from = latest.unwrap_or(Timestamp::from_millis(i64::MIN));
    }

    /// Writes a row that [`SubjectRow::find`] found.
    pub(super) fn update(
        &self,
        connection: &Connection,
        subject: &Subject,
    ) -> rusqlite::Result<()> {
        const SQL: &str = "UPDATE subjects SET nonce = ?4, key_id = ?5, issued_at = ?6, \
            expires_at = ?7, digits = ?8, tried = ?9, tries_left = ?10, wrong_codes_left = ?11, \
            codes_issued = ?12, wrong_passwords = ?13, wrong_codes = ?14, idle_from = ?15 \
            WHERE tenant = ?1 AND purpose = ?2 AND subject = ?3";
        self.execute(connection, SQL, subject)
    }

    /// Writes the row, new or not. Only issuing a code may: nothing else leaves a new row.
    pub(super) fn insert_or_update(
        &self,
        connection: &Connection,
        subject: &Subject,
    ) -> rusqlite::Result<()> {
        const SQL: &str = "INSERT OR REPLACE INTO subjects (tenant, purpose, subject, nonce, \
            key_id, issued_at, expires_at, digits, tried, tries_left, wrong_codes_left, \
            codes_issued, wrong_passwords, wrong_codes, idle_from) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
        self.execute(connection, SQL, subject)
    }

    fn execute(
        &self,
        connection: &Connection,
        sql: &str,
        subject: &Subject,
    ) -> rusqlite::Result<()> {
        let stored = self.grant.as_ref();
        let grant = stored.map(|stored| &stored.grant);
        connection.prepare_cached(sql)?.execute(params![
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
            encode(&self.codes_issued),
            encode(&self.wrong_passwords),
            encode(&self.wrong_codes),
            self.idle_from.as_millis(),
        ])?;
        Ok(())
    }
}

/// The calls counted against a number; empty if it has no row.
pub(super) fn find_calls(
    connection: &Connection,
    tenant: &TenantId,
    number: &PhoneNumber,
) -> rusqlite::Result<EventLog> {
    const SQL: &str = "SELECT calls FROM callers WHERE tenant = ?1 AND number = ?2";
    let key = params![tenant.as_str(), number.key()];
    let calls = connection.prepare_cached(SQL)?.query_row(key, |row| event_log(row, 0));
    Ok(calls.optional()?.unwrap_or_default())
}

/// Writes the calls counted against a number.
pub(super) fn write_calls(
    connection: &Connection,
    tenant: &TenantId,
    number: &PhoneNumber,
    calls: &EventLog,
    quota: Quota,
) -> rusqlite::Result<()> {
    const SQL: &str = "INSERT OR REPLACE INTO callers (tenant, number, calls, idle_from) \
        VALUES (?1, ?2, ?3, ?4)";
    let idle_from = calls.idle_from(quota).map_or(i64::MIN, Timestamp::as_millis);
    let row = params![tenant.as_str(), number.key(), encode(calls), idle_from];
    connection.prepare_cached(SQL)?.execute(row)?;
    Ok(())
}

fn event_log(row: &Row<'_>, column: usize) -> rusqlite::Result<EventLog> {
    let bytes = row.get_ref(column)?.as_blob()?;
    decode(bytes).ok_or_else(|| {
        let cut = "a budget's times are not 8 bytes each".into();
        rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, cut)
    })
}
