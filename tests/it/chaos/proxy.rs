//! Something between the nodes and their database, as a pooler or a firewall is: it can swallow what
//! its connections carry and acknowledge it all the same, and lose the answers to commits.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// Passes connections on.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    accepting: AbortHandle,
}

#[derive(Default)]
struct State {
    /// Of each connection, whether it carries nothing any more.
    silent: Mutex<Vec<Arc<AtomicBool>>>,
    /// How many of a thousand answers to a commit break their connection instead of arriving.
    lost: Share,
}

/// A share of what comes, as even as can be, so that a short run has some.
#[derive(Default)]
struct Share {
    of_a_thousand: AtomicU32,
    count: AtomicU64,
}

impl Share {
    /// Whether these bytes say that there is a commit, and it is one of the share.
    fn has(&self, bytes: &[u8]) -> bool {
        let share = u64::from(self.of_a_thousand.load(Ordering::SeqCst));
        if share == 0 || !bytes.windows(7).any(|some| some == b"COMMIT\0") {
            return false;
        }
        let before = self.count.fetch_add(1, Ordering::SeqCst);
        (before + 1) * share / 1000 > before * share / 1000
    }
}

impl Proxy {
    /// Before the server at this address.
    pub async fn before(server: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                let (server, state) = (server.clone(), Arc::clone(&shared));
                let silent = Arc::<AtomicBool>::default();
                state.silent.lock().unwrap().push(Arc::clone(&silent));
                tokio::spawn(async move {
                    let Ok(to) = TcpStream::connect(server).await else { return };
                    let _ = (from.set_nodelay(true), to.set_nodelay(true));
                    let (from_client, to_client) = from.into_split();
                    let (from_server, to_server) = to.into_split();
                    tokio::select! {
                        () = pass(from_client, to_server, &silent, |_| false) => {}
                        () = pass(from_server, to_client, &silent, |bytes| state.lost.has(bytes)) => {}
                    }
                });
            }
        });
        Self { address, state, accepting: accepting.abort_handle() }
    }

    /// Where it is to be asked.
    pub fn host_port(&self) -> String {
        self.address.to_string()
    }

    /// From now on the connections that there are carry nothing; new ones do.
    pub fn silence(&self) {
        for one in self.state.silent.lock().unwrap().drain(..) {
            one.store(true, Ordering::SeqCst);
        }
    }

    /// From now on, so many of a thousand answers to commits are lost.
    pub fn lose_commits(&self, of_a_thousand: u32) {
        self.state.lost.of_a_thousand.store(of_a_thousand, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    silent: &AtomicBool,
    breaks: impl Fn(&[u8]) -> bool,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if silent.load(Ordering::SeqCst) {
            continue;
        }
        if breaks(&bytes[..count]) || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
