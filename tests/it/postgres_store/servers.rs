//! Several servers, one of them taking writes, a server that is not there yet, and one that is full.

use std::time::{Duration, Instant};

use dialpass::store::Issue;
use dialpass::store::postgres::PostgresStore;
use futures_util::future::join_all;
use tokio::runtime::Handle;

use super::ports::{issue, ready};
use super::settings;
use crate::cluster::in_database;
use crate::faults::load;
use crate::support::gateway::{Answer, Gateway, PATIENCE};
use crate::support::postgres::{Postgres, ROLE};
use crate::support::slapd::Slapd;

#[tokio::test(flavor = "multi_thread")]
async fn the_server_that_takes_writes_is_found_behind_a_standby_and_behind_a_dead_one() {
    let primary = Postgres::start();
    let database = primary.database();
    let mut standby = primary.standby();
    for what in ["a standby", "a dead one"] {
        let settings = settings(&[&standby, &primary], &database);
        let store = PostgresStore::open(settings, &Handle::current()).await.unwrap();
        assert!(ready(&store).await, "behind {what}");
        assert!(matches!(issue(&store, what, 1).await, Ok(Issue::Issued(_))), "behind {what}");
        // Without it, and without the sessions that waited for it.
        primary.psql("postgres", "ALTER SYSTEM SET synchronous_standby_names = ''");
        primary.psql("postgres", "SELECT pg_reload_conf()");
        standby.kill();
    }
    assert_eq!(primary.psql(&database, "SELECT count(*) FROM dialpass.subjects"), "2");
}

async fn until_ready(store: &PostgresStore) -> Duration {
    let begun = Instant::now();
    while !ready(store).await {
        assert!(begun.elapsed() < PATIENCE, "it is ready within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_when_it_is_opened_is_used_when_it_comes() {
    let mut server = Postgres::builder().without_fsync().start();
    let database = server.database();
    server.kill();
    let settings = settings(&[&server], &database);
    let store = PostgresStore::open(settings, &Handle::current()).await.unwrap();
    assert!(!ready(&store).await && issue(&store, "u", 1).await.is_err());
    server.restart();
    let after = until_ready(&store).await;
    println!("outage: a database away at the start was used {after:.2?} after it came");
    assert!(matches!(issue(&store, "u", 1).await, Ok(Issue::Issued(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_database_is_away_starts_unready_and_works_when_it_comes() {
    let slapd = Slapd::builder().users(0).without_tls().without_log().start();
    let mut server = Postgres::builder().without_fsync().start();
    let database = server.database();
    server.kill();
    let config = load::config(&[("t1", "http")], &[&slapd.url()]);
    let gateway = Gateway::start(&in_database(&config, &[&server], &database));
    let readyz = async || Answer::of(gateway.http.get(gateway.ops_url("/readyz"))).await.status;
    assert_eq!(readyz().await, 503);
    assert_eq!(gateway.call("+46701234567").await.status, 503);
    server.restart();
    let begun = Instant::now();
    while readyz().await != 200 {
        assert!(begun.elapsed() < PATIENCE, "{}", gateway.log());
    }
    let code = gateway.code("+46701234567").await;
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_more_sessions_is_used_by_those_that_there_are() {
    let server = Postgres::builder()
        .without_fsync()
        .setting("max_connections = 12\nsuperuser_reserved_connections = 5")
        .start();
    let database = server.database();
    let settings = settings(&[&server], &database);
    let stores: Vec<_> = join_all((0..2).map(|_| async {
        let store = PostgresStore::open(settings.clone(), &Handle::current()).await.unwrap();
        // Each has a session of its own from here on.
        until_ready(&store).await;
        store
    }))
    .await;
    // Seven sessions for two nodes of up to eight.
    for round in 0..3 {
        let stores = &stores;
        let calls = (0..100).map(|n| {
            let user = format!("{round} {n}");
            async move { (issue(&stores[n % 2], &user, 1).await, user) }
        });
        for (answer, user) in join_all(calls).await {
            assert!(matches!(answer, Ok(Issue::Issued(_))), "{user}: {answer:?}");
        }
    }
    let sessions = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{ROLE}'");
    assert_eq!(server.psql("postgres", &sessions), "7");
    for store in &stores {
        assert!(ready(store).await);
    }
}
