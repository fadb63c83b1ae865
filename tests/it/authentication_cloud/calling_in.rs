//! Registered users call in: what is verified here is whose a number is there.

use serde_json::json;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_user_calls_in_and_logs_in() {
    let service = Service::start().await;
    let texted = service.enroll("anna", PHONE).await;
    assert_eq!(service.gateway.call(PHONE).await.status, 403, "the phone is not verified yet");
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 200);
    assert_eq!(service.gateway.call("+46702223344").await.status, 403);
    let code = service.gateway.code("070-123 45 67").await;
    let refused = service.gateway.login("anna", "", &another(&code)).await;
    assert_eq!(refused.status, 403);
    let login = service.gateway.login("anna", "", &code).await;
    assert_eq!(
        (login.status, login.json()),
        (200, json!({"username": "anna", "userid": texted.user}))
    );
    assert_eq!(service.gateway.login("anna", "", &code).await.status, 403, "once");

    // By id as well, even for a user without a name.
    let code = service.gateway.code(PHONE).await;
    assert_eq!(service.gateway.login(&texted.user, "", &code).await.json()["username"], "anna");
    let answer = service.api.enroll(json!({"channel": "sms", "phone": "+46702223344"})).await;
    let nameless = Texted::enrolled(&answer, service.code("+46702223344"));
    assert_eq!(service.api.verify(&nameless, &nameless.code).await.status, 200);
    let code = service.gateway.code("+46702223344").await;
    let login = service.gateway.login(&nameless.user, "", &code).await;
    assert_eq!((login.status, &login.json()["userid"]), (200, &json!(nameless.user)));
}

#[tokio::test(flavor = "multi_thread")]
async fn called_in_codes_and_texted_codes_are_not_interchangeable() {
    let service = Service::start().await;
    service.user("anna", PHONE).await;
    let texted = service.approve("anna", PHONE).await;
    let told = service.gateway.code(PHONE).await;
    if told != texted.code {
        assert_eq!(service.api.verify(&texted, &told).await.status, 400);
        assert_eq!(service.gateway.login("anna", "", &texted.code).await.status, 403);
    }
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 200);
    assert_eq!(service.gateway.login("anna", "", &told).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_with_two_owners_gets_no_code() {
    let service = Service::start().await;
    let anna = service.user("anna", PHONE).await;
    assert_eq!(service.gateway.call(PHONE).await.status, 200);
    let berta = service.user("berta", PHONE).await;
    let refused = service.gateway.call(PHONE).await;
    assert_eq!(refused.status, 403);
    let event = service.gateway.audit_of(refused.header("x-request-id"));
    assert_eq!(event["reason"], "number_ambiguous");
    assert_eq!(service.api.delete(&format!("/api/v1/users/{anna}")).await.status, 204);
    let code = service.gateway.code(PHONE).await;
    let login = service.gateway.login("berta", "", &code).await;
    assert_eq!((login.status, &login.json()["userid"]), (200, &json!(berta)));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_users_are_unknown_here() {
    let service = Service::start().await;
    let other = service.backend_of("t2");
    let answer = other.enroll(json!({"username": "anna", "channel": "sms", "phone": PHONE})).await;
    let texted = Texted::enrolled(&answer, service.code(PHONE));
    assert_eq!(other.verify(&texted, &texted.code).await.status, 200);
    assert_eq!(service.gateway.call(PHONE).await.status, 403);
    service.user("berta", PHONE).await;
    let code = service.gateway.code(PHONE).await;
    assert_eq!(service.gateway.login("anna", "", &code).await.status, 403);
    assert_eq!(service.gateway.login("berta", "", &code).await.status, 200);
}
