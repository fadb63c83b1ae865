//! How many texts are sent and how many wrong codes are taken.

use serde_json::json;

use super::*;
use crate::support::gateway::Answer;

/// Refused, with the time to wait.
fn is_limited(answer: &Answer, longest: u64) {
    assert_eq!(answer.status, 429, "{}", answer.body);
    assert_eq!(answer.json()["error"], "Too Many Requests");
    let wait: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!(wait > 0 && wait <= longest, "{wait}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_gets_five_texts_in_ten_minutes() {
    let service = Service::start().await;
    let user = service.user("anna", PHONE).await;
    for _ in 0..4 {
        service.enroll("anna", "+46702223344").await;
    }
    let phone = "+46705556677";
    let enroll = json!({"userId": user, "channel": "sms", "phone": phone});
    let shut = async || service.api.user(&user).await.json()["exceededRateLimits"].clone();
    is_limited(&service.api.enroll(enroll.clone()).await, 600);
    assert_eq!(shut().await, json!(["sms-enrollment"]));
    // Those that ask for approvals are counted apart.
    for _ in 0..5 {
        service.approve("anna", PHONE).await;
    }
    let sent = service.provider.count();
    is_limited(&service.api.approve(json!({"username": "anna", "channel": "sms"})).await, 600);
    is_limited(&service.api.enroll(enroll).await, 600);
    assert_eq!(service.provider.count(), sent);
    assert_eq!(shut().await, json!(["sms", "sms-enrollment"]));
    // What was refused counts for nothing: the phone has all its texts.
    for name in ["a", "b", "c", "d", "e"] {
        service.enroll(name, phone).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_gets_five_texts_in_ten_minutes_from_all_senders_together() {
    let service = Service::start().await;
    for name in ["a", "b", "c", "d"] {
        service.enroll(name, PHONE).await;
    }
    service.api.enroll(json!({"channel": "sms", "phone": PHONE})).await;
    assert_eq!(texts(&service.provider, PHONE).len(), 5);
    let body = json!({"username": "new", "channel": "sms", "phone": PHONE});
    is_limited(&service.api.enroll(body).await, 600);
    is_limited(&service.api.enroll(json!({"channel": "sms", "phone": PHONE})).await, 600);
    assert_eq!(texts(&service.provider, PHONE).len(), 5);
    assert_eq!(service.api.user_named("new").await.status, 404, "nobody was made");
    let user = service.api.user_named("a").await.json();
    assert!(user.get("exceededRateLimits").is_none(), "it is the phone's limit: {user}");
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_ask_at_once_five_texts_are_sent() {
    let service = Service::start().await;
    let api = service.api.clone();
    let statuses =
        at_once(20, |_| {
            let api = api.clone();
            async move {
                api.enroll(json!({"username": "anna", "channel": "sms", "phone": PHONE})).await
            }
        })
        .await;
    assert_eq!((count(&statuses, 201), count(&statuses, 429)), (5, 15), "{statuses:?}");
    assert_eq!(service.provider.count(), 5);
    let api = service.api.clone();
    let statuses = at_once(20, |number| {
        let (api, name) = (api.clone(), format!("user{number}"));
        let body = json!({"username": name, "channel": "sms", "phone": "+46702223344"});
        async move { api.enroll(body).await }
    })
    .await;
    assert_eq!((count(&statuses, 201), count(&statuses, 429)), (5, 15), "{statuses:?}");
    assert_eq!(service.provider.count(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_on_texts_never_hinders_a_verification() {
    let service = Service::start().await;
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(service.enroll("anna", PHONE).await);
    }
    let body = json!({"username": "anna", "channel": "sms", "phone": PHONE});
    is_limited(&service.api.enroll(body).await, 600);
    for texted in &waiting {
        assert_eq!(service.api.verify(texted, &texted.code).await.status, 200);
    }
    let (user, codes) = service.recovery("anna").await;
    assert_eq!(service.api.recover(&user, &codes[0]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_wrong_codes_over_all_transactions_shut_the_channel_and_fail_what_is_tried() {
    let service = Service::start().await;
    let user = service.user("anna", PHONE).await;
    let mut waiting = Vec::new();
    for _ in 0..4 {
        waiting.push(service.approve("anna", PHONE).await);
    }
    for texted in &waiting[..3] {
        for _ in 0..3 {
            assert_eq!(service.api.verify(texted, &another(&texted.code)).await.status, 400);
        }
    }
    assert!(service.api.user(&user).await.json().get("exceededRateLimits").is_none(), "not yet");
    let (fourth, first) = (&waiting[3], &waiting[0]);
    assert_eq!(service.api.verify(fourth, &another(&fourth.code)).await.status, 400, "the tenth");
    assert_eq!(service.api.stage(&fourth.token).await, "pending");
    is_limited(&service.api.verify(fourth, &fourth.code).await, 3600);
    assert_eq!(service.api.status(&fourth.token).await.status, 412, "it has failed");
    assert_eq!(service.api.stage(&first.token).await, "pending", "nobody tried this one");
    is_limited(&service.api.verify(first, &another(&first.code)).await, 3600);
    assert_eq!(service.api.status(&first.token).await.status, 412);
    is_limited(&service.api.verify(first, &first.code).await, 3600);
    is_limited(&service.api.verify(&waiting[1], "no code").await, 3600);
    assert_eq!(service.api.status(&waiting[1].token).await.status, 412);
    assert_eq!(service.api.user(&user).await.json()["exceededRateLimits"], json!(["sms"]));

    // Another user, and the same user's recovery codes, go on.
    let other = service.enroll("berta", "+46702223344").await;
    assert_eq!(service.api.verify(&other, &other.code).await.status, 200);
    let (_, codes) = service.recovery("anna").await;
    assert_eq!(service.api.recover(&user, &codes[0]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_wrong_codes_are_ten_however_many_come_at_once() {
    let service = Service::start().await;
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(service.enroll("anna", PHONE).await);
    }
    let api = service.api.clone();
    let statuses = at_once(40, |number| {
        let (api, texted) = (api.clone(), waiting[number % 5].clone());
        async move { api.verify(&texted, &another(&texted.code)).await }
    })
    .await;
    let ended = count(&statuses, 412);
    assert_eq!((count(&statuses, 400), count(&statuses, 429)), (10, 30 - ended), "{statuses:?}");
    for texted in &waiting {
        is_limited(&service.api.verify(texted, &texted.code).await, 3600);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_recovery_codes_have_a_count_of_their_own() {
    let service = Service::start().await;
    let (user, codes) = service.recovery("anna").await;
    let wrong = "AAAA-AAAA-AAAA-AAAA";
    for _ in 0..10 {
        assert_eq!(service.api.recover(&user, wrong).await.status, 400);
    }
    is_limited(&service.api.recover(&user, wrong).await, 3600);
    is_limited(&service.api.recover(&user, &codes[0]).await, 3600);
    is_limited(&service.api.recover(&user, "no code").await, 3600);
    assert_eq!(service.api.user(&user).await.json()["exceededRateLimits"], json!(["recovery"]));
    let (_, fresh) = service.recovery("anna").await;
    is_limited(&service.api.recover(&user, &fresh[0]).await, 3600);
    let texted = service.enroll("anna", PHONE).await;
    assert_eq!(service.api.verify(&texted, &texted.code).await.status, 200, "texts go on");
    let (other, codes) = service.recovery("berta").await;
    assert_eq!(service.api.recover(&other, &codes[0]).await.status, 200, "and so do others");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_recovery_codes_are_ten_however_many_come_at_once() {
    let service = Service::start().await;
    let (user, codes) = service.recovery("anna").await;
    let api = service.api.clone();
    let statuses = at_once(30, |_| {
        let (api, user) = (api.clone(), user.clone());
        async move { api.recover(&user, "AAAA-AAAA-AAAA-AAAA").await }
    })
    .await;
    assert_eq!((count(&statuses, 400), count(&statuses, 429)), (10, 20), "{statuses:?}");
    is_limited(&service.api.recover(&user, &codes[0]).await, 3600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_by_one_key_is_held_back_and_others_are_not() {
    let limit = "[server.limits]\nrequests_per_client = { burst = 5, per = \"1m\" }\n[ops]\n";
    let service = Service::start_with(|config| config.replacen("[ops]\n", limit, 1), &[]).await;
    for _ in 0..5 {
        assert_eq!(service.api.get("/ping").await.status, 200);
    }
    is_limited(&service.api.get("/ping").await, 60);
    assert_eq!(service.backend_of("t2").get("/ping").await.status, 200);
}
