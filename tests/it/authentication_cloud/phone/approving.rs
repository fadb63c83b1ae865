//! A user approves on a phone what the page shows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::*;
use super::{Linked, token_in};
use crate::support::browser::tools::qr_text;
use crate::support::soft_phone::SoftPhone;

const MESSAGE: &str = "Pay CHF 1\u{2019}000.00\nto Anna & <b>Bertil</b> 'Åäö' 📱";

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_shows_what_is_approved_and_is_signed_by_the_passkey() {
    let service = Service::start().await;
    let (user, mut phone) = service.user_with_phone("anna").await;
    let before = service.api.user(&user).await.json();
    for body in [
        json!({"username": "anna", "channel": "app", "message": MESSAGE}),
        json!({"userId": user, "channel": "qr-code", "message": MESSAGE}),
    ] {
        let answer = service.api.approve(body).await;
        let linked = Linked::of(&answer);
        let body = answer.json();
        let mut fields: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
        fields.sort_unstable();
        assert_eq!(fields, ["appLinkUri", "qrCode", "statusToken", "transactionId", "userId"]);
        assert_eq!(body["userId"], json!(user));
        assert_eq!(
            (&body["qrCode"]["type"], &body["qrCode"]["size"]),
            (&json!("image/png"), &json!(300))
        );
        let data = text(&body["qrCode"]["dataUri"]);
        let picture = STANDARD.decode(data.split_once(',').unwrap().1).unwrap();
        assert_eq!(token_in(&qr_text(&picture)), linked.token);

        let shown = service.api.look(&linked.token).await;
        assert!(!shown.body.contains(['<', '>', '&']), "{}", shown.body);
        let shown = shown.json();
        assert_eq!((&shown["operation"], &shown["message"]), (&json!("approve"), &json!(MESSAGE)));
        assert_eq!((&shown["askedBy"], &shown["username"]), (&json!("backend"), &json!("anna")));
        let options = &shown["publicKey"];
        assert_eq!(options["rpId"], "id.example.com");
        assert_eq!(options["userVerification"], "required");
        assert_eq!(options["allowCredentials"].as_array().unwrap().len(), 1);
        assert_eq!(service.api.stage(&linked.status).await, "pending");
        let confirmed = service.api.sign(&linked.token, &mut phone).await;
        assert_eq!(confirmed.status, 200, "{}", confirmed.body);
        assert_eq!(
            confirmed.json()["authenticatorId"],
            before["authenticators"][0]["authenticatorId"]
        );
        let status = service.api.status(&linked.status).await.json();
        assert_eq!(status["status"], "succeeded");
        let vouched = service.api.introspect(&text(&status["token"])).await.json();
        assert_eq!(
            (&vouched["active"], &vouched["sub"], &vouched["operation"], &vouched["transactionId"]),
            (&json!(true), &json!(user), &json!("approve"), &json!(linked.transaction))
        );
    }
    assert_eq!(service.api.user(&user).await.json(), before, "an approval changes nothing else");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_1_to_200_characters_that_show_themselves() {
    let service = Service::start().await;
    service.user_with_phone("anna").await;
    let ask = async |message: Value| {
        let body = json!({"username": "anna", "channel": "app", "message": message});
        service.api.approve(body).await
    };
    let longest = "Å".repeat(200);
    for message in [json!("x"), json!(longest), json!("no {{CODE}}"), json!("a\nb"), Value::Null] {
        let linked = Linked::of(&ask(message.clone()).await);
        assert_eq!(service.api.look(&linked.token).await.json()["message"], message);
    }
    for message in
        ["", " ", "\n", "a\tb", "a\u{0}b", "a\u{202e}b", "a\u{2028}b", &format!("{longest}x")]
    {
        let answer = ask(json!(message)).await;
        assert_eq!(answer.status, 400, "{message:?}");
        let says =
            "the message is not 1 to 200 characters on 8 lines at most, without other controls";
        assert_eq!(answer.json()["message"], says);
    }
    for message in [json!(7), json!(["x"]), json!({})] {
        assert_eq!(ask(message).await.status, 400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_unknown_or_lacks_the_authenticator_is_not_asked() {
    let service = Service::start().await;
    service.user_with_phone("anna").await;
    let (berta, _) = service.user_with_phone("berta").await;
    service.user("clara", PHONE).await;
    let id_of = async |user: &str| {
        text(&service.api.user_named(user).await.json()["authenticators"][0]["authenticatorId"])
    };
    let (hers, other) = (id_of("anna").await, id_of("berta").await);
    let nobody = "7e16ba00-92e2-4fcb-b30e-1af8fdc843aa";
    for channel in ["app", "qr-code"] {
        for (mut body, status) in [
            (json!({"username": "nobody"}), 404),
            (json!({"userId": nobody}), 404),
            (json!({"username": "clara"}), 400),
            (json!({"username": "anna", "authenticatorId": other}), 400),
            (json!({"username": "anna", "authenticatorId": nobody}), 400),
            (json!({"username": "anna", "authenticatorId": "x"}), 400),
            (json!({"username": "anna", "authenticatorId": 7}), 400),
            (json!({"username": "anna", "userId": berta}), 400),
            (json!({}), 400),
            (json!({"username": "anna", "authenticatorId": hers}), 201),
        ] {
            body["channel"] = json!(channel);
            let answer = service.api.approve(body.clone()).await;
            assert_eq!(answer.status, status, "{body}: {}", answer.body);
        }
    }
    let clara = json!({"username": "clara", "channel": "app"});
    let answer = service.api.approve(clara).await;
    assert_eq!(answer.json()["message"], "the user has no authenticator, or not this one");
    // Without push, no user is notified.
    for body in [json!({"username": "anna"}), json!({"username": "clara", "channel": "push"})] {
        let answer = service.api.approve(body).await;
        let says = "the channel push is not available: it is not set up";
        assert_eq!((answer.status, text(&answer.json()["message"])), (400, says.to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_one_authenticator_that_is_named_approves_and_no_other_does() {
    let service = Service::start().await;
    let (user, mut first) = service.user_with_phone("anna").await;
    let mut second = SoftPhone::at(PUBLIC_URL);
    let (_, told) = service.phone_of("anna", &mut second).await;
    let id = told["authenticatorId"].clone();
    let body = json!({"userId": user, "channel": "app", "authenticatorId": id});
    let linked = Linked::of(&service.api.approve(body).await);
    let options = service.api.options(&linked.token).await;
    assert!(first.sign(&options).await.is_err(), "it isn't asked");
    // It signs all the same.
    let mut for_first = options.clone();
    let any = Linked::of(&service.api.approve(json!({"userId": user, "channel": "app"})).await);
    for_first["allowCredentials"] =
        service.api.options(&any.token).await["allowCredentials"].clone();
    let signed = first.sign(&for_first).await.expect("a signature");
    assert_eq!(service.api.confirm(&linked.token, &signed).await.status, 400);
    assert_eq!(service.api.stage(&linked.status).await, "pending");
    let confirmed = service.api.sign(&linked.token, &mut second).await;
    assert_eq!((confirmed.status, &confirmed.json()["authenticatorId"]), (200, &id));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_declined_has_failed_and_stays_so() {
    let service = Service::start().await;
    let (_, mut phone) = service.user_with_phone("anna").await;
    let (asked, enrolling) =
        (service.ask("anna", "Log in").await, service.enroll_app(json!({})).await);
    let signed = phone.sign(&service.api.options(&asked.token).await).await.unwrap();
    let mut new = SoftPhone::at(PUBLIC_URL);
    let made = new.make(&service.api.options(&enrolling.token).await).await.unwrap();
    for (linked, credential) in [(&asked, &signed), (&enrolling, &made)] {
        let declined = service.api.decline(&linked.token).await;
        assert_eq!((declined.status, declined.body.as_str()), (204, ""));
        let status = service.api.status(&linked.status).await;
        assert_eq!((status.status, &status.json()["status"]), (412, &json!("failed")));
        let shown = service.api.look(&linked.token).await.json();
        assert_eq!((&shown["stage"], &shown["publicKey"]), (&json!("failed"), &Value::Null));
        for _ in 0..2 {
            assert_eq!(service.api.confirm(&linked.token, credential).await.status, 412);
            assert_eq!(service.api.decline(&linked.token).await.status, 412);
        }
        assert_eq!(service.api.status(&linked.status).await.status, 412);
    }
    assert_eq!(service.api.user(&enrolling.user).await.json()["status"], "new");
}
