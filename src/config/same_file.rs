//! Refuses two uses of one file, under whatever path: an audit trail must not be appended to a key,
//! nor a key be overwritten by a database.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::audit::AuditConfig;
use super::check::Problems;
use super::store::{StoreBackend, StoreConfig};
use crate::regular_file::{FileIdentity, followed};

/// What `SQLite` appends to a database's name for the files beside it
/// (<https://sqlite.org/tempfiles.html>).
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Refuses other uses of the server key's file, and secrets that would be sent to an SMS provider.
fn refuse_shared_secrets(problems: &mut Problems) {
    const SERVER_KEY: &str = "keys.server_key_file";
    let is_sent = |key: &str| key.contains(".sms.providers[") && !key.ends_with(".ca_file");
    let all: Vec<(String, PathBuf, FileIdentity)> = problems
        .files()
        .iter()
        .map(|(key, path)| (key.clone(), path.clone(), FileIdentity::of(path)))
        .collect();
    for (key, path, identity) in &all {
        let other = all.iter().find(|(other, _, of_other)| {
            let is_kept = *other == SERVER_KEY || (is_sent(key) && !is_sent(other));
            other != key && is_kept && of_other == identity
        });
        if let Some((other, ..)) = other {
            let whose = if other.is_empty() { "this configuration" } else { other };
            problems.add(
                key,
                format!("{}, which is also {whose}", path.display()),
                "a separate file: a secret serves one purpose",
            );
        }
    }
}

/// Refuses a database or an audit file that another key names, and a secret's file with another
/// use.
pub(super) fn check(store: Option<&StoreConfig>, audit: &AuditConfig, problems: &mut Problems) {
    refuse_shared_secrets(problems);
    let mut others: Vec<(String, FileIdentity)> =
        problems.files().iter().map(|(key, path)| (key.clone(), FileIdentity::of(path))).collect();
    if let Some(StoreBackend::Sqlite(database)) = store.map(|store| &store.backend) {
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
        format!("{}, which is also {whose}", path.display()),
        "a separate file, because this one is written",
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
