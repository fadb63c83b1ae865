//! Ports that stay free while their server is down.

use std::net::{TcpListener, UdpSocket};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that the system gives to outgoing connections: one of these could otherwise sit on
/// a server's port while the server is restarted.
const FIRST: u16 = 15_000;
const COUNT: u16 = 17_000;

/// A loopback port that nobody listens on and that these tests have not used before.
pub fn free_port() -> u16 {
    free(|port| TcpListener::bind(("127.0.0.1", port)).is_ok())
}

/// The same for UDP.
pub fn free_udp_port() -> u16 {
    free(|port| UdpSocket::bind(("127.0.0.1", port)).is_ok())
}

fn free(is_free: impl Fn(u16) -> bool) -> u16 {
    static START: OnceLock<u16> = OnceLock::new();
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = START.get_or_init(|| {
        let mut bytes = [0; 2];
        getrandom::fill(&mut bytes).expect("random bytes");
        u16::from_be_bytes(bytes) % COUNT
    });
    for _ in 0..COUNT {
        let next = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (start + next) % COUNT;
        if is_free(port) {
            return port;
        }
    }
    panic!("somebody listens on every port from {FIRST} on");
}
