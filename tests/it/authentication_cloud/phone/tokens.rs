//! The tokens of phones, each good for one thing.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::super::*;
use crate::support::gateway::Answer;
use crate::support::soft_phone::SoftPhone;

/// A token of each kind, all of the same user.
async fn all_kinds(service: &Service) -> BTreeMap<&'static str, String> {
    let mut phone = SoftPhone::at(PUBLIC_URL);
    let (_, told) = service.phone_of("anna", &mut phone).await;
    let done = service.ask("anna", "Log in").await;
    assert_eq!(service.api.sign(&done.token, &mut phone).await.status, 200);
    let vouching = text(&service.api.status(&done.status).await.json()["token"]);
    let waiting = service.ask("anna", "Pay CHF 100").await;
    let wish = json!({"username": "anna", "operation": "approve"});
    BTreeMap::from([
        ("access key", service.key.text.clone()),
        ("transaction", vouching),
        ("status", waiting.status),
        ("dispatch", waiting.token),
        ("used dispatch", done.token),
        ("device", text(&told["device"])),
        ("intent", service.api.intent(wish).await),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_of_a_phone_is_active_or_opens_the_api() {
    let service = Service::start().await;
    let tokens = all_kinds(&service).await;
    for (kind, token) in &tokens {
        let is_active = service.api.is_active(token).await;
        assert_eq!(is_active, ["access key", "transaction"].contains(kind), "{kind}");
        if ["dispatch", "used dispatch", "device"].contains(kind) {
            for (method, path) in
                OPERATIONS.into_iter().filter(|(_, path)| !path.ends_with("/status"))
            {
                let path = path.replace("{id}", &uuid::Uuid::nil().to_string());
                let answer = Answer::of(service.api.with(token).request(method, &path)).await;
                assert_eq!(answer.status, 403, "{method} {path} with a {kind} token");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_is_good_in_its_own_place_alone() {
    let service = Service::start().await;
    let tokens = all_kinds(&service).await;
    for (kind, token) in &tokens {
        let status = service.api.status(token).await.status;
        assert_eq!(status, if *kind == "status" { 200 } else { 404 }, "{kind} as a status token");
        let looked = service.api.look(token).await.status;
        let is_dispatch = kind.ends_with("dispatch");
        assert_eq!(looked, if is_dispatch { 200 } else { 404 }, "{kind} as a link's");
        if !is_dispatch {
            assert_eq!(service.api.decline(token).await.status, 404, "{kind}");
            assert_eq!(service.api.confirm(token, &json!({})).await.status, 404, "{kind}");
        }
        let body = json!({"device": token});
        let state = service.api.open("phone-state", body).await.status;
        assert_eq!(state, if *kind == "device" { 200 } else { 403 }, "{kind} as a page's");
        let body = json!({"device": token, "subscription": null});
        let set = service.api.open("notifications", body).await.status;
        assert_eq!(set, if *kind == "device" { 204 } else { 403 }, "{kind} as a page's");
    }
    let status = service.api.status(&tokens["status"]).await;
    assert_eq!(status.json()["status"], "pending", "none of it did anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_links_token_is_short_and_none_that_was_changed_is_read() {
    let service = Service::start().await;
    let linked = service.enroll_app(json!({"username": "anna"})).await;
    let (header, rest) = linked.token.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let read = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    assert_eq!(read(header), json!({"alg": "HS512"}));
    let mut fields: Vec<_> = read(claims).as_object().unwrap().keys().cloned().collect();
    fields.sort_unstable();
    assert_eq!(fields, ["aud", "jti", "tenant"]);
    assert!(linked.token.len() < 220, "{}", linked.token.len());
    let written = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut other_tenant = read(claims);
    other_tenant["tenant"] = json!("t2");
    let mut upper = read(claims);
    upper["jti"] = json!(linked.transaction);
    let other = service.enroll_app(json!({})).await;
    let others = other.token.rsplit_once('.').unwrap().1;
    for wrong in [
        String::new(),
        "x".to_owned(),
        "a.b.c".to_owned(),
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!("{header}.{claims}.{others}"),
        format!("{header}.{}.{signature}", written(other_tenant)),
        format!("{header}.{}.{signature}", written(upper)),
        format!("{}.{claims}.", written(json!({"alg": "none"}))),
        format!("{}.{claims}.{signature}", written(json!({"alg": "HS256"}))),
        format!("{} ", linked.token),
        linked.token[1..].to_owned(),
        linked.transaction.clone(),
        "x".repeat(9000),
    ] {
        for answer in [
            service.api.look(&wrong).await,
            service.api.confirm(&wrong, &json!({})).await,
            service.api.decline(&wrong).await,
        ] {
            assert_eq!(answer.status, 404, "{wrong}: {}", answer.body);
        }
    }
    assert_eq!(service.api.stage(&linked.status).await, "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_server_key_ends_no_link_while_the_old_one_is_listed() {
    let service = Service::start().await;
    let linked = service.enroll_app(json!({"username": "anna"})).await;
    let file = service.gateway.file("server-key.hex");
    let old = std::fs::read_to_string(&file).unwrap();
    let mut new = [0_u8; 32];
    getrandom::fill(&mut new).unwrap();
    std::fs::write(&file, format!("{}\n{}\n", hex::encode(new), old.trim())).unwrap();
    let service = service.restart();
    let mut phone = SoftPhone::at(PUBLIC_URL);
    assert_eq!(service.api.register(&linked.token, &mut phone).await.status, 200);
    assert_eq!(service.api.stage(&linked.status).await, "succeeded");
    let asked = service.ask("anna", "Log in").await;
    assert_eq!(service.api.sign(&asked.token, &mut phone).await.status, 200);
    let lost = service.enroll_app(json!({"username": "anna"})).await;
    std::fs::write(&file, old).unwrap();
    let service = service.restart();
    assert_eq!(service.api.look(&lost.token).await.status, 404, "its key is gone");
    assert_eq!(service.api.look(&linked.token).await.status, 200);
}
