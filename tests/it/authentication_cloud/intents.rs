//! A backend allows its frontend one enrollment or approval of one user.

use serde_json::{Value, json};

use super::*;

fn sms(username: &str, phone: &str) -> Value {
    json!({"username": username, "channel": "sms", "phone": phone})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_allows_one_enrollment_of_its_user() {
    let service = Service::start().await;
    let intent = service.api.intent(json!({"username": "anna", "operation": "enroll"})).await;
    let frontend = service.api.with(&intent);
    let answer = frontend.enroll(json!({"channel": "sms", "phone": PHONE})).await;
    assert_eq!((answer.status, &answer.json()["username"]), (201, &json!("anna")));
    let texted = Texted::enrolled(&answer, service.code(PHONE));
    assert_eq!(frontend.enroll(sms("anna", PHONE)).await.status, 403, "used");
    assert_eq!(texts(&service.provider, PHONE).len(), 1);
    assert_eq!(frontend.stage(&texted.token).await, "pending");
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 200);

    // The user may be named too, and by id.
    let by_id = json!({"userId": texted.user, "operation": "approve"});
    let frontend = service.api.with(&service.api.intent(by_id).await);
    let approval = frontend.approve(json!({"userId": texted.user, "channel": "sms"})).await;
    assert_eq!((approval.status, &approval.json()["userId"]), (201, &json!(texted.user)));
    assert_eq!(frontend.approve(json!({"channel": "sms"})).await.status, 403, "used");
    let recovery = json!({"username": "anna", "operation": "enroll", "channels": ["recovery"]});
    let frontend = service.api.with(&service.api.intent(recovery).await);
    let codes = frontend.enroll(json!({"username": "anna", "channel": "recovery"})).await;
    assert_eq!((codes.status, &codes.json()["userId"]), (201, &json!(texted.user)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_use_an_intent_at_once_one_is_served() {
    let service = Service::start().await;
    let intent = service.api.intent(json!({"username": "anna", "operation": "enroll"})).await;
    let api = service.api.with(&intent);
    let statuses = at_once(20, |_| {
        let api = api.clone();
        async move { api.enroll(json!({"channel": "sms", "phone": PHONE})).await }
    })
    .await;
    assert_eq!((count(&statuses, 201), count(&statuses, 403)), (1, 19), "{statuses:?}");
    assert_eq!(service.provider.count(), 1, "one text");
    service.user("anna", PHONE).await;
    let intent = service.api.intent(json!({"username": "anna", "operation": "approve"})).await;
    let (api, before) = (service.api.with(&intent), service.provider.count());
    let statuses = at_once(20, |_| {
        let api = api.clone();
        async move { api.approve(json!({"channel": "sms"})).await }
    })
    .await;
    assert_eq!((count(&statuses, 201), count(&statuses, 403)), (1, 19), "{statuses:?}");
    assert_eq!(service.provider.count(), before + 1, "one text");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_is_good_for_its_operation_its_user_and_its_channels() {
    let service = Service::start().await;
    let anna = service.user("anna", PHONE).await;
    let berta = service.user("berta", "+46702223344").await;
    let sent = service.provider.count();
    let enroll = service
        .api
        .intent(json!({"username": "anna", "operation": "enroll", "channels": ["sms", "app"]}))
        .await;
    let frontend = service.api.with(&enroll);
    for body in [
        sms("berta", PHONE),
        json!({"userId": berta, "channel": "sms", "phone": PHONE}),
        json!({"username": "anna", "channel": "recovery"}),
        json!({"username": "annas", "channel": "sms", "phone": PHONE}),
    ] {
        let answer = frontend.enroll(body.clone()).await;
        assert_eq!(answer.status, 403, "{body}: {}", answer.body);
    }
    assert_eq!(frontend.approve(json!({"channel": "sms"})).await.status, 403);
    assert_eq!(frontend.approve(json!({"username": "anna", "channel": "sms"})).await.status, 403);
    let approve = service.api.intent(json!({"userId": anna, "operation": "approve"})).await;
    let approver = service.api.with(&approve);
    assert_eq!(approver.enroll(json!({"channel": "sms", "phone": PHONE})).await.status, 403);
    assert_eq!(approver.enroll(json!({"channel": "recovery"})).await.status, 403);
    assert_eq!(approver.approve(json!({"userId": berta, "channel": "sms"})).await.status, 403);
    // It opens nothing else.
    let nothing = json!({"code": "123456", "statusToken": "x"});
    let verification = format!("/api/v1/users/{anna}/verification");
    for answer in [
        frontend.get("/ping").await,
        frontend.user(&anna).await,
        frontend.user_named("anna").await,
        frontend.delete(&format!("/api/v1/users/{anna}")).await,
        frontend.introspect(&enroll).await,
        frontend.post("/api/v1/intent", json!({"username": "anna", "operation": "enroll"})).await,
        frontend.post(&verification, nothing).await,
    ] {
        assert_eq!(answer.status, 403, "{}", answer.body);
    }
    assert_eq!(service.provider.count(), sent);
    // Nothing used it up; and by id or by name, it is the same user.
    let by_id = frontend.enroll(json!({"userId": anna, "channel": "sms", "phone": PHONE})).await;
    assert_eq!(by_id.status, 201, "{}", by_id.body);
    assert_eq!(by_id.json()["phones"], json!([]), "pages get no numbers");
    assert_eq!(approver.approve(json!({"channel": "sms"})).await.status, 201, "nor this one");
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_name_at_least_one_that_can_do_what_is_allowed() {
    let service = Service::start().await;
    service.user("anna", PHONE).await;
    let intent = |operation: &str, channels: Value| {
        let body = json!({"username": "anna", "operation": operation, "channels": channels});
        service.api.post("/api/v1/intent", body)
    };
    for (operation, channels, says) in [
        ("enroll", json!([]), "channels names no channel"),
        ("approve", json!([]), "channels names no channel"),
        ("approve", json!(["recovery"]), "names none that approves"),
        ("approve", json!(["recovery", "fido2"]), "names none that approves"),
        ("enroll", json!(["fido2"]), "names none that enrolls"),
        ("approve", json!(["push"]), "push"),
    ] {
        let answer = intent(operation, channels).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert!(text(&answer.json()["message"]).contains(says), "{}", answer.body);
    }
    for (operation, channels) in [
        ("enroll", Value::Null),
        ("enroll", json!(["recovery"])),
        ("approve", json!(["recovery", "sms"])),
        ("approve", json!(["push", "app", "qr-code", "app"])),
    ] {
        let answer = intent(operation, channels).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    // To enroll for push is to enroll a passkey, which is what a page asks for by default.
    let made = intent("enroll", json!(["push", "fido2"])).await.json();
    let page = service.api.with(&text(&made["token"]));
    let begun = page.enroll(json!({})).await;
    assert_eq!(begun.status, 201, "{}", begun.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_message_is_the_backends_to_choose() {
    let service = Service::start().await;
    let body = json!({"username": "anna", "operation": "enroll", "message": "Shop: {{CODE}}"});
    let frontend = service.api.with(&service.api.intent(body).await);
    for message in ["Mine: {{CODE}}", "Shop: {{CODE}}", ""] {
        let mut own = sms("anna", PHONE);
        own["message"] = json!(message);
        let answer = frontend.enroll(own).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert!(text(&answer.json()["message"]).contains("/intent"));
    }
    assert_eq!(service.provider.count(), 0);
    assert_eq!(frontend.enroll(sms("anna", PHONE)).await.status, 201);
    let code = service.code(PHONE);
    assert_eq!(texts(&service.provider, PHONE), [format!("Shop: {code}")]);
    for message in ["no place", "{{CODE}} \u{448}"] {
        let body = json!({"username": "anna", "operation": "enroll", "message": message});
        assert_eq!(service.api.post("/api/v1/intent", body).await.status, 400, "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_before_it_is_begun_leaves_the_intent_unused() {
    let service = Service::start().await;
    let intent = service.api.intent(json!({"username": "anna", "operation": "enroll"})).await;
    let frontend = service.api.with(&intent);
    for body in [
        "x",
        "[]",
        r#"{"channel":"sms"}"#,
        r#"{"channel":"sms","phone":"070"}"#,
        r#"{"channel":"fido2"}"#,
    ] {
        assert_eq!(frontend.post_text("/api/v1/users/enroll", body).await.status, 400, "{body}");
    }
    // Somebody else's number is full.
    for user in ["a", "b", "c", "d", "e"] {
        service.enroll(user, "+46702223344").await;
    }
    let full = frontend.enroll(sms("anna", "+46702223344")).await;
    assert_eq!(full.status, 429);
    assert!(full.header("retry-after").parse::<u32>().unwrap() > 0);
    let answer = frontend.enroll(sms("anna", PHONE)).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(frontend.enroll(sms("anna", PHONE)).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_is_for_a_user_who_is_there_or_a_name_to_enroll() {
    let service = Service::start().await;
    let user = service.user("anna", PHONE).await;
    let nobody = "7e16ba00-92e2-4fcb-b30e-1af8fdc843aa";
    for (body, status) in [
        (json!({"username": "nobody", "operation": "enroll"}), 200),
        (json!({"username": "nobody", "operation": "approve"}), 404),
        (json!({"userId": nobody, "operation": "enroll"}), 404),
        (json!({"userId": nobody, "operation": "approve"}), 404),
        (json!({"userId": user, "operation": "enroll", "channels": []}), 400),
        (json!({"userId": user, "operation": "approve", "channels": ["sms", "app", "push"]}), 200),
        (json!({"username": "anna", "userId": user, "operation": "enroll"}), 400),
        (json!({"operation": "enroll"}), 400),
        (json!({"username": "anna"}), 400),
        (json!({"username": "anna", "operation": "delete"}), 400),
        (json!({"username": "anna", "operation": "ENROLL"}), 400),
        (json!({"username": "%", "operation": "enroll"}), 400),
        (json!({"username": "anna", "operation": "enroll", "channels": ["pigeon"]}), 400),
        (json!({"username": "anna", "operation": "enroll", "channels": "sms"}), 400),
    ] {
        let answer = service.api.post("/api/v1/intent", body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        if status == 200 {
            let mut fields: Vec<_> = answer.json().as_object().unwrap().keys().cloned().collect();
            fields.sort_unstable();
            assert_eq!(fields, ["intentId", "token"]);
        }
    }
    assert_eq!(
        service
            .backend_of("t2")
            .post("/api/v1/intent", json!({"userId": user, "operation": "enroll"}))
            .await
            .status,
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_for_a_deleted_user_enrolls_no_one_by_id() {
    let service = Service::start().await;
    let user = service.user("anna", PHONE).await;
    let wish = json!({"userId": user, "operation": "enroll", "channels": ["recovery", "sms"]});
    let intent = service.api.intent(wish).await;
    assert_eq!(service.api.delete(&format!("/api/v1/users/{user}")).await.status, 204);
    let frontend = service.api.with(&intent);
    assert_eq!(frontend.enroll(json!({"channel": "recovery"})).await.status, 404);
    assert_eq!(frontend.enroll(json!({"channel": "sms", "phone": PHONE})).await.status, 404);
}
