//! A phone is registered by a text to it.

use serde_json::{Value, json};

use super::*;
use crate::support::gateway::Answer;

/// The names of an object's fields, in order of the alphabet.
fn fields(value: &Value) -> Vec<&str> {
    let mut fields: Vec<_> =
        value.as_object().expect("an object").keys().map(String::as_str).collect();
    fields.sort_unstable();
    fields
}

/// Refused with 400, and nobody got a text or is there.
async fn refuses(service: &Service, body: Value) -> String {
    let answer = service.api.enroll(body).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert_eq!(service.provider.count(), 0, "{}", answer.body);
    assert_eq!(service.api.user_named("anna").await.status, 404, "{}", answer.body);
    text(&answer.json()["message"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_registered_by_the_code_that_is_sent_to_it() {
    let service = Service::start().await;
    let message = "SMS Registration Test, code: {{CODE}}";
    let body =
        json!({"username": "TestUser", "channel": "sms", "phone": PHONE, "message": message});
    let answer = service.api.enroll(body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/json;charset=utf-8");
    let body = answer.json();
    let told = [
        "authenticators",
        "createdAt",
        "enrollment",
        "phones",
        "recoveryCodes",
        "status",
        "updatedAt",
        "userId",
        "username",
    ];
    assert_eq!(fields(&body), told);
    assert_eq!(fields(&body["enrollment"]), ["statusToken", "transactionId"]);
    assert_eq!((&body["authenticators"], &body["phones"]), (&json!([]), &json!([])));
    assert_eq!((&body["recoveryCodes"], &body["status"]), (&Value::Null, &json!("new")));
    assert_eq!(body["username"], "TestUser");
    for time in ["createdAt", "updatedAt"] {
        let time = text(&body[time]);
        assert!(time.ends_with('Z'), "{time}");
        humantime::parse_rfc3339(&time).expect("RFC 3339");
    }
    for id in [&body["userId"], &body["enrollment"]["transactionId"]] {
        uuid::Uuid::try_parse(&text(id)).expect("a UUID");
    }

    let code = service.code(PHONE);
    assert_eq!(texts(&service.provider, PHONE), [message.replace("{{CODE}}", &code)]);
    let texted = Texted::enrolled(&answer, code);
    assert_eq!(
        service.api.user(&texted.user).await.json()["phones"],
        json!([]),
        "not yet verified"
    );
    let verified = service.api.verify(&texted, &texted.code).await;
    assert_eq!((verified.status, verified.body.as_str()), (200, ""));

    let user = service.api.user(&texted.user).await.json();
    let told =
        ["authenticators", "createdAt", "phones", "status", "updatedAt", "userId", "username"];
    assert_eq!(fields(&user), told);
    assert_eq!((&user["status"], &user["createdAt"]), (&json!("active"), &body["createdAt"]));
    assert_eq!(fields(&user["phones"][0]), ["createdAt", "phone", "phoneId", "updatedAt"]);
    assert_eq!(user["phones"][0]["phone"], PHONE);
    uuid::Uuid::try_parse(&text(&user["phones"][0]["phoneId"])).expect("a UUID");
    assert_eq!(user["updatedAt"], user["phones"][0]["createdAt"]);
    assert_eq!(service.api.user_named("TestUser").await.json(), user);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_left_out_is_a_default_one() {
    let service = Service::start().await;
    let texted = service.enroll("anna", PHONE).await;
    let expected = format!("Your code is {}. Do not share it with anyone.", texted.code);
    assert_eq!(texts(&service.provider, PHONE), [expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_phones_cannot_show_or_without_a_code_is_refused_and_nothing_is_sent() {
    let service = Service::start().await;
    let long = format!("{{{{CODE}}}}{}", "a".repeat(155));
    for message in ["", "no place", "{{code}}", "{CODE}", "{{CODE}} \u{448}", "`{{CODE}}`", &long] {
        let body =
            json!({"username": "anna", "channel": "sms", "phone": PHONE, "message": message});
        refuses(&service, body).await;
    }
    let fits = format!("Grüße {{{{CODE}}}}{}", "a".repeat(148));
    let body = json!({"username": "anna", "channel": "sms", "phone": PHONE, "message": fits});
    assert_eq!(service.api.enroll(body).await.status, 201);
    assert_eq!(texts(&service.provider, PHONE)[0].chars().count(), 160);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_a_number_with_its_plus_and_nothing_else() {
    let service = Service::start().await;
    for phone in [
        "",
        "+",
        "46701234567",
        "0701234567",
        "0046701234567",
        "+46",
        "+46 70 123 45 67",
        "+46701234567;ext=12",
        "tel:+46701234567",
        "+467012345678901234",
        "+999701234567",
        "anna",
        "+4670123456a",
        "+\u{664}\u{666}701234567",
    ] {
        let message =
            refuses(&service, json!({"username": "anna", "channel": "sms", "phone": phone})).await;
        assert!(message.contains("E.164"), "{phone}: {message}");
    }
    let message = refuses(&service, json!({"username": "anna", "channel": "sms"})).await;
    assert_eq!(message, "the field phone is missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_username_has_at_most_300_of_its_characters() {
    let service = Service::start().await;
    let recovery = |username: &str| json!({"username": username, "channel": "recovery"});
    let charset = "abcXYZ019_-.@";
    let longest = format!("{charset}{}", "x".repeat(300 - charset.len()));
    for name in ["a", charset, &longest, "-", "...", "@"] {
        let answer = service.api.enroll(recovery(name)).await;
        assert_eq!((answer.status, text(&answer.json()["username"])), (201, name.to_owned()));
        assert_eq!(service.api.user_named(name).await.json()["username"], name);
    }
    let too_long = format!("{longest}x");
    let user = service.user("bob", PHONE).await;
    let bad = ["", " ", "a b", "%%%%%", "åsa", "a/b", "a+b", "a\n", "a\u{0}", "anna ", &too_long];
    // Who has no name is known by the id, so that nobody's name may be one.
    let ids = [user.clone(), user.to_uppercase(), user.replace('-', "")];
    for name in bad.into_iter().chain(ids.iter().map(String::as_str)) {
        let answer = service.api.enroll(recovery(name)).await;
        assert_eq!(answer.status, 400, "{name:?}");
        assert!(text(&answer.json()["message"]).contains("1 to 300"), "{}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_named_by_username_or_by_id_and_never_by_both() {
    let service = Service::start().await;
    let user = service.user("anna", PHONE).await;
    let sms = |more: Value| {
        let mut body = json!({"channel": "sms", "phone": "+46702223344"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let both = service.api.enroll(sms(json!({"username": "anna", "userId": user}))).await;
    assert_eq!(both.status, 400, "{}", both.body);
    assert!(text(&both.json()["message"]).contains("not both"));
    for id in
        ["", "anna", "7e16ba0092e24fcbb30e1af8fdc843aa", "{7e16ba00-92e2-4fcb-b30e-1af8fdc843aa}"]
    {
        assert_eq!(service.api.enroll(sms(json!({"userId": id}))).await.status, 400, "{id}");
    }
    for unknown in ["7e16ba00-92e2-4fcb-b30e-1af8fdc843aa", &uuid::Uuid::nil().to_string()] {
        for channel in ["sms", "recovery"] {
            let mut body = sms(json!({"userId": unknown}));
            body["channel"] = json!(channel);
            assert_eq!(service.api.enroll(body).await.status, 404, "{channel} {unknown}");
        }
    }
    assert_eq!(texts(&service.provider, "+46702223344"), [""; 0]);
    let by_id = service.api.enroll(sms(json!({"userId": user.to_uppercase()}))).await;
    assert_eq!((by_id.status, text(&by_id.json()["userId"])), (201, user));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_there_gets_a_further_phone_and_the_newest_one_gets_the_texts() {
    let service = Service::start().await;
    let user = service.user("anna", PHONE).await;
    let second = "+46702223344";
    let texted = service.enroll("anna", second).await;
    assert_eq!(texted.user, user, "the same user, and no 409");
    let pending = service.api.user(&user).await.json();
    assert_eq!(pending["phones"].as_array().unwrap().len(), 1, "verified ones only");
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 200);
    let phones = service.api.user(&user).await.json()["phones"].clone();
    let numbers: Vec<_> =
        phones.as_array().unwrap().iter().map(|one| text(&one["phone"])).collect();
    assert_eq!(numbers, [PHONE, second]);
    service.approve("anna", second).await;
    assert_eq!(texts(&service.provider, second).len(), 2, "the newest phone");

    // The first one again: it is no third, and is now the newest.
    assert_eq!(service.user("anna", PHONE).await, user);
    let again = service.api.user(&user).await.json()["phones"].clone();
    assert_eq!(again.as_array().unwrap().len(), 2);
    let of = |phones: &Value, number: &str| {
        phones.as_array().unwrap().iter().find(|one| one["phone"] == number).cloned().unwrap()
    };
    assert_eq!(of(&again, PHONE)["phoneId"], of(&phones, PHONE)["phoneId"]);
    assert_eq!(of(&again, PHONE)["createdAt"], of(&phones, PHONE)["createdAt"]);
    assert_ne!(of(&again, PHONE)["updatedAt"], of(&phones, PHONE)["updatedAt"]);
    let sent = texts(&service.provider, PHONE).len();
    let answer = service.api.approve(json!({"userId": user, "channel": "sms"})).await;
    assert_eq!((answer.status, texts(&service.provider, PHONE).len()), (201, sent + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrollment_without_a_username_makes_a_new_user_each_time() {
    let service = Service::start().await;
    let mut users = Vec::new();
    for _ in 0..2 {
        let answer = service.api.enroll(json!({"channel": "sms", "phone": PHONE})).await;
        assert_eq!((answer.status, &answer.json()["username"]), (201, &Value::Null));
        let texted = Texted::enrolled(&answer, service.code(PHONE));
        assert_eq!(service.api.verify(&texted, &texted.code).await.status, 200);
        assert_eq!(service.api.user(&texted.user).await.json()["username"], Value::Null);
        assert_eq!(service.api.status(&texted.token).await.json()["username"], Value::Null);
        users.push(texted.user);
    }
    assert_ne!(users[0], users[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_not_served_is_400() {
    let service = Service::start().await;
    for (body, says) in [
        (
            json!({"username": "anna", "channel": "fido2"}),
            "the channel fido2 is not available here",
        ),
        (json!({"username": "anna", "channel": "SMS"}), "the channel is unknown"),
        (json!({"username": "anna", "channel": "pigeon"}), "the channel is unknown"),
        (json!({"username": "anna", "channel": ""}), "the channel is unknown"),
    ] {
        assert_eq!(refuses(&service, body.clone()).await, says, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_without_a_provider_sends_nothing() {
    let service = Service::start_with(
        |config| {
            let (before, sms) = config.split_once("[[tenants.sms.providers]]").expect("a provider");
            let (_, second) = sms.split_once("[[tenants]]").expect("a second tenant");
            format!("{before}[[tenants]]{second}")
        },
        &[],
    )
    .await;
    let body = json!({"username": "anna", "channel": "sms", "phone": PHONE});
    let message = refuses(&service, body.clone()).await;
    assert_eq!(message, "the channel sms is not available: no provider is set up");
    assert_eq!(service.recovery("berta").await.1.len(), 10, "recovery codes need none");
    assert_eq!(service.backend_of("t2").enroll(body).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_country_that_is_denied_gets_nothing_and_nothing_is_counted() {
    let rule = "[tenants.sms]\ndenied_countries = [\"NO\"]\n[[tenants.sms.providers]]";
    let service =
        Service::start_with(|config| config.replacen("[[tenants.sms.providers]]", rule, 1), &[])
            .await;
    let norwegian = json!({"username": "anna", "channel": "sms", "phone": "+4791234567"});
    for _ in 0..7 {
        let message = refuses(&service, norwegian.clone()).await;
        assert_eq!(message, "no text messages are sent to this country");
    }
    for _ in 0..5 {
        service.enroll("anna", PHONE).await;
    }
    let other = service.backend_of("t2").enroll(norwegian).await;
    assert_eq!(other.status, 201, "another tenant has other countries");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_made_once_however_many_ask_at_once() {
    let service = Service::start().await;
    let (api, number) = (service.api.clone(), |n: usize| format!("+4670123450{n}"));
    let statuses =
        at_once(5, |n| {
            let (api, phone) = (api.clone(), number(n));
            async move {
                api.enroll(json!({"username": "anna", "channel": "sms", "phone": phone})).await
            }
        })
        .await;
    assert_eq!(count(&statuses, 201), 5, "{statuses:?}");
    let users: i64 = rusqlite::Connection::open(service.gateway.file("dialpass.db"))
        .unwrap()
        .query_row("SELECT count(*) FROM users", [], |row| row.get(0))
        .unwrap();
    assert_eq!(users, 1);
    let sixth: Answer =
        service.api.enroll(json!({"username": "anna", "channel": "sms", "phone": PHONE})).await;
    assert_eq!(sixth.status, 429, "each was counted");
}
