//! A pooler between the store and its database.

use dialpass::store::Issue;
use dialpass::store::postgres::{PostgresServer, PostgresSettings, PostgresStore};
use tokio::runtime::Handle;

use super::fresh_database;
use super::ports::{issue, ready};
use crate::chaos::Pooler;
use crate::support::postgres::{PASSWORD, ROLE};

/// The same settings, through a pooler.
fn through(pooler: &Pooler, database: &str, settings: &PostgresSettings) -> PostgresSettings {
    let name = pooler.host_port();
    let (host, port) = name.split_once(':').unwrap();
    let mut login = tokio_postgres::Config::new();
    login.host(host).port(port.parse().unwrap()).user(ROLE).password(PASSWORD).dbname(database);
    PostgresSettings { servers: vec![PostgresServer { name, login }], ..settings.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_session_mode_is_used_and_one_in_transaction_mode_is_named() {
    let (server, database, settings) = fresh_database();
    let pooler = Pooler::before(&server.host_port(), "session");
    let settings = through(&pooler, &database, &settings);
    let store = PostgresStore::open(settings.clone(), &Handle::current()).await.unwrap();
    assert!(ready(&store).await);
    assert!(matches!(issue(&store, "anna", 1).await, Ok(Issue::Issued(_))));

    let pooler = Pooler::before(&server.host_port(), "transaction");
    let settings = through(&pooler, &database, &settings);
    let refused = PostgresStore::open(settings, &Handle::current()).await;
    let said = refused.err().expect("it is not used").to_string();
    assert!(said.contains("pool_mode = session"), "{said}");
}
