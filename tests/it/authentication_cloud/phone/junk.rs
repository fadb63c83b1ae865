//! What the phone's page would never ask: refused plainly, whatever it is, and nothing comes of it.

use serde_json::{Value, json};

use super::super::*;
use crate::support::gateway::Answer;
use crate::support::soft_phone::SoftPhone;

const PATHS: [&str; 5] = ["transaction", "confirm", "decline", "notifications", "phone-state"];

/// The status of a refusal that is the client's own fault and says so in the one form.
fn refused(answer: &Answer, path: &str) -> u16 {
    let body = answer.json();
    assert_eq!(answer.header("content-type"), "application/json;charset=utf-8");
    assert_eq!((&body["status"], &body["path"]), (&json!(answer.status), &json!(path)));
    assert!(!answer.body.contains(['<', '>', '&', '\'']), "{}", answer.body);
    assert!((400..500).contains(&answer.status), "{path}: {}", answer.body);
    answer.status
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_question_of_the_page_is_4xx() {
    let service = Service::start().await;
    let api = service.api.stranger();
    for page in PATHS {
        let path = format!("/open/{page}");
        for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE"] {
            let answer = Answer::of(api.request(method, &path)).await;
            assert!([404, 405].contains(&answer.status), "{method} {path}: {}", answer.status);
        }
        let deep = format!("{}{}", "[".repeat(3000), "]".repeat(3000));
        for body in [
            "",
            "x",
            "{",
            "null",
            "[]",
            "7",
            "{}",
            "{} {}",
            "\u{feff}{}",
            r#"{"token":7,"device":7}"#,
            r#"{"token":null,"device":null}"#,
            r#"{"token":["x"],"device":["x"]}"#,
            r#"{"token":"x","token":"x","device":"x","device":"x"}"#,
            &deep,
            &format!(r#"{{"token":{deep},"device":{deep}}}"#),
        ] {
            let answer = api.post_text(&path, body).await;
            assert_eq!(refused(&answer, &path), 400, "{path} {}: {}", body.len(), answer.body);
        }
        let large = json!({"token": "x".repeat(17 * 1024), "device": "x"});
        assert_eq!(refused(&api.post(&path, large).await, &path), 413);
        let mut unknown = json!({"token": "x", "device": "x", "credential": {}, "more": [1]});
        if page == "confirm" {
            unknown["device"] = json!({"model": "x"});
        }
        let unknown = refused(&api.post(&path, unknown).await, &path);
        assert!([403, 404].contains(&unknown), "{path}: {unknown}");
        for media_type in ["text/plain", "application/x-www-form-urlencoded"] {
            let other = api.request("POST", &path).header("content-type", media_type).body("{}");
            assert_eq!(refused(&Answer::of(other).await, &path), 415, "{path} {media_type}");
        }
    }
    assert_eq!(service.api.get("/ping").await.status, 200);
    assert!(!service.gateway.log().contains("panicked"));
}

/// Credentials that are none, made of one that is.
fn nonsense(good: &Value) -> Vec<Value> {
    let mut all = vec![
        Value::Null,
        json!(7),
        json!("x"),
        json!([]),
        json!([good]),
        json!({}),
        json!({"id": "x"}),
        json!({"id": "", "rawId": "", "type": "public-key", "response": {}}),
    ];
    let fields = ["id", "rawId", "type", "response"].map(|field| (field, None));
    let inside = good["response"].as_object().expect("an object").keys();
    // What the server has another copy of, or does not need.
    let unread = |field: &str| {
        ["transports", "userHandle"].contains(&field)
            || (field == "authenticatorData" && !good["response"]["attestationObject"].is_null())
    };
    let inside = inside.filter(|field| !unread(field));
    let inside = inside.map(|field| ("response", Some(field.as_str())));
    let long = "A".repeat(9000);
    for (outer, inner) in fields.into_iter().chain(inside) {
        let values = [
            Value::Null,
            json!(7),
            json!(""),
            json!("AAAA"),
            json!("not base64 \u{0}"),
            json!("e30"),
            json!(long),
            json!([1, 2, 3]),
            json!({"a": {"b": 1}}),
        ];
        for value in values {
            // A new passkey's id is in what it is attested by, and the type is always this one.
            let is_read = match outer {
                "id" | "type" => false,
                "rawId" => good["response"]["attestationObject"].is_null(),
                _ => true,
            };
            if value.is_string() && !is_read {
                continue;
            }
            let mut bad = good.clone();
            match inner {
                Some(inner) => bad[outer][inner] = value,
                None => bad[outer] = value,
            }
            all.push(bad);
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_is_none_is_400_and_the_right_one_passes_after_it() {
    let service = Service::start().await;
    let mut phone = SoftPhone::at(PUBLIC_URL);
    service.phone_of("anna", &mut phone).await;
    for operation in ["enroll", "approve"] {
        // Few of each transaction, as its questions are limited.
        for first in (0..).step_by(10) {
            let linked = match operation {
                "enroll" => service.enroll_app(json!({})).await,
                _ => service.ask("anna", "Log in").await,
            };
            let options = service.api.options(&linked.token).await;
            let good = match operation {
                "enroll" => SoftPhone::at(PUBLIC_URL).make(&options).await.unwrap(),
                _ => phone.sign(&options).await.unwrap(),
            };
            let bad: Vec<_> = nonsense(&good).into_iter().skip(first).take(10).collect();
            for one in &bad {
                let answer = service.api.confirm(&linked.token, one).await;
                assert_eq!(refused(&answer, "/open/confirm"), 400, "{one}: {}", answer.body);
            }
            let model = json!({"model": 7});
            let body = json!({"token": linked.token, "credential": good, "device": model});
            assert_eq!(service.api.open("confirm", body).await.status, 400);
            assert_eq!(service.api.stage(&linked.status).await, "pending");
            assert_eq!(service.api.confirm(&linked.token, &good).await.status, 200);
            if bad.len() < 10 {
                break;
            }
        }
    }
    assert!(!service.gateway.log().contains("panicked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_refused_where_there_is_no_push_and_forgotten_at_any_time() {
    let service = Service::start().await;
    let mut phone = SoftPhone::at(PUBLIC_URL);
    let (_, told) = service.phone_of("anna", &mut phone).await;
    let device = told["device"].clone();
    let key = crate::support::soft_phone::text([&[4_u8][..], &[1; 64]].concat());
    let subscription = json!({"endpoint": "https://fcm.googleapis.com/fcm/send/x",
        "expirationTime": null, "keys": {"p256dh": key, "auth": crate::support::soft_phone::text([1; 16])}});
    let set = async |subscription: Value| {
        let body = json!({"device": device, "subscription": subscription});
        service.api.open("notifications", body).await
    };
    let refused = set(subscription.clone()).await;
    let says = "the channel push is not available: it is not set up";
    assert_eq!((refused.status, &refused.json()["message"]), (400, &json!(says)));
    let mut bad = vec![json!(7), json!([]), json!({}), json!({"endpoint": "https://x"})];
    for (field, value) in [("p256dh", json!("AAAA")), ("auth", json!("AAAA")), ("auth", json!(7))] {
        let mut one = subscription.clone();
        one["keys"][field] = value;
        bad.push(one);
    }
    let mut long = subscription.clone();
    long["endpoint"] = json!(format!("https://fcm.googleapis.com/{}", "x".repeat(2048)));
    bad.push(long);
    for one in bad {
        assert_eq!(set(one.clone()).await.status, 400, "{one}");
    }
    assert_eq!(set(Value::Null).await.status, 204);
    let state = service.api.open("phone-state", json!({"device": device})).await;
    let expected =
        json!({"company": "t1", "name": "Android", "pushKey": null, "subscribed": false});
    assert_eq!((state.status, state.json()), (200, expected));
    // The page of an authenticator that is gone.
    let id = text(&told["authenticatorId"]);
    assert_eq!(service.api.delete(&format!("/api/v1/authenticators/{id}")).await.status, 204);
    assert_eq!(set(Value::Null).await.status, 404);
    assert_eq!(service.api.open("phone-state", json!({"device": device})).await.status, 404);
}
