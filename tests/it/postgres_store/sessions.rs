//! Sessions that the server ends, and rows that somebody else holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dialpass::store::postgres::PostgresStore;
use dialpass::store::{Issue, StoreError};
use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio_postgres::NoTls;

use super::ports::{issue, ready};
use super::{fresh_database, settings};
use crate::support::postgres::{Postgres, ROLE};

fn end_sessions(server: &Postgres, database: &str) -> usize {
    let sql = format!(
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity \
         WHERE usename = '{ROLE}' AND datname = '{database}'"
    );
    server.psql("postgres", &sql).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_ended_while_idle_fail_no_request() {
    let (server, database, settings) = fresh_database();
    let store = PostgresStore::open(settings, &Handle::current()).await.unwrap();
    for round in 0..5 {
        let users: Vec<_> = (0..20).map(|n| format!("{round} {n}")).collect();
        for answer in join_all(users.iter().map(|user| issue(&store, user, 1))).await {
            assert!(matches!(answer, Ok(Issue::Issued(_))), "{answer:?}");
        }
        assert!(end_sessions(server, &database) > 0);
    }
    assert!(ready(&store).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_ended_under_load_leave_a_request_undecided_at_worst_and_none_lost() {
    let (server, database, settings) = fresh_database();
    let store = PostgresStore::open(settings, &Handle::current()).await.unwrap();
    let store = Arc::new(store);
    let done = Arc::new(AtomicUsize::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let users = (0..6).map(|user| {
        let (store, done, over) = (Arc::clone(&store), Arc::clone(&done), Arc::clone(&over));
        tokio::spawn(async move {
            let mut answers = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let user = format!("{user} {}", answers.len());
                answers.push((issue(&store, &user, 1).await, user));
                done.fetch_add(1, Ordering::Relaxed);
            }
            answers
        })
    });
    let users: Vec<_> = users.collect();
    let mut ended = 0;
    for _ in 0..10 {
        let before = done.load(Ordering::Relaxed);
        while done.load(Ordering::Relaxed) < before + 100 {
            tokio::task::yield_now().await;
        }
        ended += end_sessions(server, &database);
    }
    over.store(true, Ordering::Relaxed);
    let (mut issued, mut unknown) = (0, 0);
    for user in users {
        for (answer, user) in user.await.unwrap() {
            match answer {
                Ok(Issue::Issued(_)) => issued += 1,
                // Its commit was on its way; a second call tells whichever code there is.
                Err(StoreError::OutcomeUnknown) => {
                    unknown += 1;
                    let again = issue(&store, &user, 2).await;
                    assert!(matches!(again, Ok(Issue::Issued(_) | Issue::Repeat(_))), "{again:?}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
    println!(
        "outage: {ended} sessions ended under load: {issued} calls answered, {unknown} undecided"
    );
    assert!(ended > 10 && unknown <= ended, "each session was busy with one call at most");
    let rows = server.psql(&database, "SELECT count(*) FROM dialpass.subjects");
    assert_eq!(rows, done.load(Ordering::Relaxed).to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_refuses_only_its_own_user_and_in_time() {
    let limit = Duration::from_secs(2);
    let server = Postgres::shared();
    let database = server.database();
    let settings = dialpass::store::postgres::PostgresSettings {
        timeout: limit,
        ..settings(&[server], &database)
    };
    let login = settings.servers[0].login.clone();
    let store = PostgresStore::open(settings, &Handle::current()).await.unwrap();
    assert!(issue(&store, "held", 1).await.is_ok());
    let (intruder, connection) = login.connect(NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    intruder
        .batch_execute("BEGIN; SELECT 1 FROM dialpass.subjects WHERE subject = 'held' FOR UPDATE")
        .await
        .unwrap();
    let begun = Instant::now();
    let held = async {
        for _ in 0..2 {
            let asked = Instant::now();
            let answer = issue(&store, "held", 2).await;
            assert_eq!(answer, Err(StoreError::Unavailable));
            assert!(asked.elapsed() <= limit + limit / 4, "{:?}", asked.elapsed());
        }
    };
    let others = async {
        let mut calls = 0;
        while begun.elapsed() < limit * 2 {
            let user = format!("free {calls}");
            let answer = issue(&store, &user, 1).await;
            assert!(matches!(answer, Ok(Issue::Issued(_))), "{user}: {answer:?}");
            calls += 1;
        }
        calls
    };
    let ((), calls) = tokio::join!(held, others);
    println!("outage: a row held for {:.2?}: {calls} calls of others served", begun.elapsed());
    assert!(ready(&store).await);
    // Nor is the server taken for dead when nobody else asks.
    assert_eq!(issue(&store, "held", 2).await, Err(StoreError::Unavailable));
    assert!(matches!(issue(&store, "other", 1).await, Ok(Issue::Issued(_))));
    drop(intruder);
    connection.await.unwrap().unwrap();
    assert!(matches!(issue(&store, "held", 3).await, Ok(Issue::Repeat(_))));
}
