//! How far a transaction is, for anyone who has its token.

use serde_json::{Value, json};

use super::*;
use crate::support::gateway::Answer;

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_pending_until_it_succeeds() {
    let service = Service::start().await;
    let texted = service.enroll("anna", PHONE).await;
    let pending = service.api.status(&texted.token).await;
    assert_eq!(pending.status, 200, "{}", pending.body);
    let body = pending.json();
    let mut fields: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    let told =
        ["createdAt", "lastUpdatedAt", "status", "token", "transactionId", "userId", "username"];
    assert_eq!(fields, told);
    assert_eq!(body["status"], "pending");
    assert_eq!(
        (text(&body["transactionId"]), text(&body["userId"])),
        (texted.transaction.clone(), texted.user.clone())
    );
    assert_eq!(body["username"], "anna");
    assert_eq!(body["createdAt"], body["lastUpdatedAt"]);
    assert!(text(&body["createdAt"]).ends_with('Z'));
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 200);
    let done = service.api.status(&texted.token).await;
    assert_eq!((done.status, &done.json()["status"]), (200, &json!("succeeded")));
    assert_eq!(done.json()["createdAt"], body["createdAt"]);
    assert!(text(&done.json()["lastUpdatedAt"]) > text(&body["lastUpdatedAt"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_failed_is_412() {
    let service = Service::start().await;
    let texted = service.enroll("anna", PHONE).await;
    for _ in 0..5 {
        service.api.verify(&texted, &another(&texted.code)).await;
    }
    let failed = service.api.status(&texted.token).await;
    assert_eq!((failed.status, &failed.json()["status"]), (412, &json!("failed")));
    assert_eq!(text(&failed.json()["transactionId"]), texted.transaction);
    assert!(!service.api.is_active(&text(&failed.json()["token"])).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_names_no_transaction_is_404_and_unknown() {
    let service = Service::start().await;
    let texted = service.enroll("anna", PHONE).await;
    let transaction = text(&service.api.status(&texted.token).await.json()["token"]);
    let intent = service.api.intent(json!({"username": "anna", "operation": "enroll"})).await;
    let mut cut = texted.token.clone();
    cut.pop();
    let (head, rest) = texted.token.split_once('.').expect("a JWT");
    let unsigned = format!("{}.", texted.token.rsplit_once('.').expect("a JWT").0);
    let none = format!("eyJhbGciOiJub25lIn0.{}.", rest.split('.').next().expect("claims"));
    assert_eq!(head, "eyJhbGciOiJIUzUxMiJ9");
    for token in
        ["", "x", "a.b.c", &cut, &unsigned, &none, &transaction, &intent, &service.key.text]
    {
        let answer = service.api.status(token).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (404, r#"{"status":"unknown"}"#),
            "{token}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_a_jwt_with_that_one_header_and_tells_no_phone_and_no_code() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let service = Service::start().await;
    let texted = service.enroll("anna", PHONE).await;
    let transaction = text(&service.api.status(&texted.token).await.json()["token"]);
    let intent = service.api.intent(json!({"username": "anna", "operation": "enroll"})).await;
    for token in [&texted.token, &transaction, &intent] {
        let parts: Vec<Vec<u8>> =
            token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).expect("base64url")).collect();
        assert_eq!((parts.len(), parts[0].as_slice()), (3, br#"{"alg":"HS512"}"#.as_slice()));
        assert_eq!(parts[2].len(), 64, "SHA-512");
        let claims: Value = serde_json::from_slice(&parts[1]).expect("claims");
        assert_eq!(claims["iss"], format!("{PUBLIC_URL}/"));
        let told = claims.to_string();
        assert!(!told.contains("701234567") && !told.contains(&texted.code), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_needs_no_credential_and_ignores_any() {
    let service = Service::start().await;
    let texted = service.enroll("anna", PHONE).await;
    let body = json!({"statusToken": texted.token});
    let other = access_key(service.gateway.folder(), "t2");
    for api in [
        service.api.stranger(),
        service.api.clone(),
        service.api.with("stolen"),
        service.api.with(&other.text),
    ] {
        assert_eq!(api.post("/api/v1/status", body.clone()).await.status, 200);
    }
    let basic = service.api.stranger().request("POST", "/api/v1/status").json(&body);
    assert_eq!(Answer::of(basic.basic_auth("a", Some("b"))).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_is_not_rate_limited() {
    let service = Service::start().await;
    let texted = service.enroll("anna", PHONE).await;
    let api = service.api.clone();
    // Every 1.5 seconds from six windows for ten seconds, all at once.
    let statuses = at_once(40, |_| {
        let (api, token) = (api.clone(), texted.token.clone());
        async move { api.status(&token).await }
    })
    .await;
    assert_eq!(count(&statuses, 200), 40, "{statuses:?}");
    // Somebody who floods with one token is, and nobody else.
    let mut held = service.api.status(&texted.token).await;
    for _ in 0..200 {
        if held.status == 429 {
            break;
        }
        held = service.api.status(&texted.token).await;
    }
    assert_eq!((held.status, held.header("retry-after")), (429, "1"));
    let other = service.enroll("berta", "+46702223344").await;
    assert_eq!(service.api.status(&other.token).await.status, 200);
}
