//! Something before a server that cuts connections, holds them up, or lets none come.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// What becomes of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Open,
    /// What is sent waits.
    Silent,
    /// There are none.
    Away,
}

/// Passes connections on to a server.
pub struct Cutter {
    address: SocketAddr,
    state: Arc<State>,
    accepting: AbortHandle,
}

struct State {
    way: watch::Sender<Way>,
    /// Counts the times that all connections were cut.
    cuts: watch::Sender<usize>,
    /// After how many bytes of answers they are cut next.
    budget: AtomicI64,
}

impl Cutter {
    /// Listens at a free port of the address `host`.
    pub async fn before(server: SocketAddr, host: std::net::IpAddr) -> Self {
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (way, cuts) = (watch::Sender::new(Way::Open), watch::Sender::new(0));
        let state = Arc::new(State { way, cuts, budget: AtomicI64::new(i64::MAX) });
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                if *shared.way.borrow() != Way::Away {
                    tokio::spawn(pass(from, server, Arc::clone(&shared)));
                }
            }
        });
        Self { address, state, accepting: accepting.abort_handle() }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it is like this.
    pub fn set(&self, way: Way) {
        self.state.way.send_replace(way);
        if way == Way::Away {
            self.cut();
        }
    }

    /// Cuts all connections.
    pub fn cut(&self) {
        self.state.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Cuts all connections when so many bytes of answers have gone by.
    pub fn cut_after(&self, bytes: i64) {
        self.state.budget.store(bytes, Ordering::SeqCst);
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

impl State {
    /// Counts answers, and cuts all when it is time.
    fn count(&self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        if self.budget.load(Ordering::SeqCst) != i64::MAX
            && self.budget.fetch_sub(bytes, Ordering::SeqCst) <= bytes
        {
            self.budget.store(i64::MAX, Ordering::SeqCst);
            self.cuts.send_modify(|cuts| *cuts += 1);
        }
    }
}

/// Both ways, until either side closes or all are cut.
async fn pass(mut from: TcpStream, server: SocketAddr, state: Arc<State>) {
    let mut cuts = state.cuts.subscribe();
    let both = async {
        let Ok(mut to) = TcpStream::connect(server).await else { return };
        let (mut from_client, mut to_client) = from.split();
        let (mut from_server, mut to_server) = to.split();
        tokio::select! {
            () = forward(&mut from_client, &mut to_server, &state, false) => {}
            () = forward(&mut from_server, &mut to_client, &state, true) => {}
        }
    };
    tokio::select! {
        () = both => {}
        _ = cuts.changed() => {}
    }
}

async fn forward(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    state: &State,
    answers: bool,
) {
    let mut way = state.way.subscribe();
    let mut bytes = vec![0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if way.wait_for(|way| *way == Way::Open).await.is_err() {
            return;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
        if answers {
            state.count(count);
        }
    }
}
