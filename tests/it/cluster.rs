//! Three gateways of one service behind a real `HAProxy`, which asks each whether it is ready. What
//! is asked of them is in the files below.

use std::sync::Arc;

use tempfile::TempDir;

mod itself;

use crate::faults::load::Asker;
use crate::gateway::{Answer, Gateway, PATIENCE, folder, pinned};
use crate::haproxy::Haproxy;
use crate::ports::free_port;

/// How many nodes there are.
pub const NODES: usize = 3;

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
        Self::of(environments.into_iter().map(start).collect())
    }

    fn of(nodes: Vec<Gateway>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, statistics) = (free_port(), free_port());
        let config = haproxy_config(&nodes, port, statistics);
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

    /// Ends a node (SIGKILL, if it still runs) and starts it again where it was.
    pub fn restart(&mut self, at: usize) {
        let node = self.nodes.remove(at);
        self.nodes.insert(at, node.restart());
    }

    /// Whoever asks through `HAProxy`.
    pub fn asker(&self) -> Asker {
        Asker::at(&self.http, &format!("http://127.0.0.1:{}", self.port))
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

/// What a node did not answer is asked of another, except for logins: the node may have accepted
/// one, and a code that was used is refused. A call that was answered twice has been told one code.
fn haproxy_config(nodes: &[Gateway], port: u16, statistics: u16) -> String {
    let server = |(number, node): (usize, &Gateway)| {
        let (api, ops) = (node.address(), node.ops());
        format!("    server node{number} {api} addr {} port {}\n", ops.ip(), ops.port())
    };
    let servers: String = nodes.iter().enumerate().map(server).collect();
    format!(
        "global\n    nbthread 1\n\
         defaults\n    mode http\n    timeout connect 1s\n    timeout client 10s\n    \
         timeout server 10s\n    timeout check 1s\n    retries 3\n    option redispatch 1\n    \
         retry-on conn-failure empty-response response-timeout\n\
         frontend api\n    bind 127.0.0.1:{port}\n    default_backend nodes\n    \
         http-request disable-l7-retry if {{ path_end /validateOTP }}\n\
         frontend statistics\n    bind 127.0.0.1:{statistics}\n    stats enable\n    stats uri /\n\
         backend nodes\n    balance roundrobin\n    option httpchk GET /readyz\n    \
         default-server check inter 100ms fall 1 rise 1\n\
         {servers}"
    )
}
