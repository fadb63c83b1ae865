//! Opens the database file: creation, settings, migrations, and errors that tell an operator what
//! to do.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::regular_file;

/// The schema migrations. A database whose `user_version` is n has the first n; a released
/// migration is never edited.
const MIGRATIONS: [&str; 6] = [
    include_str!("migrations/0001_subjects_and_callers.sql"),
    include_str!("migrations/0002_registered_users.sql"),
    include_str!("migrations/0003_authenticators.sql"),
    include_str!("migrations/0004_counts_and_intents.sql"),
    include_str!("migrations/0005_names_in_any_case.sql"),
    include_str!("migrations/0006_reported_calls.sql"),
];

/// More than the statements of one connection.
const CACHED_STATEMENTS: usize = 64;

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder of the file does not exist.
    #[error(
        "the store's folder {} does not exist: create it, owned by the user that dialpass runs as",
        .folder.display()
    )]
    FolderMissing {
        /// The folder.
        folder: PathBuf,
    },
    /// The file cannot be created, read or written.
    #[error(
        "the store's file {} cannot be read and written ({reason}): the user that dialpass runs \
         as needs write access to it and to its folder, on a disk that is not full or read-only",
        .path.display()
    )]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        reason: String,
    },
    /// Another process has locked the file.
    #[error(
        "the store's file {} is locked by another process: stop that process, or wait for it",
        .path.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged, not an SQLite database, or another program's database.
    #[error(
        "the store's file {} is not a dialpass database ({reason}): name another file, or move \
         this one away to start with an empty store",
        .path.display()
    )]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A newer release of dialpass has used the file.
    #[error(
        "the store's file {} has schema version {found} and this release knows up to {known}: \
         run the newer release, or move the file away to start with an empty store",
        .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The file's schema version.
        found: usize,
        /// The newest schema version this release knows.
        known: usize,
    },
    /// The file does not exist, and this caller may not create it.
    #[error(
        "there is no store at {}: start the gateway once, which creates it",
        .path.display()
    )]
    Missing {
        /// Its expected path.
        path: PathBuf,
    },
    /// An older release of dialpass has used the file, and this caller may not migrate it.
    #[error(
        "the store's file {} has schema version {found} and this release needs {known}: start \
         the gateway's new release first",
        .path.display()
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// The file's schema version.
        found: i64,
        /// The schema version this release needs.
        known: usize,
    },
    /// The system refuses to start a thread.
    #[error("the store cannot start its threads: {0}")]
    Threads(io::Error),
}

impl OpenError {
    fn from_sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let (path, reason) = (path.to_owned(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path },
            Some(
                ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::SystemIoFailure
                | ErrorCode::DiskFull,
            ) => Self::NotWritable { path, reason },
            _ => Self::NotOurs { path, reason },
        }
    }
}

/// The identity of the file at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    /// The file now at `path`; `None` if there is none.
    pub(super) fn at(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// Page size of a new file.
const PAGE_BYTES: i64 = 2048;

/// What a database begins with (<https://sqlite.org/fileformat.html>, section 1.3).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Finds out whether the file at `path` is a database that `open_writer` could use, without
/// changing it or making files beside it. A file that is empty or missing becomes one.
///
/// Not for a file that this process has open as a database: closing it here would drop `SQLite`'s
/// locks.
///
/// # Errors
/// [`OpenError`] if it is another file.
pub fn inspect(path: &Path) -> Result<(), OpenError> {
    let unreadable = |error: io::Error| OpenError::NotWritable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let mut head = Vec::new();
    match regular_file::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened
            .and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut head))
            .map_err(unreadable)?,
    };
    let not_ours =
        |reason: &str| OpenError::NotOurs { path: path.to_owned(), reason: reason.to_owned() };
    if head.is_empty() {
        return Ok(());
    }
    if head != MAGIC {
        return Err(not_ours("it does not begin as SQLite's files do"));
    }
    let sqlite = |error: rusqlite::Error| OpenError::from_sqlite(path, &error);
    // Immutable: without locks, and without files beside it.
    let mut url = url::Url::from_file_path(std::path::absolute(path).map_err(unreadable)?)
        .map_err(|()| not_ours("its path cannot be written as a URL"))?;
    url.set_query(Some("immutable=1"));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(url.as_str(), flags).map_err(sqlite)?;
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get("user_version"))
        .map_err(sqlite)?;
    let known = MIGRATIONS.len();
    match usize::try_from(found) {
        Err(_) => Err(not_ours("its schema version is negative")),
        Ok(found) if found > known => Err(OpenError::Newer { path: path.to_owned(), found, known }),
        // What was written last may be in the log still.
        Ok(0) if has_content(&companion(path, "-wal")) => Ok(()),
        Ok(0) => {
            let tables: i64 = connection
                .query_row("SELECT count(*) AS tables FROM sqlite_schema", [], |row| {
                    row.get("tables")
                })
                .map_err(sqlite)?;
            if tables == 0 { Ok(()) } else { Err(not_ours("it holds tables of another program")) }
        }
        Ok(_) => Ok(()),
    }
}

/// The file that `SQLite` keeps beside a database under this suffix.
pub(super) fn companion(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn has_content(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.len() > 0)
}

/// Opens the writer's connection, creating and migrating the database if needed.
pub(super) fn open_writer(path: &Path, busy: Duration) -> Result<Connection, OpenError> {
    create_if_missing(path)?;
    let sqlite = |error: rusqlite::Error| OpenError::from_sqlite(path, &error);
    let mut connection = open(path, busy, 16 * 1024).map_err(sqlite)?;
    // Affects new files only. Each step writes one row at a random place, so whole pages go to the
    // log; a row with full budgets still fits in a quarter of a page this small.
    connection.pragma_update(None, "page_size", PAGE_BYTES).map_err(sqlite)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(sqlite)?;
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// Opens a connection to a database that a gateway may be using; creates and migrates nothing.
pub(super) fn open_existing(path: &Path, busy: Duration) -> Result<Connection, OpenError> {
    let not_writable =
        |reason: &str| OpenError::NotWritable { path: path.to_owned(), reason: reason.to_owned() };
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(OpenError::Missing { path: path.to_owned() });
        }
        Err(error) => return Err(not_writable(&error.to_string())),
        Ok(_) => {}
    }
    let sqlite = |error: rusqlite::Error| OpenError::from_sqlite(path, &error);
    let connection = open(path, busy, 4 * 1024).map_err(sqlite)?;
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get("user_version"))
        .map_err(sqlite)?;
    // SQLite opens a file even if it is read-only.
    if connection.is_readonly("main").map_err(sqlite)? {
        return Err(not_writable("it is read-only"));
    }
    let (path, known) = (path.to_owned(), MIGRATIONS.len());
    match usize::try_from(found) {
        Ok(0) => Err(OpenError::NotOurs { path, reason: "it has no schema version".to_owned() }),
        Ok(version) if version == known => Ok(connection),
        Ok(found) if found > known => Err(OpenError::Newer { path, found, known }),
        Ok(_) | Err(_) => Err(OpenError::Older { path, found, known }),
    }
}

/// Opens a connection in addition to the writer's, with a page cache of `cache_kib`.
pub(super) fn open_side(
    path: &Path,
    busy: Duration,
    cache_kib: i64,
) -> Result<Connection, OpenError> {
    open(path, busy, cache_kib).map_err(|error| OpenError::from_sqlite(path, &error))
}

/// Creates the file readable by its owner only: it records who called when.
///
/// An existing file is not opened here, because closing a file drops all POSIX locks that this
/// process holds on it, including `SQLite`'s.
fn create_if_missing(path: &Path) -> Result<(), OpenError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(OpenError::FolderMissing { folder: folder.to_owned() });
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(OpenError::NotWritable { path: path.to_owned(), reason: error.to_string() })
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

fn open(path: &Path, busy: Duration, cache_kib: i64) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // FULL: in WAL mode each commit waits until the disk has it, so that a power cut loses no
    // answered step.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Checkpoints have their own thread, see `checkpoint`.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let sqlite = |error: rusqlite::Error| OpenError::from_sqlite(path, &error);
    let known = MIGRATIONS.len();
    // IMMEDIATE, so that if two processes start at once the second sees the first's work.
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
    let found: i64 = transaction
        .pragma_query_value(None, "user_version", |row| row.get("user_version"))
        .map_err(sqlite)?;
    let not_ours =
        |reason: &str| Err(OpenError::NotOurs { path: path.to_owned(), reason: reason.to_owned() });
    let Ok(found) = usize::try_from(found) else {
        return not_ours("its schema version is negative");
    };
    if found > known {
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    }
    if found == 0 {
        let tables: i64 = transaction
            .query_row("SELECT count(*) AS tables FROM sqlite_schema", [], |row| row.get("tables"))
            .map_err(sqlite)?;
        if tables > 0 {
            return not_ours("it holds tables of another program");
        }
    }
    for (version, step) in (1_i64..).zip(MIGRATIONS).skip(found) {
        transaction.execute_batch(step).map_err(sqlite)?;
        transaction.pragma_update(None, "user_version", version).map_err(sqlite)?;
    }
    transaction.commit().map_err(sqlite)
}
