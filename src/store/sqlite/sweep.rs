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

/// Where a walk is: the key of the last row looked at.
#[derive(Debug, Clone)]
enum Cursor {
    Subjects { tenant: String, purpose: String, subject: String },
    Callers { tenant: String, number: String },
}

impl Cursor {
    fn start() -> Self {
        Self::Subjects { tenant: String::new(), purpose: String::new(), subject: String::new() }
    }

    fn start_of_callers() -> Self {
        Self::Callers { tenant: String::new(), number: String::new() }
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
            Ok(Some(step_subjects(connection, from, now)?.unwrap_or_else(Cursor::start_of_callers)))
        }
        Cursor::Callers { tenant, number } => step_callers(connection, (tenant, number), now),
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

fn step_callers(
    connection: &Connection,
    (tenant, number): (&str, &str),
    now: Timestamp,
) -> rusqlite::Result<Option<Cursor>> {
    const LAST: &str = "SELECT tenant, number FROM callers WHERE (tenant, number) > (?1, ?2) \
        ORDER BY tenant, number LIMIT 1 OFFSET ?3";
    const DELETE: &str = "DELETE FROM callers WHERE (tenant, number) > (?1, ?2) \
        AND (tenant, number) <= (?3, ?4) AND idle_from < ?5";
    const DELETE_REST: &str =
        "DELETE FROM callers WHERE (tenant, number) > (?1, ?2) AND idle_from < ?3";
    let last: Option<(String, String)> = connection
        .prepare_cached(LAST)?
        .query_row(params![tenant, number, STEP_ROWS - 1], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let now = now.as_millis();
    let Some((to_tenant, to_number)) = last else {
        connection.prepare_cached(DELETE_REST)?.execute(params![tenant, number, now])?;
        return Ok(None);
    };
    connection
        .prepare_cached(DELETE)?
        .execute(params![tenant, number, to_tenant, to_number, now])?;
    Ok(Some(Cursor::Callers { tenant: to_tenant, number: to_number }))
}
