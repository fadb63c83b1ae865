//! The PostgreSQL store: the contract of every store, and what only a server can go through.

mod poolers;
mod ports;
mod registry;
mod registry_faults;
mod schema;
mod servers;
mod sessions;
mod sweep;
mod tls;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use dialpass::domain::clock::Timestamp;
use dialpass::store::postgres::{
    PostgresAdministration, PostgresServer, PostgresSettings, PostgresStore, SslMode,
};
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use crate::store_contract::{
    Cloud, Desk, START, SetClock, Store, administration_contract, registry_contract, store_contract,
};
use crate::support::gateway::PATIENCE;
use crate::support::postgres::{PASSWORD, Postgres, ROLE};

store_contract!(fresh().await);
administration_contract!(administered().await);
registry_contract!(registering().await);

/// Long enough for a slow disk that many tests share.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A database whose clock stands still until it is set.
struct DatabaseClock {
    server: &'static Postgres,
    database: String,
    shows: Mutex<Option<Timestamp>>,
}

#[async_trait]
impl SetClock for DatabaseClock {
    async fn set(&self, now: Timestamp) {
        let mut shows = self.shows.lock().await;
        if *shows != Some(now) {
            let sql = format!(
                "CREATE OR REPLACE FUNCTION dialpass.now_ms() RETURNS bigint LANGUAGE sql VOLATILE \
                 AS $$ SELECT {}::bigint $$",
                now.as_millis()
            );
            self.server.psql(&self.database, &sql);
            *shows = Some(now);
        }
    }
}

/// How a store connects to these servers in turn.
fn settings(servers: &[&Postgres], database: &str) -> PostgresSettings {
    let server = |server: &&Postgres| {
        let (host, port) = server
            .host_port()
            .split_once(':')
            .map(|(host, port)| (host.to_owned(), port.parse().unwrap()))
            .unwrap();
        let mut login = tokio_postgres::Config::new();
        login.host(host).port(port).user(ROLE).password(PASSWORD).dbname(database);
        PostgresServer { name: server.host_port(), login }
    };
    PostgresSettings {
        servers: servers.iter().map(server).collect(),
        ssl_mode: SslMode::Disable,
        tls: None,
        connections: 8,
        timeout: TIMEOUT,
        connect_timeout: Duration::from_secs(5),
    }
}

/// An empty database of the shared server, and how a store connects to it.
fn fresh_database() -> (&'static Postgres, String, PostgresSettings) {
    let server = Postgres::shared();
    let database = server.database();
    let settings = settings(&[server], &database);
    (server, database, settings)
}

/// Waits until `done`.
async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what} within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn fresh() -> ((), Store) {
    let ((), store, _) = administered().await;
    ((), store)
}

/// A store and an administrator of it, as two processes would have it open.
async fn administered() -> ((), Store, Desk) {
    let (store, desk, clock) = open_both().await;
    ((), Store::new(store, Arc::clone(&clock)), Desk::new(desk, clock))
}

/// A store with its registered users, and an administrator of its access keys.
async fn registering() -> ((), Store, Cloud) {
    let (store, desk, clock) = open_both().await;
    let cloud = Cloud::new(Arc::clone(&store) as _, desk, Arc::clone(&clock));
    ((), Store::new(store, clock), cloud)
}

async fn open_both() -> (Arc<PostgresStore>, Arc<PostgresAdministration>, Arc<dyn SetClock>) {
    let (server, database, settings) = fresh_database();
    let store = PostgresStore::open(settings.clone(), &Handle::current()).await;
    let store = store.expect("it opens");
    let desk = PostgresAdministration::open(settings).await.expect("it opens");
    let clock = DatabaseClock { server, database, shows: Mutex::new(None) };
    clock.set(START).await;
    (Arc::new(store), Arc::new(desk), Arc::new(clock))
}

#[tokio::test]
async fn an_administrator_makes_no_schema() {
    let server = Postgres::shared();
    let database = server.database();
    let refused = PostgresAdministration::open(settings(&[server], &database)).await;
    let said = refused.err().expect("an error").to_string();
    assert!(said.contains("there is no store in the database"), "{said}");
    let made = "SELECT count(*) FROM pg_namespace WHERE nspname = 'dialpass'";
    assert_eq!(server.psql(&database, made), "0");
}
