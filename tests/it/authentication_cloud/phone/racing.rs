//! Many answers at once: one counts.

use serde_json::json;

use super::super::*;
use crate::support::soft_phone::SoftPhone;

#[tokio::test(flavor = "multi_thread")]
async fn an_enrollment_that_is_confirmed_many_times_at_once_makes_one_authenticator() {
    let service = Service::start().await;
    for round in 0..5 {
        let linked = service.enroll_app(json!({"username": format!("user{round}")})).await;
        let options = service.api.options(&linked.token).await;
        // The same passkey again and again, and then of each another phone.
        let mut made = vec![SoftPhone::at(PUBLIC_URL).make(&options).await.unwrap()];
        for _ in 1..10 {
            let one = match round % 2 {
                0 => made[0].clone(),
                _ => SoftPhone::at(PUBLIC_URL).make(&options).await.unwrap(),
            };
            made.push(one);
        }
        let statuses = at_once(10, |number| {
            let (api, token, made) =
                (service.api.clone(), linked.token.clone(), made[number].clone());
            async move { api.confirm(&token, &made).await }
        })
        .await;
        assert_eq!((count(&statuses, 200), count(&statuses, 412)), (1, 9), "{statuses:?}");
        let user = service.api.user(&linked.user).await.json();
        assert_eq!(user["authenticators"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_signatures_at_once_one_is_accepted() {
    let service = Service::start().await;
    let (_, mut phone) = service.user_with_phone("anna").await;
    for _ in 0..5 {
        let asked = service.ask("anna", "Pay CHF 100").await;
        let signed = phone.sign(&service.api.options(&asked.token).await).await.unwrap();
        let statuses = at_once(15, |_| {
            let (api, token, signed) = (service.api.clone(), asked.token.clone(), signed.clone());
            async move { api.confirm(&token, &signed).await }
        })
        .await;
        assert_eq!((count(&statuses, 200), count(&statuses, 412)), (1, 14), "{statuses:?}");
        assert_eq!(service.api.stage(&asked.status).await, "succeeded");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_and_a_refusal_at_once_do_not_both_succeed() {
    let service = Service::start().await;
    let (_, mut phone) = service.user_with_phone("anna").await;
    for _ in 0..10 {
        let asked = service.ask("anna", "Pay CHF 100").await;
        let signed = phone.sign(&service.api.options(&asked.token).await).await.unwrap();
        let statuses = at_once(8, |number| {
            let (api, token, signed) = (service.api.clone(), asked.token.clone(), signed.clone());
            async move {
                if number % 2 == 0 {
                    api.confirm(&token, &signed).await
                } else {
                    api.decline(&token).await
                }
            }
        })
        .await;
        let (confirmed, declined) = (count(&statuses, 200), count(&statuses, 204));
        assert_eq!((confirmed + declined, count(&statuses, 412)), (1, 7), "{statuses:?}");
        let stage = service.api.stage(&asked.status).await;
        assert_eq!(stage, if confirmed == 1 { "succeeded" } else { "failed" });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenth_authenticator_is_the_last_however_many_come_at_once() {
    let service = Service::start().await;
    for _ in 0..8 {
        service.phone_of("anna", &mut SoftPhone::at(PUBLIC_URL)).await;
    }
    let mut waiting = Vec::new();
    for _ in 0..6 {
        let linked = service.enroll_app(json!({"username": "anna"})).await;
        let options = service.api.options(&linked.token).await;
        waiting.push((linked.token, SoftPhone::at(PUBLIC_URL).make(&options).await.unwrap()));
    }
    let statuses = at_once(6, |number| {
        let (api, (token, made)) = (service.api.clone(), waiting[number].clone());
        async move { api.confirm(&token, &made).await }
    })
    .await;
    assert_eq!((count(&statuses, 200), count(&statuses, 409)), (2, 4), "{statuses:?}");
    let user = service.api.user_named("anna").await.json();
    assert_eq!(user["authenticators"].as_array().unwrap().len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_of_signatures_goes_up_by_one_answer_at_a_time() {
    let service = Service::start().await;
    let mut phone = SoftPhone::at(PUBLIC_URL).counting();
    service.phone_of("anna", &mut phone).await;
    let mut waiting = Vec::new();
    for number in 0..6 {
        let asked = service.ask("anna", &format!("Payment {number}")).await;
        let options = service.api.options(&asked.token).await;
        // Copies of one passkey; each signs its first.
        waiting.push((asked.token, phone.clone().sign(&options).await.unwrap()));
    }
    let statuses = at_once(6, |number| {
        let (api, (token, signed)) = (service.api.clone(), waiting[number].clone());
        async move { api.confirm(&token, &signed).await }
    })
    .await;
    assert_eq!((count(&statuses, 200), count(&statuses, 400)), (1, 5), "{statuses:?}");
}
