//! A RADIUS client as VPN servers are (RFC 2865 4.1, 5.2; RFC 2869 5.14): it sends a login again until
//! the server replies, and then asks the next one. No more of RADIUS than that.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

/// A client of several servers at 127.0.0.1, of which it asks the one that replied last.
pub struct RadiusClient {
    secret: &'static str,
    servers: Vec<u16>,
    preferred: AtomicUsize,
}

/// Between two copies of a request.
const AGAIN: Duration = Duration::from_secs(1);
/// Longer than the recipe lets a server take.
const PATIENCE: Duration = Duration::from_secs(9);
/// Where a request begins to have attributes.
const HEADER: usize = 20;

impl RadiusClient {
    /// A client of the servers at these ports.
    pub fn new(secret: &'static str, servers: Vec<u16>) -> Self {
        Self { secret, servers, preferred: AtomicUsize::new(0) }
    }

    /// Whether a login is accepted; `None` if no server replied, though each was asked three times.
    pub async fn login(&self, username: &str, password: &str) -> Option<bool> {
        for _ in 0..3 * self.servers.len() {
            let server = self.preferred.load(Ordering::Relaxed);
            let accepted = self.ask(self.servers[server], username, password).await;
            if accepted.is_some() {
                return accepted;
            }
            let next = (server + 1) % self.servers.len();
            // Another login may have found it first.
            let _ =
                self.preferred.compare_exchange(server, next, Ordering::Relaxed, Ordering::Relaxed);
        }
        None
    }

    async fn ask(&self, server: u16, username: &str, password: &str) -> Option<bool> {
        // With a socket of its own a request needs no identifier to know its reply by.
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(("127.0.0.1", server)).await.unwrap();
        let request = self.request(username, password);
        let end = Instant::now() + PATIENCE;
        let mut reply = [0; 4096];
        while Instant::now() < end {
            // An error is that nobody listens there.
            socket.send(&request).await.ok()?;
            if let Ok(received) = timeout_at(Instant::now() + AGAIN, socket.recv(&mut reply)).await
            {
                let reply = &reply[..received.ok()?];
                assert!(self.is_signed(reply, &request), "{reply:?}");
                return Some(reply[0] == 2);
            }
        }
        None
    }

    fn request(&self, username: &str, password: &str) -> Vec<u8> {
        let mut request = vec![1, 0, 0, 0];
        request.extend([0; 16]);
        getrandom::fill(&mut request[4..HEADER]).unwrap();
        let authenticator = request[4..HEADER].to_vec();
        let hidden = self.hidden(password.as_bytes(), &authenticator);
        for (number, value) in [(1, username.as_bytes()), (2, &hidden), (80, &[0; 16])] {
            request.extend([number, u8::try_from(value.len() + 2).expect("it is short")]);
            request.extend(value);
        }
        let length = u16::try_from(request.len()).expect("it is short");
        request[2..4].copy_from_slice(&length.to_be_bytes());
        let signature = self.hmac(&request);
        let at = request.len() - signature.len();
        request[at..].copy_from_slice(&signature);
        request
    }

    /// A password as `User-Password` carries it.
    fn hidden(&self, password: &[u8], authenticator: &[u8]) -> Vec<u8> {
        let mut hidden: Vec<u8> = Vec::new();
        for block in password.chunks(16) {
            let before =
                if hidden.is_empty() { authenticator } else { &hidden[hidden.len() - 16..] };
            let mask = Md5::new().chain_update(self.secret).chain_update(before).finalize();
            let bytes = block.iter().copied().chain(std::iter::repeat(0));
            hidden
                .extend(mask.iter().zip(bytes).map(|(mask, byte)| mask ^ byte).collect::<Vec<_>>());
        }
        hidden
    }

    fn hmac(&self, bytes: &[u8]) -> Vec<u8> {
        let hmac = Hmac::<Md5>::new_from_slice(self.secret.as_bytes()).expect("any length will do");
        hmac.chain_update(bytes).finalize().into_bytes().to_vec()
    }

    /// Whether a reply to a request has one right Message-Authenticator.
    pub fn is_signed(&self, reply: &[u8], request: &[u8]) -> bool {
        let mut unsigned = reply.to_vec();
        unsigned[4..HEADER].copy_from_slice(&request[4..HEADER]);
        let (mut at, mut found) = (HEADER, Vec::new());
        while at < reply.len() {
            let end = at + usize::from(reply[at + 1]);
            if reply[at] == 80 {
                found.push(reply[at + 2..end].to_vec());
                unsigned[at + 2..end].fill(0);
            }
            at = end;
        }
        found == [self.hmac(&unsigned)]
    }
}
