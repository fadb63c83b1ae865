//! The addresses behind a tenant's server names. A name may resolve to several, as an Active
//! Directory domain's name does to all its controllers. Each address is a server of its own, and
//! names are resolved repeatedly, because addresses come and go.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::{info, warn};

use super::connection::AbortOnDrop;
use super::resolver::Resolver;
use super::server::Server;
use super::settings::{LdapSettings, ServerUrl};
use crate::directory::DependencyState;

/// Interval between lookups of a name while one of its servers works.
const LOOK_UP_AGAIN: Duration = Duration::from_secs(30);
/// The same while none works.
const LOOK_UP_SOON: Duration = Duration::from_secs(2);
/// Interval between checks whether a lookup is due.
const LOOK: Duration = Duration::from_millis(500);
/// How long to wait for a connection before also trying the next address (RFC 8305 section 5).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// All servers of a tenant.
pub(super) struct Hosts {
    settings: Arc<LdapSettings>,
    resolver: Resolver,
    /// For each configured server, in that order.
    known: watch::Sender<Vec<Known>>,
}

/// What is known of one configured server.
struct Known {
    /// One server for each address.
    servers: Vec<Arc<Server>>,
    /// Whether its name has been resolved.
    looked_up: bool,
    /// Why it has no address, if it has none.
    down: String,
}

impl Hosts {
    pub(super) fn new(settings: &Arc<LdapSettings>, resolver: Resolver) -> Self {
        let known = settings.servers.iter().map(|url| {
            let literal = url.literal();
            let server = |address| Arc::new(Server::new(url, address, settings));
            Known {
                servers: literal.into_iter().map(server).collect(),
                looked_up: literal.is_some(),
                down: "its name has not been looked up yet".to_owned(),
            }
        });
        let known = watch::Sender::new(known.collect());
        Self { settings: Arc::clone(settings), resolver, known }
    }

    /// Number of configured servers.
    pub(super) fn len(&self) -> usize {
        self.settings.servers.len()
    }

    /// Each server known now, in the configuration's order.
    pub(super) fn now(&self) -> Vec<Arc<Server>> {
        self.known.borrow().iter().flat_map(|known| known.servers.iter().cloned()).collect()
    }

    /// The same, after waiting for the first one.
    pub(super) async fn servers(&self, deadline: Instant) -> Vec<Arc<Server>> {
        let now = self.now();
        if !now.is_empty() {
            return now;
        }
        let mut known = self.known.subscribe();
        let some = known.wait_for(|all| {
            all.iter().any(|known| !known.servers.is_empty())
                || all.iter().all(|known| known.looked_up)
        });
        // The sender lives as long as this.
        drop(timeout_at(deadline, some).await.map(|waited| waited.map(drop)));
        self.now()
    }

    /// The servers' states; `searched` says whether calls are currently searched there.
    pub(super) fn states(&self, searched: bool) -> Vec<DependencyState> {
        let mut states = Vec::new();
        for (known, url) in self.known.borrow().iter().zip(&self.settings.servers) {
            states.extend(known.servers.iter().map(|server| server.state(searched)));
            if known.servers.is_empty() {
                states.push(DependencyState {
                    name: url.to_string(),
                    up: false,
                    detail: known.down.clone(),
                    is_optional: false,
                });
            }
        }
        states
    }

    /// Watches the servers of one configured name as long as the directory exists.
    pub(super) async fn keep(self: Arc<Self>, at: usize) {
        let url = &self.settings.servers[at];
        if url.literal().is_some() {
            let server = self.known.borrow()[at].servers.first().cloned();
            if let Some(server) = server {
                server.watch().await;
            }
            return;
        }
        let mut watches: HashMap<SocketAddr, AbortOnDrop> = HashMap::new();
        let mut failing = false;
        loop {
            match self.resolver.addresses(url.host(), url.port()).await {
                Ok(addresses) => {
                    failing = false;
                    for server in self.found(at, url, &addresses) {
                        let address = server.address();
                        let watch = tokio::spawn(server.watch()).abort_handle();
                        watches.insert(address, AbortOnDrop(watch));
                    }
                    watches.retain(|address, _| addresses.contains(address));
                }
                Err(error) => {
                    let down = format!("{} cannot be looked up: {error}", url.host());
                    if !std::mem::replace(&mut failing, true) {
                        let reason = down.as_str();
                        warn!(server = %url, reason, "directory server's name has no address");
                    }
                    // The known servers are still valid.
                    self.known.send_modify(|all| {
                        (all[at].looked_up, all[at].down) = (true, down);
                    });
                }
            }
            self.pause(at).await;
        }
    }

    /// Takes over a name's current addresses: drops the servers at others and returns the new ones.
    /// Servers that stay keep their order, even if the name server rotates its answers.
    fn found(&self, at: usize, url: &ServerUrl, addresses: &[SocketAddr]) -> Vec<Arc<Server>> {
        let old: Vec<SocketAddr> =
            self.known.borrow()[at].servers.iter().map(|server| server.address()).collect();
        let is_new = |address: &&SocketAddr| !old.contains(address);
        let server = |address: &SocketAddr| Arc::new(Server::new(url, *address, &self.settings));
        let new: Vec<Arc<Server>> = addresses.iter().filter(is_new).map(server).collect();
        if new.is_empty() && addresses.len() == old.len() {
            return new;
        }
        info!(server = %url, ?addresses, "directory server's name was looked up");
        self.known.send_modify(|all| {
            let known = &mut all[at];
            known.servers.retain(|server| addresses.contains(&server.address()));
            known.servers.extend(new.iter().cloned());
            known.looked_up = true;
        });
        new
    }

    /// Waits until a name's next lookup is due.
    async fn pause(&self, at: usize) {
        let started = Instant::now();
        loop {
            sleep(LOOK).await;
            let works = self.known.borrow()[at].servers.iter().any(|server| server.is_up());
            if started.elapsed() >= if works { LOOK_UP_AGAIN } else { LOOK_UP_SOON } {
                return;
            }
        }
    }
}

/// If the first server is not connected and shares its name with others, moves the first of them to
/// connect to the front: an address that swallows everything sent to it then costs a moment instead
/// of the whole connect timeout (RFC 8305).
pub(super) async fn connected_first(order: &mut [Arc<Server>], deadline: Instant) {
    let Some(first) = order.iter().position(|server| !server.is_down()) else { return };
    let url = order[first].url();
    let others = order.iter().filter(|server| server.url() == url && !server.is_down());
    let candidates: Vec<Arc<Server>> = others.cloned().collect();
    if order[first].is_connected() || candidates.len() < 2 {
        return;
    }
    let connected = candidates.iter().find(|server| server.is_connected()).cloned();
    let winner = match connected {
        Some(server) => Some(server),
        None => race(candidates, deadline).await,
    };
    let at = winner.and_then(|winner| order.iter().position(|one| Arc::ptr_eq(one, &winner)));
    if let Some(at) = at {
        order[first..=at].rotate_right(1);
    }
}

/// The first server to connect. The other attempts continue, for later requests.
async fn race(candidates: Vec<Arc<Server>>, deadline: Instant) -> Option<Arc<Server>> {
    let mut waiting = candidates.into_iter();
    let mut under_way = FuturesUnordered::new();
    let connect =
        |server: Arc<Server>| async move { server.connect(deadline).await.then_some(server) };
    under_way.push(connect(waiting.next()?));
    loop {
        tokio::select! {
            connected = under_way.next() => match connected {
                Some(Some(server)) => return Some(server),
                Some(None) | None => under_way.push(connect(waiting.next()?)),
            },
            () = sleep(NEXT_ADDRESS), if waiting.len() > 0 => {
                under_way.extend(waiting.next().map(connect));
            }
            () = sleep_until(deadline) => return None,
        }
    }
}
