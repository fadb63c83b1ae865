//! Steps on registered users by several nodes on one database, and beside somebody who holds a row.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dialpass::domain::clock::Timestamp;
use dialpass::domain::transaction::{Transaction, TransactionStatus};
use dialpass::store::postgres::PostgresStore;
use dialpass::store::registry::{Records, Registry, Scope, UserRecord, transact};
use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio_postgres::{Client, NoTls};

use super::{fresh_database, until};
use crate::store_contract::{
    LIFETIME, about_intent, about_name, about_transaction, about_user, new_person, transaction,
    transaction_id, user_id, winners,
};
use crate::support::postgres::Postgres;

/// A transaction that waits for its user from now on.
pub fn pending(mark: u8, user: u8, now: Timestamp) -> Transaction {
    let expires_at = now.plus(LIFETIME);
    Transaction { created_at: now, updated_at: now, expires_at, ..transaction(mark, user) }
}

/// Makes a step's transaction, for the user.
pub async fn begin(store: &dyn Registry, mark: u8, user: u8) {
    let make =
        move |records: &mut Records, now| records.transaction = Some(pending(mark, user, now));
    transact(store, about_transaction(mark), make).await.expect("it is made");
}

/// Has the transaction succeed; whether it did so only now.
pub fn confirm(records: &mut Records, now: Timestamp) -> bool {
    let Some(transaction) = &mut records.transaction else { return false };
    let is_first = transaction.status_at(now).0 == TransactionStatus::Pending;
    transaction.end(TransactionStatus::Succeeded, now);
    is_first
}

/// Nodes on one empty database, and somebody else in it.
async fn nodes<const N: usize>() -> (&'static Postgres, String, [PostgresStore; N], Client) {
    let (server, database, settings) = fresh_database();
    let login = settings.servers[0].login.clone();
    let open = async |_| PostgresStore::open(settings.clone(), &Handle::current()).await.unwrap();
    let stores = join_all((0..N).map(open)).await;
    let (intruder, connection) = login.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    (server, database, stores.try_into().ok().expect("so many"), intruder)
}

/// Waits until somebody waits for a lock.
async fn until_one_waits(server: &Postgres, database: &str) {
    let waiting = format!(
        "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = '{database}' AND wait_event_type = 'Lock'"
    );
    until("a step waits", || server.psql("postgres", &waiting) == "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_waits_for_who_holds_its_user_and_sees_what_became_of_them() {
    let (server, database, [store], mut intruder) = nodes().await;
    let make = |records: &mut Records, _| records.person = Some(new_person(1, Some("anna")));
    transact(&store, about_user(1), make).await.unwrap();
    begin(&store, 1, 1).await;
    let store = Arc::new(store);
    for scope in [about_user(1), about_name("anna")] {
        let held = intruder.transaction().await.unwrap();
        held.batch_execute("SELECT 1 FROM dialpass.users FOR UPDATE").await.unwrap();
        let waiting = Arc::clone(&store);
        let scope = Scope { transaction: Some(transaction_id(1)), ..scope };
        let seen = tokio::spawn(async move {
            let see =
                |records: &mut Records, _| (records.person.clone(), records.transaction.clone());
            transact(&*waiting, scope, see).await
        });
        until_one_waits(server, &database).await;
        // All that the step reads behind the user changes meanwhile.
        held.batch_execute(
            "UPDATE dialpass.users SET updated_at = updated_at + 5; \
             UPDATE dialpass.transactions SET tries_left = tries_left - 1; \
             INSERT INTO dialpass.phones (tenant, user_id, phone_id, number, created_at, \
                 updated_at) SELECT tenant, user_id, gen_random_uuid(), '+46701234567', 1, 1 \
             FROM dialpass.users",
        )
        .await
        .unwrap();
        held.commit().await.unwrap();
        let (person, transaction) = seen.await.unwrap().unwrap();
        let now = store.read_records(about_user(1)).await.unwrap().value.person;
        assert_eq!(person, now);
        let user = person.expect("a user").user;
        let code = transaction.and_then(|one| one.code).expect("a code");
        let changes = user.updated_at.since(user.created_at).as_millis() / 5;
        assert_eq!(u128::try_from(user.phones.len()).unwrap(), changes);
        assert_eq!(u128::from(5 - code.tries_left), changes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_deleted_while_a_step_waits_is_not_there_for_it() {
    let (server, database, [store], mut intruder) = nodes().await;
    let make = |records: &mut Records, _| records.person = Some(new_person(1, Some("anna")));
    transact(&store, about_user(1), make).await.unwrap();
    let held = intruder.transaction().await.unwrap();
    held.batch_execute("DELETE FROM dialpass.users").await.unwrap();
    let seen = tokio::spawn(async move {
        transact(&store, about_name("anna"), |records: &mut Records, _| records.person.clone())
            .await
    });
    until_one_waits(server, &database).await;
    held.commit().await.unwrap();
    assert_eq!(seen.await.unwrap(), Ok(None::<UserRecord>));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_whose_name_another_takes_first_decides_again_on_the_others_user() {
    let (server, database, [store], mut intruder) = nodes().await;
    let other = intruder.transaction().await.unwrap();
    let insert = "INSERT INTO dialpass.users VALUES ('t1', $1, 'anna', 1, 1, '', '', '', '')";
    other.execute(insert, &[user_id(9).as_uuid()]).await.unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let decided = Arc::clone(&asked);
    let seen = tokio::spawn(async move {
        let get_or_make = move |records: &mut Records, _| {
            decided.fetch_add(1, Ordering::Relaxed);
            records.person.get_or_insert_with(|| new_person(1, Some("anna"))).user.id
        };
        transact(&store, about_name("anna"), get_or_make).await
    });
    until_one_waits(server, &database).await;
    other.commit().await.unwrap();
    assert_eq!(seen.await.unwrap(), Ok(user_id(9)));
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert_eq!(server.psql(&database, "SELECT count(*) FROM dialpass.users"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_steps_at_once_one_wins() {
    const STEPS: usize = 80;
    let (server, database, stores, _) = nodes::<2>().await;
    begin(&stores[0], 1, 1).await;
    let scope = || Scope { transaction: Some(transaction_id(1)), ..about_name("anna") };
    let steps = (0..STEPS).map(|n| {
        let mark = u8::try_from(n + 1).expect("small");
        transact(&stores[n % 2], scope(), move |records: &mut Records, now| {
            records.person.get_or_insert_with(|| new_person(mark, Some("anna")));
            confirm(records, now)
        })
    });
    let confirmed: Result<Vec<_>, _> = join_all(steps).await.into_iter().collect();
    assert_eq!(winners(&confirmed.unwrap()), 1);
    assert_eq!(server.psql(&database, "SELECT count(*) FROM dialpass.users"), "1");
    let intents = (0..STEPS).map(|n| {
        transact(&stores[n % 2], about_intent(1), |records: &mut Records, now: Timestamp| {
            let is_first = records.intent_used_until.is_none();
            records.intent_used_until.get_or_insert(now.plus(LIFETIME));
            is_first
        })
    });
    let used: Result<Vec<_>, _> = join_all(intents).await.into_iter().collect();
    assert_eq!(winners(&used.unwrap()), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_makes_no_sense_is_a_refusal() {
    let (server, database, [store], _) = nodes().await;
    let make = |records: &mut Records, now| {
        records.person = Some(new_person(1, Some("anna")));
        records.transaction = Some(pending(1, 1, now));
    };
    let scope = || Scope { transaction: Some(transaction_id(1)), ..about_user(1) };
    transact(&store, scope(), make).await.unwrap();
    for (broken, mended) in [
        ("UPDATE dialpass.users SET name = 'an na'", "UPDATE dialpass.users SET name = 'anna'"),
        (
            "UPDATE dialpass.transactions SET number = '0701234567'",
            "UPDATE dialpass.transactions SET number = '+46701234567'",
        ),
        (
            "UPDATE dialpass.transactions SET stage = 'won'",
            "UPDATE dialpass.transactions SET stage = 'pending'",
        ),
    ] {
        server.psql(&database, broken);
        assert!(transact(&store, scope(), confirm).await.is_err(), "{broken}");
        assert!(store.read_records(scope()).await.is_err(), "{broken}");
        server.psql(&database, mended);
        assert!(store.read_records(scope()).await.is_ok(), "{mended}");
    }
    assert_eq!(transact(&store, scope(), confirm).await, Ok(true));
}
