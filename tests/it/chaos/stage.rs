//! Three nodes and what is around them, on which faults are tried one after another.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Mutex, MutexGuard};

use super::actors::{Actors, World};
use super::history::{Found, History};
use super::{is_alone, table};
use crate::authentication_cloud::{PUBLIC_URL, access_key, tenant, willing_provider};
use crate::cluster::{Cluster, NODES, on_postgres};
use crate::sms::provider::Provider;
use crate::support::gateway::PATIENCE;
use crate::support::postgres::Postgres;
use crate::support::slapd::Slapd;

/// How many may call.
const PEOPLE: usize = 1500;

/// How many approve. A user is asked 60 times in ten minutes, so each is slow.
const APPROVERS: usize = 4;

/// The nodes under load.
pub struct Stage {
    pub cluster: Cluster,
    pub world: World,
    pub database: String,
    _slapd: Slapd,
    _provider: Arc<Provider>,
    _turn: MutexGuard<'static, ()>,
}

/// One stage at a time, so that it is the fault that is tried and not the machine.
static TURN: Mutex<()> = Mutex::const_new(());

impl Stage {
    /// Nodes whose database is on these servers; `wire` puts something between.
    pub async fn start(servers: &[&Postgres], wire: impl FnOnce(String) -> String) -> Self {
        Self::start_at(servers, wire, None).await
    }

    /// The same, with the nodes' clocks so far from the true time.
    pub async fn start_at(
        servers: &[&Postgres],
        wire: impl FnOnce(String) -> String,
        clocks: Option<[&str; NODES]>,
    ) -> Self {
        let turn = TURN.lock().await;
        let slapd = Slapd::builder().users(PEOPLE).without_tls().without_log().start();
        let provider = Arc::new(willing_provider().await);
        let database = servers[0].database();
        let config = wire(on_postgres(&slapd, servers, &database));
        let config = config
            .replacen("[server]\n", &format!("[server]\npublic_url = \"{PUBLIC_URL}\"\n"), 1)
            .replacen("[store]\n", "[store]\nconnections = 8\n", 1);
        // Among other tests the machine takes its time.
        let config = if is_alone() {
            config
        } else {
            config.replacen("[server]\n", "[server]\nrequest_deadline = \"10s\"\n", 1).replacen(
                "[store]\n",
                "[store]\ntimeout = \"4s\"\n",
                1,
            )
        };
        let config = format!("{config}{}", tenant("t2", &provider.section("main", "")));
        let cluster = match clocks.map(|offsets| offsets.map(faked)) {
            Some([first, second, third]) => Cluster::start_with(&config, [&first, &second, &third]),
            None => Cluster::start(&config),
        };
        cluster.until_up(NODES).await;
        let key = access_key(cluster.node(0).folder(), "t2").text;
        let (asker, base) = (cluster.asker(), cluster.url());
        let world = World::new(asker, base, key, Arc::clone(&provider), PEOPLE);
        Self { cluster, world, database, _slapd: slapd, _provider: provider, _turn: turn }
    }

    /// Tries a fault under load. `strike` does harm and mends it; it returns when that was. What the
    /// users saw is held to what is promised, and noted for the documentation.
    pub async fn tries(
        &mut self,
        fault: &'static str,
        strike: impl AsyncFnOnce(&mut Cluster, &History) -> Instant,
    ) -> Found {
        let history = History::default();
        let mut approvers = Vec::new();
        for _ in 0..APPROVERS {
            approvers.push(self.world.approver().await);
        }
        let actors = Actors::start(&self.world, approvers, &history);
        until_served(&history, Instant::now(), 60).await;
        let back = strike(&mut self.cluster, &history).await;
        until_served(&history, back, 60).await;
        actors.end().await;
        self.cluster.until_up(NODES).await;
        let found = history.check(&self.world, self.cluster.nodes(), back).await;
        println!("chaos: {fault}: {found}");
        found.hold();
        table::note(fault, found.row(fault));
        found
    }
}

/// What gives a process another clock; waits stay as long as they are.
fn faked(offset: &str) -> [(&str, &str); 3] {
    [
        ("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1"),
        ("FAKETIME", offset),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ]
}

/// Waits until so many requests begun after `since` were served, of each kind some.
pub async fn until_served(history: &History, since: Instant, count: usize) {
    let end = Instant::now() + PATIENCE;
    loop {
        let operations = history.operations();
        let served: Vec<_> =
            operations.iter().filter(|one| one.begun > since && !one.failed()).collect();
        let some = |what| served.iter().any(|one| one.what == what);
        if served.len() >= count && some("logins") && some("verifications") && some("signatures") {
            return;
        }
        assert!(Instant::now() < end, "requests are served: {} are", served.len());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
