//! Files that cannot be opened, and what stays when one is opened again.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use dialpass::store::{Issue, Redemption, Reservation};

use super::*;
use crate::store_contract::{
    after, call, code, grant, issue, live, names_from_before_mean_their_own_users, user_id,
    wrong_password,
};

#[tokio::test]
async fn reopening_keeps_every_code_and_budget() {
    let (_folder, path) = folder();
    let store = open(&path);
    for i in 0..6 {
        issue(&store, i, after(200_000 * i)).await;
    }
    let now = after(1_000_001);
    for _ in 0..4 {
        assert_eq!(wrong_password(&store, 5, true, now).await, Reservation::Reserved(now));
    }
    drop(store);

    let store = open(&path);
    assert_eq!(live(&store, now).await, Some(grant(5, after(1_000_000))));
    let refused = wrong_password(&store, 5, true, now).await;
    assert!(matches!(refused, Reservation::PasswordsSpent(_)));
    let refused = store.issue(call("u", 9, after(1_095_000))).await;
    assert!(matches!(refused, Ok(Issue::CodesPerUser(_))));
    assert_eq!(store.redeem(code(5, None, now)).await, Ok(Redemption::Redeemed));
    drop(store);

    let store = open(&path);
    assert_eq!(store.redeem(code(5, None, now)).await, Ok(Redemption::NoGrant));
}

#[test]
fn a_new_file_is_its_owners_alone() {
    let (_folder, path) = folder();
    let _store = open(&path);
    for file in ["store.db", "store.db-wal", "store.db-shm"] {
        let metadata = fs::metadata(path.with_file_name(file)).expect("it is there");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{file}");
    }
}

#[test]
fn a_missing_folder_is_named() {
    let (folder, _) = folder();
    let missing = folder.path().join("none");
    let error = open_at(&missing.join("store.db"), TIMEOUT, START).err().expect("an error");
    assert!(matches!(&error, OpenError::FolderMissing { folder } if *folder == missing), "{error}");
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    drop(open(&path));
    intruder(&path).pragma_update(None, "user_version", 7).expect("it is set");
    let error = open_at(&path, TIMEOUT, START).err().expect("an error");
    assert!(matches!(error, OpenError::Newer { found: 7, known: 6, .. }), "{error}");
}

#[tokio::test]
async fn a_file_of_the_first_release_is_migrated_with_all_that_it_holds() {
    let (_folder, path) = folder();
    let first = include_str!("../../../src/store/sqlite/migrations/0001_subjects_and_callers.sql");
    let store = open(&path);
    issue(&store, 1, START).await;
    drop(store);
    // What the migration makes is taken away again.
    let file = intruder(&path);
    for table in [
        "users",
        "phones",
        "authenticators",
        "transactions",
        "texted",
        "used_intents",
        "reported_calls",
        "access_keys",
    ] {
        file.execute_batch(&format!("DROP TABLE {table}")).expect("a table");
    }
    file.execute_batch("ALTER TABLE subjects DROP COLUMN told_calls").expect("a column");
    let tables = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'";
    let left: i64 = file.query_row(tables, [], |row| row.get(0)).expect("a count");
    assert_eq!(usize::try_from(left), Ok(first.matches("CREATE TABLE").count()));
    file.pragma_update(None, "user_version", 1).expect("it is set");
    drop(file);

    let store = open(&path);
    assert_eq!(live(&store, START).await, Some(grant(1, START)));
    assert_eq!(count_rows(&path, "users") + count_rows(&path, "authenticators"), 0);
}

#[test]
fn a_file_that_is_no_database_of_ours_is_refused() {
    let (folder, path) = folder();
    fs::write(&path, "not a database, and long enough to be told from one ".repeat(50))
        .expect("it is written");
    let error = open_at(&path, TIMEOUT, START).err().expect("an error");
    assert!(matches!(error, OpenError::NotOurs { .. }), "{error}");

    let foreign = folder.path().join("foreign.db");
    intruder(&foreign).execute_batch("CREATE TABLE addresses (name TEXT)").expect("a table");
    let error = open_at(&foreign, TIMEOUT, START).err().expect("an error");
    assert!(matches!(error, OpenError::NotOurs { .. }), "{error}");

    let error = open_at(folder.path(), TIMEOUT, START).err().expect("an error");
    assert!(matches!(error, OpenError::NotWritable { .. }), "{error}");
}

#[tokio::test]
async fn two_stores_on_one_file_accept_a_code_once() {
    let (_folder, path) = folder();
    let (one, two) = (open(&path), open(&path));
    issue(&one, 1, START).await;
    assert_eq!(live(&two, START).await, Some(grant(1, START)));
    let logins = tokio::join!(one.redeem(code(1, None, START)), two.redeem(code(1, None, START)));
    let answers = [logins.0.expect("it answers"), logins.1.expect("it answers")];
    assert!(answers.contains(&Redemption::Redeemed) && answers.contains(&Redemption::NoGrant));
}

#[tokio::test]
async fn a_closed_store_leaves_everything_in_the_one_file() {
    for _ in 0..20 {
        let (_folder, path) = folder();
        let store = open(&path);
        issue(&store, 1, START).await;
        drop(store);
        assert!(!path.with_file_name("store.db-wal").exists(), "a copy of the file is whole");
    }
}

#[tokio::test]
async fn names_that_differ_in_case_alone_outlive_the_migration() {
    let (_folder, path) = folder();
    let before = Connection::open(&path).expect("a file");
    for step in [
        include_str!("../../../src/store/sqlite/migrations/0001_subjects_and_callers.sql"),
        include_str!("../../../src/store/sqlite/migrations/0002_registered_users.sql"),
        include_str!("../../../src/store/sqlite/migrations/0003_authenticators.sql"),
        include_str!("../../../src/store/sqlite/migrations/0004_counts_and_intents.sql"),
    ] {
        before.execute_batch(step).expect("a step");
    }
    before.pragma_update(None, "user_version", 4).expect("it is set");
    let make = |connection: &Connection, mark: u8, name: &str| {
        let insert = "INSERT INTO users (tenant, user_id, name, created_at, updated_at, recovery, \
            texts, wrong_codes, wrong_recovery) VALUES ('t1', ?1, ?2, ?3, ?3, x'', x'', x'', x'')";
        connection.execute(insert, rusqlite::params![user_id(mark).to_string(), name, mark])
    };
    for (mark, name) in [(1, "Anna"), (2, "anna"), (3, "ANNA"), (4, "Berta")] {
        assert_eq!(make(&before, mark, name), Ok(1));
    }
    drop(before);
    let (_store, cloud) = open_cloud(&path);
    for name in ["aNNa", "Anna", "berta"] {
        assert!(make(&intruder(&path), 9, name).is_err(), "{name}");
    }
    names_from_before_mean_their_own_users(&cloud).await;
}

#[test]
fn an_administrator_makes_and_migrates_nothing() {
    let (_folder, path) = folder();
    let open_desk = || SqliteAdministration::open(&path, TIMEOUT, Hands::at(START) as _).err();
    let error = open_desk().expect("an error");
    assert!(matches!(&error, OpenError::Missing { path: missing } if *missing == path), "{error}");
    assert!(!path.exists());

    drop(open(&path));
    for (version, wrong) in [(0, "0"), (7, "newer"), (2, "older"), (-1, "older")] {
        intruder(&path).pragma_update(None, "user_version", version).expect("it is set");
        let error = open_desk().expect("an error");
        let named = match error {
            OpenError::NotOurs { .. } => "0",
            OpenError::Newer { .. } => "newer",
            OpenError::Older { .. } => "older",
            _ => "something else",
        };
        assert_eq!(named, wrong, "{error}");
    }
    intruder(&path).pragma_update(None, "user_version", 6).expect("it is set");
    assert!(open_desk().is_none());

    fs::write(&path, "not a database, and long enough to be told from one ".repeat(50))
        .expect("it is written");
    assert!(matches!(open_desk().expect("an error"), OpenError::NotOurs { .. }));
}
