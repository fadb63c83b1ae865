//! The SQLite store: the contract of every store, and what only a file can go through.

mod failing;
mod killed;
mod opening;
mod registered;
mod rows;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dialpass::domain::clock::Timestamp;
use dialpass::store::sqlite::{OpenError, SqliteAdministration, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::store_contract::{
    Cloud, Desk, Hands, START, Store, administration_contract, call, registry_contract,
    store_contract,
};
use crate::support::gateway::PATIENCE;

store_contract!(fresh());
administration_contract!(administered());
registry_contract!(registering());

/// Long enough for a slow disk that many tests share.
const TIMEOUT: Duration = Duration::from_secs(20);

fn open_at(path: &Path, timeout: Duration, now: Timestamp) -> Result<Store, OpenError> {
    let hands = Hands::at(now);
    let store = SqliteStore::open(path, timeout, Arc::clone(&hands) as _)?;
    Ok(Store::new(Arc::new(store), hands))
}

fn open(path: &Path) -> Store {
    open_at(path, TIMEOUT, START).expect("it opens")
}

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    (folder, path)
}

fn fresh() -> (TempDir, Store) {
    let (folder, path) = folder();
    let store = open(&path);
    (folder, store)
}

/// A store and an administrator of it, as two processes would have it open.
fn administered() -> (TempDir, Store, Desk) {
    let (folder, path) = folder();
    let hands = Hands::at(START);
    let store = SqliteStore::open(&path, TIMEOUT, Arc::clone(&hands) as _).expect("it opens");
    let desk = SqliteAdministration::open(&path, TIMEOUT, Arc::clone(&hands) as _);
    let desk = Desk::new(Arc::new(desk.expect("it opens")), Arc::clone(&hands) as _);
    (folder, Store::new(Arc::new(store), hands), desk)
}

/// A store with its registered users, and an administrator of its access keys.
fn registering() -> (TempDir, Store, Cloud) {
    let (folder, path) = folder();
    let (store, cloud) = open_cloud(&path);
    (folder, store, cloud)
}

fn open_cloud(path: &Path) -> (Store, Cloud) {
    let hands = Hands::at(START);
    let store = SqliteStore::open(path, TIMEOUT, Arc::clone(&hands) as _).expect("it opens");
    let desk = SqliteAdministration::open(path, TIMEOUT, Arc::clone(&hands) as _);
    let (store, desk) = (Arc::new(store), Arc::new(desk.expect("it opens")));
    let cloud = Cloud::new(Arc::clone(&store) as _, desk, Arc::clone(&hands) as _);
    (Store::new(store, hands), cloud)
}

/// Another program's connection to the file.
fn intruder(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("it opens");
    connection.busy_timeout(TIMEOUT).expect("it is set");
    connection
}

/// Asks until this holds, for no longer than an outage may go on.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < end, "{what} within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the sweeper has walked over every row once more. Of two idle rows, made one after
/// the other, the later one comes first in a walk: when both are gone, a whole walk has gone by.
async fn walk_again(store: &Store, path: &Path, now: Timestamp) {
    for first in ["b", "a"] {
        let request = call(first, 1, START);
        let subject = request.subject.clone();
        store.issue(request).await.expect("it answers");
        // It sets the clock, too, which was set back for the row.
        store.live(&subject, now).await.expect("it answers");
        let sql = format!("SELECT count(*) FROM subjects WHERE subject = '{first}'");
        let rows = || intruder(path).query_row(&sql, [], |row| row.get::<_, i64>(0));
        until("it is swept", async || rows() == Ok(0)).await;
    }
}

fn count_rows(path: &Path, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    intruder(path).query_row(&sql, [], |row| row.get(0)).expect("a table")
}
