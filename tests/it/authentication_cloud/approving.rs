//! A user confirms a login or a payment by a code on the newest phone.

use serde_json::{Value, json};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_confirmed_by_the_code_that_is_sent() {
    let service = Service::start().await;
    let user = service.user("anna", PHONE).await;
    let message = "SMS Transaction Approval Test, code: {{CODE}}";
    let body = json!({"username": "anna", "channel": "sms", "message": message});
    let answer = service.api.approve(body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let mut fields: Vec<_> = answer.json().as_object().unwrap().keys().cloned().collect();
    fields.sort_unstable();
    assert_eq!(fields, ["statusToken", "transactionId", "userId"]);
    let texted = Texted::approving(&answer, service.code(PHONE));
    assert_eq!(texted.user, user);
    assert_eq!(texts(&service.provider, PHONE)[1], message.replace("{{CODE}}", &texted.code));
    let before = service.api.user(&user).await.json();
    let verified = service.api.verify(&texted, &texted.code).await;
    assert_eq!((verified.status, verified.body.as_str()), (200, ""));
    assert_eq!(service.api.stage(&texted.token).await, "succeeded");
    assert_eq!(service.api.user(&user).await.json(), before, "an approval changes no phone");

    let by_id = service.api.approve(json!({"userId": user, "channel": "sms"})).await;
    assert_eq!(by_id.status, 201, "{}", by_id.body);
    let again = Texted::approving(&by_id, service.code(PHONE));
    assert!(texts(&service.provider, PHONE)[2].starts_with("Your code is "), "a default text");
    assert_ne!(again.transaction, texted.transaction);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_unknown_or_has_no_verified_phone_gets_no_text() {
    let service = Service::start().await;
    let pending = service.enroll("pending", PHONE).await;
    let (recovering, _) = service.recovery("recovering").await;
    let sent = service.provider.count();
    for (body, status) in [
        (json!({"username": "nobody"}), 404),
        (json!({"userId": "7e16ba00-92e2-4fcb-b30e-1af8fdc843aa"}), 404),
        (json!({"username": "pending"}), 400),
        (json!({"userId": pending.user}), 400),
        (json!({"userId": recovering}), 400),
        (json!({}), 400),
        (json!({"username": "pending", "userId": pending.user}), 400),
        (json!({"username": "%%%"}), 400),
        (json!({"userId": "x"}), 400),
    ] {
        let mut body = body;
        body["channel"] = json!("sms");
        let answer = service.api.approve(body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
    let answer = service.api.approve(json!({"username": "pending", "channel": "sms"})).await;
    assert_eq!(answer.json()["message"], "the user has no verified phone");
    assert_eq!(service.provider.count(), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_not_served_is_400_and_push_is_the_default() {
    let service = Service::start().await;
    service.user("anna", PHONE).await;
    let sent = service.provider.count();
    for (channel, says) in [
        (Value::Null, "the channel push is not available: it is not set up"),
        (json!("push"), "the channel push is not available: it is not set up"),
        (json!("fido2"), "the channel fido2 is not available here"),
        (json!("recovery"), "the channel recovery is not available here"),
        (json!("pigeon"), "the channel is unknown"),
    ] {
        let answer = service.api.approve(json!({"username": "anna", "channel": channel})).await;
        assert_eq!((answer.status, text(&answer.json()["message"])), (400, says.to_owned()));
    }
    for message in ["no place", "{{CODE}} \u{448}"] {
        let body = json!({"username": "anna", "channel": "sms", "message": message});
        assert_eq!(service.api.approve(body).await.status, 400);
    }
    assert_eq!(service.provider.count(), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_approvals_wait_side_by_side() {
    let service = Service::start().await;
    service.user("anna", PHONE).await;
    let first = service.approve("anna", PHONE).await;
    let second = service.approve("anna", PHONE).await;
    assert_eq!(service.api.verify(&second, &second.code).await.status, 200);
    assert_eq!(service.api.stage(&first.token).await, "pending");
    assert_eq!(service.api.verify(&first, &first.code).await.status, 200);
}
