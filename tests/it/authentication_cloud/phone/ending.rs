//! What ends with time, by the store's clock.

use serde_json::{Value, json};

use super::super::time::{SLOW, start};
use super::super::*;
use crate::support::soft_phone::SoftPhone;

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_has_ten_minutes() {
    let (service, mut clock) = start().await;
    let (_, mut phone) = service.user_with_phone("anna").await;
    let enrolling = service.enroll_app(json!({"username": "berta"})).await;
    let (early, late) = (service.ask("anna", "1").await, service.ask("anna", "2").await);
    let for_late = phone.sign(&service.api.options(&late.token).await).await.unwrap();
    let options = service.api.options(&enrolling.token).await;
    let made = SoftPhone::at(PUBLIC_URL).make(&options).await.unwrap();
    clock.advance(600 - SLOW);
    assert_eq!(service.api.sign(&early.token, &mut phone).await.status, 200);
    let left = service.api.look(&late.token).await.json()["secondsLeft"].as_u64().unwrap();
    assert!((1..=SLOW).contains(&left), "{left}");
    clock.advance(SLOW);
    for (linked, credential) in [(&late, &for_late), (&enrolling, &made)] {
        let told = service.api.look(&linked.token).await.json();
        assert_eq!(
            (&told["stage"], &told["publicKey"], &told["secondsLeft"]),
            (&json!("expired"), &Value::Null, &json!(0))
        );
        assert_eq!(service.api.confirm(&linked.token, credential).await.status, 412);
        assert_eq!(service.api.decline(&linked.token).await.status, 412);
        let status = service.api.status(&linked.status).await;
        assert_eq!((status.status, &status.json()["status"]), (412, &json!("failed")));
        let time = |field: &str| humantime::parse_rfc3339(&text(&status.json()[field])).unwrap();
        let lived = time("lastUpdatedAt").duration_since(time("createdAt")).unwrap();
        assert_eq!(lived.as_secs(), 600, "it failed when its time was up");
    }
    assert_eq!(service.api.user(&enrolling.user).await.json()["status"], "new");
    // The link is known as long as its transaction.
    clock.advance(24 * 3600);
    for linked in [&early, &late, &enrolling] {
        assert_eq!(service.api.look(&linked.token).await.status, 404);
        assert_eq!(service.api.confirm(&linked.token, &for_late).await.status, 404);
        assert_eq!(service.api.decline(&linked.token).await.status, 404);
    }
    let asked = service.ask("anna", "3").await;
    assert_eq!(service.api.sign(&asked.token, &mut phone).await.status, 200, "the phone stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phones_page_may_set_notifications_for_an_hour() {
    let (service, mut clock) = start().await;
    let mut phone = SoftPhone::at(PUBLIC_URL);
    let (_, told) = service.phone_of("anna", &mut phone).await;
    let ask = async |device: &Value| {
        let state = service.api.open("phone-state", json!({"device": device})).await;
        let body = json!({"device": device, "subscription": null});
        (state.status, service.api.open("notifications", body).await.status)
    };
    clock.advance(3600 - SLOW);
    assert_eq!(ask(&told["device"]).await, (200, 204));
    clock.advance(SLOW);
    assert_eq!(ask(&told["device"]).await, (403, 403));
    // A new confirmation gives another hour.
    let asked = service.ask("anna", "Log in").await;
    let again = service.api.sign(&asked.token, &mut phone).await.json();
    assert_eq!(ask(&again["device"]).await, (200, 204));
    assert_eq!(ask(&told["device"]).await, (403, 403));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_an_approval_by_phone_is_active_for_ten_minutes() {
    let (service, mut clock) = start().await;
    let (_, mut phone) = service.user_with_phone("anna").await;
    let asked = service.ask("anna", "Log in").await;
    clock.advance(300);
    assert_eq!(service.api.sign(&asked.token, &mut phone).await.status, 200);
    let token = text(&service.api.status(&asked.status).await.json()["token"]);
    clock.advance(600 - SLOW);
    assert!(service.api.is_active(&token).await);
    clock.advance(SLOW);
    assert!(!service.api.is_active(&token).await);
}
