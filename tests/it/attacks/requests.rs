//! Requests that others between the client and the server might read otherwise, or that cost more
//! than they should.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::connections::{WIDE, ask, config, over_tls};
use crate::support::gateway::{Answer, Gateway, PATIENCE, clients, sections};

/// What is answered to exactly these bytes.
fn answered(gateway: &Gateway, request: &str) -> String {
    let mut stream = TcpStream::connect(gateway.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !answer.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
            Err(error) => panic!("{error} after {request:?}"),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(gateway: &Gateway, request: &str) -> String {
    answered(gateway, request).split(' ').nth(1).unwrap_or("closed").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_host_and_what_ends_a_line_in_lf_alone_is_refused() {
    let gateway = Gateway::start(&config(WIDE));
    for host in ["a b", "a/b", "user@a", "a?b", "a#b", "http://a", "a:b:c", "a\tb"] {
        let request = format!("GET /open HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(status(&gateway, &request), "400", "{host}");
    }
    for host in ["a", "id.example.com:8443", "[::1]:80", "127.0.0.1"] {
        let request = format!("GET /open HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(status(&gateway, &request), "200", "{host}");
    }
    for request in [
        "GET /open HTTP/1.1\nHost: a\n\n",
        "GET /open HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
        "GET /open HTTP/1.1\r\nHost: a\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /open HTTP/1.1\r\nHost: a\r\n\n",
        "\nGET /open HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /open HTTP/1.1\r\nHost: a\r\n\r\nGET /open HTTP/1.1\nHost: a\r\n\r\n",
    ] {
        let mut first = request;
        if let Some(at) = request.find("\r\n\r\nGET") {
            assert_eq!(status(&gateway, &request[..at + 4]), "200");
            first = &request[at + 4..];
        }
        assert_eq!(status(&gateway, first), "400", "{first:?}");
    }
    // An empty line in front does no harm (RFC 9112 2.2).
    assert_eq!(status(&gateway, "\r\nGET /open HTTP/1.1\r\nHost: a\r\n\r\n"), "200");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_is_an_operations_only_as_it_is_written() {
    let gateway = Gateway::start(&config(WIDE));
    let status = |path: &str| status(&gateway, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(status("/api/authentication/getOTP"), "405");
    for path in [
        "/api/authentication/%67etOTP",
        "/api/authentication/getOT%50",
        "/api/authentication/getOTP%2f",
        "/%61pi/authentication/getOTP",
        "/api/x/%2e%2e/authentication/getOTP",
        "/ope%6E",
        "/pin%67",
        "/api/v1%2fusers",
    ] {
        assert_eq!(status(path), "404", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_head_is_refused_and_a_long_list_of_choices_is_not_read() {
    let gateway = Gateway::start(&config(WIDE));
    let with = |header: &str| format!("GET /nothing HTTP/1.1\r\nHost: a\r\n{header}\r\n\r\n");
    let header = |length: usize| format!("X: {}", "a".repeat(length));
    assert_eq!(status(&gateway, &with(&header(30_000))), "404");
    assert_eq!(status(&gateway, &with(&header(33_000))), "431");
    assert_eq!(status(&gateway, &with(&header(500_000))), "431");
    let wanted = "application/problem+json";
    let long = format!("Accept: {wanted}{}", ",text/html;q=0.5".repeat(1500));
    for (accept, is_read) in [(format!("Accept: {wanted}"), true), (long, false)] {
        let answer = answered(&gateway, &with(&accept));
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        assert_eq!(answer.contains(wanted), is_read, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_get_hsts_where_tls_is_served() {
    let tls_only = "max-age=31536000";
    let public = Gateway::start(&config(WIDE));
    for path in ["/open", "/widget/auth.js", "/nothing", "/ping"] {
        assert_eq!(
            ask(&public, path).await.header("strict-transport-security"),
            tls_only,
            "{path}"
        );
    }
    let bad = "GET /open HTTP/1.1\r\nHost: a b\r\n\r\n";
    assert!(answered(&public, bad).to_lowercase().contains("strict-transport-security"));
    let tls = over_tls("");
    let http = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
    let answer = Answer::of(http.get(tls.url("/open"))).await;
    assert_eq!(answer.header("strict-transport-security"), tls_only);
    let tenant = "[[tenants]]\nid = \"t1\"\ncountry = \"SE\"\n[tenants.directory]\n\
        kind = \"registered\"\n[tenants.login]\npassword = \"not-asked\"\n";
    let plain = Gateway::start(&format!("{}{tenant}{}", sections(""), clients()));
    assert!(!ask(&plain, "/open").await.headers.contains_key("strict-transport-security"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_part_has_no_type_and_what_operators_see_is_not_kept() {
    let gateway = Gateway::start(&config(WIDE));
    let script = ask(&gateway, "/widget/auth.js").await;
    let again = gateway.http.get(gateway.url("/widget/auth.js"));
    let again = Answer::of(again.header("if-none-match", script.header("etag"))).await;
    assert_eq!(again.status, 304);
    assert!(!again.headers.contains_key("content-type"));
    for name in ["etag", "cache-control"] {
        assert_eq!(again.header(name), script.header(name));
    }
    for path in ["/healthz", "/readyz", "/readyz/node", "/metrics", "/openapi.json", "/nothing"] {
        let answer = reqwest::get(gateway.ops_url(path)).await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
    }
    let manifest = ask(&gateway, "/open/app.webmanifest").await;
    assert_eq!(manifest.header("cross-origin-resource-policy"), "same-origin");
    assert_eq!(manifest.header("content-security-policy"), "default-src 'none'");
}
