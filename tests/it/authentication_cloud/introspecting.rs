//! Whether a token vouches for something: what a backend asks before it lets somebody in.

use serde_json::json;

use super::*;
use crate::support::gateway::Answer;

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_transaction_is_active_once_that_has_succeeded() {
    let service = Service::start().await;
    let user = service.user("anna", PHONE).await;
    let texted = service.approve("anna", PHONE).await;
    let early = text(&service.api.status(&texted.token).await.json()["token"]);
    assert!(!service.api.is_active(&early).await, "pending");
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 200);
    let late = text(&service.api.status(&texted.token).await.json()["token"]);
    for token in [early, late] {
        let answer = service.api.introspect(&token).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
        assert_eq!(answer.header("content-type"), "application/json;charset=utf-8");
        let body = answer.json();
        let mut fields: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        let told = ["active", "aud", "exp", "iat", "iss", "operation", "sub", "transactionId"];
        assert_eq!(fields, told);
        assert_eq!((&body["active"], &body["aud"]), (&json!(true), &json!("api")));
        assert_eq!(body["iss"], format!("{PUBLIC_URL}/"));
        assert_eq!((&body["sub"], &body["operation"]), (&json!(user), &json!("approve")));
        assert_eq!(body["transactionId"], json!(texted.transaction));
        // Milliseconds: thirteen digits, for the next few hundred years.
        let (exp, iat) = (body["exp"].as_i64().unwrap(), body["iat"].as_i64().unwrap());
        assert!(iat > 1_600_000_000_000 && exp > iat && exp - iat <= 602_000, "{body}");
    }
    let enrollment = service.enroll("anna", PHONE).await;
    assert_eq!(service.api.verify(&enrollment, &enrollment.code).await.status, 200);
    let token = text(&service.api.status(&enrollment.token).await.json()["token"]);
    assert_eq!(service.api.introspect(&token).await.json()["operation"], "enroll");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_key_is_active_until_it_is_revoked() {
    let service = Service::start().await;
    let key = access_key(service.gateway.folder(), "t1");
    let body = service.api.introspect(&key.text).await.json();
    let mut fields: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["active", "aud", "iat", "iss", "sub"], "it has no end");
    assert_eq!((&body["active"], &body["sub"]), (&json!(true), &json!(key.id)));
    assert!(service.api.is_active(&service.key.text).await);
    let revoke = ["access-key", "revoke", "--tenant", "t1", "--id", &key.id];
    assert!(command(service.gateway.folder(), &revoke).status.success());
    assert!(!service.api.is_active(&key.text).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_token_is_ever_active() {
    let service = Service::start().await;
    service.user("anna", PHONE).await;
    let texted = service.approve("anna", PHONE).await;
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 200);
    let transaction = text(&service.api.status(&texted.token).await.json()["token"]);
    let intent = service.api.intent(json!({"username": "anna", "operation": "approve"})).await;
    let mut cut = transaction.clone();
    cut.pop();
    let (_, signature) = transaction.rsplit_once('.').expect("a JWT");
    let (claims, _) = texted.token.rsplit_once('.').expect("a JWT");
    let mixed = format!("{claims}.{signature}");
    let almost = format!("{}x", &service.key.text[..service.key.text.len() - 1]);
    for (what, token) in [
        ("a status token", texted.token.as_str()),
        ("an intent token", &intent),
        ("a token that was cut", &cut),
        ("another's signature", &mixed),
        ("an access key's hash", &crate::support::gateway::sha256(&service.key.text)),
        ("a key's beginning", "dpk_"),
        ("another key", &almost),
        ("a client's secret", "vpn-secret"),
        ("nothing", ""),
        ("a name", "anna"),
        ("an id", &texted.user),
    ] {
        assert!(!service.api.is_active(token).await, "{what}");
    }
    assert!(service.api.is_active(&transaction).await, "and this one is");

    // What is another tenant's is nothing here.
    let other = service.backend_of("t2");
    let others_key = access_key(service.gateway.folder(), "t2");
    assert!(!other.is_active(&transaction).await && !other.is_active(&service.key.text).await);
    assert!(!service.api.is_active(&others_key.text).await);
    assert!(other.is_active(&others_key.text).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn introspection_shows_what_was_approved_and_by_which_intent() {
    let service = Service::start().await;
    service.user("anna", PHONE).await;
    let vouched = async |texted: &Texted| {
        assert_eq!(service.api.verify(texted, &texted.code).await.status, 200);
        let token = text(&service.api.status(&texted.token).await.json()["token"]);
        service.api.introspect(&token).await.json()
    };
    let message = "Pay CHF 100? {{CODE}}";
    let body = json!({"username": "anna", "channel": "sms", "message": message});
    let asked = service.api.approve(body).await;
    let told = vouched(&Texted::approving(&asked, service.code(PHONE))).await;
    assert_eq!((&told["message"], told.get("intentId")), (&json!(message), None));
    let bare = service.approve("anna", PHONE).await;
    assert_eq!(vouched(&bare).await.get("message"), None, "nothing was said");
    // Two that a page began: neither passes for the other.
    let mut ids = Vec::new();
    for message in ["Pay CHF 1? {{CODE}}", "Pay CHF 900? {{CODE}}"] {
        let wish = json!({"username": "anna", "operation": "approve", "message": message});
        let made = service.api.post("/api/v1/intent", wish).await.json();
        let page = service.api.with(&text(&made["token"]));
        let asked = page.approve(json!({"channel": "sms"})).await;
        let told = vouched(&Texted::approving(&asked, service.code(PHONE))).await;
        assert_eq!((&told["message"], &told["intentId"]), (&json!(message), &made["intentId"]));
        assert_eq!(told["operation"], "approve");
        ids.push(text(&told["intentId"]));
    }
    assert_ne!(ids[0], ids[1]);
    assert!(ids.iter().all(|id| uuid::Uuid::try_parse(id).is_ok()), "{ids:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_a_field_of_a_form_once() {
    let service = Service::start().await;
    let form = |body: &'static str| {
        let request = service.api.request("POST", "/api/v1/introspect");
        request.header("content-type", "application/x-www-form-urlencoded").body(body)
    };
    for (body, says) in [
        ("", "the field token is missing"),
        ("tok=x", "the field token is missing"),
        ("token=x&token=y", "the field token appears twice"),
    ] {
        let answer = Answer::of(form(body)).await;
        assert_eq!((answer.status, text(&answer.json()["message"])), (400, says.to_owned()));
    }
    let more = Answer::of(form("token_type_hint=access_token&token=x")).await;
    assert_eq!((more.status, more.body.as_str()), (200, r#"{"active":false}"#));
    let stated = service.api.request("POST", "/api/v1/introspect");
    let stated = stated.header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    assert_eq!(Answer::of(stated.body("token=x")).await.status, 200);
}
