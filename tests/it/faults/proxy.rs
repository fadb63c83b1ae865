//! Something between the gateway and its directory that can hold answers back, and counts the
//! connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::support::slapd::Slapd;

/// Passes connections on to a directory server, and its answers back after a delay.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    accepting: AbortHandle,
}

#[derive(Default)]
struct State {
    delay_ms: AtomicU64,
    open: AtomicUsize,
    most: AtomicUsize,
}

impl Proxy {
    /// Before `slapd`, holding nothing back yet.
    pub async fn before(slapd: &Slapd) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<State>::default();
        let (server, shared) = (slapd.url(), Arc::clone(&state));
        let accepting = tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                let (server, state) = (server.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    let open = state.open.fetch_add(1, Ordering::SeqCst) + 1;
                    state.most.fetch_max(open, Ordering::SeqCst);
                    if let Ok(to) = TcpStream::connect(server.trim_start_matches("ldap://")).await {
                        pass(from, to, &state).await;
                    }
                    state.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, state, accepting: accepting.abort_handle() }
    }

    /// Where it is to be asked.
    pub fn url(&self) -> String {
        format!("ldap://{}", self.address)
    }

    /// From now on, answers come this much later.
    pub fn delay(&self, delay: Duration) {
        let delay = u64::try_from(delay.as_millis()).unwrap();
        self.state.delay_ms.store(delay, Ordering::SeqCst);
    }

    /// The most connections that were open at once.
    pub fn most_connections(&self) -> usize {
        self.state.most.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Both ways, until either side closes.
async fn pass(from: TcpStream, to: TcpStream, state: &State) {
    let (mut from_client, mut to_client) = from.into_split();
    let (mut from_server, mut to_server) = to.into_split();
    let (send, mut held) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let asking = async { drop(tokio::io::copy(&mut from_client, &mut to_server).await) };
    let answering = async move {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from_server.read(&mut bytes).await {
            let delay = Duration::from_millis(state.delay_ms.load(Ordering::SeqCst));
            if send.send((Instant::now() + delay, bytes[..count].to_vec())).is_err() {
                break;
            }
        }
    };
    let delivering = async move {
        while let Some((due, bytes)) = held.recv().await {
            sleep_until(due).await;
            if to_client.write_all(&bytes).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = asking => {}
        () = async { tokio::join!(answering, delivering); } => {}
    }
}
