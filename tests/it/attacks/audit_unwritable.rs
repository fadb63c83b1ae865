//! An audit trail that cannot be written: the pipe is not read, the disk is full. No request hangs,
//! no code is given out and no one admitted without an event, and health says so.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{ANNA, start};
use crate::small_disk::SmallDisk;
use crate::support::gateway::{Answer, Gateway, PATIENCE, wait_until};

/// What the operators' listener answers.
async fn ops(gateway: &Gateway, path: &str) -> Answer {
    Answer::of(gateway.http.get(gateway.ops_url(path))).await
}

/// Waits until the operators' listener answers so.
async fn until_ops(gateway: &Gateway, path: &str, status: u16) {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = ops(gateway, path).await;
        if answer.status == status {
            return;
        }
        assert!(Instant::now() < end, "{path} becomes {status}: {}", answer.body);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Has the gateway write until the pipe is full.
async fn fill_the_pipe(gateway: &Gateway) {
    gateway.read(false);
    // A pipe holds 64 KiB, and the reader as much at most.
    for nth in 0..600 {
        assert_eq!(gateway.call(&format!("+46709999{nth:03}")).await.status, 403);
    }
}

/// How often `name` counted.
async fn count(gateway: &Gateway, name: &str) -> u64 {
    let scrape = ops(gateway, "/metrics").await.body;
    let value = scrape.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    value.map_or(0, |value| value.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unread_trail_hangs_no_request_and_gives_out_no_code() {
    let gateway = start("", "");
    let code = gateway.code(ANNA).await;
    fill_the_pipe(&gateway).await;
    until_ops(&gateway, "/readyz/node", 503).await;
    let readiness = ops(&gateway, "/readyz").await;
    assert_eq!(readiness.status, 503);
    let unready = readiness.json();
    let parts = unready["dependencies"].as_array().expect("dependencies");
    let audit = parts.iter().find(|part| part["kind"] == "audit").expect("the trail");
    assert_eq!(audit["up"], false, "{audit}");
    assert_eq!(ops(&gateway, "/healthz").await.status, 200, "a restart would not help");

    let began = Instant::now();
    let refused = gateway.call(ANNA).await;
    assert_eq!(refused.status, 403);
    assert!(!refused.body.contains(&code));
    assert_eq!(gateway.login("anna", "correct horse", &code).await.status, 403);
    assert!(began.elapsed() < Duration::from_secs(2), "at once: {:?}", began.elapsed());

    // Read again, it serves again; nothing was lost, and the code is still good.
    gateway.read(true);
    until_ops(&gateway, "/readyz", 200).await;
    let event = gateway.audit_of(refused.header("x-request-id"));
    assert_eq!(event["reason"], "audit_unwritable");
    assert_eq!(gateway.login("anna", "correct horse", &code).await.status, 200);
    assert_eq!(count(&gateway, "dialpass_audit_events_lost_total").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_administrator_says_so_lost_events_are_counted_and_all_are_served() {
    let mut gateway = start("", "[audit]\nwhen_unwritable = \"count\"\n");
    fill_the_pipe(&gateway).await;
    let end = Instant::now() + PATIENCE;
    while !ops(&gateway, "/readyz").await.body.contains("a write has not ended") {
        assert!(Instant::now() < end, "readiness says what is wrong");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ops(&gateway, "/readyz").await.status, 200, "and is ready all the same");
    assert_eq!(ops(&gateway, "/readyz/node").await.status, 200);
    let code = gateway.code(ANNA).await;
    assert_eq!(gateway.login("anna", "correct horse", &code).await.status, 200);
    // An unread pipe does not keep it from stopping.
    gateway.signal("TERM");
    assert_eq!(gateway.wait().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_gives_out_no_code_and_admits_no_one() {
    let folder = super::people();
    let disk = SmallDisk::at(&folder.path().join("disk"), "1m");
    disk.fill();
    let audit = "[audit]\nfile = \"disk/audit.log\"\n";
    let gateway = Gateway::start_in(folder, &super::config("", audit));
    // The first finds out when its own event is written, the second before anything is done.
    for _ in 0..2 {
        let refused = gateway.call(ANNA).await;
        assert_eq!((refused.status, refused.body.contains("otp")), (403, false));
    }
    gateway.wait_for_line("audit.file cannot be written");
    assert_eq!(gateway.login("anna", "correct horse", "123456").await.status, 403);
    until_ops(&gateway, "/readyz", 503).await;
    assert!(ops(&gateway, "/readyz").await.body.contains("No space left"));
    assert!(count(&gateway, "dialpass_audit_events_lost_total").await > 0);
    assert!(!gateway.log().contains("\"issued\""));

    let folder = super::people();
    let disk = SmallDisk::at(&folder.path().join("disk"), "1m");
    disk.fill();
    let audit = format!("{audit}when_unwritable = \"count\"\n");
    let counting = Gateway::start_in(folder, &super::config("", &audit));
    let code = counting.code(ANNA).await;
    assert_eq!(counting.login("anna", "correct horse", &code).await.status, 200);
    assert_eq!(ops(&counting, "/readyz").await.status, 200);
    assert!(count(&counting, "dialpass_audit_events_lost_total").await >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_that_can_be_written_again_says_what_was_lost_and_serves_by_itself() {
    let folder = super::people();
    let disk = SmallDisk::at(&folder.path().join("disk"), "1m");
    let audit = "[audit]\nfile = \"disk/audit.log\"\n";
    let gateway = Gateway::start_in(folder, &super::config("", audit));
    let code = gateway.code(ANNA).await;
    disk.fill();
    // Nor is there room in the file's last block.
    let trail = disk.path().join("audit.log");
    let mut file = OpenOptions::new().append(true).open(&trail).unwrap();
    while file.write_all(b"\n").is_ok() {}
    assert_eq!(gateway.login("anna", "correct horse", &code).await.status, 403);
    assert_eq!(gateway.call(ANNA).await.status, 403);
    until_ops(&gateway, "/readyz/node", 503).await;

    disk.make_room();
    until_ops(&gateway, "/readyz/node", 200).await;
    gateway.code("+46702223344").await;
    let written = std::fs::read_to_string(&trail).unwrap();
    let mut lines = written.lines().filter(|line| !line.is_empty());
    let mut next = || serde_json::from_str::<Value>(lines.next().unwrap()).unwrap();
    assert_eq!(next()["reason"], "issued");
    let first = next();
    assert_eq!(
        (&first["message"], &first["target"]),
        (&"events were lost".into(), &"audit".into())
    );
    assert!(first["count"].as_u64() >= Some(2), "{first}");
    assert_eq!(next()["reason"], "issued");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_issued_codes_event_outlives_rotation_and_a_stop() {
    let config = "[server.limits]\nrequests_per_client = { burst = 100000, per = \"1s\" }\n\
                  calls_per_caller = { burst = 100000, per = \"1s\" }\n\
                  [audit]\nfile = \"audit.log\"\n";
    let mut gateway = start("", config);
    let calls = (0..8).map(|_| {
        let request = gateway
            .http
            .put(gateway.url(crate::support::wire::GET_OTP))
            .basic_auth("pbx", Some("pbx-secret"))
            .json(&serde_json::json!({ "phonenumber": ANNA }));
        tokio::spawn(async move {
            let mut told = Vec::new();
            // Until the gateway is gone.
            while let Ok(answer) = request.try_clone().expect("a request").send().await {
                let id = answer.headers().get("x-request-id").map(|id| id.to_str().unwrap());
                if answer.status() == 200 {
                    told.push(id.expect("an id").to_owned());
                }
            }
            told
        })
    });
    let calls: Vec<_> = calls.collect();
    for nth in 0..5 {
        // Enough that rotation meets many calls, however slow they are.
        let events = || std::fs::read_to_string(gateway.file("audit.log")).unwrap_or_default();
        wait_until("events in the file", || events().lines().count() >= 20);
        let old = gateway.file(&format!("audit.log.{nth}"));
        std::fs::rename(gateway.file("audit.log"), old).unwrap();
        gateway.signal("HUP");
        wait_until("a new file", || gateway.file("audit.log").exists());
    }
    gateway.signal("TERM");
    assert_eq!(gateway.wait().code(), Some(0));
    let mut told = Vec::new();
    for call in calls {
        told.extend(call.await.unwrap());
    }
    let names = (0..5).map(|nth| format!("audit.log.{nth}")).chain(["audit.log".to_owned()]);
    let text: String =
        names.map(|name| std::fs::read_to_string(gateway.file(&name)).unwrap()).collect();
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("an event"));
    let written: std::collections::HashSet<String> =
        events.filter_map(|event| event["request_id"].as_str().map(str::to_owned)).collect();
    assert!(told.len() > 50, "{} codes", told.len());
    for id in told {
        assert!(written.contains(&id), "{id}");
    }
}
