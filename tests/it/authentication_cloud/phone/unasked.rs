//! What phones send or become that nobody asked for: certificates, passkeys that are synced by now;
//! and what many approvals take.

use serde_json::{Value, json};

use super::super::*;
use super::Linked;
use crate::support::soft_phone::{
    Signed, SoftPhone, made_otherwise, with_attestation, with_certificate,
};

/// The bytes of the store's files.
fn stored(service: &Service) -> u64 {
    let file = |name| std::fs::metadata(service.gateway.file(name)).map_or(0, |one| one.len());
    file("dialpass.db") + file("dialpass.db-wal")
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_a_phone_sends_along_are_not_kept_and_200_approvals_take_little() {
    let service = Service::start().await;
    let mut names = Vec::new();
    for user in 0..4 {
        let name = format!("user{user}");
        for _ in 0..10 {
            let linked = service.enroll_app(json!({"username": name})).await;
            let mut phone = SoftPhone::at(PUBLIC_URL);
            let made = phone.make(&service.api.options(&linked.token).await).await.unwrap();
            let attested = with_certificate(&made, 7_000);
            let confirmed = service.api.confirm(&linked.token, &attested).await;
            assert_eq!(confirmed.status, 200, "{}", confirmed.body);
        }
        names.push(name);
    }
    let look = rusqlite::Connection::open(service.gateway.file("dialpass.db")).unwrap();
    let longest = |sql: &str| look.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let record = longest("SELECT max(length(record)) FROM authenticators");
    assert!(record < 1_000, "{record} bytes");
    let before = stored(&service);
    for number in 0..200 {
        service.ask(&names[number % 4], "Pay CHF 100").await;
    }
    let ceremony = longest("SELECT max(length(ceremony)) FROM transactions");
    assert!(ceremony < 10_000, "{ceremony} bytes");
    let grown = stored(&service).saturating_sub(before);
    assert!(grown < 10_000_000, "{grown} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_asked_by_link_sixty_times_in_ten_minutes() {
    let service = Service::start().await;
    let (user, _) = service.user_with_phone("anna").await;
    let (other, mut others) = service.user_with_phone("berta").await;
    let asked = json!({"username": "anna", "channel": "app"});
    for _ in 0..60 {
        Linked::of(&service.api.approve(asked.clone()).await);
    }
    let refused = service.api.approve(asked).await;
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=600).contains(&wait), "{wait}");
    let event = service.gateway.audit_of(refused.header("x-request-id"));
    assert_eq!(event["reason"], "app_approvals_per_user");
    assert_eq!(service.api.user(&user).await.json()["exceededRateLimits"], json!(["app"]));
    assert_eq!(service.api.user(&other).await.json().get("exceededRateLimits"), None);
    let asked = service.ask("berta", "Log in").await;
    assert_eq!(service.api.sign(&asked.token, &mut others).await.status, 200);
    // The limit is on asking: more phones are registered.
    service.phone_of("anna", &mut SoftPhone::at(PUBLIC_URL)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_link_is_answered_writes_an_error_into_the_log() {
    let service = Service::start().await;
    let linked = service.enroll_app(json!({"username": "anna"})).await;
    let options = service.api.options(&linked.token).await;
    let made = SoftPhone::at(PUBLIC_URL).make(&options).await.unwrap();
    for certificate in [&b""[..], b"x", &[0x30, 0x82, 0xff, 0xff], &[0x30; 300]] {
        let answer =
            service.api.confirm(&linked.token, &with_attestation(&made, certificate)).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
    }
    for change in [json!("x"), json!({}), json!([]), Value::Null] {
        let mut changed = made.clone();
        changed["response"]["attestationObject"] = change;
        assert_eq!(service.api.confirm(&linked.token, &changed).await.status, 400);
    }
    let log = service.gateway.log();
    let told = log.lines().filter(|line| line.contains("ERROR") || line.contains("crypto_glue"));
    assert_eq!(told.collect::<Vec<_>>(), Vec::<&str>::new());
    assert_eq!(service.api.confirm(&linked.token, &made).await.status, 200);
}

/// Sets these flags, and clears those.
fn flags(set: u8, clear: u8) -> impl FnOnce(&mut Signed) {
    move |signed| signed.data[Signed::FLAGS] = signed.data[Signed::FLAGS] & !clear | set
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_that_is_synced_by_now_goes_on_and_the_trail_says_so() {
    const SYNCED: u8 = Signed::ELIGIBLE | Signed::BACKED_UP;
    let service = Service::start().await;
    let mut phone = SoftPhone::at(PUBLIC_URL);
    let linked = service.enroll_app(json!({"username": "anna"})).await;
    let made = phone.make(&service.api.options(&linked.token).await).await.unwrap();
    // As an iPhone made them before iCloud synced them.
    let bound = made_otherwise(&made, flags(0, SYNCED));
    assert_eq!(service.api.confirm(&linked.token, &bound).await.status, 200);
    let mut tried = Vec::new();
    for (what, set, clear, status, reason) in [
        ("bound as it was made", 0, SYNCED, 200, "approved"),
        (
            "backed up, yet not eligible",
            Signed::BACKED_UP,
            Signed::ELIGIBLE,
            400,
            "passkey_refused",
        ),
        ("synced", SYNCED, 0, 200, "approved_passkey_now_synced"),
        ("synced again", SYNCED, 0, 200, "approved"),
        ("eligible, not backed up", Signed::ELIGIBLE, Signed::BACKED_UP, 200, "approved"),
        ("no longer eligible", 0, SYNCED, 400, "passkey_refused"),
        (
            "backed up, yet not eligible",
            Signed::BACKED_UP,
            Signed::ELIGIBLE,
            400,
            "passkey_refused",
        ),
    ] {
        let asked = service.ask("anna", "Log in").await;
        let signed = phone.sign(&service.api.options(&asked.token).await).await.unwrap();
        let signed = phone.signed_anew(&signed, flags(set, clear));
        // Setting the flag without the passkey is refused: it is signed.
        let mut unsigned = signed.clone();
        unsigned["response"]["signature"] = made["rawId"].clone();
        assert_eq!(service.api.confirm(&asked.token, &unsigned).await.status, 400, "{what}");
        let answer = service.api.confirm(&asked.token, &signed).await;
        let event = service.gateway.audit_of(answer.header("x-request-id"));
        tried.push((what, answer.status, event["reason"].clone()));
        assert_eq!(tried.last(), Some(&(what, status, json!(reason))), "{tried:?}");
    }
}
