//! Strangers who attack a node: each kind from its own address, without a credential, at a rate
//! that one machine reaches easily.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The table's label for each kind.
const KINDS: [&str; 5] = [
    "attack: connections that send requests and read nothing",
    "attack: connections that ask for pages and read nothing",
    "attack: requests without a credential, answered",
    "attack: connections that send what is not TLS",
    "attack: handshakes that stop after one byte",
];

/// The attack; runs until it is ended.
pub struct Attackers {
    runtime: Runtime,
    counts: Arc<[AtomicU64; KINDS.len()]>,
}

/// One kind of attacker: its address and its target.
#[derive(Clone)]
struct Attack {
    node: SocketAddr,
    from: Ipv4Addr,
    tls: Arc<ClientConfig>,
    counts: Arc<[AtomicU64; KINDS.len()]>,
    kind: usize,
}

impl Attackers {
    /// Starts all kinds.
    pub fn begin(node: SocketAddr, tls: &Arc<ClientConfig>) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime can be had");
        let counts = Arc::new(std::array::from_fn(|_| AtomicU64::new(0)));
        let attack = |kind: usize| Attack {
            node,
            from: Ipv4Addr::new(127, 0, 1, u8::try_from(kind + 1).unwrap_or(255)),
            tls: Arc::clone(tls),
            counts: Arc::clone(&counts),
            kind,
        };
        for _ in 0..40 {
            runtime.spawn(attack(0).never_reads("GET /x HTTP/1.1\r\nHost: a\r\n\r\n"));
        }
        for _ in 0..80 {
            runtime.spawn(attack(1).never_reads("GET /widget/auth.js HTTP/1.1\r\nHost: a\r\n\r\n"));
        }
        for _ in 0..6 {
            runtime.spawn(attack(2).asks_without_credential());
        }
        runtime.spawn(attack(3).sends_garbage());
        runtime.spawn(attack(4).sends_one_byte());
        Self { runtime, counts }
    }

    /// Ends the attack; returns how often each kind acted.
    pub fn end(self) -> Vec<(&'static str, u64)> {
        self.runtime.shutdown_background();
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        KINDS.into_iter().zip(self.counts.iter().map(count)).collect()
    }
}

impl Attack {
    fn count(&self) {
        self.counts[self.kind].fetch_add(1, Ordering::Relaxed);
    }

    /// A connection with a minimal receive buffer.
    async fn connect(&self) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(2304)?;
        socket.bind((self.from, 0).into())?;
        socket.connect(self.node).await
    }

    async fn connect_tls(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost").expect("a name");
        TlsConnector::from(Arc::clone(&self.tls)).connect(name, self.connect().await?).await
    }

    /// Sends `request` endlessly without reading answers; reconnects when the node closes the
    /// connection.
    async fn never_reads(self, request: &'static str) {
        let many = request.repeat(100);
        loop {
            if let Ok(mut stream) = self.connect_tls().await {
                self.count();
                while stream.write_all(many.as_bytes()).await.is_ok() {}
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Calls without a credential, at most 1,000 a second on each connection.
    async fn asks_without_credential(self) {
        const REQUEST: &[u8] = b"PUT /api/authentication/getOTP HTTP/1.1\r\nHost: a\r\n\
            Content-Type: application/json\r\ntenant: file\r\nContent-Length: 30\r\n\r\n\
            {\"phonenumber\":\"+46701234567\"}";
        let mut clock = paced(Duration::from_millis(1));
        let mut answer = vec![0; 4096];
        loop {
            let Ok(mut stream) = self.connect_tls().await else {
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            loop {
                clock.tick().await;
                let asked = async {
                    stream.write_all(REQUEST).await?;
                    stream.read(&mut answer).await
                };
                if !matches!(asked.await, Ok(1..)) {
                    break;
                }
                self.count();
            }
        }
    }

    /// Connections that send something other than TLS, 1,000 a second.
    async fn sends_garbage(self) {
        let mut clock = paced(Duration::from_millis(1));
        loop {
            clock.tick().await;
            let attack = self.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = attack.connect().await else { return };
                if stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.is_ok() {
                    attack.count();
                    let _ = timeout(Duration::from_secs(6), stream.read(&mut [0; 64])).await;
                }
            });
        }
    }

    /// One byte of a handshake, 800 times a second, held until the node closes the connection.
    async fn sends_one_byte(self) {
        let mut clock = paced(Duration::from_micros(1250));
        loop {
            clock.tick().await;
            let attack = self.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = attack.connect().await else { return };
                if stream.write_all(&[0x16]).await.is_ok() {
                    attack.count();
                    let _ = timeout(Duration::from_secs(6), stream.read(&mut [0; 64])).await;
                }
            });
        }
    }
}

fn paced(every: Duration) -> tokio::time::Interval {
    let mut clock = interval(every);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    clock
}
