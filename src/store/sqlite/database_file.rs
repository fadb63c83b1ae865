//! The writer's hold on the database file: reopening it after an error, noticing that it was
//! deleted or replaced, and reporting each change to the operator once.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::checkpoint;
use super::connection::{FileIdentity, OpenError, companion, open_side, open_writer};
use super::side_connections::{SideConnections, calls_for_reopening, is_busy};

/// Shortest time between two attempts to open the file.
const REOPEN_PAUSE: Duration = Duration::from_millis(500);

/// Interval between checks that the path still leads to the open file.
const IDENTITY_PAUSE: Duration = Duration::from_secs(1);

/// Page cache of a connection other than the writer's, in KiB.
const SIDE_CACHE_KIB: i64 = 4 * 1024;

/// Whether the store works, as last reported to the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reported {
    Works,
    Locked,
    Broken,
}

/// The writer's connection, and what is needed to reopen it.
#[derive(Debug)]
pub(super) struct DatabaseFile {
    // Dropped first: the file that `sides` holds is closed after all connections.
    connection: Option<Connection>,
    path: PathBuf,
    busy: Duration,
    sides: Arc<SideConnections>,
    identity: Option<FileIdentity>,
    log_identity: Option<FileIdentity>,
    opened_at: Instant,
    looked_at: Instant,
    reported: Reported,
}

impl DatabaseFile {
    /// Opens the file for the writer and for the other threads.
    pub(super) fn open(
        path: PathBuf,
        busy: Duration,
        sides: Arc<SideConnections>,
    ) -> Result<Self, OpenError> {
        let now = Instant::now();
        let mut file = Self {
            path,
            busy,
            sides,
            connection: None,
            identity: None,
            log_identity: None,
            opened_at: now,
            looked_at: now,
            reported: Reported::Works,
        };
        file.open_all()?;
        Ok(file)
    }

    /// The writer's connection, reopened if necessary; `None` if that fails.
    pub(super) fn connection(&mut self) -> Option<&Connection> {
        if self.sides.is_suspect() {
            self.connection = None;
        }
        if self.looked_at.elapsed() >= IDENTITY_PAUSE {
            self.look_at_identity();
        }
        if self.connection.is_none()
            && self.opened_at.elapsed() >= REOPEN_PAUSE
            && let Err(error) = self.open_all()
        {
            self.announce(Reported::Broken, &error);
        }
        if self.sides.is_asked_to_restart() {
            let restarted = self.connection.as_ref().map_or(Ok(()), checkpoint::restart);
            self.sides.restarted();
            if let Err(error) = restarted {
                self.report(&error);
            }
        }
        self.connection.as_ref()
    }

    /// Records that a transaction failed.
    pub(super) fn report(&mut self, error: &rusqlite::Error) {
        if calls_for_reopening(error) {
            self.connection = None;
            self.announce(Reported::Broken, error);
        } else if is_busy(error) {
            self.announce(Reported::Locked, error);
        } else {
            tracing::error!(%error, "a step of the store failed and was rolled back");
        }
    }

    /// Gives up the connection after an error that leaves its state in doubt.
    pub(super) fn give_up(&mut self, error: &rusqlite::Error) {
        self.connection = None;
        self.announce(Reported::Broken, error);
    }

    /// Records that a transaction was committed.
    pub(super) fn works(&mut self) {
        if self.reported != Reported::Works {
            self.reported = Reported::Works;
            tracing::info!(path = %self.path.display(), "the store works again");
        }
    }

    fn open_all(&mut self) -> Result<(), OpenError> {
        self.opened_at = Instant::now();
        let sides = Arc::clone(&self.sides);
        let mut slots = sides.close();
        self.connection = None;
        sides.set_file(None);
        self.remove_log_of_replaced_file();
        let writer = open_writer(&self.path, self.busy)?;
        let opened: Result<Vec<_>, _> =
            slots.iter().map(|_| open_side(&self.path, self.busy, SIDE_CACHE_KIB)).collect();
        for (slot, connection) in slots.iter_mut().zip(opened?) {
            **slot = Some(connection);
        }
        // Without it the writer's restarts sync all that was copied.
        sides.set_file(File::open(&self.path).ok());
        self.identity = FileIdentity::at(&self.path);
        self.log_identity = FileIdentity::at(&companion(&self.path, "-wal"));
        self.looked_at = Instant::now();
        self.connection = Some(writer);
        Ok(())
    }

    /// If a file was replaced, `SQLite` leaves its log in place and would replay it into the new
    /// file.
    fn remove_log_of_replaced_file(&self) {
        let log = companion(&self.path, "-wal");
        let replaced = self.identity.is_some() && FileIdentity::at(&self.path) != self.identity;
        let left = self.log_identity.is_some() && FileIdentity::at(&log) == self.log_identity;
        if replaced && left {
            for file in [log, companion(&self.path, "-shm")] {
                if let Err(error) = fs::remove_file(&file) {
                    tracing::error!(path = %file.display(), %error, "a file of the replaced database could not be deleted");
                }
            }
        }
    }

    fn look_at_identity(&mut self) {
        self.looked_at = Instant::now();
        let found = FileIdentity::at(&self.path);
        if self.connection.is_none() || found == self.identity {
            return;
        }
        self.connection = None;
        let path = self.path.display();
        if found.is_some() {
            tracing::error!(
                %path,
                "the store's file was replaced while in use; dialpass now uses the new file. Stop dialpass before restoring a backup: a code that was used after the \
                 backup was made may be accepted again until it expires"
            );
        } else {
            tracing::error!(
                %path,
                "the store's file was deleted while in use; dialpass starts an empty store there. \
                 Live codes and failure budgets are lost: callers have to call again. Keep \
                 clean-up jobs away from the store's folder"
            );
        }
    }

    fn announce(&mut self, news: Reported, error: &dyn std::error::Error) {
        if self.reported == news {
            return;
        }
        self.reported = news;
        let path = self.path.display();
        match news {
            Reported::Works => {}
            Reported::Locked => tracing::error!(
                %path, %error,
                "another process has locked the store's file; until it releases the lock, every \
                 request that needs the store is refused: stop that process"
            ),
            Reported::Broken => tracing::error!(
                %path, %error,
                "the store's file cannot be used; dialpass keeps trying to open it, and until \
                 then refuses every request that needs the store: check the file's \
                 permissions and its disk"
            ),
        }
    }
}

impl Drop for DatabaseFile {
    /// Closes the connections one after another: if two close at once, `SQLite` may treat neither
    /// as the last, and leave the log uncopied.
    fn drop(&mut self) {
        drop(self.sides.close());
        self.connection = None;
    }
}
