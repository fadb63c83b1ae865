//! The thread that copies the write-ahead log back into the database file.
//!
//! `SQLite` would do that within the commit that makes the log too long, and that commit's callers
//! would wait for it. Here no commit waits for copying: PASSIVE copies while commits go on. Under
//! load without a pause it never quite catches up, so the log never starts over and grows; past
//! [`TRUNCATE_FRAMES`] the rest, little after a PASSIVE just before, is copied with commits held
//! back for some milliseconds, and the file is cut.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::Connection;

use super::link::Beside;

/// Time between two looks at the log.
const PAUSE: Duration = Duration::from_millis(200);

/// Frames not yet copied from which on copying begins: 4 MiB.
const PASSIVE_FRAMES: i64 = 1024;

/// Frames in the log from which on it is cut: 64 MiB.
const TRUNCATE_FRAMES: i64 = 16 * 1024;

/// Checkpoints until `stop` is gone.
pub(super) fn keep_short(beside: &Arc<Beside>, slot: usize, stop: &Receiver<()>) {
    while stop.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
        if let Some(connection) = beside.slot(slot).as_ref()
            && let Err(error) = checkpoint(connection)
        {
            beside.report(&error);
        }
    }
}

fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    let (in_log, copied) = run(connection, "PRAGMA wal_checkpoint(NOOP)")?;
    if in_log - copied >= PASSIVE_FRAMES {
        run(connection, "PRAGMA wal_checkpoint(PASSIVE)")?;
    }
    if in_log >= TRUNCATE_FRAMES {
        // The second copies what came in during the first, so that little is left for the last.
        run(connection, "PRAGMA wal_checkpoint(PASSIVE)")?;
        run(connection, "PRAGMA wal_checkpoint(TRUNCATE)")?;
    }
    Ok(())
}

/// Frames in the log, and how many of them have been copied.
fn run(connection: &Connection, pragma: &str) -> rusqlite::Result<(i64, i64)> {
    connection.prepare_cached(pragma)?.query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
}
