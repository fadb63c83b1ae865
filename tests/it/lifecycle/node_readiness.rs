//! What a load balancer learns: whether to send requests to this node, whatever is wrong with
//! one tenant's directory.

use crate::support::gateway::{Answer, Gateway, clients, ldap_tenant, sections, wait_until};
use crate::support::postgres::Postgres;
use crate::support::slapd::Slapd;

async fn status(gateway: &Gateway, path: &str) -> u16 {
    Answer::of(gateway.http.get(gateway.ops_url(path))).await.status
}

async fn until(gateway: &Gateway, path: &str, expected: u16) {
    let begun = std::time::Instant::now();
    while status(gateway, path).await != expected {
        assert!(begun.elapsed() < crate::support::gateway::PATIENCE, "{path} is {expected}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_down_takes_no_node_from_the_load_balancer() {
    let slapd = Slapd::builder().without_log().start();
    let gateway = Gateway::on(&slapd);
    until(&gateway, "/readyz", 200).await;
    drop(slapd);
    until(&gateway, "/readyz", 503).await;
    assert_eq!(status(&gateway, "/readyz/node").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_its_database_is_not_ready_and_says_why() {
    let slapd = Slapd::builder().without_log().start();
    let mut postgres = Postgres::builder().without_fsync().start();
    let database = postgres.database();
    let config =
        sections("").replace("url = \"sqlite:dialpass.db\"", &postgres.store_keys(&database));
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let gateway = Gateway::start(&format!("{config}{tenant}{}", clients()));
    until(&gateway, "/readyz/node", 200).await;
    postgres.kill();
    until(&gateway, "/readyz/node", 503).await;
    let unready = Answer::of(gateway.http.get(gateway.ops_url("/readyz"))).await.json();
    let detail = unready["dependencies"][0]["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(&postgres.host_port()), "{detail}");
    postgres.restart();
    until(&gateway, "/readyz/node", 200).await;
    wait_until("the recovery is logged", || gateway.log().contains("the store's database is up"));
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_commits_are_noticed_and_reported_even_if_no_request_waits() {
    let slapd = Slapd::builder().without_log().start();
    let postgres = Postgres::builder().without_fsync().start();
    let database = postgres.database();
    let config =
        sections("").replace("url = \"sqlite:dialpass.db\"", &postgres.store_keys(&database));
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let gateway = Gateway::start(&format!("{config}{tenant}{}", clients()));
    until(&gateway, "/readyz/node", 200).await;
    postgres.psql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    postgres.psql("postgres", "SELECT pg_reload_conf()");
    // A load balancer whose check does not wait.
    let begun = std::time::Instant::now();
    while !gateway.log().contains("the store's database is down") {
        assert!(begun.elapsed() < crate::support::gateway::PATIENCE, "{}", gateway.log());
        let check = gateway.http.get(gateway.ops_url("/readyz/node"));
        drop(check.timeout(std::time::Duration::from_millis(200)).send().await);
    }
    until(&gateway, "/readyz/node", 503).await;
    let asked = std::time::Instant::now();
    let unready = Answer::of(gateway.http.get(gateway.ops_url("/readyz"))).await.json();
    assert!(asked.elapsed() < std::time::Duration::from_millis(1500), "told at once");
    let detail = unready["dependencies"][0]["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(&postgres.host_port()), "{detail}");
    assert!(!gateway.log().contains("a step of the store failed"), "{}", gateway.log());
    postgres.psql("postgres", "ALTER SYSTEM RESET synchronous_standby_names");
    postgres.psql("postgres", "SELECT pg_reload_conf()");
    until(&gateway, "/readyz/node", 200).await;
    assert_eq!(gateway.call("+46701234567").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_of_registered_users_is_ready_where_the_store_is() {
    let postgres = Postgres::builder().without_fsync().start();
    let database = postgres.database();
    let config =
        sections("").replace("url = \"sqlite:dialpass.db\"", &postgres.store_keys(&database));
    let tenant = "[[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n\
        [tenants.directory]\nkind = \"registered\"\n[tenants.login]\npassword = \"not-asked\"\n";
    let gateway = Gateway::start(&format!("{config}{tenant}"));
    until(&gateway, "/readyz", 200).await;
    let ready = Answer::of(gateway.http.get(gateway.ops_url("/readyz"))).await.json();
    let kinds: Vec<&str> = ready["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["store", "audit", "workers"]);
    drop(postgres);
    until(&gateway, "/readyz", 503).await;
}
