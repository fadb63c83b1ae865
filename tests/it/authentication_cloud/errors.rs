//! What is refused before it is looked at, and what refusals look like.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::support::gateway::Answer;
use crate::support::wire::{Wire, exchange, head, request};

/// The status of an answer that is an error of the one form, and has nothing for HTML to read.
fn refused(answer: &Answer, path: &str) -> u16 {
    let body = answer.json();
    assert_eq!(answer.header("content-type"), "application/json;charset=utf-8");
    let mut fields: Vec<&str> =
        body.as_object().expect("an object").keys().map(String::as_str).collect();
    fields.sort_unstable();
    fields.retain(|field| *field != "message");
    assert_eq!(fields, ["error", "path", "status", "timestamp"], "{body}");
    assert_eq!(body["status"], answer.status);
    assert_eq!(body["path"], path);
    assert!(body["message"].is_null() || body["message"].is_string(), "{body}");
    let timestamp = text(&body["timestamp"]);
    assert!(timestamp.ends_with('Z'), "{timestamp}");
    humantime::parse_rfc3339(&timestamp).expect("RFC 3339");
    assert!(!answer.body.contains(['<', '>', '&', '\'']), "{}", answer.body);
    answer.status
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_has_the_published_form() {
    let service = Service::start().await;
    let path = "/api/v1/users/enroll";
    let answer = service.api.post_text(path, "username=anna").await;
    assert_eq!(refused(&answer, path), 400);
    let body = answer.json();
    assert_eq!(body["error"], "Bad Request");
    assert_eq!(body["message"], "the body is not a JSON object");
    for (status, error) in [(401, "Unauthorized"), (403, "Forbidden"), (404, "Not Found")] {
        let api = match status {
            401 => service.api.stranger(),
            403 => service.api.with("stolen"),
            _ => service.api.clone(),
        };
        let answer = api.user_named("nobody").await;
        assert_eq!((refused(&answer, "/api/v1/users"), answer.status), (status, status));
        assert_eq!(answer.json()["error"], error);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_shows_nothing_back_that_html_could_read() {
    let service = Service::start().await;
    let wire = request("GET", "/api/v1/users/a&b'c", &[], "");
    let answer = exchange(&service.gateway, &wire).await.expect("an answer");
    assert_eq!(refused(&answer, "/api/v1/users/a&b'c"), 401);
    for html in ["<script>", "'x'", "a&b"] {
        let bodies = [
            json!({"username": html, "channel": "sms", "phone": PHONE}),
            json!({"channel": html}),
            json!({"channel": "sms", "phone": html}),
            json!({"channel": "sms", "phone": PHONE, "message": format!("{html} {{{{CODE}}}} \u{448}")}),
            json!({"channel": "sms", "phone": PHONE, "message": html}),
        ];
        for body in bodies {
            let answer = service.api.enroll(body).await;
            assert_eq!(refused(&answer, "/api/v1/users/enroll"), 400, "{}", answer.body);
        }
    }
    assert_eq!(service.provider.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_token_is_401_and_a_wrong_one_403() {
    let service = Service::start().await;
    let texted = service.enroll("anna", PHONE).await;
    let transaction = text(&service.api.status(&texted.token).await.json()["token"]);
    let wrong_key = format!("{}x", &service.key.text[..service.key.text.len() - 1]);
    for (method, path) in OPERATIONS.into_iter().filter(|(_, path)| *path != "/api/v1/status") {
        let target = path.replace("{id}", &texted.user);
        let plain = target.split('?').next().expect("a path");
        let answer = Answer::of(service.api.stranger().request(method, &target)).await;
        assert_eq!(refused(&answer, plain), 401, "{method} {path}");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"dialpass\"");
        for token in ["stolen", "vpn-secret", "a.b.c", &wrong_key, &texted.token, &transaction] {
            let answer = Answer::of(service.api.with(token).request(method, &target)).await;
            assert_eq!(refused(&answer, plain), 403, "{method} {path} with {token}");
        }
        let basic = service.api.stranger().request(method, &target);
        let answer = Answer::of(basic.basic_auth("pbx", Some("pbx-secret"))).await;
        assert_eq!(refused(&answer, plain), 403, "{method} {path} with Basic");
        let both = service.api.request(method, &target).header("authorization", "Bearer other");
        assert_eq!(refused(&Answer::of(both).await, plain), 403, "{method} {path} with two");
    }
    assert_eq!(service.api.user(&texted.user).await.status, 200, "it is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_another_media_type_is_415() {
    let service = Service::start().await;
    let id = uuid::Uuid::nil().to_string();
    for (method, path) in OPERATIONS.into_iter().filter(|(method, _)| *method == "POST") {
        let path = path.replace("{id}", &id);
        let wrong: &[&str] = if path.ends_with("/introspect") {
            &["application/json", "text/plain", "multipart/form-data"]
        } else {
            &["application/x-www-form-urlencoded", "text/plain", "application/json; charset=latin1"]
        };
        for media_type in wrong {
            let post = service.api.request(method, &path).header("content-type", *media_type);
            assert_eq!(refused(&Answer::of(post.body("{}")).await, &path), 415, "{path}");
        }
        let none = service.api.request(method, &path).body("{}");
        assert_eq!(refused(&Answer::of(none).await, &path), 415, "{path} of no type");
    }
    let stated = service.api.request("POST", "/api/v1/users/enroll");
    let stated = stated.header("content-type", "application/json;charset=utf-8");
    let stated = stated.body(json!({"channel": "recovery"}).to_string());
    assert_eq!(Answer::of(stated).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_object_or_has_a_wrong_field_is_400() {
    let service = Service::start().await;
    let id = uuid::Uuid::nil().to_string();
    let posts = OPERATIONS.into_iter().filter(|(method, _)| *method == "POST");
    for (_, path) in posts.filter(|(_, path)| !path.ends_with("/introspect")) {
        let path = path.replace("{id}", &id);
        for body in
            ["", "{", "[]", "null", "\"x\"", "7", "{} {}", "{\"a\":}", "\u{feff}{}", "{'a':1}"]
        {
            let answer = service.api.post_text(&path, body).await;
            assert_eq!(refused(&answer, &path), 400, "{path} {body}");
            if body != "{} {}" {
                assert_eq!(answer.json()["message"], "the body is not a JSON object", "{body}");
            }
        }
    }
    let enroll = "/api/v1/users/enroll";
    for (body, message) in [
        (r#"{"username":7}"#, "the field username has the wrong type or value"),
        (r#"{"channel":["sms"]}"#, "the field channel has the wrong type or value"),
        (r#"{"phone":46701234567,"channel":"sms"}"#, "the field phone has the wrong type or value"),
        (r#"{"channel":"sms","channel":"recovery"}"#, "the field channel appears twice"),
        (r#"{"channel":"sms"}"#, "the field phone is missing"),
    ] {
        let answer = service.api.post_text(enroll, body).await;
        assert_eq!(
            (refused(&answer, enroll), text(&answer.json()["message"])),
            (400, message.into())
        );
    }
    let answer = service.api.post_text("/api/v1/status", "{}").await;
    assert_eq!(answer.json()["message"], "the field statusToken is missing");
    assert_eq!(service.provider.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_413() {
    let service = Service::start().await;
    let large = json!({"username": "anna", "more": "x".repeat(17 * 1024)});
    for path in ["/api/v1/users/enroll", "/api/v1/status", "/api/v1/intent"] {
        let answer = service.api.post(path, large.clone()).await;
        assert_eq!(refused(&answer, path), 413, "{path}");
    }
    let answer = service.api.introspect(&"x".repeat(17 * 1024)).await;
    assert_eq!(refused(&answer, "/api/v1/introspect"), 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_408() {
    let deadline = "[server]\nrequest_deadline = \"3s\"\n";
    let service =
        Service::start_with(|config| config.replacen("[server]\n", deadline, 1), &[]).await;
    let bearer = format!("Bearer {}", service.key.text);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let mut part = head("POST", "/api/v1/users/enroll", &headers);
    part.extend_from_slice(b"content-length: 40\r\n\r\n{\"channel\":");
    let mut wire = Wire::connect(service.gateway.address()).await;
    assert!(wire.send(&part).await);
    let answer = wire.answer(false).await.expect("an answer");
    assert_eq!(refused(&answer, "/api/v1/users/enroll"), 408);
    assert!(wire.closes(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_or_method_that_there_is_not_is_405_under_the_base_and_404_elsewhere() {
    let service = Service::start().await;
    let id = uuid::Uuid::nil().to_string();
    for (methods, path) in [
        ("POST", "/api/v1/users/enroll"),
        ("POST", "/api/v1/approval"),
        ("POST", "/api/v1/status"),
        ("POST", "/api/v1/introspect"),
        ("POST", "/api/v1/intent"),
        ("GET", "/api/v1/users"),
        ("GET, DELETE", "/api/v1/users/{id}"),
        ("POST", "/api/v1/users/{id}/verification"),
        ("GET", "/ping"),
        ("", "/api/v1"),
        ("", "/api/v1/nothing"),
        ("PATCH, DELETE", "/api/v1/authenticators/{id}"),
        ("", "/api/v1/authenticators"),
        ("", "/api/v1/users/{id}/nothing"),
        ("", "/api/v1/users/{id}/verification/x"),
    ] {
        let path = path.replace("{id}", &id);
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            let is_preflight = method == "OPTIONS"
                && ["/users/enroll", "/approval", "/status"].iter().any(|end| path.ends_with(end));
            if methods.contains(method) || is_preflight {
                continue;
            }
            let answer = Answer::of(service.api.request(method, &path)).await;
            assert_eq!(refused(&answer, &path), 405, "{method} {path}");
            assert_eq!(answer.header("allow"), methods, "{method} {path}");
        }
    }
    for path in ["/", "/api", "/api/v2/users", "/open/nothing", "/pong", "/api/v1x/users"] {
        assert_eq!(service.api.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_is_matched_as_it_is_written_with_at_most_one_slash_at_its_end() {
    let service = Service::start().await;
    let id = uuid::Uuid::nil();
    for (method, path, status, allow) in [
        ("GET", "/api/v1/", 405, ""),
        ("GET", "/api/v1//users", 405, ""),
        ("GET", "//api/v1/users", 404, ""),
        ("GET", "/api/v1/users%2F", 405, ""),
        ("GET", "/api/v1/%75sers", 405, ""),
        ("GET", "/api/V1/users", 404, ""),
        ("GET", "/api/v1/Users", 405, ""),
        ("GET", "/api/v1/users/enroll", 405, "POST"),
        ("GET", "/api/v1/users/enroll//", 405, ""),
        ("HEAD", "/api/v1/users", 405, "GET"),
        ("PUT", "/api/v1/users/", 405, "GET"),
        ("PUT", "/api/v1/users//", 405, "GET, DELETE"),
        ("GET", "/api/v1/users//", 401, ""),
        ("GET", "/api/v1/users///", 405, ""),
        ("GET", "/api/v1/users/a%2Fenroll", 401, ""),
        ("GET", "/api/v1/users/%E5%0A%FF", 401, ""),
        ("POST", "/api/v1/users//verification", 401, ""),
        ("GET", "/api/v1/users//verification/", 405, "POST"),
        ("POST", "/api/v1/users//verification//", 405, ""),
        ("POST", "/api/v1/authenticators/", 405, ""),
        ("POST", "/api/v1/authenticators//", 405, "PATCH, DELETE"),
        ("GET", "/api/v1/phones/x/", 405, "DELETE"),
        ("GET", "/ping//", 404, ""),
        ("HEAD", "/ping", 405, "GET"),
        ("POST", "/ping/", 405, "GET"),
        ("GET", "/open/confirm", 405, "POST"),
        ("POST", "/open/confirm/", 404, ""),
        ("POST", "/open/", 404, ""),
    ] {
        let wire = request(method, path, &[], "");
        let answer = exchange(&service.gateway, &wire).await.expect("an answer");
        assert_eq!((answer.status, answer.header("allow")), (status, allow), "{method} {path}");
    }
    // Every path with an id asks for a credential first, and says afterwards that there is nothing.
    for (method, path) in [
        ("GET", "/api/v1/users//"),
        ("DELETE", "/api/v1/authenticators//"),
        ("GET", &format!("/api/v1/users/%7B{id}%7D")),
    ] {
        let answer = Answer::of(service.api.request(method, path)).await;
        assert_eq!(answer.status, 404, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trailing_slash_changes_nothing() {
    let service = Service::start().await;
    let enroll = json!({"username": "anna", "channel": "sms", "phone": PHONE});
    let answer = service.api.post("/api/v1/users/enroll/", enroll).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let texted = Texted::enrolled(&answer, service.code(PHONE));
    let status = service.api.post("/api/v1/status/", json!({"statusToken": texted.token})).await;
    assert_eq!(status.status, 200);
    let verification = format!("/api/v1/users/{}/verification/", texted.user);
    let right = json!({"code": texted.code, "statusToken": texted.token});
    assert_eq!(service.api.post(&verification, right).await.status, 200);
    let approve = json!({"username": "anna", "channel": "sms"});
    assert_eq!(service.api.post("/api/v1/approval/", approve).await.status, 201);
    let intent = json!({"username": "anna", "operation": "enroll"});
    assert_eq!(service.api.post("/api/v1/intent/", intent).await.status, 200);
    let form = service.api.request("POST", "/api/v1/introspect/");
    let form = form.header("content-type", "application/x-www-form-urlencoded").body("token=x");
    assert_eq!(Answer::of(form).await.body, r#"{"active":false}"#);
    assert_eq!(service.api.get("/api/v1/users/?username=anna").await.status, 200);
    assert_eq!(service.api.get(&format!("/api/v1/users/{}/", texted.user)).await.status, 200);
    assert_eq!(service.api.get("/ping/").await.body, "PONG");
    assert_eq!(service.api.delete(&format!("/api/v1/users/{}/", texted.user)).await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_are_ignored_and_null_is_like_left_out() {
    let service = Service::start().await;
    let answer = service
        .api
        .enroll(json!({
            "username": "anna", "userId": null, "channel": "sms", "phone": PHONE, "message": null,
            "authenticatorId": "x", "prompt": {"a": [1]}, "locale": "sv"
        }))
        .await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let texted = Texted::enrolled(&answer, service.code(PHONE));
    let path = format!("/api/v1/users/{}/verification", texted.user);
    let right = json!({"code": texted.code, "statusToken": texted.token, "channel": null, "x": 1});
    assert_eq!(service.api.post(&path, right).await.status, 200);
    let approval = json!({"username": null, "userId": texted.user, "channel": "sms",
        "message": null, "authenticatorId": null, "prompt": null});
    assert_eq!(service.api.approve(approval).await.status, 201);
    let status = json!({"statusToken": texted.token, "more": true});
    assert_eq!(service.api.post("/api/v1/status", status).await.status, 200);
    let intent = json!({"username": "anna", "userId": null, "operation": "enroll",
        "channels": null, "message": null, "more": 1});
    assert_eq!(service.api.post("/api/v1/intent", intent).await.status, 200);
    // What must be there is missing where it is null.
    let null: [(&str, Value); 3] = [
        ("/api/v1/status", json!({"statusToken": null})),
        ("/api/v1/approval", json!({"username": null, "channel": "sms"})),
        ("/api/v1/intent", json!({"username": "anna", "operation": null})),
    ];
    for (path, body) in null {
        assert_eq!(service.api.post(path, body).await.status, 400, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_public_url_nothing_of_the_api_is_there() {
    let public = format!("public_url = \"{PUBLIC_URL}\"");
    let service = Service::start_with(|config| config.replacen(&public, "", 1), &[]).await;
    for (method, path) in OPERATIONS {
        let path = path.replace("{id}", &uuid::Uuid::nil().to_string());
        let answer = Answer::of(service.api.request(method, &path)).await;
        assert_eq!(answer.status, 404, "{method} {path}");
    }
    for (method, path) in [("OPTIONS", "/api/v1/status"), ("GET", "/api/v1/x"), ("PUT", "/api/v1")]
    {
        let answer = Answer::of(service.api.request(method, path)).await;
        assert_eq!(answer.status, 404, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_never_kept_and_has_an_id_under_which_the_audit_trail_tells_why() {
    let service = Service::start().await;
    let texted = service.enroll("anna", PHONE).await;
    for answer in [
        service.api.get("/ping").await,
        service.api.user("x").await,
        service.api.user(&texted.user).await,
        service.api.introspect("x").await,
        service.api.verify(&texted, &another(&texted.code)).await,
        service.api.status(&texted.token).await,
    ] {
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(!answer.header("x-request-id").is_empty());
    }
    let wrong = service.api.verify(&texted, &another(&texted.code)).await;
    let event = service.gateway.audit_of(wrong.header("x-request-id"));
    assert_eq!(event["reason"], "code_wrong");
    assert_eq!((&event["operation"], &event["tenant"]), (&json!("verification"), &json!("t1")));
    assert_eq!((&event["client"], &event["user_id"]), (&json!("backend"), &json!(texted.user)));
}
