//! The thread that copies the write-ahead log back into the database file.
//!
//! `SQLite` would do that within the commit that makes the log too long, and that commit's callers
//! would wait for it. Here no commit waits for copying: PASSIVE copies while commits go on. Under
//! load without a pause it never quite catches up, so the log would never start over; past
//! [`RESTART_FRAMES`] the writer itself copies the rest, little after a PASSIVE just before. From
//! another connection that would wait for a busy writer's lock by polling, and mostly miss it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::Connection;

use super::link::Beside;

/// Time between two looks at the log.
const PAUSE: Duration = Duration::from_millis(200);

/// Frames not yet copied from which on copying begins: 16 MiB. The more is copied at once, the more
/// often a page that was written several times is copied once.
const PASSIVE_FRAMES: i64 = 8 * 1024;

/// Frames in the log from which on it has to start over: 64 MiB.
const RESTART_FRAMES: i64 = 32 * 1024;

/// Frames in the log from which on it is cut: 256 MiB.
const TRUNCATE_FRAMES: i64 = 128 * 1024;

/// Checkpoints until `stop` is gone.
pub(super) fn keep_short(beside: &Arc<Beside>, slot: usize, stop: &Receiver<()>) {
    while stop.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
        // While the writer is asked to, it must find the checkpoint lock free.
        if beside.is_asked_to_restart() {
            continue;
        }
        if let Some(connection) = beside.slot(slot).as_ref() {
            match copy(connection) {
                Ok(long) if long => beside.ask_to_restart(),
                Ok(_) => {}
                Err(error) => beside.report(&error),
            }
        }
    }
}

/// Copies what is in the log; returns whether it has to start over.
fn copy(connection: &Connection) -> rusqlite::Result<bool> {
    let (in_log, copied) = run(connection, "PRAGMA wal_checkpoint(NOOP)")?;
    if in_log - copied >= PASSIVE_FRAMES {
        run(connection, "PRAGMA wal_checkpoint(PASSIVE)")?;
    }
    // A log that is copied whole starts over by itself at the next commit.
    let long = in_log >= RESTART_FRAMES && copied < in_log;
    if long {
        // Copies what came in during the first, so that little is left for the writer.
        run(connection, "PRAGMA wal_checkpoint(PASSIVE)")?;
    }
    Ok(long)
}

/// Copies the rest of the log, on the writer's connection, and has it start over. A log that has
/// grown out of all proportion, because something else had held it open, is cut: that takes ten
/// times as long.
pub(super) fn restart(connection: &Connection) -> rusqlite::Result<()> {
    let (in_log, _) = run(connection, "PRAGMA wal_checkpoint(NOOP)")?;
    let cut = in_log >= TRUNCATE_FRAMES;
    let mode =
        if cut { "PRAGMA wal_checkpoint(TRUNCATE)" } else { "PRAGMA wal_checkpoint(RESTART)" };
    run(connection, mode).map(|_| ())
}

/// Frames in the log, and how many of them have been copied.
fn run(connection: &Connection, pragma: &str) -> rusqlite::Result<(i64, i64)> {
    connection.prepare_cached(pragma)?.query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
}
