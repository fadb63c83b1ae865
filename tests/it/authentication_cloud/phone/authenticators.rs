//! Authenticators as a backend names and deletes them, and what goes with their user.

use serde_json::{Value, json};

use super::super::*;
use crate::support::gateway::Answer;
use crate::support::soft_phone::SoftPhone;

async fn rename(api: &Api, id: &str, name: Value) -> Answer {
    let request = api.request("PATCH", &format!("/api/v1/authenticators/{id}"));
    Answer::of(request.json(&json!({"name": name}))).await
}

async fn delete(api: &Api, id: &str) -> Answer {
    api.delete(&format!("/api/v1/authenticators/{id}")).await
}

/// The id of a user's first authenticator.
async fn first_of(service: &Service, user: &str) -> String {
    text(&service.api.user(user).await.json()["authenticators"][0]["authenticatorId"])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authenticator_is_renamed_and_keeps_its_passkey() {
    let service = Service::start().await;
    let (user, mut phone) = service.user_with_phone("anna").await;
    let before = service.api.user(&user).await.json()["authenticators"][0].clone();
    let id = text(&before["authenticatorId"]);
    for (given, kept) in [("Personal Phone", "Personal Phone"), ("  Annas Åäö 📱 ", "Annas Åäö 📱")]
    {
        let answer = rename(&service.api, &id, json!(given)).await;
        assert_eq!((answer.status, &answer.json()["name"]), (200, &json!(kept)));
        let listed = service.api.user(&user).await.json()["authenticators"][0].clone();
        assert_eq!(listed, answer.json());
        for same in ["authenticatorId", "type", "enrolledAt"] {
            assert_eq!(listed[same], before[same]);
        }
        assert!(text(&listed["updatedAt"]) > text(&before["updatedAt"]));
    }
    let slashed =
        service.api.request("PATCH", &format!("/api/v1/authenticators/{}/", id.to_uppercase()));
    let slashed = Answer::of(slashed.json(&json!({"name": "x".repeat(100)}))).await;
    assert_eq!(slashed.status, 200, "{}", slashed.body);
    let long = "x".repeat(101);
    for wrong in ["", " ", "a\nb", "a\u{202e}b", "a\u{1b}[31m", long.as_str()] {
        let answer = rename(&service.api, &id, json!(wrong)).await;
        assert_eq!(answer.status, 400, "{wrong:?}");
        let says = "the name is not 1 to 100 characters without controls";
        assert_eq!(answer.json()["message"], says);
    }
    for wrong in [Value::Null, json!(7), json!(["x"])] {
        assert_eq!(rename(&service.api, &id, wrong).await.status, 400);
    }
    let asked = service.ask("anna", "Log in").await;
    assert_eq!(service.api.sign(&asked.token, &mut phone).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unknown_or_another_tenants_is_404_and_an_intent_changes_nothing() {
    let service = Service::start().await;
    let (user, mut phone) = service.user_with_phone("anna").await;
    let (other, id) = (service.backend_of("t2"), first_of(&service, &user).await);
    let intent = service.api.intent(json!({"userId": user, "operation": "enroll"})).await;
    let unknown = "7e16ba00-92e2-4fcb-b30e-1af8fdc843aa";
    for (api, id, status) in [
        (&service.api, unknown, 404),
        (&service.api, "x", 404),
        (&service.api, user.as_str(), 404),
        (&service.api, &id.replace('-', ""), 404),
        (&other, &id, 404),
        (&service.api.with(&intent), &id, 403),
    ] {
        assert_eq!(rename(api, id, json!("Mine")).await.status, status, "{id}");
        assert_eq!(delete(api, id).await.status, status, "{id}");
    }
    let body = service.api.user(&user).await.json();
    assert_eq!(body["authenticators"][0]["name"], "Android");
    let asked = service.ask("anna", "Log in").await;
    assert_eq!(service.api.sign(&asked.token, &mut phone).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_authenticator_approves_nothing_and_the_last_one_leaves_its_user_new() {
    let service = Service::start().await;
    let (user, mut phone) = service.user_with_phone("anna").await;
    let mut second = SoftPhone::at(PUBLIC_URL);
    service.phone_of("anna", &mut second).await;
    let asked = service.ask("anna", "Log in").await;
    let signed = phone.sign(&service.api.options(&asked.token).await).await.unwrap();
    let status = async || text(&service.api.user(&user).await.json()["status"]);
    let id = first_of(&service, &user).await;
    let deleted = delete(&service.api, &id).await;
    assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
    for answer in [delete(&service.api, &id).await, rename(&service.api, &id, json!("x")).await] {
        assert_eq!(answer.status, 404);
        assert_eq!(answer.json()["message"], "there is no such authenticator");
    }
    assert_eq!(status().await, "active", "there is another");
    // It was taken away between the challenge and the answer.
    assert_eq!(service.api.confirm(&asked.token, &signed).await.status, 400);
    assert_eq!(service.api.stage(&asked.status).await, "pending");
    assert_eq!(service.api.sign(&asked.token, &mut second).await.status, 200);
    assert_eq!(delete(&service.api, &first_of(&service, &user).await).await.status, 204);
    assert_eq!(status().await, "new");
    let approval = service.api.approve(json!({"userId": user, "channel": "app"})).await;
    assert_eq!(approval.status, 400);
    // A verified phone makes a user active as well.
    service.user("anna", PHONE).await;
    assert_eq!(status().await, "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_user_go_the_authenticators_and_the_links() {
    let service = Service::start().await;
    let mut phone = SoftPhone::at(PUBLIC_URL);
    let (linked, told) = service.phone_of("anna", &mut phone).await;
    let (user, device) = (linked.user.clone(), told["device"].clone());
    let id = text(&told["authenticatorId"]);
    let asked = service.ask("anna", "Log in").await;
    let signed = phone.sign(&service.api.options(&asked.token).await).await.unwrap();
    let enrolling = service.enroll_app(json!({"username": "anna"})).await;
    let options = service.api.options(&enrolling.token).await;
    let made = SoftPhone::at(PUBLIC_URL).make(&options).await.unwrap();
    let deleted = service.api.delete(&format!("/api/v1/users/{user}")).await;
    assert_eq!(deleted.status, 204);
    for (gone, credential) in [(&linked, &signed), (&asked, &signed), (&enrolling, &made)] {
        for answer in [
            service.api.look(&gone.token).await,
            service.api.confirm(&gone.token, credential).await,
            service.api.decline(&gone.token).await,
            service.api.status(&gone.status).await,
        ] {
            assert_eq!(answer.status, 404, "{}", answer.body);
        }
    }
    for (path, body) in [
        ("/open/phone-state", json!({"device": device})),
        ("/open/notifications", json!({"device": device, "subscription": null})),
    ] {
        assert_eq!(service.api.stranger().post(path, body).await.status, 404);
    }
    assert_eq!(rename(&service.api, &id, json!("x")).await.status, 404);
    assert_eq!(delete(&service.api, &id).await.status, 404);
    // The next user with the name has none of it.
    let next = service.enroll_app(json!({"username": "anna"})).await;
    assert_ne!(next.user, user);
    let options = service.api.options(&next.token).await;
    assert!(options["excludeCredentials"].as_array().is_none_or(Vec::is_empty), "{options}");
    let file = rusqlite::Connection::open(service.gateway.file("dialpass.db")).unwrap();
    let rows: i64 = file
        .query_row("SELECT count(*) FROM authenticators WHERE user_id = ?1", [&user], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(rows, 0);
}
