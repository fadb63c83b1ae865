//! The schema across releases, nodes and rights; and `dialpass migrate`.

use std::sync::Arc;

use dialpass::store::postgres::{PostgresAdministration, PostgresSettings, PostgresStore, Schema};
use dialpass::store::registry::{Records, Scope, transact};
use dialpass::store::{Issue, Redemption, Reservation};
use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio_postgres::error::SqlState;

use super::ports::{issue, login_steps, ready};
use super::{fresh_database, settings};
use crate::store_contract::{
    Cloud, Hands, START, about_user, names_from_before_mean_their_own_users, new_person, number,
    user_id,
};
use crate::support::gateway::{clients, folder, sections};
use crate::support::postgres::{PASSWORD, Postgres};

async fn open(settings: PostgresSettings) -> Result<PostgresStore, String> {
    PostgresStore::open(settings, &Handle::current()).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_schema_of_a_later_release_that_still_serves_this_one_is_worked_with() {
    let (server, database, settings) = fresh_database();
    drop(open(settings.clone()).await.unwrap());
    server.psql(&database, "ALTER TABLE dialpass.subjects ADD COLUMN later text");
    server.psql(
        &database,
        "INSERT INTO dialpass.schema_version (version, serves_from) VALUES (7, 1)",
    );
    let store = open(settings.clone()).await.unwrap();
    assert!(matches!(issue(&store, "u", 1).await, Ok(Issue::Issued(_))));
    let same = PostgresStore::migrate(settings).await.unwrap();
    assert_eq!(same, Schema { version: 7, applied: 0 });
}

#[tokio::test]
async fn a_schema_that_has_left_this_release_behind_is_refused_with_both_versions() {
    let (server, database, settings) = fresh_database();
    drop(open(settings.clone()).await.unwrap());
    server.psql(
        &database,
        "INSERT INTO dialpass.schema_version (version, serves_from) VALUES (9, 8)",
    );
    let said = open(settings.clone()).await.err().expect("refused");
    let known = server
        .psql(&database, "SELECT max(version) FROM dialpass.schema_version WHERE version < 9");
    for part in ["version 9", "version 8 or later", &format!("up to {known}"), "newer release"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(PostgresStore::migrate(settings).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_open_an_empty_database_at_once_make_one_schema() {
    let (server, database, settings) = fresh_database();
    let stores = join_all((0..8).map(|_| open(settings.clone()))).await;
    for store in stores {
        assert!(ready(&store.unwrap()).await);
    }
    let versions = "SELECT string_agg(version::text, ' ') FROM dialpass.schema_version";
    assert_eq!(server.psql(&database, versions), "1 2 3 4 5 6");
    assert_eq!(server.psql(&database, "SELECT count(*) FROM dialpass.pulse"), "1");
}

/// What a role that does not own the schema has to be given.
const GRANTS: [&str; 7] = [
    "GRANT USAGE ON SCHEMA dialpass TO clerk",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON dialpass.subjects, dialpass.callers TO clerk",
    "GRANT SELECT, UPDATE ON dialpass.housekeeping, dialpass.pulse TO clerk",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON dialpass.users, dialpass.phones, \
     dialpass.authenticators, dialpass.transactions, dialpass.texted, dialpass.used_intents, \
     dialpass.reported_calls TO clerk",
    "GRANT SELECT, UPDATE ON dialpass.registry_housekeeping TO clerk",
    "GRANT SELECT ON dialpass.access_keys TO clerk",
    "GRANT SELECT ON dialpass.schema_version TO clerk",
];

#[tokio::test]
async fn a_role_that_may_not_create_must_migrate_first_and_then_needs_few_rights() {
    let server = Postgres::builder().without_fsync().start();
    let database = server.database();
    server.psql("postgres", &format!("CREATE ROLE clerk LOGIN PASSWORD '{PASSWORD}'"));
    let owner = settings(&[&server], &database);
    let mut clerk = owner.clone();
    clerk.servers[0].login.user("clerk");
    let said = open(clerk.clone()).await.err().expect("refused");
    assert!(said.contains("run `dialpass migrate` once as the database's owner"), "{said}");
    assert!(said.contains("permission denied") && said.contains("from version 0 to 6"), "{said}");

    let made = PostgresStore::migrate(owner.clone()).await.unwrap();
    assert_eq!(made, Schema { version: 6, applied: 6 });
    assert_eq!(PostgresStore::migrate(owner).await.unwrap().applied, 0);
    for grant in GRANTS {
        let said = open(clerk.clone()).await.err().expect("not all rights yet");
        assert!(said.contains("permission denied"), "{said}");
        server.psql(&database, grant);
    }
    let store = open(clerk.clone()).await.unwrap();
    assert!(ready(&store).await);
    assert!(matches!(issue(&store, "u", 1).await, Ok(Issue::Issued(_))));
    assert!(matches!(issue(&store, "u", 2).await, Ok(Issue::Repeat(_))));
    let (reserved, redeemed) = login_steps(&store, "u", 1).await;
    assert!(matches!(reserved, Ok(Reservation::Reserved(_))));
    assert_eq!(redeemed, Ok(Redemption::Redeemed));
    let anna = || Scope { number: Some(number(1)), ..about_user(1) };
    for user in [Some(new_person(1, Some("anna"))), None] {
        let change = move |records: &mut Records, _| {
            records.person.clone_from(&user);
            records.texts.idle_from = Some(START);
        };
        assert_eq!(transact(&store, anna(), change).await, Ok(()));
    }
    // Its sweep may delete.
    server.psql(&database, "UPDATE dialpass.subjects SET idle_from = 0");
    server.psql(&database, "UPDATE dialpass.housekeeping SET next_at = 0");
    let rows = || server.psql(&database, "SELECT count(*) FROM dialpass.subjects");
    super::until("the idle row is deleted", || rows() == "0").await;

    // One that is missing is named.
    for (right, table) in [("SELECT", "access_keys"), ("DELETE", "used_intents")] {
        server.psql(&database, &format!("REVOKE {right} ON dialpass.{table} FROM clerk"));
        let said = open(clerk.clone()).await.err().expect("not all rights any more");
        assert!(said.contains("lacks rights"), "{said}");
        assert!(said.contains(&format!("{right} on {table}")), "{said}");
    }
}

#[tokio::test]
async fn a_database_of_the_release_before_is_brought_up_to_date_while_its_nodes_go_on() {
    let (server, database, settings) = fresh_database();
    let before = open(settings.clone()).await.unwrap();
    assert!(matches!(issue(&before, "u", 1).await, Ok(Issue::Issued(_))));
    drop(before);
    // As that release has it.
    let newer = "SELECT string_agg('dialpass.' || relname, ', ') FROM pg_class \
        WHERE relnamespace = 'dialpass'::regnamespace AND relkind = 'r' AND relname NOT IN \
            ('subjects', 'callers', 'housekeeping', 'pulse', 'schema_version')";
    let newer = server.psql(&database, newer);
    server.psql(&database, &format!("DROP TABLE {newer}"));
    server.psql(&database, "ALTER TABLE dialpass.subjects DROP COLUMN told_calls");
    server.psql(&database, "DELETE FROM dialpass.schema_version WHERE version > 1");
    // A node of that release is at work.
    let (older, connection) =
        settings.servers[0].login.connect(tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let work = "BEGIN; SELECT 1 FROM dialpass.housekeeping FOR UPDATE; \
        UPDATE dialpass.subjects SET idle_from = idle_from + 1";
    older.batch_execute(work).await.unwrap();
    // The migration waits for that step, and no longer.
    let migrating = tokio::spawn(PostgresStore::migrate(settings.clone()));
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    super::until("it waits", || server.psql(&database, waiting) == "1").await;
    older
        .batch_execute("UPDATE dialpass.housekeeping SET walking = 'callers'; COMMIT")
        .await
        .unwrap();
    let migrated = migrating.await.unwrap().unwrap();
    assert_eq!(migrated, Schema { version: 6, applied: 5 });
    let oldest = "SELECT string_agg(serves_from::text, ' ') FROM dialpass.schema_version";
    assert_eq!(server.psql(&database, oldest), "1 1 1 1 1 1", "it may be started again");
    let store = open(settings).await.unwrap();
    assert!(matches!(issue(&store, "u", 2).await, Ok(Issue::Repeat(_))));
    let (reserved, redeemed) = login_steps(&store, "u", 1).await;
    assert!(matches!(reserved, Ok(Reservation::Reserved(_))));
    assert_eq!(redeemed, Ok(Redemption::Redeemed));
    drop(older);
    connection.await.unwrap().unwrap();
}

/// A user as the release before makes one, who knows nothing of names in any case.
const OLDER_INSERT: &str = "INSERT INTO dialpass.users (tenant, user_id, name, created_at, \
    updated_at, recovery, texts, wrong_codes, wrong_recovery) \
    VALUES ('t1', $1, $2, $3, $3, '', '', '', '')";

#[tokio::test(flavor = "multi_thread")]
async fn names_that_differ_in_case_alone_outlive_the_migration_and_older_nodes_make_no_more() {
    let (server, database, settings) = fresh_database();
    drop(open(settings.clone()).await.unwrap());
    // As the release before has it.
    server.psql(&database, "ALTER TABLE dialpass.users DROP COLUMN namesake");
    server.psql(&database, "DROP TABLE dialpass.reported_calls");
    server.psql(&database, "ALTER TABLE dialpass.subjects DROP COLUMN told_calls");
    server.psql(&database, "DELETE FROM dialpass.schema_version WHERE version > 4");
    let (older, connection) =
        settings.servers[0].login.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let insert = older.prepare(OLDER_INSERT).await.unwrap();
    let make = async |mark: u8, name: &str| {
        let created_at = i64::from(mark);
        older.execute(&insert, &[user_id(mark).as_uuid(), &name, &created_at]).await
    };
    for (mark, name) in [(1, "Anna"), (2, "anna"), (3, "ANNA"), (4, "Berta")] {
        make(mark, name).await.unwrap();
    }
    let migrated = PostgresStore::migrate(settings.clone()).await.unwrap();
    assert_eq!(migrated, Schema { version: 6, applied: 2 });
    // Its node goes on, and makes nobody who would be taken for another.
    make(5, "Carl").await.unwrap();
    for name in ["CARL", "berta", "aNNa"] {
        let refused = make(6, name).await.expect_err("in another case it is another's");
        assert_eq!(refused.code(), Some(&SqlState::UNIQUE_VIOLATION), "{name}");
    }
    let store = Arc::new(open(settings.clone()).await.unwrap());
    let desk = Arc::new(PostgresAdministration::open(settings).await.unwrap());
    let cloud = Cloud::new(store, desk, Hands::at(START));
    names_from_before_mean_their_own_users(&cloud).await;
}

/// Runs `dialpass migrate` with this `[store]`; what it says, or its complaint.
pub fn migrate(store: &str) -> Result<String, String> {
    let folder = folder();
    // Nothing here waits for a timeout; a busy machine must not run into one.
    let store = format!("{store}timeout = \"20s\"\n");
    let config = sections("").replacen("url = \"sqlite:dialpass.db\"\n", &store, 1);
    std::fs::write(
        folder.path().join("people.toml"),
        "[[people]]\nusername = \"anna\"\nnumbers = [\"+46701234567\"]\n",
    )
    .unwrap();
    let tenant = "[[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n\
        [tenants.directory]\nkind = \"file\"\nfile = \"people.toml\"\n";
    let path = folder.path().join("dialpass.toml");
    std::fs::write(&path, format!("{config}{tenant}{}", clients())).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_dialpass"))
        .args(["migrate", "--config"])
        .arg(path)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[test]
fn the_command_makes_either_store_and_may_be_repeated() {
    let (server, database, _) = fresh_database();
    let keys = server.store_keys(&database);
    let said = migrate(&keys).unwrap();
    assert!(said.contains("version 6") && said.ends_with("steps taken now: 6"), "{said}");
    let said = migrate(&keys).unwrap();
    assert!(said.contains("version 6") && said.ends_with("steps taken now: 0"), "{said}");
    let folder = folder();
    let file = folder.path().join("store.db");
    for _ in 0..2 {
        let said = migrate(&format!("url = \"sqlite:{}\"\n", file.display())).unwrap();
        assert!(said.contains("store.db") && said.contains("up to date"), "{said}");
    }
    assert!(file.exists());
    let nowhere = migrate(&server.store_keys("nowhere")).expect_err("no such database");
    assert!(nowhere.contains("\"nowhere\" does not exist"), "{nowhere}");
}
