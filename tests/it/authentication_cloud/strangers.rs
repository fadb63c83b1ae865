//! What strangers, earlier owners of names and numbers, and holders of tokens try.

use serde_json::{Value, json};

use super::time::start as start_with_clock;
use super::*;
use crate::support::gateway::wait_until;

/// Another phone of the tests.
const OTHER_PHONE: &str = "+46702223344";

/// What the audit trail says of an answer.
fn reason(service: &Service, answer: &Answer) -> Value {
    service.gateway.audit_of(answer.header("x-request-id"))["reason"].clone()
}

/// A configuration with this key in the first tenant's section on texts.
fn with_sms(key: &str) -> impl FnOnce(String) -> String {
    let section = format!("[tenants.sms]\n{key}\n[[tenants.sms.providers]]");
    move |config| config.replacen("[[tenants.sms.providers]]", &section, 1)
}

async fn enroll(api: &Api, username: &str, phone: &str) -> Answer {
    api.enroll(json!({"username": username, "channel": "sms", "phone": phone})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_for_a_free_name_is_not_for_a_user_who_registers_it_later() {
    let service = Service::start().await;
    let wish =
        json!({"username": "anna", "operation": "enroll", "channels": ["app", "sms", "recovery"]});
    let early = service.api.with(&service.api.intent(wish.clone()).await);
    let anna = service.user("anna", PHONE).await;
    for body in [
        json!({}),
        json!({"channel": "recovery"}),
        json!({"username": "anna"}),
        json!({"channel": "sms", "phone": OTHER_PHONE}),
    ] {
        let refused = early.enroll(body.clone()).await;
        assert_eq!((refused.status, reason(&service, &refused)), (403, json!("intent_name_taken")));
    }
    assert!(texts(&service.provider, OTHER_PHONE).is_empty());
    // Of two for a free name, the first makes the user.
    let names = json!({"username": "berta", "operation": "enroll"});
    let (one, other) = (service.api.intent(names.clone()).await, service.api.intent(names).await);
    assert_eq!(service.api.with(&one).enroll(json!({})).await.status, 201);
    assert_eq!(service.api.with(&other).enroll(json!({})).await.status, 403);
    // One that was asked for since is for the user who is there.
    let late = service.api.with(&service.api.intent(wish).await);
    assert_eq!(late.enroll(json!({})).await.json()["userId"], json!(anna));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_without_channels_makes_no_recovery_codes() {
    let service = Service::start().await;
    let (user, codes) = service.recovery("anna").await;
    for channels in [Value::Null, json!(["sms", "app", "push"])] {
        let wish = json!({"username": "anna", "operation": "enroll", "channels": channels});
        let page = service.api.with(&service.api.intent(wish).await);
        let refused = page.enroll(json!({"channel": "recovery"})).await;
        assert_eq!((refused.status, reason(&service, &refused)), (403, json!("intent_for_other")));
        assert_eq!(enroll(&page, "anna", PHONE).await.status, 201, "{channels}");
    }
    assert_eq!(service.api.recover(&user, &codes[0]).await.status, 200, "the set is the old one");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_ends_with_the_access_key_that_it_was_asked_for_with() {
    let service = Service::start().await;
    let stolen = access_key(service.gateway.folder(), "t1");
    let wish = json!({"username": "anna", "operation": "enroll"});
    let by_stolen = service.api.with(&stolen.text).intent(wish.clone()).await;
    let by_other = service.api.intent(wish).await;
    let revoke = ["access-key", "revoke", "--tenant", "t1", "--id", &stolen.id];
    assert!(command(service.gateway.folder(), &revoke).status.success());
    let refused = enroll(&service.api.with(&by_stolen), "anna", PHONE).await;
    assert_eq!((refused.status, reason(&service, &refused)), (403, json!("intent_key_revoked")));
    assert_eq!(enroll(&service.api.with(&by_other), "anna", PHONE).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_that_is_given_can_be_used_however_much_is_named() {
    let service = Service::start().await;
    let wish = |channels: Vec<&str>| {
        let name = "n".repeat(300);
        let message = format!("{}{{{{CODE}}}}", "€".repeat(70));
        json!({"username": name, "operation": "enroll", "channels": channels, "message": message})
    };
    let refused = service.api.post("/api/v1/intent", wish(vec!["sms"; 1600])).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(text(&refused.json()["message"]).contains("channels"));
    let all = vec!["sms", "recovery", "app", "push", "fido2", "qr-code"];
    let page = service.api.with(&service.api.intent(wish(all)).await);
    assert_eq!(page.enroll(json!({"channel": "sms", "phone": PHONE})).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_shut_no_verified_phone_out_of_approvals() {
    let service = Service::start().await;
    let anna = service.user("anna", PHONE).await;
    for number in 0..4 {
        assert_eq!(enroll(&service.api, &format!("stranger{number}"), PHONE).await.status, 201);
    }
    let full = enroll(&service.api, "stranger", PHONE).await;
    assert_eq!((full.status, reason(&service, &full)), (429, json!("texts_per_phone")));
    // Nor does a stranger who pretends to be anna.
    for number in 0..4 {
        assert_eq!(enroll(&service.api, "anna", &format!("+4670222330{number}")).await.status, 201);
    }
    let full = enroll(&service.api, "anna", OTHER_PHONE).await;
    assert_eq!((full.status, reason(&service, &full)), (429, json!("texts_per_user")));
    let shut = async || service.api.user(&anna).await.json()["exceededRateLimits"].clone();
    assert_eq!(shut().await, json!(["sms-enrollment"]));
    for _ in 0..5 {
        let texted = service.approve("anna", PHONE).await;
        assert_eq!(service.api.verify(&texted, &texted.code).await.status, 200);
    }
    assert_eq!(shut().await, json!(["sms", "sms-enrollment"]));
    let full = service.api.approve(json!({"username": "anna", "channel": "sms"})).await;
    assert_eq!(full.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_a_shared_phone_is_reported_for_each_of_its_users() {
    let service = Service::start().await;
    let anna = service.user("anna", PHONE).await;
    let berta = service.user("berta", PHONE).await;
    for _ in 0..5 {
        service.approve("anna", PHONE).await;
    }
    let full = service.api.approve(json!({"username": "berta", "channel": "sms"})).await;
    assert_eq!((full.status, reason(&service, &full)), (429, json!("texts_per_phone")));
    for user in [anna, berta] {
        assert_eq!(service.api.user(&user).await.json()["exceededRateLimits"], json!(["sms"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_phone_has_no_owner_at_once() {
    let service = Service::start().await;
    let anna = service.user("anna", PHONE).await;
    let user = service.api.user(&anna).await.json();
    let path = format!("/api/v1/phones/{}", text(&user["phones"][0]["phoneId"]));
    let waiting = service.approve("anna", PHONE).await;
    let nobody = "/api/v1/phones/7e16ba00-92e2-4fcb-b30e-1af8fdc843aa";
    let wish = json!({"username": "anna", "operation": "enroll"});
    let page = service.api.with(&service.api.intent(wish).await);
    for (who, path, status) in [
        (&service.api, nobody, 404),
        (&service.api, "/api/v1/phones/x", 404),
        (&service.backend_of("t2"), &path, 404),
        (&page, &path, 403),
        (&service.api.stranger(), &path, 401),
    ] {
        assert_eq!(who.delete(path).await.status, status, "{path}");
    }
    assert_eq!(service.api.get(&path).await.status, 405);
    let told = service.gateway.code(PHONE).await;
    let deleted = service.api.delete(&path).await;
    assert_eq!((deleted.status, reason(&service, &deleted)), (204, json!("phone_deleted")));
    assert_eq!(service.api.delete(&path).await.status, 404, "already");
    let left = service.api.user(&anna).await.json();
    assert_eq!((&left["phones"], &left["status"]), (&json!([]), &json!("new")));
    assert_ne!(left["updatedAt"], user["updatedAt"]);
    assert_eq!(service.gateway.call(PHONE).await.status, 403);
    let approve = json!({"username": "anna", "channel": "sms"});
    assert_eq!(service.api.approve(approve).await.status, 400);
    // Nor does what it was told or sent before.
    assert_eq!(service.gateway.login("anna", "", &told).await.status, 403);
    assert_eq!(service.api.verify(&waiting, &waiting.code).await.status, 412);
    assert_eq!(service.api.status(&waiting.token).await.json()["status"], "failed");
    assert_eq!(service.user("anna", PHONE).await, anna, "and it may be verified anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_taken_from_who_had_it_where_the_tenant_says_so() {
    let service = Service::start_with(with_sms("one_user_per_number = true"), &[]).await;
    let anna = service.user("anna", PHONE).await;
    service.user("anna", OTHER_PHONE).await;
    service.user("anna", PHONE).await;
    let waiting = service.approve("anna", PHONE).await;
    let berta = service.user("berta", PHONE).await;
    let numbers = async |user: &str| {
        let phones = service.api.user(user).await.json()["phones"].clone();
        let phones = phones.as_array().expect("phones").iter().map(|one| text(&one["phone"]));
        phones.collect::<Vec<_>>()
    };
    assert_eq!(numbers(&anna).await, [OTHER_PHONE]);
    assert_eq!(numbers(&berta).await, [PHONE]);
    // The phone's new owner cannot confirm the earlier owner's pending approval.
    assert_eq!(service.api.verify(&waiting, &waiting.code).await.status, 412);
    let code = service.gateway.code(PHONE).await;
    assert_eq!(service.gateway.login("berta", "", &code).await.status, 200);
    // Asking for a text alone takes nothing.
    let texted = service.enroll("carla", PHONE).await;
    assert_eq!(service.api.verify(&texted, &another(&texted.code)).await.status, 400);
    assert_eq!(numbers(&berta).await, [PHONE]);
}

/// Numbers that no text goes to by default, each possible by its length.
const NOT_MOBILE: [&str; 6] = [
    "+469391234567",
    "+447012345678",
    "+19005550123",
    "+447640123456",
    "+46812345678",
    "+448001234567",
];

#[tokio::test(flavor = "multi_thread")]
async fn texts_go_to_numbers_that_can_be_mobile_unless_the_tenant_allows_more() {
    let service = Service::start().await;
    for phone in NOT_MOBILE {
        let refused = enroll(&service.api, "anna", phone).await;
        assert_eq!(refused.status, 400, "{phone}: {}", refused.body);
        assert_eq!(reason(&service, &refused), "number_kind_refused", "{phone}");
    }
    for phone in ["+460000000", "+467012345678", "+4670123456"] {
        assert_eq!(enroll(&service.api, "anna", phone).await.status, 400, "{phone}");
    }
    assert_eq!(service.provider.count(), 0);
    assert_eq!(service.api.user_named("anna").await.status, 404, "nobody was made");
    for phone in [PHONE, "+447400123456", "+12025550123"] {
        assert_eq!(enroll(&service.api, "anna", phone).await.status, 201, "{phone}");
    }
    let more = with_sms("number_kinds = [\"mobile\", \"fixed\"]");
    let service = Service::start_with(more, &[]).await;
    assert_eq!(enroll(&service.api, "anna", "+46812345678").await.status, 201);
    assert_eq!(enroll(&service.api, "anna", "+469391234567").await.status, 400);
    // Two spellings of one subscriber's number have one count.
    for number in 0..3 {
        let name = format!("user{number}");
        assert_eq!(enroll(&service.api, &name, "+5491123456789").await.status, 201);
    }
    for (number, status) in [(3, 201), (4, 201), (5, 429)] {
        let name = format!("user{number}");
        assert_eq!(enroll(&service.api, &name, "+541123456789").await.status, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unconfirmed_users_and_expired_challenges_are_swept() {
    let (service, mut clock) = start_with_clock().await;
    let made = async |body: Value| {
        let answer = service.api.enroll(body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        text(&answer.json()["userId"])
    };
    let nameless = [made(json!({})).await, made(json!({"channel": "push"})).await];
    let texted = made(json!({"channel": "sms", "phone": PHONE})).await;
    let named = made(json!({"username": "anna"})).await;
    let recovering = made(json!({"channel": "recovery"})).await;
    let body = json!({"channel": "sms", "phone": OTHER_PHONE});
    let verified = Texted::enrolled(&service.api.enroll(body).await, service.code(OTHER_PHONE));
    assert_eq!(service.api.verify(&verified, &verified.code).await.status, 200);
    let file = rusqlite::Connection::open(service.gateway.file("dialpass.db")).unwrap();
    let count = |sql: &str| file.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let challenges = "SELECT count(*) FROM transactions WHERE ceremony IS NOT NULL";
    assert_eq!(count(challenges), 3);
    clock.advance(601);
    wait_until("challenges are gone", || count(challenges) == 0);
    assert_eq!(count("SELECT count(*) FROM transactions"), 6, "and their transactions are known");
    // As long as a transaction of theirs is known, they stay.
    clock.advance(23 * 3600);
    for user in nameless.iter().chain([&texted]) {
        assert_eq!(service.api.user(user).await.status, 200);
    }
    clock.advance(2 * 3600);
    wait_until("nobody's users are gone", || count("SELECT count(*) FROM users") == 3);
    for user in nameless.iter().chain([&texted]) {
        assert_eq!(service.api.user(user).await.status, 404);
    }
    for user in [&named, &recovering, &verified.user] {
        assert_eq!(service.api.user(user).await.status, 200);
    }
}
