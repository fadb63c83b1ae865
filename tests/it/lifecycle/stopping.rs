//! SIGTERM and SIGINT: what is in flight is finished, nothing new is taken.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use crate::faults::tap::Tap;
use crate::support::gateway::{Gateway, PATIENCE, clients, ldap_tenant, sections, wait_until};
use crate::support::slapd::Slapd;

/// A login waits for its directory while the signal comes.
async fn finishes_a_login_on(signal: &str) {
    let slapd = Arc::new(Slapd::builder().without_log().start());
    let mut tap = Tap::before(&slapd, "anna").await;
    let patient = "request_deadline = \"20s\"\nshutdown_timeout = \"20s\"";
    let tenant = ldap_tenant("t1", &[&tap.url()], "timeout = \"10s\"");
    let mut gateway = Gateway::start(&format!("{}{tenant}{}", sections(patient), clients()));
    let code = gateway.code("+46701234567").await;

    let finish = async {
        tap.caught().await;
        gateway.signal(signal);
        gateway.wait_for_line("stopping: requests in flight are finished");
        wait_until("new connections are refused", || {
            TcpStream::connect(gateway.address()).is_err()
        });
        slapd.cont();
    };
    let (login, ()) = tokio::join!(gateway.login("anna", "anna-secret", &code), finish);
    assert_eq!((login.status, login.header("connection")), (200, "close"), "{}", gateway.log());
    assert_eq!(gateway.wait().code(), Some(0));
    gateway.wait_for_line("\"stopped\"");

    // The login was recorded, not only answered.
    let again = gateway.restart();
    assert_eq!(again.login("anna", "anna-secret", &code).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_a_login_that_waits_for_its_directory_have_its_answer() {
    finishes_a_login_on("TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigint_lets_a_login_that_waits_for_its_directory_have_its_answer() {
    finishes_a_login_on("INT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_keep_alive_connection_holds_no_stop_up() {
    let slapd = Slapd::builder().without_log().start();
    let mut gateway = Gateway::on(&slapd);
    gateway.code("+46701234567").await;
    let begun = Instant::now();
    gateway.signal("TERM");
    assert_eq!(gateway.wait().code(), Some(0));
    assert!(begun.elapsed() < PATIENCE / 4, "{:?}", begun.elapsed());
    assert!(!gateway.warned(), "{}", gateway.log());
    let left = std::fs::read_dir(gateway.folder()).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(left.contains(&"dialpass.db".into()));
    assert!(!left.contains(&"dialpass.db-wal".into()), "the store was closed: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_gives_up_on_a_request_that_does_not_end() {
    let slapd = Arc::new(Slapd::builder().without_log().start());
    let mut tap = Tap::before(&slapd, "anna").await;
    let patient = "request_deadline = \"30s\"\nshutdown_timeout = \"1s\"";
    let tenant = ldap_tenant("t1", &[&tap.url()], "timeout = \"15s\"");
    let mut gateway = Gateway::start(&format!("{}{tenant}{}", sections(patient), clients()));
    let code = gateway.code("+46701234567").await;
    let login = gateway
        .http
        .put(gateway.url("/api/authentication/validateOTP"))
        .bearer_auth("vpn-secret")
        .header("tenant", "t1")
        .json(&serde_json::json!({ "username": "anna", "password": "anna-secret", "otp": code }));
    let login = tokio::spawn(login.send());
    tap.caught().await;
    let begun = Instant::now();
    gateway.signal("TERM");
    assert_eq!(gateway.wait().code(), Some(0));
    assert!(begun.elapsed() < PATIENCE / 4, "{:?}", begun.elapsed());
    assert!(login.await.unwrap().is_err(), "nobody answers any more");
}
