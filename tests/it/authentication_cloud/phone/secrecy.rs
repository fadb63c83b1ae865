//! What must not be in logs, audit trail and metrics of phones that register and approve.

use serde_json::{Value, json};

use super::super::*;
use crate::secrecy::{all_output, find};
use crate::support::soft_phone::SoftPhone;

const MESSAGE: &str = "Pay CHF 98765 to somebody secret";
const ENDPOINT: &str = "https://fcm.googleapis.com/fcm/send/secret-endpoint";

/// The texts in a credential by which it could be known again or used.
fn texts_in(credential: &Value) -> Vec<String> {
    let response = credential["response"].as_object().expect("an object");
    let inside = response.values().chain([&credential["id"]]);
    let inside = inside.filter_map(|value| value.as_str().map(str::to_owned));
    inside.filter(|value| value.len() > 10).collect()
}

/// Everything, and what of it is secret.
async fn exercise(service: &Service) -> Vec<String> {
    let api = &service.api;
    let mut secrets = Vec::new();
    let mut phone = SoftPhone::at(PUBLIC_URL);
    let linked = service.enroll_app(json!({"username": "anna"})).await;
    let options = api.options(&linked.token).await;
    secrets.extend([linked.token.clone(), linked.status.clone(), text(&options["challenge"])]);
    let made = phone.make(&options).await.unwrap();
    let mut wrong = made.clone();
    wrong["response"]["attestationObject"] = json!("stolen-secret");
    assert_eq!(api.confirm(&linked.token, &wrong).await.status, 400);
    let confirmed = api.confirm(&linked.token, &made).await;
    assert_eq!(confirmed.status, 200);
    let device = text(&confirmed.json()["device"]);
    assert_eq!(api.confirm(&linked.token, &made).await.status, 412);
    secrets.extend(texts_in(&made));
    for (declines, message) in [(false, MESSAGE), (true, MESSAGE)] {
        let asked = service.ask("anna", message).await;
        let options = api.options(&asked.token).await;
        let signed = phone.sign(&options).await.unwrap();
        let forged = phone.signed_anew(&signed, |signed| signed.data[0] ^= 1);
        assert_eq!(api.confirm(&asked.token, &forged).await.status, 400);
        assert_eq!(api.confirm(&linked.token, &signed).await.status, 412);
        if declines {
            assert_eq!(api.decline(&asked.token).await.status, 204);
        } else {
            assert_eq!(api.confirm(&asked.token, &signed).await.status, 200);
        }
        secrets.extend([asked.token.clone(), asked.status.clone(), text(&options["challenge"])]);
        secrets.extend(texts_in(&signed));
        secrets.extend(texts_in(&forged));
        let page = format!("/open?dispatchTokenResponse={}", asked.token);
        assert_eq!(api.stranger().get(&page).await.status, 200);
    }
    assert_eq!(api.stranger().get("/open/phone").await.status, 200);
    assert_eq!(api.stranger().get("/open/app.webmanifest?name=Shop").await.status, 200);
    let key = crate::support::soft_phone::text([&[4_u8][..], &[1; 64]].concat());
    let auth = crate::support::soft_phone::text(b"secret-of-16-byt");
    let subscription = json!({"endpoint": ENDPOINT, "keys": {"p256dh": key, "auth": auth}});
    let body = json!({"device": device, "subscription": subscription});
    assert_eq!(api.open("notifications", body).await.status, 400);
    // What is sent to the wrong place.
    for token in [&device, &linked.token, "stolen-secret"] {
        api.look(token).await;
        api.confirm(token, &json!("stolen-secret")).await;
        api.decline(token).await;
        api.open("phone-state", json!({"device": token})).await;
        api.with(token).get("/ping").await;
        api.introspect(token).await;
        api.status(token).await;
    }
    api.stranger().post_text("/open/confirm", "stolen-secret").await;
    // While no store takes anything.
    let waiting = service.ask("anna", MESSAGE).await;
    let signed = phone.sign(&api.options(&waiting.token).await).await.unwrap();
    let intruder = rusqlite::Connection::open(service.gateway.file("dialpass.db")).unwrap();
    intruder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert_eq!(api.confirm(&waiting.token, &signed).await.status, 503);
    intruder.execute_batch("COMMIT").unwrap();
    secrets.extend(texts_in(&signed));
    secrets.extend([waiting.token, text(&auth), text(&key), device]);
    secrets
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_a_phone_is_written_at_any_log_level() {
    let chatty = "[log]\nlevel = \"trace\"\n[audit]\nfile = \"audit.log\"\n[ops]\n";
    let service = Service::start_with(|config| config.replacen("[ops]\n", chatty, 1), &[]).await;
    let mut secrets = exercise(&service).await;
    let signatures: Vec<_> = secrets
        .iter()
        .filter(|secret| secret.starts_with("eyJhbGciOiJIUzUxMiJ9."))
        .map(|token| token.rsplit('.').next().expect("a JWT").to_owned())
        .collect();
    assert!(signatures.len() > 7, "{}", signatures.len());
    secrets.extend(signatures);
    secrets.extend(
        ["stolen-secret", MESSAGE, "98765", ENDPOINT, "secret-endpoint"].map(str::to_owned),
    );
    for (place, said) in &all_output(&service.gateway).await {
        for secret in &secrets {
            let found = find(said, secret);
            assert!(found.is_none(), "{secret} in {place}: {found:?}");
        }
    }
    let audit = std::fs::read_to_string(service.gateway.file("audit.log")).unwrap();
    for reason in [
        "enrollment_begun",
        "passkey_refused",
        "approved",
        "authenticator_enrolled",
        "declined",
        "transaction_ended",
    ] {
        assert!(audit.contains(&format!("\"reason\":\"{reason}\"")), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_holds_no_token_of_a_phone() {
    let service = Service::start().await;
    let secrets = exercise(&service).await;
    let live = service.gateway.file("dialpass.db");
    let mut bytes = std::fs::read(&live).unwrap();
    bytes.extend(std::fs::read(live.with_extension("db-wal")).unwrap_or_default());
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let tokens = secrets.iter().filter(|secret| secret.starts_with("eyJhbGciOiJIUzUxMiJ9."));
    for token in tokens {
        assert!(!holds(token), "{token} in the store");
    }
    assert!(holds(MESSAGE), "what was read is the store");
}
