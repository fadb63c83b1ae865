//! Faults of one server, of the sessions with it, and of the nodes.

use std::time::{Duration, Instant};

use super::proxy::Proxy;
use super::stage::{Stage, until_served};
use super::{end_sessions, held, is_alone, lasts, seconds};
use crate::cluster::NODES;
use crate::support::postgres::Postgres;

#[tokio::test(flavor = "multi_thread")]
async fn locks_that_a_request_does_not_need_refuse_none_and_broken_sessions_few() {
    let postgres = Postgres::start();
    let (server, proxy) = (postgres.host_port(), Proxy::before(postgres.host_port()).await);
    let wire = |config: String| config.replace(&server, &proxy.host_port());
    let mut stage = Stage::start(&[&postgres], wire).await;
    let database = &stage.database.clone();

    let pulse = "SELECT * FROM dialpass.pulse FOR UPDATE";
    let found = stage
        .tries("a row that no request writes is held for 4 s", async |cluster, _| {
            held(&postgres, database, pulse, seconds(4));
            assert_eq!(cluster.up().await, NODES, "the nodes are ready");
            Instant::now()
        })
        .await;
    assert_eq!(found.refused(), 0);

    let lock = format!(
        "LOCK dialpass.access_keys IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(0.5); {}",
        end_sessions()
    );
    let (begun, mut from, mut to) = (Instant::now(), Instant::now(), Instant::now());
    let found = stage
        .tries("sessions ended, and access_keys held for 3 s", async |_, _| {
            // New sessions are opened by then.
            from = Instant::now() + Duration::from_millis(1500);
            held(&postgres, database, &lock, seconds(3));
            to = Instant::now();
            to
        })
        .await;
    // They need it: they fail, or wait for it, and so it was held.
    let (failed, _) = found.failed("enrollments", begun, to);
    assert!(failed > 0 || found.longest() > seconds(1), "these need it: {found}");
    for what in ["calls", "logins"] {
        let (failed, of) = found.failed(what, from, to);
        assert!(failed == 0 && of > 10, "{what}: {failed} of {of}");
    }

    stage
        .tries("live sessions fall silent six times, new ones work", async |_, _| {
            for _ in 0..6 {
                proxy.silence();
                lasts(seconds(1)).await;
            }
            Instant::now()
        })
        .await;

    stage
        .tries("of ten answers to a commit one is lost, for 4 s", async |_, _| {
            proxy.lose_commits(100);
            lasts(seconds(4)).await;
            proxy.lose_commits(0);
            Instant::now()
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_or_hangs_and_nodes_that_do_cost_refusals_and_nothing_else() {
    let mut postgres = Postgres::start();
    let mut stage = Stage::start(&[&postgres], |config| config).await;

    let found = stage
        .tries("a node hangs for 6 s", async |cluster, _| {
            cluster.node(1).signal("STOP");
            lasts(seconds(6)).await;
            cluster.node(1).signal("CONT");
            Instant::now()
        })
        .await;
    // Among other tests a busy machine takes part of it for itself.
    assert!(!is_alone() || found.longest() < seconds(4), "the load balancer cuts them: {found}");

    stage
        .tries(
            "synchronous_commit switched off by a reload, the server killed",
            async |_, history| {
                for setting in ["synchronous_commit = off", "wal_writer_delay = '5s'"] {
                    postgres.psql("postgres", &format!("ALTER SYSTEM SET {setting}"));
                }
                postgres.psql("postgres", "SELECT pg_reload_conf()");
                // Their commits would be lost, if the sessions took the setting over.
                until_served(history, Instant::now(), 60).await;
                postgres.kill();
                postgres.restart();
                Instant::now()
            },
        )
        .await;

    stage
        .tries("the server hangs for 3 s", async |_, _| {
            postgres.stop();
            lasts(seconds(3)).await;
            postgres.cont();
            Instant::now()
        })
        .await;

    stage
        .tries("each node killed and started again", async |cluster, _| {
            for at in 0..NODES {
                cluster.node_mut(at).kill();
                lasts(Duration::from_millis(500)).await;
                cluster.restart(at);
                cluster.until_up(NODES).await;
            }
            Instant::now()
        })
        .await;
}
