//! A new server key takes the old one's place, node by node, while calls and logins go on.

use std::time::Instant;

use super::{Cluster, NODES, on_postgres};
use crate::faults::load::{Load, summary};
use crate::support::gateway::wait_until;
use crate::support::postgres::Postgres;
use crate::support::slapd::Slapd;

const READ_AGAIN: &str = "the configuration was read again and is in force";

/// Gives the nodes these keys, one node after the other, with calls and logins in between.
async fn give(cluster: &Cluster, load: &Load, keys: &str) {
    for node in cluster.nodes() {
        let count = node.log().matches(READ_AGAIN).count();
        std::fs::write(node.file("server-key.hex"), keys).unwrap();
        node.signal("HUP");
        wait_until("it is read again", || node.log().matches(READ_AGAIN).count() > count);
        load.until_served(&["t1"], Instant::now(), 20).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_key_is_replaced_node_by_node_and_no_call_or_login_fails() {
    let slapd = Slapd::builder().users(20).without_tls().without_log().start();
    let (postgres, database) = (Postgres::shared(), Postgres::shared().database());
    let config = on_postgres(&slapd, &[postgres], &database).replacen(
        "lifetime = \"10m\"",
        "lifetime = \"10s\"",
        1,
    );
    let cluster = Cluster::start(&config);
    cluster.until_up(NODES).await;
    let live = || {
        let sql = "SELECT DISTINCT key_id FROM dialpass.subjects \
            WHERE expires_at * 1000 > dialpass.now_ms()";
        let keys = postgres.psql(&database, sql);
        keys.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let old = std::fs::read_to_string(cluster.node(0).file("server-key.hex")).unwrap();
    let old = old.trim();
    let mut new = [0; 32];
    getrandom::fill(&mut new).unwrap();
    let new = hex::encode(new);

    // A caller gets a code of the old key, and keeps it a while.
    let kept = cluster.node(0).code("+46701234567").await;
    let old_id = live();
    assert_eq!(old_id.len(), 1);
    let load = Load::start_by(&cluster.asker(), &["t1"], 6);
    load.until_served(&["t1"], Instant::now(), 50).await;
    give(&cluster, &load, &format!("{old}\n{new}\n")).await;
    assert!(live().iter().all(|id| *id == old_id[0]), "the first key issues");
    give(&cluster, &load, &format!("{new}\n{old}\n")).await;
    let login = cluster.node(2).login("anna", "anna-secret", &kept).await;
    // A slow machine may have taken longer than a code lives.
    assert!(login.status == 200 || !live().contains(&old_id[0]), "{}", login.body);
    wait_until("codes of the old key have expired", || !live().contains(&old_id[0]));
    give(&cluster, &load, &format!("{new}\n")).await;
    wait_until("codes of the new key", || live().len() == 1);
    assert_ne!(live(), old_id);
    let seen = load.end().await;
    println!("a server key replaced on three nodes: {}", summary(&seen));
    assert!(seen.iter().all(|one| one.status == 200), "{}", summary(&seen));
}
