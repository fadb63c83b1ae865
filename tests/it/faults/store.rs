//! The store's file locked, deleted, replaced, and out of room, while calls and logins go on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::load::{COMEBACK, DEADLINE, Load, Operation, Seen, config, recovery, summary};
use crate::small_disk::SmallDisk;
use crate::support::gateway::{Answer, Gateway, folder};
use crate::support::slapd::Slapd;

/// A gateway under load, on a directory that is well.
async fn under_load(slapd: &Slapd) -> (Gateway, Load) {
    let gateway = Gateway::start(&config(&[("t1", "phenixid"), ("t2", "http")], &[&slapd.url()]));
    let load = Load::start(&gateway, &["t1", "t2"], 6);
    load.until_served(&["t1", "t2"], Instant::now(), 20).await;
    (gateway, load)
}

async fn until_refused(load: &Load, since: Instant, count: usize) {
    load.until("refusals", |seen| {
        let refused = |one: &&Seen| one.begun > since && one.status != 200;
        ["t1", "t2"].iter().all(|tenant| {
            seen.iter().filter(refused).filter(|one| one.tenant == *tenant).count() >= count
        })
    })
    .await;
}

async fn readyz(gateway: &Gateway) -> Answer {
    Answer::of(gateway.http.get(gateway.ops_url("/readyz"))).await
}

/// The code that anna gets as soon as there is one.
async fn code_within(gateway: &Gateway, limit: Duration) -> String {
    let begun = Instant::now();
    loop {
        let answer = gateway.call("+46701234567").await;
        if answer.status == 200 {
            return answer.json()["otp"].as_str().expect("an otp").to_owned();
        }
        assert!(begun.elapsed() < limit, "a code within {limit:?}: {}", gateway.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_store_is_a_refusal_in_time_and_used_again_when_it_is_released() {
    let slapd = Slapd::builder().without_log().start();
    let (gateway, load) = under_load(&slapd).await;
    let code = gateway.code("+46701234567").await;
    let intruder = Connection::open(gateway.file("dialpass.db")).unwrap();
    intruder.busy_timeout(Duration::from_secs(5)).unwrap();
    intruder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let locked = Instant::now();
    until_refused(&load, locked, 20).await;
    let unready = readyz(&gateway).await;
    assert_eq!(unready.status, 503);
    assert_eq!(unready.json()["dependencies"][0]["kind"], "store");
    assert_eq!(unready.json()["dependencies"][0]["up"], false);
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 403);

    let before = Instant::now();
    intruder.execute_batch("COMMIT").unwrap();
    let back = Instant::now();
    load.until_served(&["t1", "t2"], back, 30).await;
    let seen = load.end().await;
    let outage: Vec<_> =
        seen.iter().filter(|one| one.begun > locked && one.ended() < before).copied().collect();
    for one in &outage {
        // What only reads is answered as ever: that there is no code to log in with.
        let no_code = one.operation == Operation::Login && one.status == 403;
        let expected = if one.tenant == "t1" { 403 } else { 503 };
        assert!(one.status == expected || no_code, "{one:?}");
    }
    let recovered = ["t1", "t2"].map(|tenant| recovery(&seen, tenant, back));
    println!("locked: {}; served again after {recovered:?}", summary(&outage));
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 200);
    assert_eq!(readyz(&gateway).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_deleted_under_load_is_begun_anew_by_itself() {
    let slapd = Slapd::builder().without_log().start();
    let (gateway, load) = under_load(&slapd).await;
    let lost = gateway.code("+46701234567").await;
    for name in ["dialpass.db", "dialpass.db-wal", "dialpass.db-shm"] {
        std::fs::remove_file(gateway.file(name)).unwrap();
    }
    let deleted = Instant::now();
    while !gateway.file("dialpass.db").exists() {
        assert!(deleted.elapsed() < COMEBACK, "it is noticed: {}", gateway.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    load.until_served(&["t1", "t2"], Instant::now(), 30).await;
    let seen = load.end().await;
    println!("deleted: {}", summary(&seen));
    gateway.wait_for_line("the store's file was deleted while in use");
    assert_eq!(gateway.login("anna", "anna-secret", &lost).await.status, 403);
    let code = gateway.code("+46701234567").await;
    let gateway = gateway.restart();
    assert_eq!(
        gateway.login("anna", "anna-secret", &code).await.status,
        200,
        "it is in the new file: {}",
        gateway.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_replaced_by_a_file_that_is_none_is_a_refusal_until_it_is_one_again() {
    let slapd = Slapd::builder().without_log().start();
    let (gateway, load) = under_load(&slapd).await;
    let junk = gateway.file("junk");
    std::fs::write(&junk, "this is no database, whatever its name says".repeat(200)).unwrap();
    std::fs::rename(&junk, gateway.file("dialpass.db")).unwrap();
    until_refused(&load, Instant::now(), 20).await;
    let unready = readyz(&gateway).await;
    assert_eq!((unready.status, &unready.json()["dependencies"][0]["up"]), (503, &false.into()));

    std::fs::remove_file(gateway.file("dialpass.db")).unwrap();
    let back = Instant::now();
    load.until_served(&["t1", "t2"], back, 30).await;
    let seen = load.end().await;
    let recovered = ["t1", "t2"].map(|tenant| recovery(&seen, tenant, back));
    println!("replaced: {}; served again after {recovered:?}", summary(&seen));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_a_refusal_in_time_and_loses_no_issued_code() {
    let folder = Arc::new(folder());
    let disk = SmallDisk::at(&folder.path().join("small"), "1m");
    let slapd = Slapd::builder().without_log().start();
    let config = config(&[("t1", "phenixid")], &[&slapd.url()])
        .replace("sqlite:dialpass.db", "sqlite:small/dialpass.db");
    let gateway = Gateway::start_in(Arc::clone(&folder), &config);
    let code = gateway.code("+46701234567").await;

    disk.fill();
    // What room is left in the log is used up first.
    let begun = Instant::now();
    let mut refused = 0;
    let mut told = Vec::new();
    for user in (1..=300).cycle() {
        assert!(begun.elapsed() < 4 * DEADLINE, "it is full: {}", gateway.log());
        let asked = Instant::now();
        let answer = gateway.call(&format!("+4676{user:07}")).await;
        assert!(asked.elapsed() < DEADLINE, "{:?}", asked.elapsed());
        match answer.status {
            200 => told.push((user, answer.json()["otp"].as_str().unwrap().to_owned())),
            status => {
                assert_eq!(status, 403);
                refused += 1;
            }
        }
        if refused == 20 {
            break;
        }
    }
    println!("full: {} told before there was no room, {refused} refused after", told.len());
    gateway.wait_for_line("the store's file cannot be used");

    disk.make_room();
    let begun = Instant::now();
    assert_eq!(code_within(&gateway, COMEBACK).await, code, "still untried, still the same");
    println!("full: served again after {:?}", begun.elapsed());
    assert_eq!(gateway.login("anna", "anna-secret", &code).await.status, 200);
    let last: std::collections::HashMap<_, _> = told.into_iter().collect();
    for (user, code) in last.iter().take(30) {
        let name = format!("user{user:04}");
        let login = gateway.login(&name, &format!("secret-{user}"), code).await;
        assert_eq!(login.status, 200, "{name}: {}", gateway.log());
    }
}
