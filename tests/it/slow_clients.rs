//! Strangers that are slow on purpose: no connection is theirs for longer than a request may take.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::gateway::{Gateway, PATIENCE, clients, ldap_tenant, sections};
use crate::support::slapd::Slapd;

const ANSWERED: &[u8] =
    b"PUT /api/authentication/getOTP HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";

/// Sends `first`, reads its answer, then sends `drip` byte by byte until the server ends it.
fn ends(gateway: &Gateway, first: &[u8], drip: &[u8]) -> Duration {
    let mut stream = TcpStream::connect(gateway.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut answer = [0; 4096];
    if !first.is_empty() {
        stream.write_all(first).unwrap();
        assert!(stream.read(&mut answer).unwrap() > 0, "the first request is answered");
    }
    let began = Instant::now();
    for byte in drip.iter().chain(std::iter::repeat(&b'a')) {
        assert!(began.elapsed() < PATIENCE, "still open after {PATIENCE:?}");
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
        match stream.read(&mut answer) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_never_ends_is_ended_whichever_it_is_on_its_connection() {
    let slapd = Slapd::start();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "timeout = \"500ms\"");
    let deadline = "request_deadline = \"1s\"";
    let gateway = Gateway::start(&format!("{}{tenant}{}", sections(deadline), clients()));
    std::thread::scope(|scope| {
        let cases: [(&[u8], &[u8]); 3] =
            [(b"", b"PUT /api"), (ANSWERED, b"PUT /api"), (ANSWERED, b"PUT / HTTP/1.1\r\nX: ")];
        for (first, drip) in cases {
            let gateway = &gateway;
            scope.spawn(move || ends(gateway, first, drip));
        }
    });
    gateway.code("+46701234567").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_a_slow_head_counts_against_the_deadline() {
    let slapd = Slapd::start();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let deadline = Duration::from_secs(2);
    let setting = format!("request_deadline = \"{}s\"", deadline.as_secs());
    let gateway = Gateway::start(&format!("{}{tenant}{}", sections(&setting), clients()));
    let mut stream = TcpStream::connect(gateway.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let began = Instant::now();
    stream.write_all(b"PUT /api/authentication/getOTP HTTP/1.1\r\nHost: x\r\n").unwrap();
    // Time is what is tested: the head takes three quarters of the deadline.
    while began.elapsed() < deadline * 3 / 4 {
        stream.write_all(b"X: y\r\n").unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    let body_began = Instant::now();
    let rest = b"Authorization: Basic cGJ4OnBieC1zZWNyZXQ=\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
    stream.write_all(rest).unwrap();
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).unwrap();
    assert!(
        answer[..length].starts_with(b"HTTP/1.1 408 "),
        "{:?}",
        String::from_utf8_lossy(&answer[..length])
    );
    // If the head's time did not count, the body would have a whole deadline of its own.
    assert!(body_began.elapsed() < deadline, "{:?}", body_began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_ask_is_refused_though_the_body_does_not_come() {
    let slapd = Slapd::start();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let deadline = "request_deadline = \"10s\"";
    let gateway = Gateway::start(&format!("{}{tenant}{}", sections(deadline), clients()));
    for (head, status) in [
        ("PUT /api/authentication/getOTP HTTP/1.1\r\n", "401"),
        ("PUT /api/authentication/validateOTP HTTP/1.1\r\nAuthorization: Bearer x\r\n", "403"),
        ("DELETE /api/authentication/getOTP HTTP/1.1\r\n", "405"),
    ] {
        let mut stream = TcpStream::connect(gateway.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let request = format!(
            "{head}Host: x\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        // The connection ends with the answer: the rest of the body is not waited for.
        stream.read_to_string(&mut answer).expect("an answer long before the deadline");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {answer}");
    }
}
