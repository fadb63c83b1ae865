//! What a load balancer is told: whether this node may be given requests, whatever is wrong with
//! one tenant's directory.

use crate::gateway::{Answer, Gateway, clients, ldap_tenant, sections, wait_until};
use crate::postgres::Postgres;
use crate::slapd::Slapd;

async fn status(gateway: &Gateway, path: &str) -> u16 {
    Answer::of(gateway.http.get(gateway.ops_url(path))).await.status
}

async fn until(gateway: &Gateway, path: &str, expected: u16) {
    let begun = std::time::Instant::now();
    while status(gateway, path).await != expected {
        assert!(begun.elapsed() < crate::gateway::PATIENCE, "{path} is {expected}");
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
