//! The thread that deletes idle rows, in which nothing counts any more, a few at a time and through
//! the writer, so that no request waits long.
//!
//! It walks the tables by primary key: an index on `idle_from` would cost every request more than
//! the whole walk does.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, named_params};

use super::writer::Queue;
use crate::domain::clock::{Clock, Timestamp};

/// Pause between two walks. The first step of each also makes the writer check the file.
const PAUSE: Duration = Duration::from_secs(1);

/// Pause between two steps of a walk.
const STEP_PAUSE: Duration = Duration::from_millis(10);

/// Rows examined per step.
const STEP_ROWS: i64 = 100;

/// A table whose primary key is the tenant and one more column.
struct Paired {
    name: &'static str,
    column: &'static str,
    /// Which of its rows may be deleted; `:now` is the time.
    idle: &'static str,
    /// Another change to rows in the range: its assignments, and its condition.
    thinned: Option<(&'static str, &'static str)>,
}

impl Paired {
    const fn new(name: &'static str, column: &'static str) -> Self {
        Self { name, column, idle: "idle_from < :now", thinned: None }
    }
}

const PAIRED: [Paired; 6] = [
    Paired::new("callers", "number"),
    Paired {
        // Clears the challenge of an expired transaction, which can no longer be signed.
        thinned: Some((
            "ceremony = NULL, asked = NULL",
            "ceremony IS NOT NULL AND expires_at <= :now",
        )),
        ..Paired::new("transactions", "transaction_id")
    },
    Paired::new("texted", "number"),
    Paired::new("used_intents", "intent_id"),
    Paired::new("reported_calls", "call_id"),
    Paired {
        idle: "name IS NULL AND updated_at = created_at AND recovery = x'' \
            AND created_at < :now - 86400000 \
            AND NOT EXISTS (SELECT 1 FROM transactions AS theirs \
                WHERE theirs.tenant = users.tenant AND theirs.user_id = users.user_id) \
            AND NOT EXISTS (SELECT 1 FROM phones AS theirs \
                WHERE theirs.tenant = users.tenant AND theirs.user_id = users.user_id) \
            AND NOT EXISTS (SELECT 1 FROM authenticators AS theirs \
                WHERE theirs.tenant = users.tenant AND theirs.user_id = users.user_id)",
        ..Paired::new("users", "user_id")
    },
];

/// The position of a walk: the key of the last row examined.
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

    /// The position before a table's first row; `None` after the last table.
    fn start_of(table: usize) -> Option<Self> {
        let start = Self::Paired { table, tenant: String::new(), key: String::new() };
        (table < PAIRED.len()).then_some(start)
    }
}

/// Sweeps until the sender of `stop` is dropped.
pub(super) fn sweep(queue: &Queue, clock: &Arc<dyn Clock>, stop: &Receiver<()>) {
    let (mut cursor, mut pause) = (Cursor::start(), PAUSE);
    while stop.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        let (from, now) = (cursor.clone(), clock.now());
        // A later walk deletes what this one could not; the writer has reported the error.
        if let Ok(next) = queue.run_blocking(move |tables| step(tables.connection(), &from, now)) {
            pause = if next.is_some() { STEP_PAUSE } else { PAUSE };
            cursor = next.unwrap_or_else(Cursor::start);
        }
    }
}

/// Examines the rows after `from`; returns the position to continue from, `None` at the end.
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
        WHERE (tenant, purpose, subject) > (:tenant, :purpose, :subject) \
        ORDER BY tenant, purpose, subject LIMIT 1 OFFSET :skipped";
    const DELETE: &str = "DELETE FROM subjects \
        WHERE (tenant, purpose, subject) > (:tenant, :purpose, :subject) \
        AND (tenant, purpose, subject) <= (:to_tenant, :to_purpose, :to_subject) \
        AND idle_from < :now";
    const DELETE_REST: &str = "DELETE FROM subjects \
        WHERE (tenant, purpose, subject) > (:tenant, :purpose, :subject) AND idle_from < :now";
    let from = named_params! {":tenant": tenant, ":purpose": purpose, ":subject": subject};
    let skipped = named_params! {":skipped": STEP_ROWS - 1};
    let last = connection
        .prepare_cached(LAST)?
        .query_row(&[from, skipped].concat()[..], |row| {
            Ok((
                row.get::<_, String>("tenant")?,
                row.get::<_, String>("purpose")?,
                row.get::<_, String>("subject")?,
            ))
        })
        .optional()?;
    let now = now.as_millis();
    let now = named_params! {":now": now};
    let Some((tenant, purpose, subject)) = last else {
        connection.prepare_cached(DELETE_REST)?.execute(&[from, now].concat()[..])?;
        return Ok(None);
    };
    let to = named_params! {":to_tenant": tenant, ":to_purpose": purpose, ":to_subject": subject};
    connection.prepare_cached(DELETE)?.execute(&[from, to, now].concat()[..])?;
    Ok(Some(Cursor::Subjects { tenant, purpose, subject }))
}

fn step_paired(
    connection: &Connection,
    table: usize,
    (tenant, key): (&str, &str),
    now: Timestamp,
) -> rusqlite::Result<Option<Cursor>> {
    let Paired { name, column, idle, thinned } = &PAIRED[table];
    let last = format!(
        "SELECT tenant, {column} FROM {name} WHERE (tenant, {column}) > (:tenant, :key) \
         ORDER BY tenant, {column} LIMIT 1 OFFSET :skipped"
    );
    let last: Option<(String, String)> = connection
        .prepare_cached(&last)?
        .query_row(
            named_params! {":tenant": tenant, ":key": key, ":skipped": STEP_ROWS - 1},
            |row| Ok((row.get("tenant")?, row.get(*column)?)),
        )
        .optional()?;
    let until = if last.is_some() {
        format!("AND (tenant, {column}) <= (:to_tenant, :to_key)")
    } else {
        String::new()
    };
    let range = format!("(tenant, {column}) > (:tenant, :key) {until}");
    let now = now.as_millis();
    let thin = thinned.map(|(set, of)| format!("UPDATE {name} SET {set} WHERE {range} AND {of}"));
    let delete = format!("DELETE FROM {name} WHERE {range} AND {idle}");
    for sql in thin.into_iter().chain([delete]) {
        let mut statement = connection.prepare_cached(&sql)?;
        let from = named_params! {":tenant": tenant, ":key": key, ":now": now};
        if let Some((to_tenant, to_key)) = &last {
            let to = named_params! {":to_tenant": to_tenant, ":to_key": to_key};
            statement.execute(&[from, to].concat()[..])?;
        } else {
            statement.execute(from)?;
        }
    }
    Ok(last.map(|(tenant, key)| Cursor::Paired { table, tenant, key }))
}
