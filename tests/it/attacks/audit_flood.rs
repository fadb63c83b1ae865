//! Strangers who have lines written: the disk is bounded, and what got no line is counted.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::start;
use crate::support::gateway::Gateway;
use crate::support::http_harness::Files;
use crate::support::wire::{GET_OTP, Wire, head};

/// A trail of its own, and no flood limit that the strangers reach together with the client.
const AUDIT: &str = "[server.limits]\nrequests_per_address = { burst = 100000, per = \"1s\" }\n\
                     [audit]\nfile = \"audit.log\"\n";

/// What one address has of lines at once and a second, and all addresses have.
const BURST: u64 = 60;
const IN_ALL: u64 = 600;

/// Sends `count` calls without a credential over one connection, each with `headers`.
async fn calls_of_a_stranger(gateway: &Gateway, count: usize, headers: impl Fn(usize) -> String) {
    let mut connection = Wire::connect(gateway.address()).await;
    for nth in 0..count {
        let headers = [("forwarded", headers(nth)), ("content-length", "0".to_owned())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let mut request = head("PUT", GET_OTP, &headers);
        request.extend_from_slice(b"\r\n");
        assert!(connection.send(&request).await);
        let answer = connection.answer(false).await.expect("an answer");
        assert_eq!(answer.status, 401);
    }
}

/// Ends the gateway, and returns the audit events of its file.
fn events_at_the_end(gateway: &mut Gateway) -> Vec<Value> {
    gateway.signal("TERM");
    assert_eq!(gateway.wait().code(), Some(0));
    let text = std::fs::read_to_string(gateway.file("audit.log")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
}

/// How many refusals have events of their own, and how many are counted.
fn written_and_counted(events: &[Value]) -> (u64, u64) {
    let own = events.iter().filter(|event| event["reason"] == "no_credential").count();
    let counted = events.iter().filter_map(|event| event["count"].as_u64()).sum();
    (u64::try_from(own).unwrap(), counted)
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_refused_strangers_leave_few_lines_and_their_right_count() {
    let mut gateway = start("", AUDIT);
    let began = Instant::now();
    calls_of_a_stranger(&gateway, 3_000, |_| String::new()).await;
    // A client's own refusals are all written, beside the strangers'.
    for nth in 0..100 {
        assert_eq!(gateway.call(&format!("+467099900{nth:02}")).await.status, 403);
    }
    let events = events_at_the_end(&mut gateway);
    let (own, counted) = written_and_counted(&events);
    assert!((BURST..=BURST + 1 + began.elapsed().as_secs()).contains(&own), "{own} lines");
    assert_eq!(own + counted, 3_000);
    let known = events.iter().filter(|event| event["reason"] == "number_unknown").count();
    assert_eq!(known, 100);
    let last = events.iter().rfind(|event| event["count"].is_u64()).expect("a count");
    assert_eq!(last["message"], "refusals without events of their own");
    assert_eq!((&last["peer"], &last["from_peer"]), (&"127.0.0.1".into(), &last["count"]));
    let reasons = last["reasons"].as_str().expect("reasons");
    assert!(reasons.contains("no_credential="), "{reasons}");
    let bytes = std::fs::metadata(gateway.file("audit.log")).unwrap().len();
    assert!(bytes < 100_000, "{bytes} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ipv6_network_counts_as_one_address_and_all_addresses_have_a_limit_too() {
    let proxy = "trusted_proxies = [\"127.0.0.1/32\"]";
    let began = Instant::now();
    let mut gateway = start(proxy, AUDIT);
    let of_one = |nth| format!("for=\"[2001:db8:0:1::{nth:x}]\"");
    calls_of_a_stranger(&gateway, 500, of_one).await;
    let (own, counted) = written_and_counted(&events_at_the_end(&mut gateway));
    assert!((BURST..=BURST + 1 + began.elapsed().as_secs()).contains(&own), "{own} lines");
    assert_eq!(own + counted, 500);

    let began = Instant::now();
    let mut gateway = start(proxy, AUDIT);
    let of_each = |nth| format!("for=\"[2001:db8:{nth:x}::1]\"");
    calls_of_a_stranger(&gateway, 2_000, of_each).await;
    let (own, counted) = written_and_counted(&events_at_the_end(&mut gateway));
    assert!((IN_ALL..=IN_ALL + 1 + began.elapsed().as_secs()).contains(&own), "{own} lines");
    assert_eq!(own + counted, 2_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_floods_gets_no_lines_at_all() {
    let limits = "[server.limits]\nrequests_per_address = { burst = 5, per = \"1h\" }\n\
                  [audit]\nfile = \"audit.log\"\n";
    let mut gateway = start("", limits);
    calls_of_a_stranger(&gateway, 30, |_| String::new()).await;
    let (own, counted) = written_and_counted(&events_at_the_end(&mut gateway));
    assert!((5..=10).contains(&own) && own + counted == 30, "{own} {counted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_administrator_says_how_many_lines_strangers_get() {
    let limits = "[audit]\nfile = \"audit.log\"\n\
                  strangers_per_address = { burst = 3, per = \"1h\" }\n\
                  strangers = { burst = 1000, per = \"1h\" }\n";
    let mut gateway = start("", limits);
    calls_of_a_stranger(&gateway, 10, |_| String::new()).await;
    assert_eq!(written_and_counted(&events_at_the_end(&mut gateway)), (3, 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_for_a_handshake_leaves_few_lines_and_each_is_counted() {
    const MANY: u64 = 300;
    let files = Files::new();
    let [certificate, key] =
        ["server.pem", "server.key"].map(|name| files.path(name).display().to_string());
    let tls = format!("[server.tls]\ncertificate = {certificate:?}\nprivate_key = {key:?}\n");
    let began = Instant::now();
    let mut gateway = start("", &tls);
    for _ in 0..MANY {
        let mut stream = TcpStream::connect(gateway.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        // An alert, and the end.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let failed = format!("dialpass_failed_handshakes_total{{outcome=\"failed\"}} {MANY}\n");
    let scrape = reqwest::get(gateway.ops_url("/metrics")).await.unwrap().text().await.unwrap();
    assert!(scrape.contains(&failed), "{scrape}");
    gateway.signal("TERM");
    assert_eq!(gateway.wait().code(), Some(0));
    gateway.wait_for_line("\"stopped\"");
    let log = gateway.log();
    let own = log.lines().filter(|line| line.contains("\"TLS handshake failed\"")).count();
    let own = u64::try_from(own).unwrap();
    assert!((BURST..=BURST + 1 + began.elapsed().as_secs()).contains(&own), "{own} lines");
    // The documentation names each.
    let docs = include_str!("../../../docs/operations.md");
    for metric in scrape.lines().filter_map(|line| line.strip_prefix("# TYPE dialpass_")) {
        let name = metric.split(' ').next().unwrap_or_default();
        if name.contains("lost") || name.contains("handshakes") {
            assert!(docs.contains(&format!("| `dialpass_{name}` |")), "{name}");
        }
    }
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let counted: u64 = lines
        .filter(|line| line["message"].as_str().is_some_and(|text| text.contains("no lines of")))
        .filter_map(|line| line["count"].as_u64())
        .sum();
    assert_eq!(own + counted, MANY);
    assert!(log.contains(&format!("\"from_peer\":{counted}")), "it names who it was");
}
