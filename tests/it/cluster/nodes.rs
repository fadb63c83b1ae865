//! A node is killed, or all are restarted one after the other, while calls and logins go on.

use std::time::{Duration, Instant};

use super::witness::Witnesses;
use super::{Cluster, NODES, on_postgres, patient};
use crate::faults::load::Operation;
use crate::support::postgres::Postgres;
use crate::support::slapd::Slapd;

const PEOPLE: usize = 800;

fn slapd() -> Slapd {
    Slapd::builder().users(PEOPLE).without_tls().without_log().start()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_costs_the_logins_it_was_busy_with_and_no_call() {
    let (slapd, postgres) = (slapd(), Postgres::start());
    let config = on_postgres(&slapd, &[&postgres], &postgres.database());
    let mut cluster = Cluster::start(&patient(&config));
    cluster.until_up(NODES).await;
    let witnesses = Witnesses::start(&cluster.asker(), PEOPLE);
    for at in 0..NODES {
        witnesses.until_served(Instant::now(), 50).await;
        cluster.node_mut(at).kill();
        witnesses.until_served(Instant::now(), 50).await;
        cluster.restart(at);
        cluster.until_up(NODES).await;
    }
    witnesses.until_served(Instant::now(), 50).await;
    let found = witnesses.end(cluster.nodes()).await;
    println!("outage: each of three nodes killed and back: {found}");
    let failed = |operation| {
        let of_it = found.seen.iter().filter(move |one| one.operation == operation);
        of_it.filter(|one| one.status != 200).count()
    };
    assert_eq!(failed(Operation::Call), 0, "another node tells the code");
    // Eight users log in, each once at a time.
    assert!(failed(Operation::Login) <= 8 * NODES);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_nodes_are_restarted_one_after_the_other_and_no_request_fails() {
    let (slapd, postgres) = (slapd(), Postgres::start());
    let config = on_postgres(&slapd, &[&postgres], &postgres.database());
    let config = config.replacen("[server]\n", "[server]\ndrain = \"2s\"\n", 1);
    let mut cluster = Cluster::start(&patient(&config));
    cluster.until_up(NODES).await;
    let witnesses = Witnesses::start(&cluster.asker(), PEOPLE);
    let begun = Instant::now();
    for at in 0..NODES {
        witnesses.until_served(Instant::now(), 50).await;
        cluster.node(at).signal("TERM");
        assert_eq!(cluster.node_mut(at).wait().code(), Some(0));
        cluster.restart(at);
        cluster.until_up(NODES).await;
    }
    witnesses.until_served(Instant::now(), 50).await;
    let took = begun.elapsed();
    let found = witnesses.end(cluster.nodes()).await;
    println!("outage: three nodes restarted in turn in {took:.2?}: {found}");
    assert_eq!(found.failed(), 0);
    assert_eq!(found.recovery(begun), Duration::ZERO);
}
