//! Something between the gateway and its directory that has binds take their time, and nothing else.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::support::slapd::Slapd;

/// The tag of a bind's answer (RFC 4511 4.2.2).
const BIND_RESPONSE: u8 = 0x61;

/// Passes connections on to a directory server; dropped, it takes no more.
pub struct SlowBinds {
    address: SocketAddr,
    accepting: AbortHandle,
}

impl SlowBinds {
    /// Before `slapd`, whose answers to binds come this much later.
    pub async fn before(slapd: &Slapd, delay: Duration) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = slapd.url();
        let accepting = tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move {
                    let to = TcpStream::connect(server.trim_start_matches("ldap://")).await;
                    let to = to.unwrap();
                    from.set_nodelay(true).unwrap();
                    to.set_nodelay(true).unwrap();
                    let (mut from_client, to_client) = from.into_split();
                    let (from_server, mut to_server) = to.into_split();
                    tokio::select! {
                        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
                        () = answers(from_server, to_client, delay) => {}
                    }
                });
            }
        });
        Self { address, accepting: accepting.abort_handle() }
    }

    /// Where it is to be asked.
    pub fn url(&self) -> String {
        format!("ldap://{}", self.address)
    }
}

impl Drop for SlowBinds {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Passes answers on, one after another. A connection that binds does nothing else meanwhile.
async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let mut read = Vec::new();
    loop {
        while let Some((length, tag)) = message(&read) {
            if tag == BIND_RESPONSE {
                sleep(delay).await;
            }
            if to.write_all(&read[..length]).await.is_err() {
                return;
            }
            read.drain(..length);
        }
        if !matches!(from.read_buf(&mut read).await, Ok(1..)) {
            return;
        }
    }
}

/// The length of the message at the start of `bytes` and the tag of its operation (RFC 4511 4.1.1),
/// if it is there whole.
fn message(bytes: &[u8]) -> Option<(usize, u8)> {
    let (content, length) = contents(bytes)?;
    let (id, id_length) = contents(&bytes[content..])?;
    let whole = content + length;
    (bytes.len() >= whole).then(|| (whole, bytes[content + id + id_length]))
}

/// Where the contents of the BER element at the start of `bytes` begin, and how long they are.
fn contents(bytes: &[u8]) -> Option<(usize, usize)> {
    let first = usize::from(*bytes.get(1)?);
    if first < 0x80 {
        return Some((2, first));
    }
    let digits = bytes.get(2..2 + (first & 0x7f))?;
    let length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
    Some((2 + digits.len(), length))
}
