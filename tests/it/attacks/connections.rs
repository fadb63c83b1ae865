//! Connections whose client reads no answers, or sends many requests at once.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use rustix::net::sockopt;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::gateway::{Answer, Gateway, PATIENCE, clients, folder, sections, wait_until};

const NOTHING: &[u8] = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
const SCRIPT: &[u8] = b"GET /widget/auth.js HTTP/1.1\r\nHost: a\r\n\r\n";

/// Users that are registered here, and the pages for them.
pub fn config(server: &str) -> String {
    format!(
        "{}[[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n\
         [tenants.directory]\nkind = \"registered\"\n\
         [tenants.login]\npassword = \"not-asked\"\n{}",
        sections(&format!("public_url = \"https://id.example.com\"\n{server}")),
        clients()
    )
}

/// Limits that no test here reaches.
pub const WIDE: &str =
    "[server.limits]\nrequests_per_address = { burst = 1000000, per = \"1s\" }\n";

/// The same over TLS.
pub fn over_tls(server: &str) -> Gateway {
    let folder = Arc::new(folder());
    let made = Command::new(env!("CARGO_BIN_EXE_dialpass"))
        .args(["dev-certs", "--dir"])
        .arg(folder.path().join("certs"))
        .output()
        .unwrap();
    assert!(made.status.success());
    let tls =
        "[server.tls]\ncertificate = \"certs/server.pem\"\nprivate_key = \"certs/server.key\"\n";
    Gateway::start_in(folder, &config(&format!("{server}{tls}")))
}

/// A stream, in clear or over TLS.
trait Stream: Read + Write + Send {
    fn socket(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Stream for StreamOwned<ClientConnection, TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref()
    }
}

/// A connection whose client takes as little as it can.
fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    sockopt::set_socket_recv_buffer_size(&socket, 2304).unwrap();
    socket
}

pub fn connect_tls(gateway: &Gateway) -> StreamOwned<ClientConnection, TcpStream> {
    let ca = std::fs::read(gateway.file("certs/ca.pem")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(&ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(client, connect(gateway.address()));
    stream.flush().unwrap();
    stream
}

/// Sends `request` again and again, and reads nothing, until no more is taken for a while or the
/// connection has ended.
fn fill(stream: &mut dyn Stream, request: &[u8]) {
    let requests = request.repeat(100);
    stream.socket().set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    for _ in 0..100 {
        if stream.write_all(&requests).is_err() {
            return;
        }
    }
}

/// Whether the other side has ended the connection, though bytes may be unread.
fn has_ended(socket: &TcpStream) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut polled = [PollFd::new(socket, PollFlags::RDHUP)];
    poll(&mut polled, Some(&Timespec::default())).unwrap();
    polled[0].revents().intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR)
}

/// What the process has used of all cores.
fn cpu(gateway: &Gateway) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", gateway.pid())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// What it holds of memory, in bytes.
fn memory(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn assert_ends_and_costs_nothing(gateway: &Gateway, stream: &mut dyn Stream, request: &[u8]) {
    fill(stream, request);
    let (began, before) = (Instant::now(), cpu(gateway));
    wait_until("the connection ends", || has_ended(stream.socket()));
    let (took, used) = (began.elapsed(), cpu(gateway).saturating_sub(before));
    // One that spins takes what it is given of a core, and is given more than a tenth.
    assert!(used < took / 10 + Duration::from_millis(100), "{used:?} of {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_never_reads_is_ended_within_seconds_and_costs_nothing() {
    let slow = "request_deadline = \"3s\"\n";
    let clear = Gateway::start(&config(&format!("{slow}{WIDE}")));
    for request in [NOTHING, SCRIPT] {
        assert_ends_and_costs_nothing(&clear, &mut connect(clear.address()), request);
    }
    assert_eq!(ask(&clear, "/open").await.status, 200);
    let tls = over_tls(&format!("{slow}{WIDE}"));
    for request in [NOTHING, SCRIPT] {
        assert_ends_and_costs_nothing(&tls, &mut connect_tls(&tls), request);
    }
}

pub async fn ask(gateway: &Gateway, path: &str) -> Answer {
    Answer::of(gateway.http.request(Method::GET, gateway.url(path))).await
}

/// The most that one connection may take, in bytes.
const A_CONNECTION: u64 = 256 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn what_unread_answers_take_of_memory_is_bounded() {
    const CONNECTIONS: u64 = 60;
    for request in [NOTHING, SCRIPT] {
        let gateway = Gateway::start(&config(WIDE));
        assert_eq!(ask(&gateway, "/widget/auth.js").await.status, 200);
        let before = memory(&gateway);
        let mut all: Vec<_> = (0..CONNECTIONS).map(|_| connect(gateway.address())).collect();
        std::thread::scope(|scope| {
            for stream in &mut all {
                scope.spawn(|| fill(stream, request));
            }
        });
        let grown = memory(&gateway).saturating_sub(before);
        assert!(grown < CONNECTIONS * A_CONNECTION, "{} KiB each", grown / CONNECTIONS / 1024);
    }
}

/// Reads from `stream` until it has had `count` answers; their first lines.
fn statuses(stream: &mut dyn Stream, count: usize) -> io::Result<Vec<String>> {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&read);
        let found: Vec<_> = text
            .match_indices("HTTP/1.1 ")
            .filter_map(|(at, _)| text[at..].lines().next().map(str::to_owned))
            .collect();
        if found.len() == count && text.ends_with('}') {
            return Ok(found);
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(found),
            bytes => read.extend_from_slice(&buffer[..bytes]),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_come_together_are_answered_one_after_the_other() {
    let put = |path: &str, body: &str, more: &str| {
        format!(
            "PUT {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Basic cGJ4OnBieC1zZWNyZXQ=\r\n\
             Content-Type: application/json\r\n{more}\r\n{body}"
        )
    };
    let call = "/api/authentication/getOTP";
    let body = "{\"phonenumber\":\"+46701234567\"}";
    let sized = put(call, body, &format!("Content-Length: {}\r\n", body.len()));
    let chunks =
        format!("5\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n", &body[..5], body.len() - 5, &body[5..]);
    let chunked = put(call, &chunks, "Transfer-Encoding: chunked\r\n");
    let nothing = std::str::from_utf8(NOTHING).unwrap();
    let four = [&sized, nothing, &chunked, nothing].map(str::to_owned).concat();
    let expected = ["403", "404", "403", "404"].repeat(10);
    let clear = Gateway::start(&config(WIDE));
    let tls = over_tls(WIDE);
    let streams: [Box<dyn Stream>; 2] =
        [Box::new(TcpStream::connect(clear.address()).unwrap()), Box::new(connect_tls(&tls))];
    for mut stream in streams {
        stream.socket().set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(four.repeat(10).as_bytes()).unwrap();
        let answers = statuses(&mut *stream, 40).unwrap();
        let codes: Vec<_> = answers.iter().map(|line| &line[9..12]).collect();
        assert_eq!(codes, expected);
        // And in pieces of any size, on the same connection.
        for piece in four.as_bytes().chunks(7) {
            stream.write_all(piece).unwrap();
            stream.flush().unwrap();
        }
        assert_eq!(statuses(&mut *stream, 4).unwrap().len(), 4);
    }
}
