//! Names are compared with case ignored, and those who had theirs before that keep them.

use serde_json::{Value, json};

use super::*;

/// A second phone of the tests.
const OTHER: &str = "+46702223344";

/// A request by text about this name.
fn sms(username: &str) -> Value {
    json!({"username": username, "channel": "sms", "phone": PHONE})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_one_user_in_any_case_and_is_shown_as_it_was_made() {
    let service = Service::start().await;
    let anna = service.user("Anna.B", PHONE).await;
    for name in ["anna.b", "ANNA.B", "Anna.B"] {
        let seen = service.api.user_named(name).await.json();
        assert_eq!(
            (&seen["userId"], &seen["username"]),
            (&json!(anna), &json!("Anna.B")),
            "{name}"
        );
    }
    // Enrolled, asked and allowed in any case, it is the same user.
    let enrolled = service.api.enroll(json!({"username": "anna.b", "channel": "recovery"})).await;
    assert_eq!(enrolled.json()["userId"], json!(anna), "{}", enrolled.body);
    assert_eq!(enrolled.json()["username"], "Anna.B");
    let approval = service.api.approve(json!({"username": "ANNA.B", "channel": "sms"})).await;
    assert_eq!((approval.status, &approval.json()["userId"]), (201, &json!(anna)));
    let intent = service.api.intent(json!({"username": "anna.b", "operation": "approve"})).await;
    let page = service.api.with(&intent);
    assert_eq!(page.approve(json!({"username": "berta", "channel": "sms"})).await.status, 403);
    let approval = page.approve(json!({"username": "ANNA.b", "channel": "sms"})).await;
    assert_eq!((approval.status, &approval.json()["userId"]), (201, &json!(anna)));
    // So does a caller log in.
    let code = service.gateway.code(PHONE).await;
    let login = service.gateway.login("aNNa.B", "", &code).await;
    assert_eq!((login.status, login.json()), (200, json!({"username": "Anna.B", "userid": anna})));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_for_a_new_name_is_refused_once_somebody_has_it_in_another_case() {
    let service = Service::start().await;
    let new =
        async |name| service.api.intent(json!({"username": name, "operation": "enroll"})).await;
    let (late, intent) = (new("Berta").await, new("anna").await);
    let made = service.api.with(&intent).enroll(sms("ANNA")).await;
    assert_eq!((made.status, &made.json()["username"]), (201, &json!("anna")), "{}", made.body);
    service.recovery("BERTA").await;
    let refused = service.api.with(&late).enroll(sms("Berta")).await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    let event = service.gateway.audit_of(refused.header("x-request-id"));
    assert_eq!(event["reason"], "intent_name_taken");
}

/// A service with two users who had the names `anna` and `Anna` before names were compared with
/// case ignored, and their ids.
pub async fn with_names_from_before() -> (Service, String, String) {
    let service = Service::start().await;
    let (small, capital) = (service.user("anna", PHONE).await, service.user("berta", OTHER).await);
    let file = rusqlite::Connection::open(service.gateway.file("dialpass.db")).unwrap();
    let edit = "UPDATE users SET name = 'Anna', namesake = 1 WHERE name = 'berta'";
    assert_eq!(file.execute(edit, []), Ok(1));
    (service, small, capital)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_names_from_before_each_is_its_own_users_and_any_other_case_is_refused() {
    let (service, small, capital) = with_names_from_before().await;
    let api = &service.api;
    let approve = |name: &str| json!({"username": name, "channel": "sms"});
    for (name, id) in [("anna", &small), ("Anna", &capital)] {
        assert_eq!(api.user_named(name).await.json()["userId"], json!(id));
        assert_eq!(api.approve(approve(name)).await.json()["userId"], json!(id));
        let codes = api.enroll(json!({"username": name, "channel": "recovery"})).await;
        assert_eq!(codes.json()["userId"], json!(id));
    }
    let intent = |name: &str, operation: &str| json!({"username": name, "operation": operation});
    for refused in [
        api.user_named("ANNA").await,
        api.approve(approve("ANNA")).await,
        api.approve(json!({"username": "ANNA", "channel": "app"})).await,
        api.enroll(json!({"username": "ANNA"})).await,
        api.enroll(sms("ANNA")).await,
        api.enroll(json!({"username": "ANNA", "channel": "recovery"})).await,
        api.post("/api/v1/intent", intent("ANNA", "approve")).await,
        api.post("/api/v1/intent", intent("ANNA", "enroll")).await,
    ] {
        assert_eq!(refused.status, 409, "{}", refused.body);
        let event = service.gateway.audit_of(refused.header("x-request-id"));
        assert_eq!(event["reason"], "user_ambiguous", "{event}");
    }
    // An intent is for its own user alone.
    let page = api.with(&api.intent(intent("anna", "approve")).await);
    for other in ["Anna", "ANNA"] {
        assert_eq!(page.approve(approve(other)).await.status, 403, "{other}");
    }
    assert_eq!(page.approve(approve("anna")).await.json()["userId"], json!(small));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_whose_name_another_has_in_another_case_logs_in_by_id_alone() {
    let (service, small, capital) = with_names_from_before().await;
    for (phone, id, names) in
        [(PHONE, &small, ["anna", "Anna"]), (OTHER, &capital, ["Anna", "aNNA"])]
    {
        let code = service.gateway.code(phone).await;
        for name in names {
            let refused = service.gateway.login(name, "", &code).await;
            assert_eq!(refused.status, 403, "{name}");
            let event = service.gateway.audit_of(refused.header("x-request-id"));
            assert_eq!(event["reason"], "user_ambiguous", "{name}");
        }
        let login = service.gateway.login(id, "", &code).await;
        assert_eq!((login.status, &login.json()["userid"]), (200, &json!(id)));
    }
}
