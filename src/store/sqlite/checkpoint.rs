//! The thread that copies the write-ahead log back into the database file.
//!
//! `SQLite` would copy within the commit that makes the log too long, and that commit's callers
//! would wait. Here no commit waits for copying: PASSIVE copies while commits continue. Under
//! constant load it never quite catches up, so the log would never restart. Past [`RESTART_FRAMES`]
//! the writer itself therefore copies the rest, which is little right after a PASSIVE. Another
//! connection would have to poll for a busy writer's lock, and would mostly miss it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::Connection;

use super::side_connections::SideConnections;

/// Interval between checks of the log.
const PAUSE: Duration = Duration::from_millis(200);

/// Number of uncopied frames at which copying begins: 16 MiB. Copying more at once means that a
/// page written several times is more often copied only once.
const PASSIVE_FRAMES: i64 = 8 * 1024;

/// Number of frames at which the log must restart: 64 MiB.
const RESTART_FRAMES: i64 = 32 * 1024;

/// Number of frames at which the log is truncated: 256 MiB.
const TRUNCATE_FRAMES: i64 = 128 * 1024;

/// Checkpoints until the sender of `stop` is dropped.
pub(super) fn keep_short(sides: &Arc<SideConnections>, slot: usize, stop: &Receiver<()>) {
    while stop.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
        // While a restart is requested, the writer must find the checkpoint lock free.
        if sides.is_asked_to_restart() {
            continue;
        }
        if let Some(connection) = sides.slot(slot).as_ref() {
            match copy(connection, sides) {
                Ok(long) if long => sides.ask_to_restart(),
                Ok(_) => {}
                Err(error) => sides.report(&error),
            }
        }
    }
}

/// Copies the log; returns whether it must restart.
fn copy(connection: &Connection, sides: &SideConnections) -> rusqlite::Result<bool> {
    let (in_log, copied) = run(connection, "PRAGMA wal_checkpoint(NOOP)")?;
    if in_log - copied >= PASSIVE_FRAMES {
        copy_and_sync(connection, sides)?;
    }
    // A completely copied log restarts by itself at the next commit.
    let long = in_log >= RESTART_FRAMES && copied < in_log;
    if long {
        // Copies what arrived during the first pass, so that little is left for the writer.
        copy_and_sync(connection, sides)?;
    }
    Ok(long)
}

/// Copies without waiting for anyone, and writes what was copied to the disk. `SQLite` syncs the
/// file only when a checkpoint reaches the end of the log, which none does under load: all pages
/// would be left for the writer's restart, whose callers would wait.
fn copy_and_sync(connection: &Connection, sides: &SideConnections) -> rusqlite::Result<()> {
    run(connection, "PRAGMA wal_checkpoint(PASSIVE)")?;
    if let Err(error) = sides.sync() {
        tracing::error!(%error, "the store's file could not be written to the disk");
    }
    Ok(())
}

/// Copies the rest of the log on the writer's connection, and restarts it. If the log has grown
/// excessively because something else kept it open, truncates it, which takes ten times as long.
pub(super) fn restart(connection: &Connection) -> rusqlite::Result<()> {
    let (in_log, _) = run(connection, "PRAGMA wal_checkpoint(NOOP)")?;
    let cut = in_log >= TRUNCATE_FRAMES;
    let mode =
        if cut { "PRAGMA wal_checkpoint(TRUNCATE)" } else { "PRAGMA wal_checkpoint(RESTART)" };
    run(connection, mode).map(|_| ())
}

/// Frames in the log, and how many of them have been copied.
fn run(connection: &Connection, pragma: &str) -> rusqlite::Result<(i64, i64)> {
    connection
        .prepare_cached(pragma)?
        .query_row([], |row| Ok((row.get("log")?, row.get("checkpointed")?)))
}
