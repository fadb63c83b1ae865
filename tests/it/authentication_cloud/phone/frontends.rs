//! A web page with an intent token: it enrolls and asks as its backend allowed, and polls. What the
//! phone's page asks is for that page alone.

use serde_json::{Value, json};

use super::super::*;
use super::Linked;
use crate::support::gateway::Answer;
use crate::support::soft_phone::SoftPhone;

const SHOP: &str = "https://shop.example.com";

/// What a page of another origin asks.
async fn from_page(api: &Api, path: &str, body: Value) -> Answer {
    Answer::of(api.request("POST", path).header("origin", SHOP).json(&body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_enrolls_and_asks_by_intents_and_polls_until_it_is_done() {
    let service = Service::start().await;
    let wish = json!({"username": "anna", "operation": "enroll", "channels": ["app"]});
    let page = service.api.with(&service.api.intent(wish).await);
    let enrolled = from_page(&page, "/api/v1/users/enroll", json!({})).await;
    assert_eq!(enrolled.header("access-control-allow-origin"), "*");
    let linked = Linked::of(&enrolled);
    assert_eq!(service.api.look(&linked.token).await.json()["askedBy"], SHOP);
    let mut phone = SoftPhone::at(PUBLIC_URL);
    assert_eq!(service.api.register(&linked.token, &mut phone).await.status, 200);
    assert_eq!(page.stage(&linked.status).await, "succeeded");
    assert_eq!(from_page(&page, "/api/v1/users/enroll", json!({})).await.status, 403, "used");

    let wish = json!({"username": "anna", "operation": "approve", "channels": ["app", "push"],
        "message": "Pay CHF 100"});
    let made = service.api.post("/api/v1/intent", wish).await.json();
    let page = service.api.with(&text(&made["token"]));
    let own = json!({"channel": "app", "message": "Pay CHF 1"});
    let refused = from_page(&page, "/api/v1/approval", own).await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (400, "*"));
    for (body, status) in [
        (json!({"channel": "sms"}), 403),
        (json!({"channel": "app", "username": "berta"}), 403),
        (json!({"channel": "push"}), 400),
    ] {
        let answer = from_page(&page, "/api/v1/approval", body).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    let linked = Linked::of(&from_page(&page, "/api/v1/approval", json!({"channel": "app"})).await);
    let shown = service.api.look(&linked.token).await.json();
    assert_eq!((&shown["message"], &shown["askedBy"]), (&json!("Pay CHF 100"), &json!(SHOP)));
    assert_eq!(service.api.sign(&linked.token, &mut phone).await.status, 200);
    let status = page.status(&linked.status).await.json();
    let vouched = service.api.introspect(&text(&status["token"])).await.json();
    assert_eq!((&vouched["active"], &vouched["sub"]), (&json!(true), &json!(linked.user)));
    assert_eq!(vouched["message"], "Pay CHF 100");
    assert_eq!(vouched["intentId"], made["intentId"]);
    let again = from_page(&page, "/api/v1/approval", json!({"channel": "app"})).await;
    assert_eq!((again.status, again.header("access-control-allow-origin")), (403, "*"));
    // A page learns nothing about what else the user has.
    let wish = json!({"username": "anna", "operation": "enroll"});
    let page = service.api.with(&service.api.intent(wish).await);
    let enrolled = from_page(&page, "/api/v1/users/enroll", json!({})).await.json();
    assert_eq!(enrolled["authenticators"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_is_the_channel_that_it_stands_for() {
    let service = Service::start().await;
    let (_, mut phone) = service.user_with_phone("anna").await;
    let wish = json!({"username": "anna", "operation": "approve", "channels": ["app"]});
    let page = service.api.with(&service.api.intent(wish).await);
    let linked = Linked::of(&page.approve(json!({"channel": "qr-code"})).await);
    assert_eq!(service.api.sign(&linked.token, &mut phone).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_message_of_an_intent_fits_what_it_allows() {
    let service = Service::start().await;
    service.user_with_phone("anna").await;
    let longest = "Å".repeat(200);
    for (operation, channels, message, status) in [
        ("approve", json!(["app"]), "Pay CHF 100", 200),
        ("approve", json!(["push", "app"]), longest.as_str(), 200),
        ("approve", json!(["app"]), &format!("{longest}x"), 400),
        ("approve", json!(["app"]), "a\u{202e}b", 400),
        ("approve", json!(["sms"]), "Pay CHF 100", 400),
        ("approve", json!(["sms"]), "Pay: {{CODE}}", 200),
        ("approve", Value::Null, "Pay CHF 100", 200),
        ("approve", Value::Null, "Pay: {{CODE}}", 200),
        ("enroll", Value::Null, "no place", 400),
        ("enroll", json!(["sms", "app"]), "no place", 400),
    ] {
        let wish = json!({"username": "anna", "operation": operation, "channels": channels,
            "message": message});
        let answer = service.api.post("/api/v1/intent", wish.clone()).await;
        assert_eq!(answer.status, status, "{wish}: {}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_another_origin_asks_what_the_phones_page_asks() {
    let service = Service::start().await;
    let (user, mut phone) = service.user_with_phone("anna").await;
    let asked = service.ask("anna", "Log in").await;
    let signed = phone.sign(&service.api.options(&asked.token).await).await.unwrap();
    let confirmed = json!({"token": asked.token, "credential": signed});
    let stranger = service.api.stranger();
    for (path, body) in [
        ("transaction", json!({"token": asked.token})),
        ("confirm", json!({"token": asked.token})),
        ("confirm", confirmed),
        ("decline", json!({"token": asked.token})),
        ("notifications", json!({"device": "x", "subscription": null})),
        ("phone-state", json!({"device": "x"})),
        ("transaction", json!({"token": "x"})),
        ("nothing", json!({})),
    ] {
        let path = format!("/open/{path}");
        let preflight = stranger
            .request("OPTIONS", &path)
            .header("origin", SHOP)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type");
        let preflight = Answer::of(preflight).await;
        assert!((400..500).contains(&preflight.status), "{path}: {}", preflight.status);
        // Without one, a page may send a form or plain text, which is none that is read.
        for media_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
        {
            let simple = stranger.request("POST", &path).header("origin", SHOP);
            let simple = simple.header("content-type", media_type).body(body.to_string());
            let simple = Answer::of(simple).await;
            let expected = if path == "/open/nothing" { [404, 405].as_slice() } else { &[415] };
            assert!(expected.contains(&simple.status), "{path}: {}", simple.status);
        }
        for answer in [preflight, from_page(&stranger, &path, body).await] {
            for header in answer.headers.keys() {
                assert!(!header.as_str().starts_with("access-control"), "{path}: {header}");
            }
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        }
    }
    assert_eq!(service.api.user(&user).await.status, 200);
}
