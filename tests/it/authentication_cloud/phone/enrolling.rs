//! A phone becomes a user's authenticator.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::*;
use super::{Linked, PIXEL};
use crate::support::browser::tools::qr_text;
use crate::support::gateway::Answer;
use crate::support::soft_phone::SoftPhone;

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 \
    (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";

/// A field's moment.
fn moment(value: &Value) -> std::time::SystemTime {
    let text = text(value);
    assert!(text.ends_with('Z'), "{text}");
    humantime::parse_rfc3339(&text).expect("RFC 3339")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_registered_by_the_link_and_the_qr_code_says_the_same() {
    let service = Service::start().await;
    let answer = service.api.enroll(json!({"username": "anna"})).await;
    let linked = Linked::of(&answer);
    let body = answer.json();
    let mut fields: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "authenticators",
            "createdAt",
            "enrollment",
            "phones",
            "recoveryCodes",
            "status",
            "updatedAt",
            "userId",
            "username"
        ]
    );
    assert_eq!((&body["username"], &body["status"]), (&json!("anna"), &json!("new")));
    assert_eq!(
        (&body["authenticators"], &body["phones"], &body["recoveryCodes"]),
        (&json!([]), &json!([]), &Value::Null)
    );
    let enrollment = body["enrollment"].as_object().unwrap();
    let mut fields: Vec<_> = enrollment.keys().cloned().collect();
    fields.sort_unstable();
    assert_eq!(fields, ["appLinkUri", "qrCode", "statusToken", "transactionId"]);
    let qr_code = &enrollment["qrCode"];
    assert_eq!((&qr_code["type"], &qr_code["size"]), (&json!("image/png"), &json!(300)));
    let data = text(&qr_code["dataUri"]);
    let picture = data.strip_prefix("data:image/png;base64,").expect("a PNG");
    let picture = STANDARD.decode(picture).unwrap();
    let png = png::Decoder::new(std::io::Cursor::new(&picture)).read_info().unwrap();
    assert_eq!((png.info().width, png.info().height), (300, 300));
    assert_eq!(qr_text(&picture), text(&enrollment["appLinkUri"]));

    assert_eq!(service.api.stage(&linked.status).await, "pending");
    let mut phone = SoftPhone::at(PUBLIC_URL);
    let confirmed = service.api.register(&linked.token, &mut phone).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    let told = confirmed.json();
    assert_eq!((&told["subscribed"], &told["pushKey"]), (&json!(false), &Value::Null));
    let status = service.api.status(&linked.status).await.json();
    assert_eq!(status["status"], "succeeded");
    assert_eq!((&status["username"], &status["userId"]), (&json!("anna"), &json!(linked.user)));
    let user = service.api.user(&linked.user).await.json();
    assert_eq!(user["status"], "active");
    let authenticator = &user["authenticators"][0];
    let mut fields: Vec<_> = authenticator.as_object().unwrap().keys().cloned().collect();
    fields.sort_unstable();
    assert_eq!(fields, ["authenticatorId", "enrolledAt", "name", "type", "updatedAt"]);
    assert_eq!(authenticator["authenticatorId"], told["authenticatorId"]);
    assert_eq!(
        (&authenticator["name"], &authenticator["type"]),
        (&json!("Android"), &json!("android"))
    );
    assert_eq!(authenticator["enrolledAt"], authenticator["updatedAt"]);
    assert!(moment(&authenticator["enrolledAt"]) >= moment(&user["createdAt"]));
    assert_eq!(user["phones"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_learns_who_asks_whom_from_where_and_until_when() {
    let service = Service::start_with(
        |config| {
            let company = "[tenants.app]\ncompany = \"Example AG\"\n[tenants.login]\n";
            config.replacen("[tenants.login]\n", company, 1)
        },
        &[],
    )
    .await;
    let linked = service.enroll_app(json!({"username": "anna"})).await;
    let told = service.api.look(&linked.token).await.json();
    assert_eq!(told["company"], "Example AG");
    assert_eq!(
        (&told["operation"], &told["stage"], &told["username"]),
        (&json!("enroll"), &json!("pending"), &json!("anna"))
    );
    assert_eq!((&told["askedBy"], &told["message"]), (&json!("backend"), &Value::Null));
    assert!(["127.0.0.1", "::1"].contains(&text(&told["askedFrom"]).as_str()), "{told}");
    assert_eq!(told["matchNumber"], false);
    let left = told["secondsLeft"].as_u64().unwrap();
    assert!((541..=600).contains(&left), "{left}");
    let lifetime = moment(&told["expiresAt"]).duration_since(moment(&told["createdAt"]));
    assert_eq!(lifetime.unwrap().as_secs(), 600);
    let options = &told["publicKey"];
    assert_eq!(options["rp"], json!({"id": "id.example.com", "name": "Example AG"}));
    assert_eq!(
        (&options["user"]["name"], &options["attestation"]),
        (&json!("anna"), &json!("none"))
    );
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    let handle = crate::support::soft_phone::bytes(&options["user"]["id"]);
    assert_eq!(uuid::Uuid::from_slice(&handle).unwrap().to_string(), linked.user);

    // Another tenant is called by its id where it says nothing else, and so is who has no name.
    let other = service.backend_of("t2");
    let nameless = Linked::of(&other.enroll(json!({})).await);
    let told = other.look(&nameless.token).await.json();
    assert_eq!((&told["company"], &told["username"]), (&json!("t2"), &Value::Null));
    assert_eq!(told["publicKey"]["user"]["name"], "t2");
    assert_ne!(told["publicKey"]["challenge"], options["challenge"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_user_is_enrolled_and_an_unnamed_one_is_created() {
    let service = Service::start().await;
    let (user, _) = service.user_with_phone("anna").await;
    for body in [
        json!({"username": "anna"}),
        json!({"username": "anna", "channel": "app"}),
        json!({"username": "anna", "channel": "push"}),
        json!({"userId": user}),
        json!({"userId": user, "channel": "app", "phone": PHONE}),
    ] {
        let answer = service.api.enroll(body.clone()).await;
        assert_eq!((answer.status, &answer.json()["userId"]), (201, &json!(user)), "{body}");
        assert_eq!(answer.json()["status"], "active");
        assert_eq!(answer.json()["authenticators"].as_array().unwrap().len(), 1);
    }
    let first = service.enroll_app(json!({})).await;
    let second = service.enroll_app(json!({"channel": "app"})).await;
    assert!(first.user != second.user && first.user != user);
    let mut phone = SoftPhone::at(PUBLIC_URL);
    assert_eq!(service.api.register(&first.token, &mut phone).await.status, 200);
    let body = service.api.user(&first.user).await.json();
    assert_eq!((&body["username"], &body["status"]), (&Value::Null, &json!("active")));
    assert_eq!(service.api.user(&second.user).await.json()["status"], "new");
    let unknown = json!({"userId": "7e16ba00-92e2-4fcb-b30e-1af8fdc843aa"});
    assert_eq!(service.api.enroll(unknown).await.status, 404);
    assert_eq!(service.backend_of("t2").enroll(json!({"userId": user})).await.status, 404);
    for wrong in [json!({"username": "anna", "userId": user}), json!({"username": "%"})] {
        assert_eq!(service.api.enroll(wrong).await.status, 400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_there_gets_a_further_authenticator_and_each_may_approve() {
    let service = Service::start().await;
    let (user, mut old) = service.user_with_phone("anna").await;
    let mut new = SoftPhone::at(PUBLIC_URL);
    let (linked, _) = service.phone_of("anna", &mut new).await;
    assert_eq!(linked.user, user);
    let body = service.api.user(&user).await.json();
    let authenticators = body["authenticators"].as_array().unwrap();
    assert_eq!(authenticators.len(), 2);
    for phone in [&mut old, &mut new] {
        let asked = service.ask("anna", "Log in").await;
        assert_eq!(service.api.sign(&asked.token, phone).await.status, 200);
    }
    // The phone itself says so where it is one of the user's already.
    let again = service.enroll_app(json!({"username": "anna"})).await;
    let options = service.api.options(&again.token).await;
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 2);
    assert!(old.make(&options).await.is_err());
    assert_eq!(old.passkeys(), 1);
    // The old one is taken away: it approves nothing, and isn't even asked.
    let id = text(&authenticators[0]["authenticatorId"]);
    let path = format!("/api/v1/authenticators/{id}");
    assert_eq!(service.api.delete(&path).await.status, 204);
    let asked = service.ask("anna", "Log in").await;
    let options = service.api.options(&asked.token).await;
    assert!(old.sign(&options).await.is_err());
    assert_eq!(service.api.sign(&asked.token, &mut new).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_eleventh_authenticator_is_409() {
    let service = Service::start().await;
    let mut phone = SoftPhone::at(PUBLIC_URL);
    for _ in 0..9 {
        phone = SoftPhone::at(PUBLIC_URL);
        service.phone_of("anna", &mut phone).await;
    }
    // Both fit when they are asked for, and one when they are confirmed.
    let tenth = service.enroll_app(json!({"username": "anna"})).await;
    let eleventh = service.enroll_app(json!({"username": "anna"})).await;
    let [mut one, mut other] = [SoftPhone::at(PUBLIC_URL), SoftPhone::at(PUBLIC_URL)];
    assert_eq!(service.api.register(&tenth.token, &mut one).await.status, 200);
    let full = service.api.register(&eleventh.token, &mut other).await;
    assert_eq!((full.status, &full.json()["error"]), (409, &json!("Conflict")), "{}", full.body);
    for body in [json!({"username": "anna"}), json!({"userId": tenth.user, "channel": "push"})] {
        let answer = service.api.enroll(body).await;
        assert_eq!((answer.status, &answer.json()["error"]), (409, &json!("Conflict")));
    }
    let user = service.api.user(&tenth.user).await.json();
    let authenticators = user["authenticators"].as_array().unwrap();
    assert_eq!(authenticators.len(), 10);
    // Where one goes there is room for the next.
    let id = text(&authenticators[3]["authenticatorId"]);
    assert_eq!(service.api.delete(&format!("/api/v1/authenticators/{id}")).await.status, 204);
    let mut next = SoftPhone::at(PUBLIC_URL);
    service.phone_of("anna", &mut next).await;
    let asked = service.ask("anna", "Log in").await;
    assert_eq!(service.api.sign(&asked.token, &mut phone).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_called_what_its_browser_says() {
    let service = Service::start().await;
    let of_model = |model: &str, platform: &str| json!({"model": model, "platform": platform});
    for (agent, hints, name, kind) in [
        (IPHONE, Value::Null, "iPhone", "ios"),
        (PIXEL, json!({}), "Android", "android"),
        (PIXEL, of_model("Pixel 9", "Android"), "Pixel 9", "android"),
        (PIXEL, of_model("K", "Android"), "Android", "android"),
        (PIXEL, of_model("\u{202e}evil", "Android"), "Android", "android"),
        (PIXEL, of_model("", ""), "Android", "android"),
        ("curl/8", Value::Null, "Browser", "android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", of_model("", "macOS"), "Mac", "ios"),
    ] {
        let linked = service.enroll_app(json!({})).await;
        let options = service.api.options(&linked.token).await;
        let made = SoftPhone::at(PUBLIC_URL).make(&options).await.unwrap();
        let mut body = json!({"token": linked.token, "credential": made});
        if !hints.is_null() {
            body["device"] = hints.clone();
        }
        let request = service.api.stranger().request("POST", "/open/confirm");
        let confirmed = Answer::of(request.header("user-agent", agent).json(&body)).await;
        assert_eq!(confirmed.status, 200, "{agent}: {}", confirmed.body);
        let user = service.api.user(&linked.user).await.json();
        let authenticator = &user["authenticators"][0];
        assert_eq!(
            (&authenticator["name"], &authenticator["type"]),
            (&json!(name), &json!(kind)),
            "{agent} {hints}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_opens_or_previews_a_link_uses_nothing_up() {
    let service = Service::start().await;
    let linked = service.enroll_app(json!({"username": "anna"})).await;
    let page = format!("/open?dispatchTokenResponse={}", linked.token);
    // But for the token, which says when it was asked for.
    let status = async || {
        let status = service.api.status(&linked.status).await.json();
        ["status", "createdAt", "lastUpdatedAt", "userId"].map(|field| status[field].clone())
    };
    let before = status().await;
    let challenge = service.api.options(&linked.token).await["challenge"].clone();
    for _ in 0..3 {
        for method in ["GET", "HEAD"] {
            let answer = Answer::of(service.api.stranger().request(method, &page)).await;
            assert_eq!(answer.status, 200, "{method}");
            assert_eq!(answer.header("access-control-allow-origin"), "");
        }
        assert_eq!(service.api.options(&linked.token).await["challenge"], challenge);
    }
    assert_eq!(status().await, before);
    let mut phone = SoftPhone::at(PUBLIC_URL);
    assert_eq!(service.api.register(&linked.token, &mut phone).await.status, 200);
    // Its use ends it: it may still be looked at, and does nothing more.
    let told = service.api.look(&linked.token).await.json();
    assert_eq!((&told["stage"], &told["publicKey"]), (&json!("succeeded"), &Value::Null));
    assert_eq!(service.api.decline(&linked.token).await.status, 412);
    assert_eq!(service.api.stage(&linked.status).await, "succeeded");
}
