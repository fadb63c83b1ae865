//! SIGHUP: the configuration and the certificates are read again; what is wrong is reported and
//! changes nothing.

use std::sync::Arc;
use std::time::Instant;

use serde_json::json;

use crate::faults::load::{self, Load};
use crate::support::gateway::{
    Answer, Gateway, clients, folder, ldap_tenant, sections, sha256, wait_until,
};
use crate::support::pki::Ca;
use crate::support::slapd::Slapd;

const READ_AGAIN: &str = "the configuration was read again and is in force";
const NOT_USABLE: &str = "the new configuration is not usable; the old one stays in force";

/// Writes a configuration, and has it read.
fn reload(gateway: &Gateway, config: &str) {
    std::fs::write(gateway.file("dialpass.toml"), config).unwrap();
    gateway.signal("HUP");
}

/// Waits until a line was written so many times.
fn wait_for_lines(gateway: &Gateway, text: &str, count: usize) {
    crate::support::gateway::wait_until(text, || gateway.log().matches(text).count() >= count);
}

/// Asks for a code as somebody else than usual.
async fn call_as(gateway: &Gateway, username: &str, tenant: &str, number: &str) -> Answer {
    let request = gateway
        .http
        .put(gateway.url("/api/authentication/getOTP"))
        .basic_auth(username, Some("new-secret"))
        .header("tenant", tenant)
        .json(&json!({ "phonenumber": number }));
    Answer::of(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_brings_in_a_new_client_and_a_new_tenant() {
    let slapd = Slapd::builder().without_log().start();
    let gateway = Gateway::on(&slapd);
    let code = gateway.code("+46701234567").await;
    assert_eq!(call_as(&gateway, "ivr", "t1", "+46702223344").await.status, 403);

    let client = format!(
        "[[tenants.clients]]\nname = \"ivr\"\noperations = [\"getOTP\"]\n\
         basic = {{ username = \"ivr\", password_sha256 = \"{}\" }}\n",
        sha256("new-secret")
    );
    let (t1, t2) = (ldap_tenant("t1", &[&slapd.url()], ""), ldap_tenant("t2", &[&slapd.url()], ""));
    let config = format!("{}{t1}{}{client}{t2}{client}", sections(""), clients());
    reload(&gateway, &config);
    gateway.wait_for_line(READ_AGAIN);
    assert_eq!(call_as(&gateway, "ivr", "t1", "+46702223344").await.status, 200);
    assert_eq!(call_as(&gateway, "ivr", "t2", "+46702223344").await.status, 200);
    let login = gateway.login("anna", "anna-secret", &code).await;
    assert_eq!(login.status, 200, "a code told before is good after: {}", gateway.log());

    reload(&gateway, &format!("{}{t1}{}", sections(""), clients()));
    wait_for_lines(&gateway, READ_AGAIN, 2);
    assert_eq!(call_as(&gateway, "ivr", "t1", "+46702223344").await.status, 403, "gone again");
}

/// Waits for the line that refuses a new configuration because of `key`. A configuration with several
/// mistakes has a line for each.
fn refused(gateway: &Gateway, key: &str) -> String {
    let text = format!("{key}: ");
    let line = || {
        let log = gateway.log();
        log.lines()
            .find(|line| line.contains(NOT_USABLE) && line.contains(&text))
            .map(str::to_owned)
    };
    wait_until(&format!("the new configuration is refused because of {key}"), || line().is_some());
    line().expect("it is there")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_new_configuration_is_reported_with_its_key_and_the_old_one_stays() {
    let slapd = Slapd::builder().without_log().start();
    let gateway = Gateway::on(&slapd);
    let good = std::fs::read_to_string(gateway.file("dialpass.toml")).unwrap();
    let bad = [
        (good.replace("[server]", "[server]\nlisen = 1"), "lisen"),
        (good.replace("country = \"SE\"", "country = \"Sweden\""), "tenants[0].country"),
        (good.replace("kind = \"ldap\"", "kind = \"ldap\"\nuser_filter = \"(\""), "user_filter"),
        ("not TOML at all".to_owned(), "dialpass.toml:1:5"),
        (String::new(), "tenants"),
    ];
    for (config, key) in &bad {
        reload(&gateway, config);
        let line = refused(&gateway, key);
        assert!(line.contains("accepted"), "{key}: {line}");
        assert!(line.contains("dialpass.toml"), "{line}");
        gateway.code("+46701234567").await;
    }
    std::fs::remove_file(gateway.file("dialpass.toml")).unwrap();
    gateway.signal("HUP");
    gateway.wait_for_line("a file that cannot be read");
    gateway.code("+46701234567").await;
    assert!(!gateway.log().contains(READ_AGAIN));
    reload(&gateway, &good);
    gateway.wait_for_line(READ_AGAIN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_needs_a_restart_is_reported_and_nothing_else_of_the_file_is_taken() {
    let slapd = Slapd::builder().without_log().start();
    let gateway = Gateway::on(&slapd);
    let good = std::fs::read_to_string(gateway.file("dialpass.toml")).unwrap();
    let public = "[server]\nlisten = \"127.0.0.1:0\"";
    let changes = [
        (public, "[server]\nlisten = \"127.0.0.1:1\"", "server.listen"),
        ("[server]", "[server]\nworkers = 7", "server.workers"),
        ("[server]", "[server]\nshutdown_timeout = \"77s\"", "server.shutdown_timeout"),
        ("[ops]", "[server.limits]\nwaiting_refusals = 7\n[ops]", "server.limits.waiting_refusals"),
        ("[ops]", "[server.limits]\nconnections = 700\n[ops]", "server.limits.connections"),
        (
            "[ops]",
            "[server.limits]\nconnections_per_address = 7\n[ops]",
            "server.limits.connections_per_address",
        ),
        (
            "[server]",
            "[server]\nproxy_protocol_from = [\"10.0.0.1\"]",
            "server.proxy_protocol_from",
        ),
        ("[ops]\nlisten", "[ops]\nenabled = false\nlisten", "ops.listen"),
        ("dialpass.db", "other.db", "store.url"),
        ("[store]", "[store]\ntimeout = \"7s\"", "store.timeout"),
        ("[store]", "[log]\nlevel = \"debug\"\n[store]", "log.level"),
        ("[store]", "[log]\nformat = \"human\"\n[store]", "log.format"),
        ("[store]", "[audit]\nfile = \"audit.log\"\n[store]", "audit.file"),
    ];
    for (old, new, key) in changes {
        let config = good.replacen(old, new, 1).replace("name = \"pbx\"", "name = \"renamed\"");
        assert!(good.contains(old), "{old}");
        reload(&gateway, &config);
        let line = refused(&gateway, key);
        assert!(line.contains("restart"), "{key}: {line}");
        let answer = gateway.call("+46701234567").await;
        assert_eq!(answer.status, 200);
        assert_eq!(gateway.audit_of(answer.header("x-request-id"))["client"], "pbx");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_ready_stays_ready_while_it_reads_its_configuration_again() {
    let slapd = Slapd::builder().without_log().start();
    let gateway = Gateway::on(&slapd);
    let ready = async || Answer::of(gateway.http.get(gateway.ops_url("/readyz"))).await.status;
    let begun = Instant::now();
    while ready().await != 200 {
        assert!(begun.elapsed() < crate::support::gateway::PATIENCE, "{}", gateway.log());
    }
    for count in 1..=5 {
        gateway.signal("HUP");
        while gateway.log().matches(READ_AGAIN).count() < count {
            assert_eq!(ready().await, 200, "{}", gateway.log());
        }
        for _ in 0..10 {
            assert_eq!(ready().await, 200, "{}", gateway.log());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_the_configuration_again_under_load_fails_no_request() {
    let slapd = Slapd::builder().without_log().start();
    let gateway = Gateway::start(&load::config(&[("t1", "http")], &[&slapd.url()]));
    let load = Load::start(&gateway, &["t1"], 8);
    for count in 1..=5 {
        load.until_served(&["t1"], Instant::now(), 10).await;
        gateway.signal("HUP");
        wait_for_lines(&gateway, READ_AGAIN, count);
    }
    load.until_served(&["t1"], Instant::now(), 10).await;
    let seen = load.end().await;
    assert!(seen.iter().all(|one| one.status == 200), "{}", load::summary(&seen));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_configuration_had_open_is_closed() {
    let slapd = Slapd::builder().without_log().start();
    let gateway = Gateway::on(&slapd);
    let open = || std::fs::read_dir(format!("/proc/{}/fd", gateway.pid())).unwrap().count();
    gateway.wait_for_line("directory server is up");
    gateway.code("+46701234567").await;
    let before = open();
    for count in 1..=10 {
        gateway.signal("HUP");
        wait_for_lines(&gateway, READ_AGAIN, count);
        gateway.code("+46701234567").await;
    }
    crate::support::gateway::wait_until("no more files open than before", || open() <= before);
}

/// A client that trusts one CA and nobody else.
fn trusting(ca: &Ca) -> reqwest::Client {
    let certificate = reqwest::Certificate::from_pem(ca.pem().as_bytes()).unwrap();
    reqwest::Client::builder().tls_certs_only([certificate]).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_shows_a_new_certificate_to_new_connections_and_breaks_no_open_one() {
    let slapd = Slapd::builder().without_log().start();
    let (old, new) = (Ca::new("the old CA"), Ca::new("the new CA"));
    let folder = Arc::new(folder());
    let write = |ca: &Ca, serial, key_of: &Ca| {
        let (issued, other) = (ca.server(serial), key_of.server(serial));
        let key = if ca.pem() == key_of.pem() { &issued.key } else { &other.key };
        std::fs::write(folder.path().join("server.key"), key).unwrap();
        std::fs::write(folder.path().join("server.pem"), &issued.certificate).unwrap();
    };
    write(&old, 1, &old);
    let tls = "[server.tls]\ncertificate = \"server.pem\"\nprivate_key = \"server.key\"";
    let tenant = ldap_tenant("t1", &[&slapd.url()], "");
    let config = format!("{}{tenant}{}", sections(tls), clients());
    let mut gateway = Gateway::start_in(Arc::clone(&folder), &config);
    gateway.http = trusting(&old);
    let open = gateway.http.clone();
    let code = gateway.code("+46701234567").await;

    write(&new, 2, &new);
    gateway.signal("HUP");
    gateway.wait_for_line(READ_AGAIN);
    assert_eq!(gateway.code("+46701234567").await, code, "over the connection that is open");
    gateway.http = trusting(&old);
    let refused = gateway.http.get(gateway.url("/")).send().await.expect_err("another CA's");
    assert!(refused.is_connect(), "{refused:?}");
    gateway.http = trusting(&new);
    assert_eq!(gateway.code("+46701234567").await, code);

    // A key that is not the certificate's: nothing changes.
    write(&old, 3, &new);
    gateway.signal("HUP");
    gateway.wait_for_line(NOT_USABLE);
    gateway.http = trusting(&new);
    assert_eq!(gateway.code("+46701234567").await, code);
    gateway.http = open;
    assert_eq!(gateway.code("+46701234567").await, code, "the first connection is still open");
}
