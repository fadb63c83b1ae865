//! Approval by `push`: the phone's browser is notified by a push service that the test plays.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::*;
use super::Linked;
use crate::support::browser::push_service::{PushService, Subscription};
use crate::support::gateway::Answer;
use crate::support::soft_phone::SoftPhone;

/// A service that notifies phones, and Anna with a phone that is subscribed.
struct Notified {
    service: Service,
    push: PushService,
    phone: SoftPhone,
    user: String,
    device: Value,
    subscription: Subscription,
    _folder: TempDir,
}

fn gone() -> Manner {
    Manner::Answer("410 Gone", String::new())
}

impl Notified {
    async fn start() -> Self {
        Self::start_beside(None).await
    }

    /// With another push service that may be talked to.
    async fn start_beside(other: Option<&PushService>) -> Self {
        let (push, folder) = (PushService::start().await, tempfile::tempdir().unwrap());
        let key = rcgen::KeyPair::generate().unwrap();
        std::fs::write(folder.path().join("push.pem"), key.serialize_pem()).unwrap();
        let services = || [Some(&push), other].into_iter().flatten();
        let cas: String = services().map(PushService::ca_pem).collect();
        std::fs::write(folder.path().join("ca.pem"), cas).unwrap();
        let hosts: Vec<_> = services().map(PushService::host).collect();
        let section = format!(
            "[push]\ncontact = \"mailto:it@example.com\"\nprivate_key_file = \"{at}/push.pem\"\n\
             ca_file = \"{at}/ca.pem\"\nhosts = {hosts:?}\n[[tenants]]\n",
            at = folder.path().display(),
        );
        let service =
            Service::start_with(|config| config.replacen("[[tenants]]\n", &section, 1), &[]).await;
        let mut phone = SoftPhone::at(PUBLIC_URL);
        let (linked, told) = service.phone_of("anna", &mut phone).await;
        assert!(!told["pushKey"].is_null() && told["subscribed"] == false, "{told}");
        let subscription = push.subscribe("anna");
        let (user, device) = (linked.user, told["device"].clone());
        let begun = Self { service, push, phone, user, device, subscription, _folder: folder };
        assert_eq!(begun.set(&begun.subscription.json()).await.status, 204);
        begun
    }

    /// Has Anna's phone notified there from now on.
    async fn set(&self, subscription: &Value) -> Answer {
        let body = json!({"device": self.device, "subscription": subscription});
        self.service.api.open("notifications", body).await
    }

    async fn is_subscribed(&self) -> bool {
        let state = self.service.api.open("phone-state", json!({"device": self.device})).await;
        assert_eq!(state.status, 200, "{}", state.body);
        state.json()["subscribed"].as_bool().unwrap()
    }

    async fn ask(&self) -> Answer {
        self.service.api.approve(json!({"username": "anna", "message": "Pay CHF 100"})).await
    }

    /// The latest message to a phone.
    fn latest(&self, subscription: &Subscription) -> Value {
        let message = self.push.messages(subscription).pop().expect("a message");
        serde_json::from_str(&message.text).expect("JSON")
    }
}

/// The token of the link in a message.
fn token_of(message: &Value) -> String {
    let open = text(&message["open"]);
    open.strip_prefix("/open?dispatchTokenResponse=").expect("a link").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_notified_and_opens_what_is_to_be_approved() {
    let mut anna = Notified::start().await;
    assert!(anna.is_subscribed().await);
    for body in [
        json!({"username": "anna", "message": "Pay CHF 100", "prompt": "Your bank asks"}),
        json!({"userId": anna.user, "channel": "push", "message": "Pay CHF 100"}),
    ] {
        let answer = anna.service.api.approve(body.clone()).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let begun = answer.json();
        let mut fields: Vec<_> = begun.as_object().unwrap().keys().cloned().collect();
        fields.sort_unstable();
        assert_eq!(fields, ["statusToken", "transactionId", "userId"]);
        let message = anna.latest(&anna.subscription);
        assert_eq!((&message["company"], &message["prompt"]), (&json!("t1"), &body["prompt"]));
        assert!(!message.to_string().contains("CHF"), "the page shows it: {message}");
        let (token, status) = (token_of(&message), text(&begun["statusToken"]));
        let shown = anna.service.api.look(&token).await.json();
        assert_eq!(
            (&shown["message"], &shown["stage"]),
            (&json!("Pay CHF 100"), &json!("pending"))
        );
        assert_eq!(anna.service.api.stage(&status).await, "pending");
        let confirmed = anna.service.api.sign(&token, &mut anna.phone).await;
        assert_eq!((confirmed.status, &confirmed.json()["subscribed"]), (200, &json!(true)));
        assert_eq!(anna.service.api.stage(&status).await, "succeeded");
    }
    let long = "x".repeat(201);
    for prompt in [json!(""), json!("a\u{202e}b"), json!(long), json!(7)] {
        let body = json!({"username": "anna", "prompt": prompt});
        assert_eq!(anna.service.api.approve(body).await.status, 400);
    }
    let wish = json!({"username": "anna", "operation": "approve", "message": "Log in"});
    let page = anna.service.api.with(&anna.service.api.intent(wish).await);
    assert_eq!(page.approve(json!({})).await.status, 201);
    let token = token_of(&anna.latest(&anna.subscription));
    assert_eq!(anna.service.api.look(&token).await.json()["message"], "Log in");
    assert_eq!(anna.push.taken().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_phones_are_notified_or_the_one_that_is_named() {
    let anna = Notified::start().await;
    let mut second = SoftPhone::at(PUBLIC_URL);
    let (_, told) = anna.service.phone_of("anna", &mut second).await;
    let ask = async |id: &Value| {
        let body = json!({"username": "anna", "authenticatorId": id});
        anna.service.api.approve(body).await
    };
    let not_yet = ask(&told["authenticatorId"]).await;
    let says = "the user has no authenticator on which notifications are turned on";
    assert_eq!((not_yet.status, &not_yet.json()["message"]), (400, &json!(says)));
    let subscription = anna.push.subscribe("second");
    let body = json!({"device": told["device"], "subscription": subscription.json()});
    assert_eq!(anna.service.api.open("notifications", body).await.status, 204);
    assert_eq!(ask(&Value::Null).await.status, 201);
    let sent =
        || (anna.push.messages(&anna.subscription).len(), anna.push.messages(&subscription).len());
    assert_eq!(sent(), (1, 1));
    let (one, other) = (anna.latest(&anna.subscription), anna.latest(&subscription));
    assert_eq!(token_of(&one), token_of(&other), "either may approve");
    assert_eq!(anna.service.api.sign(&token_of(&one), &mut second).await.status, 200);
    assert_eq!(ask(&told["authenticatorId"]).await.status, 201);
    assert_eq!(sent(), (1, 2));
    let token = token_of(&anna.latest(&subscription));
    let options = anna.service.api.options(&token).await;
    assert_eq!(options["allowCredentials"].as_array().unwrap().len(), 1);
    assert_eq!(anna.service.api.sign(&token, &mut second).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_are_turned_off_and_on_by_the_phone_itself() {
    let anna = Notified::start().await;
    assert_eq!(anna.ask().await.status, 201);
    assert_eq!(anna.set(&Value::Null).await.status, 204);
    assert!(!anna.is_subscribed().await);
    let says = "the user has no authenticator on which notifications are turned on";
    let off = anna.ask().await;
    assert_eq!((off.status, &off.json()["message"]), (400, &json!(says)));
    assert_eq!(anna.push.taken().len(), 1);
    // Nowhere but where push services are.
    let endpoint = |url: &str| {
        let mut json = anna.subscription.json();
        json["endpoint"] = json!(url);
        json
    };
    for url in [
        "https://evil.example.com/push/anna",
        "https://127.0.0.1/push",
        "http://localhost/push",
        "https://169.254.169.254/latest",
        "file:///etc/passwd",
        "x",
        "",
        &anna.push.url().replace("https", "http"),
        &anna.push.url().replace("localhost", "localhost.example.com"),
        &anna.push.url().replace("https://", "https://evil.example.com@"),
    ] {
        let refused = anna.set(&endpoint(url)).await;
        assert_eq!(refused.status, 400, "{url}");
        assert_eq!(refused.json()["message"], "the subscription is refused", "{url}");
    }
    assert!(!anna.is_subscribed().await);
    assert_eq!(anna.set(&anna.subscription.json()).await.status, 204);
    assert!(anna.is_subscribed().await);
    assert_eq!(anna.ask().await.status, 201);
    assert_eq!(anna.push.taken().len(), 2);
    let user = anna.service.api.user(&anna.user).await.body;
    assert!(
        !user.contains("localhost") && !user.contains("/push/"),
        "the address stays secret: {user}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_push_service_takes_it_it_is_502_and_the_transaction_failed() {
    let anna = Notified::start().await;
    anna.push.behave(Manner::Answer("500 Oops", String::new()));
    let failed = anna.ask().await;
    assert_eq!(
        (failed.status, &failed.json()["message"]),
        (502, &json!("no phone could be notified"))
    );
    let token = token_of(&anna.latest(&anna.subscription));
    assert_eq!(anna.service.api.look(&token).await.json()["stage"], "failed");
    assert_eq!(anna.service.api.decline(&token).await.status, 412);
    assert!(anna.is_subscribed().await, "it may be back");
    anna.push.recover();
    assert_eq!(anna.ask().await.status, 201);
    // What is gone is forgotten, and asked no more.
    anna.push.behave(gone());
    assert_eq!(anna.ask().await.status, 502);
    assert!(!anna.is_subscribed().await);
    let sent = anna.push.taken().len();
    assert_eq!(anna.ask().await.status, 400);
    assert_eq!(anna.push.taken().len(), sent);
    // The authenticator is there all the same.
    let mut phone = anna.phone.clone();
    let asked = anna.service.ask("anna", "Log in").await;
    assert_eq!(anna.service.api.sign(&asked.token, &mut phone).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_phone_that_is_gone_does_not_keep_another_from_being_notified() {
    let other = PushService::start().await;
    let anna = Notified::start_beside(Some(&other)).await;
    let mut second = SoftPhone::at(PUBLIC_URL);
    let (_, told) = anna.service.phone_of("anna", &mut second).await;
    let elsewhere = other.subscribe("second");
    let body = json!({"device": told["device"], "subscription": elsewhere.json()});
    assert_eq!(anna.service.api.open("notifications", body).await.status, 204);
    anna.push.behave(gone());
    assert_eq!(anna.ask().await.status, 201);
    assert!(!anna.is_subscribed().await);
    let message = other.messages(&elsewhere).pop().expect("a message");
    let token = token_of(&serde_json::from_str(&message.text).unwrap());
    assert_eq!(anna.service.api.sign(&token, &mut second).await.status, 200);
    assert_eq!(anna.ask().await.status, 201);
    assert_eq!((anna.push.taken().len(), other.taken().len()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_notified_ten_times_in_ten_minutes() {
    let anna = Notified::start().await;
    for round in 0..10 {
        if round == 4 {
            anna.push.behave(Manner::Answer("500 Oops", String::new()));
        }
        let status = anna.ask().await.status;
        assert_eq!(status, if round == 4 { 502 } else { 201 }, "{round}");
        anna.push.recover();
    }
    let wish = json!({"username": "anna", "operation": "approve"});
    let page = anna.service.api.with(&anna.service.api.intent(wish).await);
    for api in [&anna.service.api, &page] {
        let full = match api.approve(json!({"userId": anna.user})).await {
            answer if answer.status == 429 => answer,
            other => panic!("{}", other.body),
        };
        let wait: u64 = full.header("retry-after").parse().unwrap();
        assert!((1..=600).contains(&wait), "{wait}");
    }
    assert_eq!(anna.push.taken().len(), 10);
    let user = anna.service.api.user(&anna.user).await.json();
    assert_eq!(user["exceededRateLimits"], json!(["push"]));
    // Nobody is notified by a link, which still works, and the intent is unused.
    let linked = Linked::of(&page.approve(json!({"channel": "app"})).await);
    let mut phone = anna.phone.clone();
    assert_eq!(anna.service.api.sign(&linked.token, &mut phone).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_notifications_are_ten_however_many_are_asked_for_at_once() {
    let anna = Notified::start().await;
    let statuses = at_once(15, |_| {
        let (api, user) = (anna.service.api.clone(), anna.user.clone());
        async move { api.approve(json!({"userId": user})).await }
    })
    .await;
    assert_eq!((count(&statuses, 201), count(&statuses, 429)), (10, 5), "{statuses:?}");
    assert_eq!(anna.push.taken().len(), 10);
}
