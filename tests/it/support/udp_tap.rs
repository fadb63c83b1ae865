//! Something between a RADIUS client and its server that passes datagrams on and keeps them.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A datagram, and whether it came from the client.
pub type Passed = (bool, Vec<u8>);

/// A running tap for one client at a time; dropped, it ends.
pub struct UdpTap {
    port: u16,
    passed: Arc<Mutex<Vec<Passed>>>,
    again: Arc<AtomicUsize>,
    is_ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl UdpTap {
    /// Before the server at this port of 127.0.0.1.
    pub fn before(server: u16) -> Self {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = client.local_addr().unwrap().port();
        let (passed, again, is_ending) = (Arc::default(), Arc::default(), Arc::default());
        let thread = {
            let (passed, again) = (Arc::clone(&passed), Arc::clone(&again));
            let is_ending = Arc::clone(&is_ending);
            std::thread::spawn(move || pass(&client, server, &passed, &again, &is_ending))
        };
        Self { port, passed, again, is_ending, thread: Some(thread) }
    }

    /// Where it is to be asked.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Passes the client's last datagram on once more.
    pub fn send_again(&self) {
        self.again.fetch_add(1, Ordering::Relaxed);
    }

    /// All that was passed on.
    pub fn passed(&self) -> Vec<Passed> {
        self.passed.lock().unwrap().clone()
    }
}

impl Drop for UdpTap {
    fn drop(&mut self) {
        self.is_ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has said so if it failed.
            let _ = thread.join();
        }
    }
}

fn pass(
    client: &UdpSocket,
    server: u16,
    passed: &Mutex<Vec<Passed>>,
    again: &AtomicUsize,
    is_ending: &AtomicBool,
) {
    let upstream = UdpSocket::bind("127.0.0.1:0").unwrap();
    upstream.connect(("127.0.0.1", server)).unwrap();
    for socket in [client, &upstream] {
        socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
    }
    let (mut asker, mut request, mut bytes) = (None, Vec::new(), [0; 4096]);
    // Errors here are the timeout, or a server that is down.
    let send = |request: &[u8]| {
        passed.lock().unwrap().push((true, request.to_vec()));
        let _ = upstream.send(request);
    };
    while !is_ending.load(Ordering::Relaxed) {
        if let Ok((length, from)) = client.recv_from(&mut bytes) {
            asker = Some(from);
            request = bytes[..length].to_vec();
            send(&request);
        }
        for _ in 0..again.swap(0, Ordering::Relaxed) {
            send(&request);
        }
        if let (Ok(length), Some(asker)) = (upstream.recv(&mut bytes), asker) {
            passed.lock().unwrap().push((false, bytes[..length].to_vec()));
            let _ = client.send_to(&bytes[..length], asker);
        }
    }
}
