//! Faults that take long, or that held from the beginning: tried where `CHAOS_LONG` is set.

use std::time::{Duration, Instant};

use super::stage::{Stage, until_served};
use super::{end_sessions, held, lasts, seconds};
use crate::cluster::NODES;
use crate::small_disk::SmallDisk;
use crate::support::gateway::PATIENCE;
use crate::support::postgres::Postgres;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes a machine of its own: CHAOS_LONG=1 and --include-ignored, as tests/run.sh --long"]
async fn long_faults_of_one_server() {
    let mut postgres = Postgres::start();
    let mut stage = Stage::start(&[&postgres], |config| config).await;
    let database = &stage.database.clone();

    stage
        .tries("the server killed and restarted twice", async |_, history| {
            for _ in 0..2 {
                postgres.kill();
                lasts(seconds(1)).await;
                postgres.restart();
                until_served(history, Instant::now(), 60).await;
            }
            Instant::now()
        })
        .await;
    stage
        .tries("the server hangs for 8 s", async |_, _| {
            postgres.stop();
            lasts(seconds(8)).await;
            postgres.cont();
            Instant::now()
        })
        .await;
    stage
        .tries("all sessions ended every 200 ms for 8 s", async |_, _| {
            let end = Instant::now() + seconds(8);
            while Instant::now() < end {
                postgres.psql("postgres", &end_sessions());
                lasts(Duration::from_millis(200)).await;
            }
            Instant::now()
        })
        .await;
    stage
        .tries("a table that every call needs is held for 8 s", async |_, _| {
            let lock = "LOCK dialpass.subjects IN ACCESS EXCLUSIVE MODE";
            held(&postgres, database, lock, seconds(8));
            Instant::now()
        })
        .await;
    stage
        .tries("all rows held for 8 s", async |_, _| {
            let rows = "SELECT count(*) FROM (SELECT 1 FROM dialpass.subjects FOR UPDATE) AS s; \
                SELECT count(*) FROM (SELECT 1 FROM dialpass.callers FOR UPDATE) AS c; \
                SELECT count(*) FROM (SELECT 1 FROM dialpass.pulse FOR UPDATE) AS p";
            held(&postgres, database, rows, seconds(8));
            Instant::now()
        })
        .await;
    let found = stage
        .tries("VACUUM FULL twelve times", async |_, _| {
            for _ in 0..12 {
                postgres.psql(database, "VACUUM FULL");
                lasts(Duration::from_millis(300)).await;
            }
            Instant::now()
        })
        .await;
    assert_eq!(found.refused(), 0, "each takes a moment");
    stage
        .tries("default_transaction_read_only by a reload, for 6 s", async |_, _| {
            let set = "ALTER SYSTEM SET default_transaction_read_only = on";
            postgres.psql("postgres", set);
            postgres.psql("postgres", "SELECT pg_reload_conf()");
            lasts(seconds(6)).await;
            let reset = "SET default_transaction_read_only = off";
            let sql = "ALTER SYSTEM RESET default_transaction_read_only";
            postgres.psql_each("postgres", &[reset, sql]);
            postgres.psql("postgres", "SELECT pg_reload_conf()");
            Instant::now()
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes a machine of its own: CHAOS_LONG=1 and --include-ignored, as tests/run.sh --long"]
async fn long_faults_of_the_nodes() {
    let postgres = Postgres::start();
    let mut stage = Stage::start(&[&postgres], |config| config).await;
    stage
        .tries("each node hangs for 8 s, one after another", async |cluster, _| {
            for at in 0..NODES {
                cluster.node(at).signal("STOP");
                lasts(seconds(8)).await;
                cluster.node(at).signal("CONT");
                cluster.until_up(NODES).await;
            }
            Instant::now()
        })
        .await;
    let found = stage
        .tries("SIGHUP 300 times a second for 8 s", async |cluster, _| {
            let end = Instant::now() + seconds(8);
            while Instant::now() < end {
                for at in 0..NODES {
                    cluster.node(at).signal("HUP");
                }
                lasts(Duration::from_millis(7)).await;
            }
            Instant::now()
        })
        .await;
    assert_eq!(found.refused(), 0);
    let found = stage
        .tries("a new server key added, then moved to the top", async |cluster, history| {
            let key = hex::encode([42; 32]);
            for on_top in [false, true] {
                for node in cluster.nodes() {
                    let file = node.file("server-key.hex");
                    let old = std::fs::read_to_string(&file).unwrap();
                    let old = old.lines().next().unwrap();
                    let text =
                        if on_top { format!("{key}\n{old}\n") } else { format!("{old}\n{key}\n") };
                    std::fs::write(file, text).unwrap();
                    node.signal("HUP");
                }
                until_served(history, Instant::now(), 60).await;
            }
            Instant::now()
        })
        .await;
    assert_eq!(found.refused(), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes a machine of its own: CHAOS_LONG=1 and --include-ignored, as tests/run.sh --long"]
async fn long_faults_of_a_pair() {
    let mut primary = Postgres::start();
    let standby = primary.standby();
    let mut stage = Stage::start(&[&primary, &standby], |config| config).await;
    stage
        .tries("the synchronous standby hangs for 8 s", async |_, _| {
            standby.stop();
            lasts(seconds(8)).await;
            standby.cont();
            Instant::now()
        })
        .await;
    stage
        .tries("the primary killed, the standby promoted", async |_, _| {
            primary.kill();
            lasts(seconds(1)).await;
            standby.promote();
            Instant::now()
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes a machine of its own: CHAOS_LONG=1 and --include-ignored, as tests/run.sh --long"]
async fn long_faults_of_full_disks() {
    let mut postgres =
        Postgres::builder().setting("min_wal_size = 32MB").setting("max_wal_size = 48MB").start();
    let tables = SmallDisk::at(&postgres.folder().join("small"), "48m");
    postgres.keep_databases_in(tables.path());
    let log = SmallDisk::at(&postgres.folder().join("log-disk"), "96m");
    postgres.move_log_to(log.path());
    let mut stage = Stage::start(&[&postgres], |config| config).await;
    let found = stage
        .tries("the disk of the tables is full for 4 s", async |_, _| {
            tables.fill();
            lasts(seconds(4)).await;
            tables.make_room();
            Instant::now()
        })
        .await;
    assert!(found.refused() > 0, "it was full: {found}");
    let said = postgres.log();
    assert!(said.contains("could not extend file"), "{said}");

    stage
        .tries("the disk of the log is full, the server panics", async |_, _| {
            log.fill();
            let end = Instant::now() + PATIENCE;
            while !postgres.log().contains("PANIC") {
                assert!(Instant::now() < end, "it panics: {}", postgres.log());
                // To need another of the files that the log is made of.
                let _ = postgres.try_psql("postgres", "SELECT pg_switch_wal()");
                lasts(Duration::from_millis(100)).await;
            }
            lasts(seconds(2)).await;
            log.make_room();
            postgres.restart();
            Instant::now()
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes a machine of its own: CHAOS_LONG=1 and --include-ignored, as tests/run.sh --long"]
async fn long_faults_of_clocks() {
    let postgres = Postgres::start();
    let apart = [
        ("the nodes' clocks are two minutes apart", ["+60s", "-60s", "+0s"]),
        ("the nodes' clocks are two days apart", ["+1d", "-1d", "+0s"]),
    ];
    for (fault, offsets) in apart {
        let mut stage = Stage::start_at(&[&postgres], |config| config, Some(offsets)).await;
        let tried = stage.tries(fault, async |_, _| {
            lasts(seconds(6)).await;
            Instant::now()
        });
        let found = tried.await;
        assert_eq!(found.refused(), 0, "the database's clock counts");
    }
}
