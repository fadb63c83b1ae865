//! `server.drain`: clients go elsewhere while they are still served.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::cluster::{Cluster, NODES};
use crate::faults::load::{self, Asker, Load, User};
use crate::faults::tap::Tap;
use crate::support::gateway::{
    Answer, Gateway, PATIENCE, clients, ldap_tenant, sections, wait_until,
};
use crate::support::postgres::Postgres;
use crate::support::slapd::Slapd;

/// Longer than any test.
const LONG: &str = "drain = \"5m\"";

fn draining(slapd: &Slapd, server: &str) -> Gateway {
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    Gateway::start(&format!("{}{tenant}{}", sections(server), clients()))
}

async fn ops(gateway: &Gateway, path: &str) -> Answer {
    Answer::of(gateway.http.get(gateway.ops_url(path))).await
}

async fn until_unready(gateway: &Gateway) -> Answer {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = ops(gateway, "/readyz").await;
        if answer.status == 503 {
            return answer;
        }
        assert!(Instant::now() < end, "unready within {PATIENCE:?}: {}", gateway.log());
    }
}

/// One connection, over which requests go one after the other.
struct KeptAlive(tokio::net::TcpStream);

impl KeptAlive {
    async fn to(address: SocketAddr) -> Self {
        Self(tokio::net::TcpStream::connect(address).await.unwrap())
    }

    /// Asks for a code; returns the whole answer, or all that came if that is less.
    async fn call(&mut self) -> String {
        let body = "{\"phonenumber\":\"+46701234567\"}";
        let request = format!(
            "PUT /api/authentication/getOTP HTTP/1.1\r\nHost: localhost\r\ntenant: t1\r\n\
             Authorization: Basic cGJ4OnBieC1zZWNyZXQ=\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        // A connection that was closed already tells so when it is read.
        let _ = self.0.write_all(request.as_bytes()).await;
        let (mut seen, mut byte) = (String::new(), [0]);
        while !whole(&seen) && matches!(self.0.read(&mut byte).await, Ok(1)) {
            seen.push(char::from(byte[0]));
        }
        seen
    }

    /// Whether the server has closed it.
    async fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        let read = self.0.read(&mut byte);
        matches!(tokio::time::timeout(PATIENCE, read).await, Ok(Ok(0) | Err(_)))
    }
}

/// Whether this is an answer with all of its body.
fn whole(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
    });
    length == Some(body.len())
}

fn says_close(answer: &str) -> bool {
    answer.to_ascii_lowercase().contains("\r\nconnection: close\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_goes_off_at_once_while_requests_are_served_and_connections_end() {
    let slapd = Slapd::builder().without_log().start();
    let mut gateway = draining(&slapd, LONG);
    let mut open = KeptAlive::to(gateway.address()).await;
    let mut unused = KeptAlive::to(gateway.address()).await;
    for _ in 0..2 {
        let answer = open.call().await;
        assert!(answer.starts_with("HTTP/1.1 200") && !says_close(&answer), "{answer}");
    }
    wait_until("everything is up", || gateway.log().contains("directory server is up"));
    let ready = ops(&gateway, "/readyz").await;
    assert_eq!((ready.status, &ready.json()["stopping"]), (200, &Value::Bool(false)));

    gateway.signal("TERM");
    let unready = until_unready(&gateway).await;
    let said = unready.json();
    assert_eq!((&said["ready"], &said["stopping"]), (&Value::Bool(false), &Value::Bool(true)));
    let dependencies = said["dependencies"].as_array().expect("dependencies");
    assert!(dependencies.len() == 4 && dependencies.iter().all(|one| one["up"] == true), "{said}");
    assert_eq!(ops(&gateway, "/readyz/node").await.status, 404);
    assert_eq!(ops(&gateway, "/healthz").await.status, 200);
    assert_eq!(ops(&gateway, "/metrics").await.status, 200);

    // Connections from before and new ones; calls, logins and what is refused.
    for mut connection in [open, KeptAlive::to(gateway.address()).await] {
        let answer = connection.call().await;
        assert!(answer.starts_with("HTTP/1.1 200") && says_close(&answer), "{answer}");
        assert!(connection.is_closed().await);
    }
    let code = gateway.code("+46701234567").await;
    let nothing = Answer::of(gateway.http.get(gateway.url("/nothing"))).await;
    for (answer, status) in [
        (gateway.call("+46709999998").await, 403),
        (gateway.login("anna", "wrong", &code).await, 403),
        (gateway.login("anna", "anna-secret", &code).await, 200),
        (nothing, 404),
    ] {
        assert_eq!((answer.status, answer.header("connection")), (status, "close"));
    }

    let begun = Instant::now();
    gateway.signal("TERM");
    assert_eq!(gateway.wait().code(), Some(0));
    assert!(begun.elapsed() < PATIENCE / 4, "a second signal ends it: {:?}", begun.elapsed());
    assert!(unused.is_closed().await);
    assert!(!gateway.warned(), "{}", gateway.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_drain_nothing_new_is_taken_and_what_is_in_flight_ends_well() {
    let slapd = Arc::new(Slapd::builder().without_log().start());
    let mut tap = Tap::before(&slapd, "anna").await;
    let server = "request_deadline = \"20s\"\nshutdown_timeout = \"20s\"\ndrain = \"700ms\"";
    let tenant = ldap_tenant("t1", &[&tap.url()], "timeout = \"10s\"");
    let mut gateway = Gateway::start(&format!("{}{tenant}{}", sections(server), clients()));
    let code = gateway.code("+46701234567").await;
    let finish = async {
        tap.caught().await;
        let begun = Instant::now();
        gateway.signal("INT");
        until_unready(&gateway).await;
        let refused = || TcpStream::connect(gateway.address()).is_err();
        assert!(!refused(), "connections are taken during the drain");
        wait_until("new connections are refused", refused);
        assert!(begun.elapsed() >= Duration::from_millis(700), "{:?}", begun.elapsed());
        let unready = ops(&gateway, "/readyz").await;
        assert_eq!((unready.status, &unready.json()["stopping"]), (503, &Value::Bool(true)));
        slapd.cont();
    };
    let (login, ()) = tokio::join!(gateway.login("anna", "anna-secret", &code), finish);
    assert_eq!((login.status, login.header("connection")), (200, "close"), "{}", gateway.log());
    assert_eq!(gateway.wait().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_of_clients_that_leave_when_readiness_is_off() {
    let slapd = Slapd::builder().users(20).without_log().start();
    let drain = "drain = \"4s\"\n[server.limits]";
    let config = load::config(&[("t1", "http")], &[&slapd.url()]);
    let mut gateway = Gateway::start(&config.replacen("[server.limits]", drain, 1));
    // As a load balancer does: it asks now and then, and sends requests until it hears no.
    let (away, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut users = tokio::task::JoinSet::new();
    for user in (1..=20).map(User) {
        let (asker, away) = (Asker::of(&gateway), Arc::clone(&away));
        let answered = Arc::clone(&answered);
        users.spawn(async move {
            let mut answers = Vec::new();
            while !away.load(Ordering::Relaxed) {
                answers.push(asker.call("t1", user).await.0);
                answered.fetch_add(1, Ordering::Relaxed);
            }
            answers
        });
    }
    let answers = || answered.load(Ordering::Relaxed);
    wait_until("requests are answered", || answers() > 100);
    gateway.signal("TERM");
    until_unready(&gateway).await;
    let before = answers();
    wait_until("requests are answered during the drain", || answers() > before + 100);
    away.store(true, Ordering::Relaxed);
    while let Some(answers) = users.join_next().await {
        assert_eq!(answers.unwrap().into_iter().find(|status| *status != 200), None);
    }
    assert!(!gateway.log().contains("requests in flight are finished"), "it drained meanwhile");
    assert_eq!(gateway.wait().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_takes_a_draining_node_out_and_no_request_fails() {
    let slapd = Slapd::builder().users(20).without_log().start();
    let server = Postgres::builder().without_fsync().start();
    // What a busy machine delays is not what fails here.
    let store = format!("timeout = \"20s\"\n{}", server.store_keys(&server.database()));
    let config = load::config(&[("t1", "http")], &[&slapd.url()])
        .replacen(
            "[server.limits]",
            "drain = \"2s\"\nrequest_deadline = \"9s\"\n[server.limits]",
            1,
        )
        .replacen("url = \"sqlite:dialpass.db\"\n", &store, 1);
    let mut cluster = Cluster::start(&config);
    cluster.until_up(NODES).await;
    let load = Load::start_by(&cluster.asker(), &["t1"], 6);
    for at in 0..2 {
        load.until_served(&["t1"], Instant::now(), 50).await;
        cluster.node(at).signal("TERM");
        assert_eq!(cluster.node_mut(at).wait().code(), Some(0));
        load.until_served(&["t1"], Instant::now(), 50).await;
        cluster.restart(at);
        cluster.until_up(NODES).await;
    }
    let seen = load.end_with_broken().await;
    assert!(seen.iter().all(|one| one.status == 200), "{}", load::summary(&seen));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_drain_a_request_on_an_idle_connection_is_answered_whole_or_not_at_all() {
    let slapd = Slapd::builder().without_log().start();
    let wide = "[server.limits]\ncalls_per_caller = { burst = 1000, per = \"1s\" }";
    let mut gateway = draining(&slapd, wide);
    let mut open = Vec::new();
    for _ in 0..40 {
        let mut connection = KeptAlive::to(gateway.address()).await;
        assert!(whole(&connection.call().await));
        open.push(connection);
    }
    let go = Arc::new(AtomicBool::new(false));
    let asking: Vec<_> = (0..)
        .zip(open)
        .map(|(index, mut connection)| {
            let go = Arc::clone(&go);
            tokio::spawn(async move {
                while !go.load(Ordering::Relaxed) {
                    tokio::task::yield_now().await;
                }
                tokio::time::sleep(Duration::from_micros(250) * index).await;
                connection.call().await
            })
        })
        .collect();
    go.store(true, Ordering::Relaxed);
    gateway.signal("TERM");
    for answer in asking {
        let answer = answer.await.unwrap();
        assert!(answer.is_empty() || whole(&answer), "half an answer: {answer:?}");
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(gateway.wait().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_that_was_read_again_counts_and_the_configuration_is_read_during_it_too() {
    let slapd = Slapd::builder().without_log().start();
    let mut gateway = draining(&slapd, "");
    let config = std::fs::read_to_string(gateway.file("dialpass.toml")).unwrap();
    let longer = config.replacen("[server]", &format!("[server]\n{LONG}"), 1);
    std::fs::write(gateway.file("dialpass.toml"), longer).unwrap();
    gateway.signal("HUP");
    gateway.wait_for_line("the configuration was read again");
    gateway.signal("TERM");
    until_unready(&gateway).await;
    gateway.signal("HUP");
    wait_until("it is read again", || {
        gateway.log().matches("the configuration was read again").count() == 2
    });
    assert_eq!(ops(&gateway, "/readyz").await.status, 503, "still");
    assert_eq!(gateway.call("+46701234567").await.header("connection"), "close");
    gateway.signal("INT");
    assert_eq!(gateway.wait().code(), Some(0));
}
