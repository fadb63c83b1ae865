//! The nodes' database hangs, whole or in its commits, while calls and logins go on: they are
//! refused in time, nothing piles up, and nothing has to be done once it goes on.

use std::time::{Duration, Instant};

use super::witness::{Found, Witnesses};
use super::{Cluster, NODES, on_postgres};
use crate::faults::load::{COMEBACK, summary};
use crate::support::gateway::wait_until;
use crate::support::postgres::{Postgres, ROLE};
use crate::support::slapd::Slapd;

const PEOPLE: usize = 800;

/// The default `connections` of a node.
const CONNECTIONS: usize = 16;

/// The sessions that all nodes may have: their pools', and for each server a probe's.
const fn most_sessions(servers: usize) -> usize {
    NODES * (CONNECTIONS + servers)
}

/// How much of something a node has, by its line in `/proc/PID/status`.
fn status(cluster: &Cluster, line: &str) -> Vec<usize> {
    let of = |pid| std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let count = |text: String| {
        let line = text.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(':'));
        line.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
    };
    cluster.nodes().iter().map(|node| count(of(node.pid()))).collect()
}

/// What the nodes take of their machine.
#[derive(Debug)]
struct Taken {
    threads: Vec<usize>,
    kib: Vec<usize>,
}

impl Taken {
    fn by(cluster: &Cluster) -> Self {
        Self { threads: status(cluster, "Threads"), kib: status(cluster, "VmRSS") }
    }

    fn assert_little_more_than(&self, before: &Self) {
        for (threads, before) in self.threads.iter().zip(&before.threads) {
            assert!(*threads <= before + 2, "threads: {self:?}, {before:?} before");
        }
        for (kib, before) in self.kib.iter().zip(&before.kib) {
            assert!(*kib <= before + 20 * 1024, "memory: {self:?}, {before:?} before");
        }
    }
}

fn slapd() -> Slapd {
    Slapd::builder().users(PEOPLE).without_tls().without_log().start()
}

/// What was seen while nothing could be committed: no request was served, and all were refused
/// within the store's timeout, give or take what the test's own machine takes.
fn assert_refused_in_time(found: &Found, down: Instant, until: Instant) {
    let outage = found.between(down, until);
    assert!(outage.iter().all(|one| one.is_refused() || one.status == 0), "{}", summary(&outage));
    let longest = found.seen.iter().map(|one| one.took).max().unwrap();
    assert!(longest < Duration::from_secs(4), "{longest:?}");
    found.assert_answered();
    assert!(found.recovery(until) < COMEBACK, "{:?}", found.recovery(until));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_is_a_refusal_in_time_and_nothing_piles_up() {
    let (slapd, postgres) = (slapd(), Postgres::start());
    let database = postgres.database();
    let cluster = Cluster::start(&on_postgres(&slapd, &[&postgres], &database));
    cluster.until_up(NODES).await;
    let witnesses = Witnesses::start(&cluster.asker(), PEOPLE);
    witnesses.until_served(Instant::now(), 200).await;
    let (before, processes) = (Taken::by(&cluster), postgres.processes());

    postgres.stop();
    let down = Instant::now();
    witnesses.until_refused(down, 500).await;
    // Long enough for several probes.
    witnesses.until_refused(down + Duration::from_secs(5), 100).await;
    let during = Taken::by(&cluster);
    assert!(postgres.processes() <= processes + NODES * CONNECTIONS);
    let until = Instant::now();
    postgres.cont();
    let back = Instant::now();
    let mut most = 0;
    wait_until("all nodes are back", || {
        most = most.max(postgres.connections());
        let up = |node: &crate::support::gateway::Gateway| {
            node.log().matches("the store's database is up").count() >= 2
        };
        cluster.nodes().iter().all(up)
    });
    witnesses.until_served(Instant::now(), 200).await;
    most = most.max(postgres.connections());
    let after = Taken::by(&cluster);
    let found = witnesses.end(cluster.nodes()).await;
    println!(
        "outage: the database hung for {:.2?}: {found}; the last failure {:.2?} after it went \
         on; at most {most} sessions; {before:?} before, {during:?} during, {after:?} after",
        back - down,
        found.recovery(back)
    );
    assert!(most <= most_sessions(1), "{most} sessions");
    during.assert_little_more_than(&before);
    after.assert_little_more_than(&before);
    assert_refused_in_time(&found, down, until);
}

/// How many commits wait for the standby.
fn waiting(postgres: &Postgres) -> usize {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity \
         WHERE usename = '{ROLE}' AND wait_event = 'SyncRep'"
    );
    postgres.psql("postgres", &sql).parse().unwrap()
}

/// The synchronous standby is lost while calls and logins go on, until `mend`.
async fn without_a_standby(how: &str, mend: impl FnOnce(&Postgres, &mut Postgres)) {
    let (slapd, primary) = (slapd(), Postgres::start());
    let database = primary.database();
    let mut standby = primary.standby();
    let cluster = Cluster::start(&on_postgres(&slapd, &[&primary, &standby], &database));
    cluster.until_up(NODES).await;
    let witnesses = Witnesses::start(&cluster.asker(), PEOPLE);
    witnesses.until_served(Instant::now(), 200).await;
    let before = Taken::by(&cluster);

    standby.kill();
    let down = Instant::now();
    witnesses.until_refused(down, 500).await;
    witnesses.until_refused(down + Duration::from_secs(5), 100).await;
    let (hung, sessions) = (waiting(&primary), primary.connections());
    let during = Taken::by(&cluster);
    assert!(hung > 0, "commits wait for the standby");
    assert!(sessions <= most_sessions(2), "{sessions} sessions");

    let until = Instant::now();
    mend(&primary, &mut standby);
    let back = Instant::now();
    witnesses.until_served(back, 200).await;
    assert_eq!(primary.psql("postgres", "SELECT pg_is_in_recovery()"), "f");
    let found = witnesses.end(cluster.nodes()).await;
    println!(
        "outage: the synchronous standby lost for {:.2?} until {how}: {found}; the last failure \
         {:.2?} after that; {hung} commits waited in {sessions} sessions; {before:?} before, \
         {during:?} during",
        back - down,
        found.recovery(back)
    );
    during.assert_little_more_than(&before);
    assert_refused_in_time(&found, down, until);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_synchronous_standby_all_is_refused_until_it_is_back() {
    without_a_standby("it was back", |_, standby| standby.restart()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_synchronous_standby_all_is_refused_until_it_is_given_up() {
    without_a_standby("it was given up", |primary, _| {
        primary.psql("postgres", "ALTER SYSTEM SET synchronous_standby_names = ''");
        primary.psql("postgres", "SELECT pg_reload_conf()");
    })
    .await;
}
