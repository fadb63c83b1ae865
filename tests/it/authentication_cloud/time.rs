//! What ends with time, which is the store's: a node whose clock the test sets.

use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use super::*;

/// A clock that stands as far ahead as the test says.
pub struct Clock {
    file: PathBuf,
    ahead: u64,
    _folder: TempDir,
}

/// A service whose clock is set.
pub async fn start() -> (Service, Clock) {
    let clock = Clock::start();
    let service = Service::start_with(|config| config, &clock.environment()).await;
    (service, clock)
}

impl Clock {
    /// One that is right.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ahead");
        let mut clock = Self { file, ahead: 0, _folder: folder };
        clock.advance(0);
        clock
    }

    /// What has a program go by it.
    pub fn environment(&self) -> [(&str, &str); 4] {
        [
            ("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1"),
            ("FAKETIME_TIMESTAMP_FILE", self.file.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ]
    }

    /// Sets it so many seconds later than it is.
    pub fn advance(&mut self, seconds: u64) {
        self.ahead += seconds;
        let next = self.file.with_extension("next");
        std::fs::write(&next, format!("+{}\n", self.ahead)).unwrap();
        std::fs::rename(next, &self.file).unwrap();
    }
}

/// A slow machine's share of a span, in seconds: how much earlier than its end is surely before it.
pub const SLOW: u64 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn a_code_lives_for_five_minutes() {
    let (service, mut clock) = start().await;
    let early = service.enroll("anna", PHONE).await;
    let late = service.enroll("berta", "+46702223344").await;
    clock.advance(300 - SLOW);
    assert_eq!(service.api.verify(&early, &early.code).await.status, 200);
    assert_eq!(service.api.stage(&late.token).await, "pending");
    clock.advance(SLOW);
    let status = service.api.status(&late.token).await;
    assert_eq!((status.status, &status.json()["status"]), (412, &json!("failed")));
    let time = |field: &str| humantime::parse_rfc3339(&text(&status.json()[field])).unwrap();
    let lived = time("lastUpdatedAt").duration_since(time("createdAt")).unwrap();
    assert_eq!(lived.as_secs(), 300, "it failed when its time was up");
    assert_eq!(service.api.verify(&late, &late.code).await.status, 412);
    assert_eq!(service.api.stage(&early.token).await, "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_known_for_a_day_after_its_end() {
    let (service, mut clock) = start().await;
    let done = service.enroll("anna", PHONE).await;
    assert_eq!(service.api.verify(&done, &done.code).await.status, 200);
    let failed = service.enroll("berta", "+46702223344").await;
    for _ in 0..5 {
        service.api.verify(&failed, &another(&failed.code)).await;
    }
    let expired = service.enroll("berta", "+46702223344").await;
    let statuses = async || {
        let mut statuses = Vec::new();
        for texted in [&done, &failed, &expired] {
            statuses.push(service.api.status(&texted.token).await.status);
        }
        statuses
    };
    let day = 24 * 3600;
    clock.advance(day - SLOW);
    assert_eq!(statuses().await, [200, 412, 412]);
    clock.advance(SLOW);
    assert_eq!(statuses().await, [404, 404, 412], "this one ended five minutes later");
    let body = service.api.status(&done.token).await.body;
    assert_eq!(body, r#"{"status":"unknown"}"#);
    assert_eq!(service.api.verify(&failed, &failed.code).await.status, 404);
    clock.advance(300);
    assert_eq!(statuses().await, [404, 404, 404]);
    assert_eq!(service.api.user(&done.user).await.json()["status"], "active", "the phone stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_transaction_is_active_for_ten_minutes() {
    let (service, mut clock) = start().await;
    let texted = service.enroll("anna", PHONE).await;
    clock.advance(200);
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 200);
    let first = text(&service.api.status(&texted.token).await.json()["token"]);
    clock.advance(600 - SLOW);
    let later = text(&service.api.status(&texted.token).await.json()["token"]);
    assert!(service.api.is_active(&first).await && service.api.is_active(&later).await);
    clock.advance(SLOW);
    let last = text(&service.api.status(&texted.token).await.json()["token"]);
    for token in [first, later, last] {
        assert!(!service.api.is_active(&token).await, "whenever it was asked for");
    }
    assert_eq!(service.api.stage(&texted.token).await, "succeeded");
    assert!(service.api.is_active(&service.key.text).await, "an access key has no end");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_is_good_for_ten_minutes() {
    let (service, mut clock) = start().await;
    let body = json!({"username": "anna", "operation": "enroll"});
    let (early, late) = (service.api.intent(body.clone()).await, service.api.intent(body).await);
    clock.advance(600 - SLOW);
    let enroll = json!({"channel": "sms", "phone": PHONE});
    assert_eq!(service.api.with(&early).enroll(enroll.clone()).await.status, 201);
    clock.advance(SLOW);
    assert_eq!(service.api.with(&late).enroll(enroll.clone()).await.status, 403);
    let recovery = json!({"channel": "recovery"});
    assert_eq!(service.api.with(&late).enroll(recovery.clone()).await.status, 403);
    // Used or not, and also when nobody remembers that it was.
    clock.advance(24 * 3600);
    assert_eq!(service.api.with(&early).enroll(enroll).await.status, 403);
    assert_eq!(service.api.with(&early).enroll(recovery).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_limit_on_texts_refused_may_be_sent_ten_minutes_later() {
    let (service, mut clock) = start().await;
    for _ in 0..5 {
        service.enroll("anna", PHONE).await;
    }
    let user = service.api.user_named("anna").await.json();
    assert_eq!(user["exceededRateLimits"], json!(["sms-enrollment"]));
    clock.advance(600 - SLOW);
    let body = json!({"username": "anna", "operation": "enroll"});
    let frontend = service.api.with(&service.api.intent(body).await);
    let enroll = json!({"channel": "sms", "phone": PHONE});
    let full = frontend.enroll(enroll.clone()).await;
    assert_eq!(full.status, 429);
    let wait: u64 = full.header("retry-after").parse().unwrap();
    assert!((1..=SLOW).contains(&wait), "{wait}");
    clock.advance(SLOW);
    let user = service.api.user_named("anna").await.json();
    assert!(user.get("exceededRateLimits").is_none(), "{user}");
    assert_eq!(frontend.enroll(enroll).await.status, 201, "the refusal didn't use the intent");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_on_wrong_codes_holds_for_an_hour() {
    let (service, mut clock) = start().await;
    let (user, codes) = service.recovery("anna").await;
    for _ in 0..2 {
        let texted = service.enroll("anna", PHONE).await;
        for _ in 0..5 {
            assert_eq!(service.api.verify(&texted, &another(&texted.code)).await.status, 400);
            assert_eq!(service.api.recover(&user, "AAAA-AAAA-AAAA-AAAA").await.status, 400);
        }
    }
    let shut = async || service.api.user(&user).await.json()["exceededRateLimits"].clone();
    assert_eq!(shut().await, json!(["sms", "recovery"]));
    clock.advance(3600 - SLOW);
    let held = service.enroll("anna", PHONE).await;
    let answer = service.api.verify(&held, &held.code).await;
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!(answer.status == 429 && (1..=SLOW).contains(&wait), "{wait}");
    assert_eq!(service.api.recover(&user, &codes[0]).await.status, 429);
    clock.advance(SLOW);
    assert!(shut().await.is_null());
    assert_eq!(service.api.verify(&held, &held.code).await.status, 412, "it failed then");
    let texted = service.enroll("anna", PHONE).await;
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 200);
    assert_eq!(service.api.recover(&user, &codes[0]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_eleventh_phone_is_409() {
    let (service, mut clock) = start().await;
    let phone = |number: usize| format!("+467012345{number:02}");
    for number in 0..9 {
        if number % 4 == 0 {
            clock.advance(601);
        }
        service.user("anna", &phone(number)).await;
    }
    clock.advance(601);
    // Both fit when they are asked for, and one when they are verified.
    let tenth = service.enroll("anna", &phone(9)).await;
    let eleventh = service.enroll("anna", &phone(10)).await;
    assert_eq!(service.api.verify(&tenth, &tenth.code).await.status, 200);
    let full = service.api.verify(&eleventh, &eleventh.code).await;
    assert_eq!((full.status, &full.json()["error"]), (409, &json!("Conflict")));
    assert_eq!(service.api.status(&eleventh.token).await.status, 412);
    let sent = service.provider.count();
    for body in [
        json!({"username": "anna", "channel": "sms", "phone": phone(10)}),
        json!({"userId": tenth.user, "channel": "sms", "phone": phone(10)}),
    ] {
        let answer = service.api.enroll(body).await;
        assert_eq!(answer.status, 409, "{}", answer.body);
    }
    assert_eq!(service.provider.count(), sent);
    let again = service.enroll("anna", &phone(3)).await;
    assert_eq!(service.api.verify(&again, &again.code).await.status, 200, "it is no new one");
    let user = service.api.user(&tenth.user).await.json();
    assert_eq!(user["phones"].as_array().unwrap().len(), 10);
}
