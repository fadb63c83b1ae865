//! An answer is for one transaction: used again, used elsewhere, used for what was edited, it is
//! refused; and so is a passkey whose count of signatures goes back.

use serde_json::{Value, json};

use super::super::*;
use super::Linked;
use crate::support::soft_phone::{SoftPhone, bytes};

async fn signed_by(service: &Service, linked: &Linked, phone: &mut SoftPhone) -> Value {
    phone.sign(&service.api.options(&linked.token).await).await.expect("a signature")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_signed_once_and_for_itself_alone() {
    let service = Service::start().await;
    let (_, mut phone) = service.user_with_phone("anna").await;
    let first = service.ask("anna", "Pay CHF 100").await;
    let signed = signed_by(&service, &first, &mut phone).await;
    assert_eq!(service.api.confirm(&first.token, &signed).await.status, 200);
    assert_eq!(service.api.confirm(&first.token, &signed).await.status, 412, "used");
    // The same question anew, and another message.
    for message in ["Pay CHF 100", "Pay CHF 900"] {
        let next = service.ask("anna", message).await;
        assert_eq!(service.api.confirm(&next.token, &signed).await.status, 400, "{message}");
        assert_eq!(service.api.stage(&next.status).await, "pending");
    }
    // Two that wait: each answer is its own's.
    let (one, other) =
        (service.ask("anna", "Pay CHF 1").await, service.ask("anna", "Pay CHF 2").await);
    let for_one = signed_by(&service, &one, &mut phone).await;
    let for_other = signed_by(&service, &other, &mut phone).await;
    assert_eq!(service.api.confirm(&one.token, &for_other).await.status, 400);
    assert_eq!(service.api.confirm(&other.token, &for_one).await.status, 400);
    assert_eq!(service.api.confirm(&other.token, &for_other).await.status, 200);
    assert_eq!(service.api.stage(&one.status).await, "pending");
    assert_eq!(service.api.confirm(&one.token, &for_one).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_registered_once_and_by_its_own_transaction() {
    let service = Service::start().await;
    let first = service.enroll_app(json!({"username": "anna"})).await;
    let waiting = service.enroll_app(json!({"username": "anna"})).await;
    let bertas = service.enroll_app(json!({"username": "berta"})).await;
    let mut phone = SoftPhone::at(PUBLIC_URL);
    let made = phone.make(&service.api.options(&first.token).await).await.unwrap();
    for other in [&waiting, &bertas] {
        assert_eq!(service.api.confirm(&other.token, &made).await.status, 400);
    }
    assert_eq!(service.api.confirm(&first.token, &made).await.status, 200);
    assert_eq!(service.api.confirm(&first.token, &made).await.status, 412);
    for other in [&waiting, &bertas] {
        assert_eq!(service.api.confirm(&other.token, &made).await.status, 400);
        assert_eq!(service.api.stage(&other.status).await, "pending");
    }
    // A passkey that the user has already, made anew as a phone would not.
    let mut options = service.api.options(&waiting.token).await;
    options["excludeCredentials"] = json!([]);
    let mut careless = SoftPhone::at(PUBLIC_URL);
    let again = careless.make(&options).await.unwrap();
    let (own, known) = (bytes(&again["rawId"]), bytes(&made["rawId"]));
    let mut claimed = crate::support::soft_phone::made_otherwise(&again, |signed| {
        let at = signed.data.windows(own.len()).position(|part| part == own).expect("the id");
        signed.data[at..at + own.len()].copy_from_slice(&known);
    });
    (claimed["id"], claimed["rawId"]) = (made["id"].clone(), made["rawId"].clone());
    assert_eq!(service.api.confirm(&waiting.token, &claimed).await.status, 400);
    let user = service.api.user(&first.user).await.json();
    assert_eq!(user["authenticators"].as_array().unwrap().len(), 1);
    assert_eq!(service.api.confirm(&waiting.token, &again).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_confirmation_request_cannot_be_approved() {
    let service = Service::start().await;
    let (_, mut phone) = service.user_with_phone("anna").await;
    let (berta, _) = service.user_with_phone("berta").await;
    let asked = service.ask("anna", "Pay CHF 100").await;
    let other = service.ask("anna", "Pay CHF 1").await;
    let signed = signed_by(&service, &asked, &mut phone).await;
    let file = rusqlite::Connection::open(service.gateway.file("dialpass.db")).unwrap();
    let edit = |column: &str, value: &dyn rusqlite::ToSql| {
        let sql = format!("UPDATE transactions SET {column} = ?1 WHERE transaction_id = ?2");
        assert_eq!(file.execute(&sql, [value, &asked.transaction]).unwrap(), 1, "{column}");
    };
    let kept = |column: &str, of: &Linked| -> rusqlite::types::Value {
        let sql = format!("SELECT {column} FROM transactions WHERE transaction_id = ?1");
        file.query_row(&sql, [&of.transaction], |row| row.get(0)).unwrap()
    };
    let refused = async || service.api.confirm(&asked.token, &signed).await.status;
    for (column, value) in [
        ("message", &"Pay CHF 900" as &dyn rusqlite::ToSql),
        ("message", &Option::<String>::None),
        ("match_number", &42),
        ("only_authenticator", &berta),
        ("undertaking", &"enroll"),
    ] {
        let before = kept(column, &asked);
        edit(column, value);
        assert_eq!(refused().await, 400, "{column}");
        edit(column, &before);
    }
    // Another's hash beside another's challenge.
    for column in ["ceremony", "asked"] {
        let before = kept(column, &asked);
        edit(column, &kept(column, &other));
        assert_eq!(refused().await, 400, "{column}");
        edit(column, &before);
    }
    edit("user_id", &berta);
    assert!(matches!(refused().await, 400 | 404));
    edit("user_id", &asked.user);
    assert_eq!(service.api.stage(&asked.status).await, "pending");
    assert_eq!(refused().await, 200, "it is as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_of_signatures_goes_up_or_is_not_kept() {
    let service = Service::start().await;
    let mut phone = SoftPhone::at(PUBLIC_URL).counting();
    let (linked, told) = service.phone_of("anna", &mut phone).await;
    let mut copied = phone.clone();
    for _ in 0..3 {
        let asked = service.ask("anna", "Log in").await;
        assert_eq!(service.api.sign(&asked.token, &mut phone).await.status, 200);
    }
    // A copy of the passkey counts from where it was copied.
    let asked = service.ask("anna", "Log in").await;
    for _ in 0..3 {
        assert_eq!(service.api.sign(&asked.token, &mut copied).await.status, 400);
    }
    let signed = signed_by(&service, &asked, &mut phone).await;
    for back in [0, 1, 3] {
        let forged = phone.signed_anew(&signed, |signed| signed.count(back));
        assert_eq!(service.api.confirm(&asked.token, &forged).await.status, 400, "{back}");
    }
    assert_eq!(service.api.stage(&asked.status).await, "pending");
    let far = phone.signed_anew(&signed, |signed| signed.count(1000));
    assert_eq!(service.api.confirm(&asked.token, &far).await.status, 200);
    let user = service.api.user(&linked.user).await.json();
    assert_eq!(user["authenticators"][0]["authenticatorId"], told["authenticatorId"]);
    assert_ne!(user["authenticators"][0]["updatedAt"], user["authenticators"][0]["enrolledAt"]);
    // Now this phone is the copy.
    let asked = service.ask("anna", "Log in").await;
    assert_eq!(service.api.sign(&asked.token, &mut phone).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_wait_the_one_that_was_signed_first_comes_too_late() {
    let service = Service::start().await;
    let mut phone = SoftPhone::at(PUBLIC_URL).counting();
    service.phone_of("anna", &mut phone).await;
    let (one, other) = (service.ask("anna", "1").await, service.ask("anna", "2").await);
    let early = signed_by(&service, &one, &mut phone).await;
    let late = signed_by(&service, &other, &mut phone).await;
    assert_eq!(service.api.confirm(&other.token, &late).await.status, 200);
    // Its challenge was made when the count was lower.
    assert_eq!(service.api.confirm(&one.token, &early).await.status, 400);
    assert_eq!(service.api.stage(&one.status).await, "pending");
    assert_eq!(service.api.sign(&one.token, &mut phone).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_keeps_no_count_signs_as_often_as_it_is_asked() {
    let service = Service::start().await;
    let (_, mut phone) = service.user_with_phone("anna").await;
    let (one, other) = (service.ask("anna", "1").await, service.ask("anna", "2").await);
    let early = signed_by(&service, &one, &mut phone).await;
    let late = signed_by(&service, &other, &mut phone).await;
    assert_eq!(bytes(&late["response"]["authenticatorData"])[33..37], [0; 4]);
    for (linked, signed) in [(&other, late), (&one, early)] {
        assert_eq!(service.api.confirm(&linked.token, &signed).await.status, 200);
    }
    for _ in 0..3 {
        let asked = service.ask("anna", "Log in").await;
        assert_eq!(service.api.sign(&asked.token, &mut phone).await.status, 200);
    }
}
