//! What goes on when the configuration is read again, a server key is replaced, the program is
//! killed.

use serde_json::json;

use super::*;
use crate::support::gateway::wait_until;

const READ_AGAIN: &str = "the configuration was read again and is in force";

/// Has the program read its files again, and waits until it has.
fn reload(service: &Service) {
    let count = service.gateway.log().matches(READ_AGAIN).count();
    service.gateway.signal("HUP");
    wait_until("it is read again", || service.gateway.log().matches(READ_AGAIN).count() > count);
}

fn rewrite(service: &Service, from: &str, to: &str) {
    let file = service.gateway.file("dialpass.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    assert!(config.contains(from), "{from}");
    std::fs::write(&file, config.replace(from, to)).unwrap();
    reload(service);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_read_again_and_nothing_is_lost() {
    let service = Service::start().await;
    let user = service.user("anna", PHONE).await;
    let texted = service.approve("anna", PHONE).await;
    let intent = service.api.intent(json!({"username": "anna", "operation": "approve"})).await;
    let next = willing_provider().await;
    rewrite(&service, &service.provider.url(), &next.url());
    assert_eq!(service.api.stage(&texted.token).await, "pending");
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 200);
    let (before, frontend) = (service.provider.count(), service.api.with(&intent));
    assert_eq!(frontend.approve(json!({"channel": "sms"})).await.status, 201);
    assert_eq!((service.provider.count(), next.count()), (before, 1), "by the new provider");
    assert_eq!(frontend.approve(json!({"channel": "sms"})).await.status, 403);

    // The API goes with its base, and comes back with it.
    let waiting = service.api.approve(json!({"username": "anna", "channel": "sms"})).await;
    let waiting = Texted::approving(&waiting, latest_code(&next, PHONE));
    let public = format!("public_url = \"{PUBLIC_URL}\"");
    rewrite(&service, &public, "# nothing public");
    assert_eq!(service.api.user(&user).await.status, 404);
    assert_eq!(service.api.status(&waiting.token).await.status, 404);
    assert_eq!(service.api.get("/ping").await.status, 404);
    rewrite(&service, "# nothing public", &public);
    assert_eq!(service.api.verify(&waiting, &waiting.code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_server_key_ends_nothing_while_the_old_one_is_listed() {
    let service = Service::start().await;
    let (user, codes) = service.recovery("anna").await;
    service.user("anna", PHONE).await;
    let done = service.approve("anna", PHONE).await;
    assert_eq!(service.api.verify(&done, &done.code).await.status, 200);
    let vouching = text(&service.api.status(&done.token).await.json()["token"]);
    let (open, lost) = (service.approve("anna", PHONE).await, service.approve("anna", PHONE).await);
    let body = json!({"username": "anna", "operation": "approve"});
    let (intent, lost_intent) =
        (service.api.intent(body.clone()).await, service.api.intent(body).await);

    let file = service.gateway.file("server-key.hex");
    let old = std::fs::read_to_string(&file).unwrap();
    let mut new = [0_u8; 32];
    getrandom::fill(&mut new).unwrap();
    let (old, new) = (old.trim(), hex::encode(new));
    std::fs::write(&file, format!("{new}\n{old}\n")).unwrap();
    reload(&service);
    assert_eq!(service.api.stage(&open.token).await, "pending");
    assert_eq!(service.api.verify(&open, &open.code).await.status, 200);
    assert!(service.api.is_active(&vouching).await);
    let approval = service.api.with(&intent).approve(json!({"channel": "sms"})).await;
    let fresh = Texted::approving(&approval, service.code(PHONE));
    assert_eq!(fresh.user, user);

    std::fs::write(&file, format!("{new}\n")).unwrap();
    reload(&service);
    assert_eq!(service.api.status(&lost.token).await.status, 404, "its key is gone");
    assert_eq!(service.api.verify(&lost, &lost.code).await.status, 404);
    assert!(!service.api.is_active(&vouching).await);
    let refused = service.api.with(&lost_intent).approve(json!({"channel": "sms"})).await;
    assert_eq!(refused.status, 403);
    assert_eq!(service.api.verify(&fresh, &fresh.code).await.status, 200, "made by the new key");
    assert_eq!(service.api.recover(&user, &codes[0]).await.status, 200, "they need no key");
    assert_eq!(service.api.user(&user).await.json()["phones"][0]["phone"], PHONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_answered_outlives_a_kill() {
    let service = Service::start().await;
    let (user, codes) = service.recovery("anna").await;
    assert_eq!(service.api.recover(&user, &codes[0]).await.status, 200);
    service.user("anna", PHONE).await;
    let done = service.approve("anna", PHONE).await;
    assert_eq!(service.api.verify(&done, &done.code).await.status, 200);
    let open = service.approve("anna", PHONE).await;
    assert_eq!(service.api.verify(&open, &another(&open.code)).await.status, 400);
    let intent = service.api.intent(json!({"username": "anna", "operation": "enroll"})).await;
    let enroll = json!({"channel": "sms", "phone": "+46702223344"});
    assert_eq!(service.api.with(&intent).enroll(enroll.clone()).await.status, 201);
    for _ in 0..3 {
        service.approve("anna", PHONE).await;
    }
    let before = service.api.user(&user).await;
    let vouching = text(&service.api.status(&done.token).await.json()["token"]);

    let service = service.restart();
    assert_eq!(service.api.user(&user).await.body, before.body, "user, phone, full budget");
    assert_eq!(before.json()["exceededRateLimits"], json!(["sms"]));
    assert_eq!(service.api.stage(&done.token).await, "succeeded");
    assert!(service.api.is_active(&vouching).await);
    assert_eq!(service.api.verify(&done, &done.code).await.status, 412);
    assert_eq!(service.api.recover(&user, &codes[0]).await.status, 400, "it was used");
    assert_eq!(service.api.recover(&user, &codes[1]).await.status, 200);
    assert_eq!(service.api.with(&intent).enroll(enroll).await.status, 403, "it was used");
    for _ in 0..3 {
        assert_eq!(service.api.verify(&open, &another(&open.code)).await.status, 400);
    }
    assert_eq!(service.api.verify(&open, &open.code).await.status, 200, "the fifth try");
    assert_eq!(service.api.stage(&open.token).await, "succeeded");
}
