//! The connections of the threads other than the writer, and the flags by which those threads
//! reach the writer.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, ErrorCode};

/// The connections of the other threads. Only the writer opens and closes them.
///
/// SQLite finds the `-wal` and `-shm` files by their paths. So if the file was replaced, all
/// connections to the old one must close before the new one is opened, or the two databases would
/// share them.
#[derive(Debug)]
pub(super) struct SideConnections {
    slots: Vec<Mutex<Option<Connection>>>,
    /// The database file, for [`Self::sync`]. Closing any descriptor of a file gives up all of the
    /// process's locks on it (POSIX `fcntl`), so this one outlives the connections.
    file: Mutex<Option<File>>,
    suspect: AtomicBool,
    restart: AtomicBool,
}

impl SideConnections {
    /// Room for this many connections, none open.
    pub(super) fn new(connections: usize) -> Self {
        let slots = (0..connections).map(|_| Mutex::new(None)).collect();
        Self {
            slots,
            file: Mutex::new(None),
            suspect: AtomicBool::new(false),
            restart: AtomicBool::new(false),
        }
    }

    /// One thread's connection; `None` while the database cannot be opened.
    pub(super) fn slot(&self, index: usize) -> MutexGuard<'_, Option<Connection>> {
        self.slots[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes all connections, and keeps them closed until the guards are dropped.
    pub(super) fn close(&self) -> Vec<MutexGuard<'_, Option<Connection>>> {
        let mut slots: Vec<_> = (0..self.slots.len()).map(|index| self.slot(index)).collect();
        for slot in &mut slots {
            **slot = None;
        }
        slots
    }

    /// Exchanges the file that is synced. Call this only while all connections are closed.
    pub(super) fn set_file(&self, file: Option<File>) {
        *self.file() = file;
    }

    /// Writes the pages that were copied into the file to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file().as_ref().map_or(Ok(()), File::sync_data)
    }

    fn file(&self) -> MutexGuard<'_, Option<File>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the writer restart the log before its next transaction.
    pub(super) fn ask_to_restart(&self) {
        self.restart.store(true, Ordering::Release);
    }

    /// Whether the writer still has to restart the log.
    pub(super) fn is_asked_to_restart(&self) -> bool {
        self.restart.load(Ordering::Acquire)
    }

    /// Notes that the log was restarted, or could not be.
    pub(super) fn restarted(&self) {
        self.restart.store(false, Ordering::Release);
    }

    /// Whether another thread had an error since that calls for reopening. Asking clears it.
    pub(super) fn is_suspect(&self) -> bool {
        self.suspect.swap(false, Ordering::Relaxed)
    }

    /// Has the writer reopen all connections if `error` requires it; reports that once.
    pub(super) fn report(&self, error: &rusqlite::Error) {
        let is_reported = calls_for_reopening(error) && self.suspect.swap(true, Ordering::Relaxed);
        if !is_reported {
            tracing::error!(%error, "the store's file could not be read or copied to");
        }
    }
}

/// Whether another process holds the file locked.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether a new connection may work where this one failed. A step's own mistake does not count.
pub(super) fn calls_for_reopening(error: &rusqlite::Error) -> bool {
    let own_mistake = matches!(
        error.sqlite_error_code(),
        None | Some(
            ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch
                | ErrorCode::TooBig
                | ErrorCode::ParameterOutOfRange
        )
    );
    !own_mistake && !is_busy(error)
}
