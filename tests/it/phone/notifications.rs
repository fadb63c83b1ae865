//! Notifications: turned on beside a confirmation, sent by a real push service of the tests, shown
//! by the page's worker, and turned off. The subscription is put in by the test, as a browser's own
//! needs its vendor's service.

use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::looking::look;
use super::*;
use crate::support::browser::browser;
use crate::support::browser::profile::{IPHONE, PHONE};
use crate::support::browser::push_service::{PushService, Subscription};

/// A company that sends to this push service.
async fn company(service: &PushService) -> (Company, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_dialpass")).arg("new-push-key").output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::write(folder.path().join("push.pem"), made.stdout).unwrap();
    std::fs::write(folder.path().join("ca.pem"), service.ca_pem()).unwrap();
    let at = folder.path().display();
    let section = format!(
        "[push]\ncontact = \"mailto:it@example.com\"\nprivate_key_file = \"{at}/push.pem\"\n\
         hosts = [\"{}\"]\nca_file = \"{at}/ca.pem\"",
        service.host(),
    );
    (Company::start_with("", &section, &[]).await, folder)
}

/// Has the browser subscribe as this, without its vendor's service; and keeps the last answer to a
/// confirmation, with the token of the device.
async fn subscribe_as(phone: &Browser, subscription: &Subscription) {
    let source = format!(
        "(() => {{ const told = {};\
         const made = (key) => ({{ endpoint: told.endpoint, options: {{ applicationServerKey: key }},\
           toJSON: () => told,\
           unsubscribe: async () => {{ localStorage.removeItem('pushKey'); return true; }} }});\
         if (!globalThis.PushManager) return;\
         PushManager.prototype.subscribe = async ({{ applicationServerKey: key }}) => {{\
           localStorage.pushKey = JSON.stringify([...key]); return made(key.buffer); }};\
         PushManager.prototype.getSubscription = async () => localStorage.pushKey ?\
           made(Uint8Array.from(JSON.parse(localStorage.pushKey)).buffer) : null;\
         const real = globalThis.fetch;\
         globalThis.fetch = async (...asked) => {{ const answer = await real(...asked);\
           if (asked[0] === '/open/confirm')\
             localStorage.confirmed = JSON.stringify(await answer.clone().json());\
           return answer; }}; }})();",
        subscription.json()
    );
    phone.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": source})).await;
}

/// The token of the device in the last answer to a confirmation.
async fn device(phone: &Browser) -> String {
    let read = "return JSON.parse(localStorage.confirmed).device";
    phone.script(read, &[]).await.as_str().expect("a token").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_turns_notifications_on_gets_one_and_turns_them_off() {
    let service = PushService::start().await;
    let (company, _folder) = company(&service).await;
    let phone = browser(&PHONE).await;
    let _passkeys = phone.authenticator().await;
    let subscription = service.subscribe("anna");
    subscribe_as(&phone, &subscription).await;
    company.register(&phone, "anna").await;
    phone.find("#notify").await;
    look(&phone, "enrolled-notify").await;
    let push = json!({"username": "anna", "channel": "push", "message": "Pay CHF 100"});
    assert_eq!(company.service.api.approve(push.clone()).await.status, 400, "not yet");
    phone.permit("notifications", true).await;
    phone.click("#notify").await;
    phone.until_text("Notifications are on").await;
    look(&phone, "notifications-on").await;
    phone.must_be_quiet().await;
    let device = device(&phone).await;

    let asked = company.service.api.approve(push.clone()).await;
    assert_eq!(asked.status, 201, "{}", asked.body);
    let status = text(&asked.json()["statusToken"]);
    phone.until("a message", async || !service.taken().is_empty()).await;
    let [message] = &service.messages(&subscription)[..] else { panic!("one message") };
    assert_eq!(message.claims["sub"], "mailto:it@example.com");
    let pushed: Value = serde_json::from_str(&message.text).expect("JSON");
    assert_eq!(pushed["company"], COMPANY);
    let base = company.service.gateway.url("");
    let [shown] = &phone.pushed(&base, "/open/", &message.text).await[..] else { panic!("one") };
    assert!(shown["title"].as_str().unwrap().contains(COMPANY), "{shown}");
    let link = format!("{base}{}", pushed["open"].as_str().expect("a path"));
    assert_eq!(shown["data"]["open"], json!(link));
    open(&phone, &link, "approve").await;
    assert_eq!(phone.find("main blockquote").await.text().await, "Pay CHF 100");
    phone.click("#approve").await;
    view(&phone, "done").await;
    assert_eq!(company.service.api.stage(&status).await, "succeeded");
    phone.until_text("Notifications are on").await;

    phone.go(&format!("{base}/open/phone#device={device}")).await;
    view(&phone, "phone").await;
    look(&phone, "phone-on").await;
    phone.click("#notify").await;
    phone.until_text("Notifications are off").await;
    look(&phone, "phone-off").await;
    assert_eq!(company.service.api.approve(push).await.status, 400, "no more");
    phone.must_be_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_blocks_notifications_says_how_to_allow_them() {
    let service = PushService::start().await;
    let (company, _folder) = company(&service).await;
    let phone = browser(&PHONE).await;
    let _passkeys = phone.authenticator().await;
    subscribe_as(&phone, &service.subscribe("anna")).await;
    company.register(&phone, "anna").await;
    phone.permit("notifications", false).await;
    phone.click("#notify").await;
    phone.until_text("blocks notifications").await;
    look(&phone, "notifications-blocked").await;
    phone.must_be_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_iphone_is_shown_the_home_screen_hint() {
    let service = PushService::start().await;
    let (company, _folder) = company(&service).await;
    let phone = browser(&IPHONE).await;
    let _passkeys = phone.authenticator().await;
    let source = "delete globalThis.PushManager; Navigator.prototype.standalone = false;";
    let what = json!({"source": source});
    let script = phone.devtools("Page.addScriptToEvaluateOnNewDocument", what).await;
    company.register(&phone, "anna").await;
    look(&phone, "enrolled-iphone").await;
    phone.click("#notify").await;
    view(&phone, "home-screen").await;
    look(&phone, "home-screen").await;
    let manifest = "return document.querySelector('link[rel=manifest]').href";
    let manifest = phone.script(manifest, &[]).await.as_str().expect("an address").to_owned();
    let read = company.service.gateway.http.get(manifest).send().await.unwrap();
    let read: Value = read.json().await.unwrap();
    assert_eq!(read["name"], COMPANY);
    // Without a start page, the icon opens the address that stands there.
    assert_eq!(read.get("start_url"), None, "{read}");
    let start = phone.url().await;
    let (page, token) = start.split_once("#device=").expect("a token behind the page's address");
    assert_eq!((page, token.len() > 100), (&*company.service.gateway.url("/open/phone"), true));
    let asked = phone.fetched().await.urls;
    let tells = |url: &&String| url.split('#').next().is_some_and(|sent| sent.contains(token));
    assert_eq!(asked.iter().find(tells), None, "no request has it in its address");
    // What the icon opens has notifications.
    phone.devtools("Page.removeScriptToEvaluateOnNewDocument", script).await;
    let subscription = service.subscribe("anna");
    subscribe_as(&phone, &subscription).await;
    phone.permit("notifications", true).await;
    phone.go("about:blank").await;
    phone.go(&start).await;
    view(&phone, "phone").await;
    look(&phone, "phone-iphone").await;
    phone.click("#notify").await;
    phone.until_text("Notifications are on").await;
    let push = json!({"username": "anna", "channel": "push", "message": "Pay CHF 100"});
    assert_eq!(company.service.api.approve(push).await.status, 201);
    phone.until("a message", async || !service.messages(&subscription).is_empty()).await;
    phone.must_be_quiet().await;
}
