//! A number that the requesting page shows and the user types on the phone.

use serde_json::{Value, json};

use super::super::*;
use super::Linked;
use crate::support::gateway::Answer;
use crate::support::soft_phone::SoftPhone;

async fn start() -> (Service, SoftPhone) {
    let service = Service::start_with(
        |config| {
            let section = "[tenants.app]\nmatch_number = true\n[tenants.login]\n";
            config.replacen("[tenants.login]\n", section, 1)
        },
        &[],
    )
    .await;
    let (_, phone) = service.user_with_phone("anna").await;
    (service, phone)
}

/// Asks for an approval; the number that the page shows.
async fn ask(service: &Service) -> (Linked, String) {
    let body = json!({"username": "anna", "channel": "app", "message": "Log in"});
    let answer = service.api.approve(body).await;
    (Linked::of(&answer), text(&answer.json()["matchNumber"]))
}

async fn confirm(service: &Service, linked: &Linked, signed: &Value, number: &Value) -> Answer {
    let body = json!({"token": linked.token, "credential": signed, "matchNumber": number});
    service.api.open("confirm", body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_number_approves_and_the_page_on_the_phone_does_not_show_it() {
    let (service, mut phone) = start().await;
    let mut numbers = std::collections::BTreeSet::new();
    for round in 0..6 {
        let (linked, number) = ask(&service).await;
        assert!(number.len() == 2 && (10..=99).contains(&number.parse::<u8>().unwrap()));
        let shown = service.api.look(&linked.token).await.json();
        assert_eq!(shown["matchNumber"], true);
        assert!(shown.as_object().unwrap().values().all(|value| *value != json!(number)));
        let signed = phone.sign(&shown["publicKey"]).await.unwrap();
        let typed = if round % 2 == 0 { number.clone() } else { format!(" {number} ") };
        let confirmed = confirm(&service, &linked, &signed, &json!(typed)).await;
        assert_eq!(confirmed.status, 200, "{}", confirmed.body);
        assert_eq!(service.api.stage(&linked.status).await, "succeeded");
        numbers.insert(number);
    }
    assert!(numbers.len() > 1, "they differ: {numbers:?}");
    // An enrollment and another tenant's approval have none.
    let enrolled = service.api.enroll(json!({"username": "anna"})).await.json();
    assert!(enrolled["matchNumber"].is_null() && enrolled["enrollment"]["matchNumber"].is_null());
    let other = service.backend_of("t2");
    let linked = Linked::of(&other.enroll(json!({"username": "anna"})).await);
    let mut theirs = SoftPhone::at(PUBLIC_URL);
    assert_eq!(other.register(&linked.token, &mut theirs).await.status, 200);
    let asked = other.approve(json!({"username": "anna", "channel": "app"})).await;
    assert!(asked.json().get("matchNumber").is_none(), "{}", asked.body);
    assert_eq!(other.sign(&Linked::of(&asked).token, &mut theirs).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_number_or_none_ends_the_transaction() {
    let (service, mut phone) = start().await;
    for wrong in [json!("wrong"), json!(""), json!("100"), json!("next"), Value::Null] {
        let (linked, number) = ask(&service).await;
        let next = 10 + (number.parse::<u8>().unwrap() - 9) % 90;
        let typed = if wrong == "next" { json!(next.to_string()) } else { wrong };
        let signed = phone.sign(&service.api.options(&linked.token).await).await.unwrap();
        let refused = confirm(&service, &linked, &signed, &typed).await;
        assert_eq!(refused.status, 412, "{typed}: {}", refused.body);
        assert_eq!(service.api.status(&linked.status).await.status, 412);
        let late = confirm(&service, &linked, &signed, &json!(number)).await;
        assert_eq!(late.status, 412, "there is one try");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_looked_at_only_where_the_passkey_is_right() {
    let (service, mut phone) = start().await;
    let (linked, number) = ask(&service).await;
    let signed = phone.sign(&service.api.options(&linked.token).await).await.unwrap();
    let mut broken = signed.clone();
    broken["response"]["signature"] = json!("AAAA");
    for typed in [json!(number), json!("x"), Value::Null] {
        assert_eq!(confirm(&service, &linked, &broken, &typed).await.status, 400);
    }
    let not_text = json!(number.parse::<u8>().unwrap());
    assert_eq!(confirm(&service, &linked, &signed, &not_text).await.status, 400);
    assert_eq!(service.api.stage(&linked.status).await, "pending");
    assert_eq!(confirm(&service, &linked, &signed, &json!(number)).await.status, 200);
}
