//! Reads and writes the rows of reported calls.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::columns::{text_of, time};
use crate::domain::clock::Timestamp;
use crate::domain::reported_call::{REMEMBERED, ReportId, ReportedCall};
use crate::domain::tenant::TenantId;

/// What is remembered under these ids.
pub(super) fn find_reported(
    connection: &Connection,
    tenant: &TenantId,
    reports: &[ReportId],
) -> rusqlite::Result<Vec<ReportedCall>> {
    const SQL: &str = "SELECT first_reported FROM reported_calls \
        WHERE tenant = :tenant AND call_id = :call_id";
    if reports.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(SQL)?;
    let mut find = |id: &ReportId| {
        let read = |row: &Row<'_>| {
            let first_reported = time(row, "first_reported")?;
            Ok(ReportedCall { id: *id, first_reported, nonce: None })
        };
        let key = named_params! {":tenant": tenant.as_str(), ":call_id": text_of(id)};
        statement.query_row(key, read).optional()
    };
    reports.iter().filter_map(|id| find(id).transpose()).collect()
}

/// Remembers a call that heard no code under each of its ids.
pub(super) fn write_reported(
    connection: &Connection,
    tenant: &TenantId,
    reports: &[ReportId],
    now: Timestamp,
) -> rusqlite::Result<()> {
    const SQL: &str = "INSERT INTO reported_calls \
        (tenant, call_id, first_reported, idle_from) \
        VALUES (:tenant, :call_id, :first_reported, :idle_from) \
        ON CONFLICT (tenant, call_id) DO NOTHING";
    if reports.is_empty() {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(SQL)?;
    for id in reports {
        statement.execute(named_params! {
            ":tenant": tenant.as_str(),
            ":call_id": text_of(id),
            ":first_reported": now.as_millis(),
            ":idle_from": now.plus(REMEMBERED).as_millis(),
        })?;
    }
    Ok(())
}
