//! A thief with a link but without the passkey can only look and decline.

use serde_json::{Value, json};

use super::super::*;
use super::Linked;
use crate::support::soft_phone::{SoftPhone, bytes};

/// Options by which this phone's own passkey is asked, with the challenge of another transaction.
async fn for_own(service: &Service, own: &Linked, challenge: &Value) -> Value {
    let mut options = service.api.options(&own.token).await;
    options["challenge"] = challenge["challenge"].clone();
    options
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_link_approves_nothing_without_the_passkey() {
    let service = Service::start().await;
    let (_, mut phone) = service.user_with_phone("anna").await;
    let (_, mut bertas) = service.user_with_phone("berta").await;
    let other = service.backend_of("t2");
    let theirs = Linked::of(&other.enroll(json!({"username": "anna"})).await);
    let mut same_name = SoftPhone::at(PUBLIC_URL);
    assert_eq!(other.register(&theirs.token, &mut same_name).await.status, 200);

    let stolen = service.ask("anna", "Pay CHF 100").await;
    let options = service.api.options(&stolen.token).await;
    for thief in [&mut bertas, &mut same_name] {
        assert!(thief.sign(&options).await.is_err(), "a phone that has no such passkey says so");
    }
    // So they sign the challenge with a passkey of their own: another user's, another tenant's.
    let bertas_own = service.ask("berta", "Pay CHF 1").await;
    let asked = other.approve(json!({"username": "anna", "channel": "app"})).await;
    let of_other = Linked::of(&asked);
    let mut forged = Vec::new();
    let options_of_berta = for_own(&service, &bertas_own, &options).await;
    forged.push(bertas.sign(&options_of_berta).await.unwrap());
    let options_of_other = for_own(&service, &of_other, &options).await;
    forged.push(same_name.sign(&options_of_other).await.unwrap());
    // Or with one that they have just made, which nobody knows.
    let mut fresh = SoftPhone::at(PUBLIC_URL);
    let enrolling = service.enroll_app(json!({})).await;
    let made = fresh.make(&service.api.options(&enrolling.token).await).await.unwrap();
    let mut options_of_fresh = options.clone();
    options_of_fresh["allowCredentials"] = json!([{"type": "public-key", "id": made["id"]}]);
    forged.push(fresh.sign(&options_of_fresh).await.unwrap());
    // Or say that it is Anna's.
    for by in 0..forged.len() {
        let mut claimed = forged[by].clone();
        let id = options["allowCredentials"][0]["id"].clone();
        (claimed["id"], claimed["rawId"]) = (id.clone(), id);
        forged.push(claimed);
    }
    // Or give the new passkey itself.
    forged.push(made);
    for credential in &forged {
        let refused = service.api.confirm(&stolen.token, credential).await;
        assert_eq!(refused.status, 400, "{}", refused.body);
        assert_eq!(refused.json()["message"], "the passkey is refused");
        assert_eq!(service.api.stage(&stolen.status).await, "pending");
    }
    // None of it did anything to Anna, who approves.
    assert_eq!(service.api.sign(&stolen.token, &mut phone).await.status, 200);
    assert_eq!(service.api.sign(&bertas_own.token, &mut bertas).await.status, 200);
    assert_eq!(other.sign(&of_other.token, &mut same_name).await.status, 200);
    assert_eq!(service.api.user(&enrolling.user).await.json()["status"], "new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_registers_nothing_and_a_new_passkey_approves_nothing() {
    let service = Service::start().await;
    let (user, mut phone) = service.user_with_phone("anna").await;
    let asked = service.ask("anna", "Log in").await;
    let enrolling = service.enroll_app(json!({"username": "anna"})).await;
    let signed = phone.sign(&service.api.options(&asked.token).await).await.unwrap();
    let mut new = SoftPhone::at(PUBLIC_URL);
    let made = new.make(&service.api.options(&enrolling.token).await).await.unwrap();
    assert_eq!(service.api.confirm(&asked.token, &made).await.status, 400);
    assert_eq!(service.api.confirm(&enrolling.token, &signed).await.status, 400);
    let listed = service.api.user(&user).await.json();
    assert_eq!(listed["authenticators"].as_array().unwrap().len(), 1);
    assert_eq!(service.api.confirm(&asked.token, &signed).await.status, 200);
    assert_eq!(service.api.confirm(&enrolling.token, &made).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_one_users_though_another_has_one_with_the_same_id() {
    let service = Service::start().await;
    let (_, mut annas) = service.user_with_phone("anna").await;
    let asked = service.ask("anna", "Log in").await;
    let options = service.api.options(&asked.token).await;
    let id = options["allowCredentials"][0]["id"].clone();
    // Berta's phone makes a passkey that says that it is Anna's.
    let enrolling = service.enroll_app(json!({"username": "berta"})).await;
    let mut bertas = SoftPhone::at(PUBLIC_URL);
    let made = bertas.make(&service.api.options(&enrolling.token).await).await.unwrap();
    let own = bytes(&made["rawId"]);
    let wanted = bytes(&id);
    assert_eq!(own.len(), wanted.len());
    let mut claimed = crate::support::soft_phone::made_otherwise(&made, |signed| {
        let at = signed.data.windows(own.len()).position(|part| part == own).expect("the id");
        signed.data[at..at + own.len()].copy_from_slice(&wanted);
    });
    (claimed["id"], claimed["rawId"]) = (id.clone(), id.clone());
    assert_eq!(service.api.confirm(&enrolling.token, &claimed).await.status, 200);
    bertas.call_it(&own, &wanted);
    // It is worth nothing with Anna, and Anna's nothing with Berta.
    let signed = bertas.sign(&options).await.unwrap();
    assert_eq!(service.api.confirm(&asked.token, &signed).await.status, 400);
    let bertas_own = service.ask("berta", "Log in").await;
    assert_eq!(service.api.sign(&bertas_own.token, &mut annas).await.status, 400);
    assert_eq!(service.api.sign(&bertas_own.token, &mut bertas).await.status, 200);
    assert_eq!(service.api.sign(&asked.token, &mut annas).await.status, 200);
}
