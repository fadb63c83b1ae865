//! Three gateways of one service behind a real `HAProxy`, which asks each whether it is ready. What
//! is asked of them is in the files below.

use std::sync::Arc;

use tempfile::TempDir;

mod clocks;
mod counting;
mod database;
mod itself;
mod keys;
mod nodes;
mod one_use;
mod silent;
mod witness;

use crate::faults::load::{self, Asker};
use crate::support::gateway::{Answer, Gateway, PATIENCE, folder, pinned};
use crate::support::haproxy::Haproxy;
use crate::support::ports::free_port;
use crate::support::postgres::Postgres;
use crate::support::slapd::Slapd;

/// How many nodes there are.
pub const NODES: usize = 3;

/// The configuration of a tenant `t1` whose people are in `slapd` and whose codes, which live for
/// ten minutes, are in a database of these servers. No refusal is held back.
pub fn on_postgres(slapd: &Slapd, servers: &[&Postgres], database: &str) -> String {
    let config = load::config(&[("t1", "http")], &[&slapd.url()]);
    let more = "[tenants.otp]\nlifetime = \"10m\"\n[tenants.login]\nrefusal_floor = \"0s\"\n";
    in_database(&config, servers, database).replacen(
        "[tenants.limits]",
        &format!("{more}[tenants.limits]"),
        1,
    )
}

/// A configuration by which a machine that is busy with other tests fails no request.
pub fn patient(config: &str) -> String {
    config
        .replacen("[server]\n", "[server]\nrequest_deadline = \"30s\"\n", 1)
        .replacen("[store]\n", "[store]\ntimeout = \"20s\"\n", 1)
        .replacen("kind = \"ldap\"\n", "kind = \"ldap\"\ntimeout = \"10s\"\n", 1)
}

/// A configuration with its codes in a database of these servers instead of a file.
pub fn in_database(config: &str, servers: &[&Postgres], database: &str) -> String {
    let keys = Postgres::store_keys_of(servers, database);
    config.replacen("url = \"sqlite:dialpass.db\"\n", &keys, 1)
}

/// The nodes, each with a folder of its own and all with the same server key, and what is before
/// them.
pub struct Cluster {
    nodes: Vec<Gateway>,
    http: reqwest::Client,
    port: u16,
    statistics: u16,
    _haproxy: Haproxy,
    _folder: TempDir,
}

impl Cluster {
    /// All with this configuration, whose listeners have any port.
    pub fn start(config: &str) -> Self {
        Self::start_with(config, [&[], &[], &[]])
    }

    /// The same, each node with these variables in its environment.
    pub fn start_with(config: &str, environments: [&[(&str, &str)]; NODES]) -> Self {
        let mut key = None;
        let start = |environment| {
            let folder = folder();
            let file = folder.path().join("server-key.hex");
            let key = key.get_or_insert_with(|| std::fs::read(&file).unwrap());
            std::fs::write(&file, key).unwrap();
            Gateway::start_with(Arc::new(folder), &pinned(config), environment)
        };
        // A refused login may wait for as long as a request may take, and `HAProxy` for longer.
        let patience = if config.contains("request_deadline = \"10s\"") { 11 } else { 6 };
        Self::of(environments.into_iter().map(start).collect(), patience)
    }

    /// These nodes, each of whose answers `HAProxy` awaits for so many seconds.
    fn of(nodes: Vec<Gateway>, patience: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, statistics) = (free_port(), free_port());
        let config = haproxy_config(&nodes, patience, (port, statistics));
        let haproxy = Haproxy::start(folder.path(), &config, port);
        let http = reqwest::Client::new();
        Self { nodes, http, port, statistics, _haproxy: haproxy, _folder: folder }
    }

    /// A node.
    pub fn node(&self, at: usize) -> &Gateway {
        &self.nodes[at]
    }

    /// A node, to kill it or wait for its end.
    pub fn node_mut(&mut self, at: usize) -> &mut Gateway {
        &mut self.nodes[at]
    }

    /// All nodes.
    pub fn nodes(&self) -> &[Gateway] {
        &self.nodes
    }

    /// What the nodes wrote, but for what they served.
    fn log(&self) -> String {
        let mut log = String::new();
        for (number, node) in self.nodes.iter().enumerate() {
            let lines = node.log();
            let served = |line: &&str| {
                ["issued", "repeated", "logged_in"]
                    .iter()
                    .all(|reason| !line.contains(&format!("\"reason\":\"{reason}\"")))
            };
            for line in lines.lines().filter(served) {
                log.extend([&format!("node{number}: "), line, "\n"]);
            }
        }
        log
    }

    /// Ends a node (SIGKILL, if it still runs) and starts it again where it was.
    pub fn restart(&mut self, at: usize) {
        let node = self.nodes.remove(at);
        self.nodes.insert(at, node.restart());
    }

    /// A client that asks through `HAProxy`.
    pub fn asker(&self) -> Asker {
        Asker::at(&self.http, &self.url())
    }

    /// Where `HAProxy` is to be asked.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many nodes `HAProxy` holds to be up.
    pub async fn up(&self) -> usize {
        let url = format!("http://127.0.0.1:{}/;csv", self.statistics);
        let answer = Answer::of(self.http.get(url)).await;
        let status = |line: &str| line.split(',').nth(17).map(str::to_owned);
        let nodes = answer.body.lines().filter(|line| line.starts_with("nodes,node"));
        nodes.filter_map(status).filter(|status| status.starts_with("UP")).count()
    }

    /// Waits until `HAProxy` holds so many to be up.
    pub async fn until_up(&self, count: usize) {
        let begun = std::time::Instant::now();
        while self.up().await != count {
            assert!(begun.elapsed() < PATIENCE, "{count} nodes are up within {PATIENCE:?}");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Cluster {
    /// A test that fails shows why.
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.log());
        }
    }
}

/// As docs/cluster.md has it: a call that one node did not answer is asked of another, which tells
/// the same code; nothing else is asked twice.
fn haproxy_config(nodes: &[Gateway], patience: u32, (port, statistics): (u16, u16)) -> String {
    let server = |(number, node): (usize, &Gateway)| {
        let (api, ops) = (node.address(), node.ops());
        format!("    server node{number} {api} addr {} port {}\n", ops.ip(), ops.port())
    };
    let servers: String = nodes.iter().enumerate().map(server).collect();
    format!(
        "global\n    nbthread 1\n\
         defaults\n    mode http\n    timeout connect 1s\n    timeout client 15s\n    \
         timeout server {patience}s\n    timeout check 1s\n    retries 3\n    option redispatch 1\n    \
         retry-on conn-failure empty-response response-timeout\n\
         frontend api\n    bind 127.0.0.1:{port}\n    default_backend nodes\n    \
         http-request disable-l7-retry unless {{ path_end /getOTP }}\n\
         frontend statistics\n    bind 127.0.0.1:{statistics}\n    stats enable\n    stats uri /\n\
         backend nodes\n    balance roundrobin\n    option httpchk GET /readyz/node\n    \
         http-check disable-on-404\n    \
         default-server check inter 100ms fall 1 rise 1 on-marked-down shutdown-sessions\n\
         {servers}"
    )
}
