//! Faults of a primary with a synchronous standby.

use std::time::{Duration, Instant};

use super::actors::World;
use super::history::History;
use super::stage::Stage;
use super::{lasts, seconds};
use crate::cluster::Cluster;
use crate::support::gateway::wait_until;
use crate::support::postgres::{Postgres, ROLE};
use futures_util::future::join_all;

/// Asks every node again and again, for `how_long`, how far what is not decided is.
async fn ask_how_far(world: &World, cluster: &Cluster, history: &History, how_long: Duration) {
    let end = Instant::now() + how_long;
    while Instant::now() < end {
        for node in cluster.nodes() {
            let world = world.at(node.url(""));
            for (mark, secret) in history.undecided() {
                world.watch(&secret, mark, history).await;
            }
        }
        lasts(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_to_have_succeeded_that_no_standby_has() {
    let mut primary = Postgres::start();
    let mut standby = primary.standby();
    let mut stage = Stage::start(&[&primary, &standby], |config| config).await;
    stage
        .tries("the synchronous standby is away for 4 s", async |_, _| {
            standby.kill();
            lasts(seconds(4)).await;
            standby.restart();
            Instant::now()
        })
        .await;

    let world = stage.world.clone();
    stage
        .tries(
            "the standby away, the primary restarted, then lost, the standby promoted",
            async |cluster, history| {
                let mut told = Vec::new();
                while told.len() < 4 {
                    let text = world.text(history).await.expect("a text");
                    told.push((history.issued(text.clone()), text));
                }
                standby.kill();
                // Their commits wait, and are not answered.
                let tries = told.iter().map(|(mark, text)| world.try_out(text, *mark, history));
                join_all(tries).await;
                assert!(!history.undecided().is_empty());
                primary.kill();
                primary.restart();
                ask_how_far(&world, cluster, history, seconds(3)).await;
                primary.kill();
                standby.restart();
                standby.promote();
                Instant::now()
            },
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_promotion_no_session_stays_with_the_old_primary() {
    let primary = Postgres::start();
    let standby = primary.standby();
    let mut stage = Stage::start(&[&primary, &standby], |config| config).await;
    stage
        .tries(
            "the primary hangs for 1.8 s, the standby is promoted, the old one goes on",
            async |_, _| {
                primary.stop();
                let stopped = Instant::now();
                standby.promote();
                lasts(Duration::from_millis(1800).saturating_sub(stopped.elapsed())).await;
                primary.cont();
                Instant::now()
            },
        )
        .await;
    // But for commits that wait there for a standby, whose sessions the nodes have closed, and a look
    // now and then at whether it still takes writes.
    let sessions = format!(
        "SELECT count(*) FROM pg_stat_activity \
         WHERE usename = '{ROLE}' AND wait_event IS DISTINCT FROM 'SyncRep'"
    );
    wait_until("no session is with the old primary", || primary.psql("postgres", &sessions) == "0");
    for node in stage.cluster.nodes() {
        node.wait_for_line("two servers of store.url take writes");
        node.wait_for_line("synchronous_standby_names is empty on the one that takes writes");
    }
}
