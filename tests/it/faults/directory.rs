//! Directory servers that die, fall silent, and come back.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;

use super::load::{COMEBACK, DEADLINE, Load, Operation, Seen, config, recovery, summary};
use super::tap::Tap;
use crate::support::gateway::{Gateway, clients, ldap_tenant, sections};
use crate::support::slapd::Slapd;

/// Two tenants of the same people, one for each `status_style`.
const BOTH: [(&str, &str); 2] = [("t1", "phenixid"), ("t2", "http")];

/// What was begun after `from` and answered before `to`.
fn between(seen: &[Seen], from: Instant, to: Instant) -> Vec<Seen> {
    seen.iter().filter(|one| one.begun > from && one.ended() < to).copied().collect()
}

/// Readiness: the status, and each dependency.
async fn readiness(gateway: &Gateway) -> (u16, Vec<Value>) {
    let answer =
        crate::support::gateway::Answer::of(gateway.http.get(gateway.ops_url("/readyz"))).await;
    let dependencies = answer.json()["dependencies"].as_array().expect("a list").clone();
    (answer.status, dependencies)
}

async fn ready_within(gateway: &Gateway, limit: std::time::Duration) {
    let begun = Instant::now();
    while readiness(gateway).await.0 != 200 {
        assert!(begun.elapsed() < limit, "ready within {limit:?}: {}", gateway.log());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_killed_under_load_is_a_refusal_and_used_again_by_itself_when_it_is_back() {
    let mut slapd = Slapd::builder().without_log().start();
    let gateway = Gateway::start(&config(&BOTH, &[&slapd.url()]));
    let tenants = ["t1", "t2"];
    let load = Load::start(&gateway, &tenants, 8);
    load.until_served(&tenants, Instant::now(), 30).await;

    slapd.kill();
    let dead = Instant::now();
    load.until("refusals", |seen| {
        let refused = |tenant, operation| {
            seen.iter()
                .filter(|one| one.tenant == tenant && one.operation == operation)
                .filter(|one| one.begun > dead && one.status != 200)
                .count()
        };
        tenants.iter().all(|tenant| {
            refused(*tenant, Operation::Call) >= 50 && refused(*tenant, Operation::Login) >= 20
        })
    })
    .await;
    let answer = gateway
        .http
        .put(gateway.url("/api/authentication/getOTP"))
        .basic_auth("pbx", Some("pbx-secret"))
        .header("tenant", "t2")
        .json(&serde_json::json!({ "phonenumber": "+46701234567" }));
    let answer = crate::support::gateway::Answer::of(answer).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));

    let before = Instant::now();
    slapd.restart();
    let back = Instant::now();
    load.until_served(&tenants, back, 50).await;
    let seen = load.end().await;

    let outage = between(&seen, dead, before);
    for one in &outage {
        assert_eq!(one.status, if one.tenant == "t1" { 403 } else { 503 }, "{one:?}");
    }
    let recovered = tenants.map(|tenant| recovery(&seen, tenant, back));
    println!(
        "outage: the only server killed: {}; served again {:.2?} after its restart",
        summary(&outage),
        recovered[0].max(recovered[1])
    );
    ready_within(&gateway, COMEBACK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_first_of_two_servers_is_down_at_the_start_the_second_serves() {
    let (mut first, second) = (Slapd::start(), Slapd::start());
    first.kill();
    let gateway = Gateway::start(&config(&[("t1", "http")], &[&first.url(), &second.url()]));
    let begun = Instant::now();
    let code = gateway.code("+46701234567").await;
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 200);
    assert!(begun.elapsed() < DEADLINE / 2, "{:?}", begun.elapsed());
    ready_within(&gateway, COMEBACK).await;
    let (_, dependencies) = readiness(&gateway).await;
    let servers = dependencies.iter().filter(|one| one["kind"] == "directory");
    let ups: Vec<_> = servers.map(|one| one["up"].as_bool()).collect();
    assert_eq!(ups, [Some(false), Some(true)]);

    first.restart();
    let begun = Instant::now();
    while first.binds_of("bob") == 0 {
        assert!(begun.elapsed() < COMEBACK, "the first is preferred again");
        let code = gateway.code("+46702223344").await;
        assert_eq!(gateway.login("bob", "bob-secret", &code).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_first_of_two_servers_dies_under_load_no_call_fails() {
    let users = 8;
    let mut first = Slapd::builder().without_log().start();
    let mut second = Slapd::builder().without_log().start();
    let gateway = Gateway::start(&config(&[("t1", "http")], &[&first.url(), &second.url()]));
    let load = Load::start(&gateway, &["t1"], users);
    load.until_served(&["t1"], Instant::now(), 30).await;
    first.kill();
    load.until_served(&["t1"], Instant::now(), 50).await;
    first.restart();
    ready_within(&gateway, COMEBACK).await;
    gateway.wait_for_line("directory server is up");
    let both_up = |dependencies: &[Value]| dependencies.iter().all(|one| one["up"] == true);
    let begun = Instant::now();
    while !both_up(&readiness(&gateway).await.1) {
        assert!(begun.elapsed() < COMEBACK, "the first is up again");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    second.kill();
    load.until_served(&["t1"], Instant::now(), 50).await;
    let seen = load.end().await;
    let failed: Vec<_> = seen.iter().filter(|one| one.status != 200).copied().collect();
    println!("outage: the first of two killed, back, then the second killed: {}", summary(&seen));
    assert!(failed.iter().all(|one| one.operation == Operation::Login), "{}", summary(&failed));
    // A password under way to a server that died is not sent to another.
    assert!(failed.len() <= users, "{}", summary(&failed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_directory_alone_is_a_refusal_in_time_and_used_again_when_it_speaks() {
    let slapd = Slapd::builder().without_log().start();
    let gateway = Gateway::start(&config(&BOTH, &[&slapd.url()]));
    let tenants = ["t1", "t2"];
    let load = Load::start(&gateway, &tenants, 8);
    load.until_served(&tenants, Instant::now(), 30).await;
    slapd.stop();
    let silent = Instant::now();
    load.until("refusals", |seen| {
        let refused = |one: &&Seen| one.begun > silent && one.status != 200;
        tenants.iter().all(|tenant| {
            seen.iter().filter(refused).filter(|one| one.tenant == *tenant).count() >= 50
        })
    })
    .await;
    let before = Instant::now();
    slapd.cont();
    let back = Instant::now();
    load.until_served(&tenants, back, 50).await;
    let seen = load.end().await;
    let outage = between(&seen, silent, before);
    for one in &outage {
        assert_eq!(one.status, if one.tenant == "t1" { 403 } else { 503 }, "{one:?}");
    }
    let recovered = tenants.map(|tenant| recovery(&seen, tenant, back));
    println!(
        "outage: the only server silent: {}; served again {:.2?} after it spoke",
        summary(&outage),
        recovered[0].max(recovered[1])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_falls_into_silence_is_not_sent_elsewhere_and_the_code_stays_good() {
    let (first, second) = (Arc::new(Slapd::start()), Slapd::start());
    let mut tap = Tap::before(&first, "anna").await;
    let tenant = ldap_tenant("t1", &[&tap.url(), &second.url()], "");
    let gateway = Gateway::start(&format!("{}{tenant}{}", sections(""), clients()));
    let code = gateway.code("+46701234567").await;

    let begun = Instant::now();
    let (refused, ()) =
        tokio::join!(gateway.login("anna", "anna-secret", &code), async { tap.caught().await });
    assert_eq!(refused.status, 403);
    assert!(begun.elapsed() < DEADLINE, "{:?}", begun.elapsed());
    let event = gateway.audit_of(refused.header("x-request-id"));
    assert_eq!(event["reason"], "directory_timed_out", "{event}");
    assert_eq!(second.binds_of("anna"), 0, "one try is one try");

    let login = gateway.login("anna", "anna-secret", &code).await;
    assert_eq!(login.status, 200, "by the second server: {}", gateway.log());
    assert_eq!(second.binds_of("anna"), 1);
    first.cont();
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 403, "used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_without_its_directory_and_is_ready_when_that_comes() {
    let mut slapd = Slapd::start();
    slapd.kill();
    let gateway = Gateway::on(&slapd);
    let (status, dependencies) = readiness(&gateway).await;
    assert_eq!(status, 503);
    assert_eq!((&dependencies[0]["kind"], &dependencies[0]["up"]), (&"store".into(), &true.into()));
    let directory = dependencies.iter().find(|one| one["kind"] == "directory").expect("one");
    assert_eq!(directory["tenant"], "t1");
    assert_eq!(directory["name"], slapd.url().as_str());
    assert_eq!(directory["up"], false);
    assert_ne!(directory["detail"], "");
    assert_eq!(gateway.call("+46701234567").await.status, 403);

    slapd.restart();
    let back = Instant::now();
    ready_within(&gateway, COMEBACK).await;
    println!("outage: started before its server: ready {:.2?} after that came", back.elapsed());
    gateway.code("+46701234567").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_index_calls_are_served_while_the_directory_is_down_but_readiness_is_off() {
    let mut slapd = Slapd::builder().with_sync().start();
    let tenant = ldap_tenant("t1", &[&slapd.url()], "lookup = \"index\"");
    let gateway = Gateway::start(&format!("{}{tenant}{}", sections(""), clients()));
    gateway.wait_for_line("the directory's index is live");
    ready_within(&gateway, COMEBACK).await;
    slapd.kill();
    let begun = Instant::now();
    while readiness(&gateway).await.0 == 200 {
        assert!(begun.elapsed() < COMEBACK, "logins cannot be served");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let code = gateway.code("+46701234567").await;
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 403);
    slapd.restart();
    ready_within(&gateway, COMEBACK).await;
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 200);
    println!("outage: the only server killed, with an index: codes told all the time");
}
