//! The nodes' database is killed and comes back, or its standby takes its place, while calls and
//! logins go on.

use std::time::{Duration, Instant};

use super::witness::Witnesses;
use super::{Cluster, NODES, on_postgres};
use crate::faults::load::{COMEBACK, summary};
use crate::support::postgres::Postgres;
use crate::support::slapd::Slapd;

const PEOPLE: usize = 800;

fn slapd() -> Slapd {
    Slapd::builder().users(PEOPLE).without_tls().without_log().start()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_database_comes_back_with_every_issued_code_and_accepts_none_twice() {
    let (slapd, mut postgres) = (slapd(), Postgres::start());
    let database = postgres.database();
    let cluster = Cluster::start(&on_postgres(&slapd, &[&postgres], &database));
    cluster.until_up(NODES).await;
    let witnesses = Witnesses::start(&cluster.asker(), PEOPLE);
    witnesses.until_served(Instant::now(), 100).await;
    for round in ["first", "second"] {
        postgres.kill();
        let down = Instant::now();
        witnesses.until_refused(down, 50).await;
        postgres.restart();
        let back = Instant::now();
        witnesses.until_served(back, 100).await;
        println!("outage: the database killed, {round}: it was away for {:.2?}", back - down);
    }
    let back = Instant::now();
    witnesses.until_served(back, 100).await;
    let found = witnesses.end(cluster.nodes()).await;
    println!("outage: the database killed twice: {found}");
    assert_eq!(found.recovery(back), Duration::ZERO);
    found.assert_answered();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_takes_over_has_every_issued_code_and_accepts_none_twice() {
    let (slapd, mut primary) = (slapd(), Postgres::start());
    let database = primary.database();
    let standby = primary.standby();
    let cluster = Cluster::start(&on_postgres(&slapd, &[&primary, &standby], &database));
    cluster.until_up(NODES).await;
    let witnesses = Witnesses::start(&cluster.asker(), PEOPLE);
    witnesses.until_served(Instant::now(), 200).await;
    primary.kill();
    let down = Instant::now();
    witnesses.until_refused(down, 20).await;
    let promoting = Instant::now();
    standby.promote();
    let back = Instant::now();
    witnesses.until_served(back, 200).await;
    let found = witnesses.end(cluster.nodes()).await;
    let outage = found.between(down, promoting);
    println!(
        "outage: the primary lost for {:.2?} ({}): {found}; the last failure {:.2?} after the \
         standby was promoted",
        back - down,
        summary(&outage),
        found.recovery(back)
    );
    assert!(outage.iter().all(|one| one.is_refused() || one.status == 0), "refused, each of them");
    assert!(found.recovery(back) < COMEBACK);
}
