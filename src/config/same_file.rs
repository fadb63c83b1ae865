//! That the files which the program writes are files of their own: an audit trail must not be
//! appended to a key, nor a database made of one, by whatever path it is named.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::check::Problems;
use super::server::AuditConfig;
use super::store::{StoreConfig, StorePlace};
use crate::regular_file::{FileIdentity, followed};

/// What `SQLite` appends to a database's name for the files beside it
/// (<https://sqlite.org/tempfiles.html>).
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Refuses a database or an audit file that another key names too.
pub(super) fn check(store: Option<&StoreConfig>, audit: &AuditConfig, problems: &mut Problems) {
    let mut others: Vec<(String, FileIdentity)> =
        problems.files().iter().map(|(key, path)| (key.clone(), FileIdentity::of(path))).collect();
    if let Some(StorePlace::Sqlite(database)) = store.map(|store| &store.place) {
        // SQLite's files are beside the one that a link leads to.
        let real = followed(database).unwrap_or_else(|_| database.clone());
        let of_database: Vec<PathBuf> =
            [database.clone()].into_iter().chain(files_beside(&real)).collect();
        for path in &of_database {
            refuse("store.url", path, &others, problems);
        }
        let identities = of_database.iter().map(|path| FileIdentity::of(path));
        others.extend(identities.map(|identity| ("store.url".to_owned(), identity)));
    }
    if let Some(file) = &audit.file {
        refuse("audit.file", file, &others, problems);
    }
}

fn refuse(key: &str, path: &Path, others: &[(String, FileIdentity)], problems: &mut Problems) {
    let identity = FileIdentity::of(path);
    let Some((other, _)) = others.iter().find(|(_, other)| *other == identity) else { return };
    let whose = if other.is_empty() { "this configuration" } else { other };
    problems.add(
        key,
        format!("{}, which is the file of {whose}", path.display()),
        "a file of its own: it is written to",
    );
}

/// The files that `SQLite` keeps beside a database.
#[must_use]
pub fn files_beside(database: &Path) -> [PathBuf; 3] {
    BESIDE.map(|suffix| with_suffix(database, suffix))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
