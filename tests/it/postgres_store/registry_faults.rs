//! Registered users' transactions when the server is killed, or its standby is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dialpass::store::StoreError;
use dialpass::store::postgres::{PostgresSettings, PostgresStore};
use dialpass::store::registry::transact;
use tokio::runtime::Handle;

use super::ports::ready;
use super::registry::{begin, confirm};
use super::{settings, until};
use crate::store_contract::about_transaction;
use crate::support::gateway::PATIENCE;
use crate::support::postgres::Postgres;

async fn until_ready(store: &PostgresStore) {
    let begun = std::time::Instant::now();
    while !ready(store).await {
        assert!(begun.elapsed() < PATIENCE, "it is ready within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_confirmed_when_the_server_was_killed_is_not_confirmed_again() {
    const TRANSACTIONS: u8 = 200;
    let mut server = Postgres::start();
    let database = server.database();
    let store = PostgresStore::open(settings(&[&server], &database), &Handle::current()).await;
    let store = Arc::new(store.unwrap());
    for mark in 0..TRANSACTIONS {
        begin(&*store, mark, 1).await;
    }
    let done = Arc::new(AtomicUsize::new(0));
    let workers = (0..4).map(|worker| {
        let (store, done) = (Arc::clone(&store), Arc::clone(&done));
        tokio::spawn(async move {
            let mut answers = Vec::new();
            for mark in (0..TRANSACTIONS).filter(|mark| mark % 4 == worker) {
                answers.push((mark, transact(&*store, about_transaction(mark), confirm).await));
                done.fetch_add(1, Ordering::Relaxed);
            }
            answers
        })
    });
    let workers: Vec<_> = workers.collect();
    until("some are confirmed", || done.load(Ordering::Relaxed) > 20).await;
    server.kill();
    let mut answers = Vec::new();
    for worker in workers {
        answers.extend(worker.await.unwrap());
    }
    server.restart();
    until_ready(&store).await;
    let (mut confirmed, mut unknown) = (0, 0);
    for (mark, first) in answers {
        let second = transact(&*store, about_transaction(mark), confirm).await;
        match first {
            Ok(first) => {
                assert!(first, "{mark} had one try");
                assert_eq!(second, Ok(false), "{mark}");
                confirmed += 1;
            }
            Err(StoreError::Unavailable) => assert_eq!(second, Ok(true), "{mark}"),
            Err(StoreError::OutcomeUnknown) => {
                assert!(second.is_ok(), "{mark}");
                unknown += 1;
            }
        }
        assert_eq!(transact(&*store, about_transaction(mark), confirm).await, Ok(false), "{mark}");
    }
    println!("outage: of {TRANSACTIONS}, {confirmed} confirmed before, {unknown} undecided");
    assert!(confirmed > 0 && confirmed < TRANSACTIONS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_tells_nothing_that_is_not_on_the_standby() {
    let primary = Postgres::start();
    let database = primary.database();
    let standby = primary.standby();
    let timeout = Duration::from_secs(2);
    let settings = PostgresSettings { timeout, ..settings(&[&primary], &database) };
    let store = PostgresStore::open(settings, &Handle::current()).await.unwrap();
    begin(&store, 1, 1).await;
    begin(&store, 2, 1).await;
    standby.stop();
    // As a commit is whose wait for the standby was cut short.
    let alone = "SET synchronous_commit = local; UPDATE dialpass.transactions SET \
        stage = 'succeeded', updated_at = dialpass.now_ms() WHERE tries_left = 5";
    primary.psql(&database, alone);
    assert_eq!(
        transact(&store, about_transaction(3), confirm).await,
        Ok(false),
        "it found nothing"
    );
    let told = transact(&store, about_transaction(1), confirm).await;
    assert_eq!(told, Err(StoreError::OutcomeUnknown), "it waits for the standby");
    standby.cont();
    until_ready(&store).await;
    for mark in [1, 2] {
        assert_eq!(transact(&store, about_transaction(mark), confirm).await, Ok(false));
    }
}
