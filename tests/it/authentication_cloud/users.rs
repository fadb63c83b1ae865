//! Users as a backend looks them up and deletes them.

use serde_json::json;

use super::*;
use crate::support::gateway::Answer;

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_found_by_id_and_by_name_or_is_404() {
    let service = Service::start().await;
    let user = service.user("anna.b@example.com_1-2", PHONE).await;
    let by_id = service.api.user(&user).await;
    let by_name = service.api.user_named("anna.b%40example.com_1-2").await;
    assert_eq!((by_id.status, by_name.status), (200, 200));
    assert_eq!(by_id.body, by_name.body);
    assert_eq!(service.api.user(&user.to_uppercase()).await.body, by_id.body);
    for id in ["7e16ba00-92e2-4fcb-b30e-1af8fdc843aa", "x", "anna", &user.replace('-', "")] {
        assert_eq!(service.api.user(id).await.status, 404, "{id}");
        assert_eq!(service.api.delete(&format!("/api/v1/users/{id}")).await.status, 404, "{id}");
    }
    for name in ["nobody", "anna.b@example.com_1-3", "%25%25", "a%20b"] {
        assert_eq!(service.api.user_named(name).await.status, 404, "{name}");
    }
    for query in ["", "?", "?name=anna", "?username=", "?username", "?username=a&username=b"] {
        let answer = service.api.get(&format!("/api/v1/users{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_new_until_the_first_phone_is_verified() {
    let service = Service::start().await;
    let (user, _) = service.recovery("anna").await;
    let status = async || text(&service.api.user(&user).await.json()["status"]);
    assert_eq!(status().await, "new", "recovery codes alone don't count");
    let texted = service.enroll("anna", PHONE).await;
    assert_eq!(status().await, "new");
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 200);
    assert_eq!(status().await, "active");
    let again = service.api.enroll(json!({"username": "anna", "channel": "recovery"})).await;
    let body = again.json();
    assert_eq!((&body["status"], &body["phones"][0]["phone"]), (&json!("active"), &json!(PHONE)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_user_is_gone_with_all_that_was_theirs() {
    let service = Service::start().await;
    let (user, codes) = service.recovery("anna").await;
    assert_eq!(service.user("anna", PHONE).await, user);
    let done = service.approve("anna", PHONE).await;
    assert_eq!(service.api.verify(&done, &done.code).await.status, 200);
    let vouching = text(&service.api.status(&done.token).await.json()["token"]);
    assert!(service.api.is_active(&vouching).await);
    let waiting = service.approve("anna", PHONE).await;
    let called_in = service.gateway.code(PHONE).await;
    let intent = service.api.intent(json!({"username": "anna", "operation": "approve"})).await;

    let deleted = service.api.delete(&format!("/api/v1/users/{user}")).await;
    assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
    assert_eq!(service.api.delete(&format!("/api/v1/users/{user}")).await.status, 404);
    assert_eq!(service.api.user(&user).await.status, 404);
    assert_eq!(service.api.user_named("anna").await.status, 404);
    for token in [&done.token, &waiting.token] {
        assert_eq!(service.api.status(token).await.status, 404);
    }
    assert!(!service.api.is_active(&vouching).await);
    assert_eq!(service.api.verify(&waiting, &waiting.code).await.status, 404);
    assert_eq!(service.api.recover(&user, &codes[0]).await.status, 404);
    assert_eq!(service.api.approve(json!({"userId": user, "channel": "sms"})).await.status, 404);
    assert_eq!(service.api.with(&intent).approve(json!({"channel": "sms"})).await.status, 404);
    assert_eq!(service.gateway.call(PHONE).await.status, 403);
    assert_eq!(service.gateway.login("anna", "", &called_in).await.status, 403);
    assert_eq!(service.gateway.login(&user, "", &called_in).await.status, 403);

    // The next user with the name is another person.
    let next = service.enroll("anna", "+46702223344").await;
    assert_ne!(next.user, user);
    let body = service.api.user_named("anna").await.json();
    assert_eq!((&body["phones"], &body["status"]), (&json!([]), &json!("new")));
    assert_eq!(service.api.recover(&next.user, &codes[1]).await.status, 400);
    let other = Texted { user: next.user.clone(), ..waiting.clone() };
    assert_eq!(service.api.verify(&other, &waiting.code).await.status, 404);
    assert_eq!(service.gateway.login("anna", "", &called_in).await.status, 403);
    let file = rusqlite::Connection::open(service.gateway.file("dialpass.db")).unwrap();
    for table in ["users", "phones", "transactions"] {
        let sql = format!("SELECT count(*) FROM {table} WHERE user_id = ?1");
        let rows: i64 = file.query_row(&sql, [&user], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_no_less_texted_because_its_user_was_deleted() {
    let service = Service::start().await;
    for round in 0..5 {
        let texted = service.enroll("anna", PHONE).await;
        let answer = service.api.delete(&format!("/api/v1/users/{}", texted.user)).await;
        assert_eq!(answer.status, 204, "{round}");
    }
    let body = json!({"username": "anna", "channel": "sms", "phone": PHONE});
    assert_eq!(service.api.enroll(body).await.status, 429);
    assert_eq!(texts(&service.provider, PHONE).len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_never_see_each_others_users() {
    let service = Service::start().await;
    let other = service.backend_of("t2");
    let (user, codes) = service.recovery("anna").await;
    service.user("anna", PHONE).await;
    let texted = service.approve("anna", PHONE).await;
    let sms = json!({"username": "anna", "channel": "sms"});
    let by_id = json!({"userId": user, "channel": "sms", "phone": PHONE});
    let answers: Vec<Answer> = vec![
        other.user(&user).await,
        other.user_named("anna").await,
        other.delete(&format!("/api/v1/users/{user}")).await,
        other.approve(sms.clone()).await,
        other.approve(json!({"userId": user, "channel": "sms"})).await,
        other.enroll(by_id).await,
        other.enroll(json!({"userId": user, "channel": "recovery"})).await,
        other.verify(&texted, &texted.code).await,
        other.recover(&user, &codes[0]).await,
        other.post("/api/v1/intent", json!({"userId": user, "operation": "enroll"})).await,
        other.post("/api/v1/intent", json!({"username": "anna", "operation": "approve"})).await,
    ];
    for answer in answers {
        assert_eq!(answer.status, 404, "{}", answer.body);
    }
    // The same name is another user there, with the same phone or not.
    let answer = other.enroll(json!({"username": "anna", "channel": "sms", "phone": PHONE})).await;
    assert_eq!(answer.status, 201, "another tenant's texts don't count: {}", answer.body);
    let theirs = Texted::enrolled(&answer, service.code(PHONE));
    assert_ne!(theirs.user, user);
    assert_eq!(service.api.verify(&theirs, &theirs.code).await.status, 404);
    assert_eq!(other.verify(&theirs, &theirs.code).await.status, 200);
    assert_eq!(other.delete(&format!("/api/v1/users/{}", theirs.user)).await.status, 204);
    assert_eq!(service.api.user(&user).await.json()["phones"].as_array().unwrap().len(), 1);
    // Nor do intents of one mean anything to the other.
    let intent = service.api.intent(json!({"username": "anna", "operation": "approve"})).await;
    let mine = other.with(&intent).approve(json!({"channel": "sms"})).await;
    assert_eq!((mine.status, &mine.json()["userId"]), (201, &json!(user)));
}
