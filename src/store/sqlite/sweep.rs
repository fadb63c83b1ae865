//! The thread that deletes rows in which nothing counts any more, a few at a time and through the
//! writer, so that no request waits for long.
//!
//! It walks the tables by their primary keys: an index on `idle_from` would cost every request
//! more than the walk costs altogether.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::writer::Queue;
use crate::domain::clock::{Clock, Timestamp};

/// Time between two walks. The first step of each also has the writer look at the file.
const PAUSE: Duration = Duration::from_secs(1);

/// Time between two steps of a walk.
const STEP_PAUSE: Duration = Duration::from_millis(10);

/// Rows looked at in a step.
const STEP_ROWS: i64 = 100;

/// The tables whose primary key is the tenant and one column more, with that column.
const PAIRED: [(&str, &str); 4] = [
    ("callers", "number"),
    ("transactions", "transaction_id"),
    ("texted", "number"),
    ("used_intents", "intent_id"),
];

/// Where a walk is: the key of the last row looked at.
#[derive(Debug, Clone)]
enum Cursor {
    Subjects {
        tenant: String,
        purpose: String,
        subject: String,
    },
    /// In one of the tables [`PAIRED`].
    Paired {
        table: usize,
        tenant: String,
        key: String,
    },
}

impl Cursor {
    fn start() -> Self {
        Self::Subjects { tenant: String::new(), purpose: String::new(), subject: String::new() }
    }

    /// Before the first row of a table; `None` behind the last table.
    fn start_of(table: usize) -> Option<Self> {
        let start = Self::Paired { table, tenant: String::new(), key: String::new() };
        (table < PAIRED.len()).then_some(start)
    }
}

/// Sweeps until `stop` is gone.
pub(super) fn sweep(queue: &Queue, clock: &Arc<dyn Clock>, stop: &Receiver<()>) {
    let (mut cursor, mut pause) = (Cursor::start(), PAUSE);
    while stop.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        let (from, now) = (cursor.clone(), clock.now());
        // What was not deleted now will be in a later walk; the writer has told of the error.
        if let Ok(next) = queue.run_blocking(move |tables| step(tables.connection(), &from, now)) {
            pause = if next.is_some() { STEP_PAUSE } else { PAUSE };
            cursor = next.unwrap_or_else(Cursor::start);
        }
    }
}

/// Looks at the rows behind `from`; returns from where to go on, `None` at the end of the walk.
fn step(
    connection: &Connection,
    from: &Cursor,
    now: Timestamp,
) -> rusqlite::Result<Option<Cursor>> {
    match from {
        Cursor::Subjects { tenant, purpose, subject } => {
            let from = (tenant.as_str(), purpose.as_str(), subject.as_str());
            Ok(step_subjects(connection, from, now)?.or_else(|| Cursor::start_of(0)))
        }
        Cursor::Paired { table, tenant, key } => {
            let next = step_paired(connection, *table, (tenant, key), now)?;
            Ok(next.or_else(|| Cursor::start_of(table + 1)))
        }
    }
}

fn step_subjects(
    connection: &Connection,
    (tenant, purpose, subject): (&str, &str, &str),
    now: Timestamp,
) -> rusqlite::Result<Option<Cursor>> {
    const LAST: &str = "SELECT tenant, purpose, subject FROM subjects \
        WHERE (tenant, purpose, subject) > (?1, ?2, ?3) \
        ORDER BY tenant, purpose, subject LIMIT 1 OFFSET ?4";
    const DELETE: &str = "DELETE FROM subjects WHERE (tenant, purpose, subject) > (?1, ?2, ?3) \
        AND (tenant, purpose, subject) <= (?4, ?5, ?6) AND idle_from < ?7";
    const DELETE_REST: &str = "DELETE FROM subjects \
        WHERE (tenant, purpose, subject) > (?1, ?2, ?3) AND idle_from < ?4";
    let last: Option<(String, String, String)> = connection
        .prepare_cached(LAST)?
        .query_row(params![tenant, purpose, subject, STEP_ROWS - 1], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let now = now.as_millis();
    let Some((to_tenant, to_purpose, to_subject)) = last else {
        connection.prepare_cached(DELETE_REST)?.execute(params![tenant, purpose, subject, now])?;
        return Ok(None);
    };
    let range = params![tenant, purpose, subject, to_tenant, to_purpose, to_subject, now];
    connection.prepare_cached(DELETE)?.execute(range)?;
    Ok(Some(Cursor::Subjects { tenant: to_tenant, purpose: to_purpose, subject: to_subject }))
}

fn step_paired(
    connection: &Connection,
    table: usize,
    (tenant, key): (&str, &str),
    now: Timestamp,
) -> rusqlite::Result<Option<Cursor>> {
    let (name, column) = PAIRED[table];
    let last = format!(
        "SELECT tenant, {column} FROM {name} WHERE (tenant, {column}) > (?1, ?2) \
         ORDER BY tenant, {column} LIMIT 1 OFFSET ?3"
    );
    let last: Option<(String, String)> = connection
        .prepare_cached(&last)?
        .query_row(params![tenant, key, STEP_ROWS - 1], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let delete =
        format!("DELETE FROM {name} WHERE (tenant, {column}) > (?1, ?2) AND idle_from < ?3");
    let now = now.as_millis();
    let Some((to_tenant, to_key)) = last else {
        connection.prepare_cached(&delete)?.execute(params![tenant, key, now])?;
        return Ok(None);
    };
    let delete = format!("{delete} AND (tenant, {column}) <= (?4, ?5)");
    let range = params![tenant, key, now, to_tenant, to_key];
    connection.prepare_cached(&delete)?.execute(range)?;
    Ok(Some(Cursor::Paired { table, tenant: to_tenant, key: to_key }))
}
