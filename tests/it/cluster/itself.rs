//! That the nodes and what is before them do what the other tests rely on.

use std::net::SocketAddr;
use std::time::Instant;

use super::{Cluster, NODES};
use crate::faults::load::{Load, Operation, User, config, summary};
use crate::support::gateway::wait_until;
use crate::support::slapd::Slapd;

fn addresses(cluster: &Cluster) -> Vec<(SocketAddr, SocketAddr)> {
    cluster.nodes().iter().map(|node| (node.address(), node.ops())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_shared_by_the_nodes_and_one_that_is_down_is_left_out_until_it_is_back() {
    let slapd = Slapd::builder().without_log().start();
    let mut cluster = Cluster::start(&config(&[("t1", "http")], &[&slapd.url()]));
    cluster.until_up(NODES).await;
    let before = addresses(&cluster);
    let key = |at: usize| std::fs::read(cluster.node(at).file("server-key.hex")).unwrap();
    assert!((1..NODES).all(|at| key(at) == key(0)), "one key");

    // Each has a store of its own here, so calls only.
    let asker = cluster.asker();
    let call = async || {
        let (status, _) = asker.call("t1", User(1)).await;
        status
    };
    for _ in 0..2 * NODES {
        assert_eq!(call().await, 200);
    }
    for node in cluster.nodes() {
        wait_until("two calls at each", || node.audit().len() == 2);
    }
    let load = Load::start_by(&asker, &["t1"], 4);
    let calls = async |since: Instant| {
        load.until("calls are served", |seen| {
            let served = seen.iter().filter(|one| {
                one.begun > since && one.operation == Operation::Call && one.status == 200
            });
            served.count() >= 50
        })
        .await;
    };
    calls(Instant::now()).await;
    cluster.node_mut(1).kill();
    cluster.until_up(NODES - 1).await;
    calls(Instant::now()).await;
    cluster.restart(1);
    cluster.until_up(NODES).await;
    calls(Instant::now()).await;
    let seen = load.end_with_broken().await;
    let calls: Vec<_> = seen.into_iter().filter(|one| one.operation == Operation::Call).collect();
    assert!(calls.iter().all(|one| one.status == 200), "{}", summary(&calls));
    assert!(cluster.node(1).audit().len() > 10, "it is asked again");
    assert_eq!(addresses(&cluster), before);
}
