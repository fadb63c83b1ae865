//! What a push service receives, and what the browser makes of it.

use serde_json::{Value, json};

use dialpass::domain::clock::{Clock, SystemClock};

use super::{CONTACT, PATIENCE, PROMPT, TOKEN, kept, notifier, notify};
use crate::support::browser::push_service::PushService;

#[tokio::test]
async fn a_notification_is_sealed_for_the_browser_and_signed_by_the_key_it_subscribed_with() {
    let service = PushService::start().await;
    let notifier = notifier(&service, "");
    let anna = service.subscribe("anna");
    assert!(notifier.may_reach(&anna.endpoint));
    let before = SystemClock.now().as_secs();
    assert_eq!(notify(&notifier, &kept(&anna), PATIENCE).await.0, Ok(()));

    let [request] = &service.taken()[..] else { panic!("one request") };
    for (field, value) in [
        ("ttl", "120"),
        ("urgency", "high"),
        ("content-encoding", "aes128gcm"),
        ("content-type", "application/octet-stream"),
    ] {
        assert_eq!(request.header(field), value, "{field}");
    }
    // The standard's header and one record (RFC 8188 2.1) with its tag and its end.
    assert_eq!(request.body.len(), 86 + 512 + 17);
    let [message] = &service.messages(&anna)[..] else { panic!("one message") };
    let said: Value = serde_json::from_str(&message.text).expect("JSON");
    let open = format!("/open?dispatchTokenResponse={TOKEN}");
    assert_eq!(said, json!({"open": open, "company": "Example AG", "prompt": PROMPT}));
    assert_eq!(message.key, notifier.public_key());
    let claims = message.claims.as_object().expect("claims");
    assert_eq!(claims["aud"], service.url());
    assert_eq!(claims["sub"], CONTACT);
    let lasts = claims["exp"].as_i64().expect("seconds") - before;
    assert!((3_600..=12 * 3_600).contains(&lasts), "{lasts}");
    assert_eq!(claims.len(), 3);
}

#[tokio::test]
async fn each_notification_has_its_own_keys_and_only_its_phone_reads_it() {
    let service = PushService::start().await;
    let notifier = notifier(&service, "");
    let (anna, bob) = (service.subscribe("anna"), service.subscribe("bob"));
    for phone in [&anna, &anna, &bob] {
        assert_eq!(notify(&notifier, &kept(phone), PATIENCE).await.0, Ok(()));
    }
    let requests = service.taken();
    assert_eq!(requests.len(), 3);
    // The salt, and the sender's key.
    for part in [0..16, 21..86] {
        let parts = requests.iter().map(|request| &request.body[part.clone()]);
        let parts: std::collections::BTreeSet<_> = parts.collect();
        assert_eq!(parts.len(), 3, "{part:?}");
    }
    assert_eq!(service.messages(&anna).len(), 2);
    assert_eq!(service.messages(&bob).len(), 1);
    assert!(anna.read(&requests[2]).is_err() && bob.read(&requests[0]).is_err());
    let tokens: Vec<_> = requests.iter().map(|request| request.header("authorization")).collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]), "one token, checked once: {tokens:?}");
}

#[test]
fn no_proxy_of_the_environment_is_asked() {
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    let test = "push::messages::each_notification_has_its_own_keys_and_only_its_phone_reads_it";
    again.args(["--exact", test]);
    // Nobody listens there.
    for name in ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        again.env(name, "http://127.0.0.1:1");
    }
    let output = again.env_remove("no_proxy").env_remove("NO_PROXY").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
