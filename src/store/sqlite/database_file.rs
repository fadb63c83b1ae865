//! The writer's hold on the database file: reopening it after an error, noticing that it was
//! deleted or replaced, and reporting each change to the operator once.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::beside::{Beside, calls_for_reopening, is_busy};
use super::checkpoint;
use super::connection::{FileIdentity, OpenError, open_beside, open_writer};

/// Shortest time between two attempts to open the file.
const REOPEN_PAUSE: Duration = Duration::from_millis(500);

/// Interval between checks that the path still leads to the open file.
const IDENTITY_PAUSE: Duration = Duration::from_secs(1);

/// Page cache of a connection other than the writer's, in KiB.
const BESIDE_CACHE_KIB: i64 = 4 * 1024;

/// Whether the store works, as last reported to the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Works,
    Locked,
    Broken,
}

/// The writer's connection, and what is needed to reopen it.
#[derive(Debug)]
pub(super) struct Link {
    path: PathBuf,
    busy: Duration,
    beside: Arc<Beside>,
    connection: Option<Connection>,
    identity: Option<FileIdentity>,
    log_identity: Option<FileIdentity>,
    opened_at: Instant,
    looked_at: Instant,
    told: Told,
}

impl Link {
    /// Opens the file for the writer and for the other threads.
    pub(super) fn open(
        path: PathBuf,
        busy: Duration,
        beside: Arc<Beside>,
    ) -> Result<Self, OpenError> {
        let now = Instant::now();
        let mut link = Self {
            path,
            busy,
            beside,
            connection: None,
            identity: None,
            log_identity: None,
            opened_at: now,
            looked_at: now,
            told: Told::Works,
        };
        link.open_all()?;
        Ok(link)
    }

    /// The writer's connection, reopened if necessary; `None` if that fails.
    pub(super) fn connection(&mut self) -> Option<&Connection> {
        if self.beside.is_suspect() {
            self.connection = None;
        }
        if self.looked_at.elapsed() >= IDENTITY_PAUSE {
            self.look_at_identity();
        }
        if self.connection.is_none()
            && self.opened_at.elapsed() >= REOPEN_PAUSE
            && let Err(error) = self.open_all()
        {
            self.tell(Told::Broken, &error);
        }
        if self.beside.is_asked_to_restart() {
            let restarted = self.connection.as_ref().map_or(Ok(()), checkpoint::restart);
            self.beside.restarted();
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
            self.tell(Told::Broken, error);
        } else if is_busy(error) {
            self.tell(Told::Locked, error);
        } else {
            tracing::error!(%error, "a step of the store failed and was rolled back");
        }
    }

    /// Gives up the connection after an error that leaves its state in doubt.
    pub(super) fn give_up(&mut self, error: &rusqlite::Error) {
        self.connection = None;
        self.tell(Told::Broken, error);
    }

    /// Records that a transaction was committed.
    pub(super) fn works(&mut self) {
        if self.told != Told::Works {
            self.told = Told::Works;
            tracing::info!(path = %self.path.display(), "the store works again");
        }
    }

    fn open_all(&mut self) -> Result<(), OpenError> {
        self.opened_at = Instant::now();
        let beside = Arc::clone(&self.beside);
        let mut slots = beside.close();
        self.connection = None;
        self.remove_log_of_replaced_file();
        let writer = open_writer(&self.path, self.busy)?;
        let opened: Result<Vec<_>, _> =
            slots.iter().map(|_| open_beside(&self.path, self.busy, BESIDE_CACHE_KIB)).collect();
        for (slot, connection) in slots.iter_mut().zip(opened?) {
            **slot = Some(connection);
        }
        self.identity = FileIdentity::at(&self.path);
        self.log_identity = FileIdentity::at(&self.beside_path("-wal"));
        self.looked_at = Instant::now();
        self.connection = Some(writer);
        Ok(())
    }

    /// If a file was replaced, `SQLite` leaves its log in place and would replay it into the new
    /// file.
    fn remove_log_of_replaced_file(&self) {
        let log = self.beside_path("-wal");
        let replaced = self.identity.is_some() && FileIdentity::at(&self.path) != self.identity;
        let left = self.log_identity.is_some() && FileIdentity::at(&log) == self.log_identity;
        if replaced && left {
            for file in [log, self.beside_path("-shm")] {
                if let Err(error) = fs::remove_file(&file) {
                    tracing::error!(path = %file.display(), %error, "a stale file is left");
                }
            }
        }
    }

    /// The path of one of the files that SQLite keeps next to the database.
    fn beside_path(&self, suffix: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(suffix);
        path.into()
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
                "the store's file was replaced while in use; the file now there is used from here \
                 on. Stop dialpass before restoring a backup: a code that was used after the \
                 backup was made may be accepted again until it expires"
            );
        } else {
            tracing::error!(
                %path,
                "the store's file was deleted while in use; an empty store is started there. Live \
                 codes and failure budgets are lost: callers have to call again. Keep clean-up \
                 jobs away from the store's folder"
            );
        }
    }

    fn tell(&mut self, news: Told, error: &dyn std::error::Error) {
        if self.told == news {
            return;
        }
        self.told = news;
        let path = self.path.display();
        match news {
            Told::Works => {}
            Told::Locked => tracing::error!(
                %path, %error,
                "another process holds the store's file locked; until it lets go, every request \
                 that needs the store is refused"
            ),
            Told::Broken => tracing::error!(
                %path, %error,
                "the store's file cannot be used; it is opened again and again, and until that \
                 works every request that needs the store is refused"
            ),
        }
    }
}

impl Drop for Link {
    /// Closes the connections one after another: if two close at once, `SQLite` may treat neither
    /// as the last, and leave the log uncopied.
    fn drop(&mut self) {
        drop(self.beside.close());
        self.connection = None;
    }
}
