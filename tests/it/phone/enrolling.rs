//! A phone becomes a user's authenticator: by QR code or link, as the first, a further or a new one.

use std::time::Instant;

use serde_json::json;

use super::looking::look;
use super::*;
use crate::support::browser::profile::{IPHONE, PHONE};
use crate::support::browser::{browser, figure};

#[tokio::test(flavor = "multi_thread")]
async fn a_scanned_code_makes_a_phone_the_users_authenticator() {
    let company = Company::start().await;
    let phone = browser(&PHONE).await;
    let passkeys = phone.authenticator().await;
    let asked = company.enroll("anna").await;
    assert_eq!(asked.scanned(), asked.link);
    assert_eq!(company.user(&asked.user).await["status"], "new");
    let begun = Instant::now();
    open(&phone, &asked.scanned(), "enroll").await;
    let shown = begun.elapsed();
    let said = phone.text().await;
    assert!(said.contains(COMPANY) && said.contains("anna"), "{said}");
    // Who asks, from where and when.
    assert!(said.contains(&format!("{COMPANY} (backend)")) && said.contains("127.0.0.1"), "{said}");
    let year = "return String(new Date().getFullYear())";
    let year = phone.script(year, &[]).await.as_str().expect("a year").to_owned();
    assert!(said.contains(&year), "{said}");
    let sprite = "return document.querySelector('.sprite').getBoundingClientRect().height";
    assert_eq!(phone.script(sprite, &[]).await, 0, "what icons are drawn from takes no room");
    assert_eq!(company.stage(&asked).await, "pending");
    let tapped = Instant::now();
    phone.click("#register").await;
    company.until_stage(&phone, &asked, "succeeded").await;
    let (all, after_tap) = (begun.elapsed(), tapped.elapsed());
    figure("enroll: link opened to page shown", &format!("{} ms", shown.as_millis()));
    figure("enroll: button tapped to succeeded", &format!("{} ms", after_tap.as_millis()));
    figure("enroll: link opened to succeeded", &format!("{} ms", all.as_millis()));
    view(&phone, "done").await;
    let user = company.user(&asked.user).await;
    assert_eq!(user["status"], "active");
    let [authenticator] = &company.authenticators(&asked.user).await[..] else { panic!("{user}") };
    assert_eq!(
        (&authenticator["name"], &authenticator["type"]),
        (&json!("Pixel 9"), &json!("android"))
    );
    let passkeys = passkeys.credentials().await;
    assert!(passkeys.len() == 1 && passkeys[0]["rpId"] == "localhost", "{passkeys:?}");
    let status = company.service.api.status(&asked.token).await.json();
    assert!(company.service.api.is_active(&text(&status["token"])).await);
    phone.must_be_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authenticator_has_the_name_that_its_phone_says() {
    let company = Company::start().await;
    let phone = browser(&IPHONE).await;
    let _passkeys = phone.authenticator().await;
    let asked = company.enroll_by(json!({})).await;
    open(&phone, &asked.link, "enroll").await;
    let shown = phone.text().await;
    assert!(shown.contains("for you") && !shown.contains("null"), "{shown}");
    look(&phone, "enroll-nobody").await;
    phone.click("#register").await;
    view(&phone, "done").await;
    let authenticators = company.authenticators(&asked.user).await;
    let told = (&authenticators[0]["name"], &authenticators[0]["type"]);
    assert_eq!(told, (&json!("iPhone"), &json!("ios")));
    // It is renamed and removed by the backend.
    let path = format!("/api/v1/authenticators/{}", text(&authenticators[0]["authenticatorId"]));
    let rename = company.service.api.request("PATCH", &path).json(&json!({"name": "My phone"}));
    assert_eq!(Answer::of(rename).await.status, 200);
    assert_eq!(company.authenticators(&asked.user).await[0]["name"], "My phone");
    assert_eq!(company.service.api.delete(&path).await.status, 204);
    assert!(company.authenticators(&asked.user).await.is_empty());
    phone.must_be_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_phone_is_a_further_authenticator_and_both_confirm() {
    let company = Company::start().await;
    let phone = browser(&PHONE).await;
    let first = phone.authenticator().await;
    let first_id = company.register(&phone, "anna").await;
    let of_first = first.credentials().await.remove(0);
    first.remove().await;
    let second = phone.authenticator().await;
    let second_id = company.register(&phone, "anna").await;
    assert_ne!(first_id, second_id);
    let of_second = second.credentials().await.remove(0);
    for passkey in [of_first, of_second] {
        second.forget_all().await;
        second.add(&passkey).await;
        let asked = company.approve("anna", "Pay CHF 100").await;
        open(&phone, &asked.link, "approve").await;
        phone.click("#approve").await;
        view(&phone, "done").await;
        assert_eq!(company.stage(&asked).await, "succeeded");
    }
    phone.must_be_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_phone_takes_the_place_of_the_old_one() {
    let company = Company::start().await;
    let phone = browser(&PHONE).await;
    let passkeys = phone.authenticator().await;
    let old = company.register(&phone, "anna").await;
    let of_old = passkeys.credentials().await.remove(0);
    passkeys.forget_all().await;
    company.register(&phone, "anna").await;
    let of_new = passkeys.credentials().await.remove(0);
    let path = format!("/api/v1/authenticators/{old}");
    assert_eq!(company.service.api.delete(&path).await.status, 204);
    let asked = company.approve("anna", "Pay CHF 100").await;
    for (passkey, ends) in [(of_old, "failed"), (of_new, "done")] {
        passkeys.forget_all().await;
        passkeys.add(&passkey).await;
        open(&phone, &asked.link, "approve").await;
        phone.click("#approve").await;
        view(&phone, ends).await;
        let stage = if ends == "done" { "succeeded" } else { "pending" };
        assert_eq!(company.stage(&asked).await, stage);
    }
    phone.must_be_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_phone_is_recognized_and_another_may_still_use_the_code() {
    let company = Company::start().await;
    let phone = browser(&PHONE).await;
    let passkeys = phone.authenticator().await;
    company.register(&phone, "anna").await;
    let asked = company.enroll("anna").await;
    open(&phone, &asked.link, "enroll").await;
    phone.click("#register").await;
    view(&phone, "used").await;
    phone.until_text("Already registered").await;
    look(&phone, "already-registered").await;
    assert_eq!(company.stage(&asked).await, "pending");
    assert_eq!(company.authenticators(&asked.user).await.len(), 1);
    passkeys.forget_all().await;
    open(&phone, &asked.link, "enroll").await;
    phone.click("#register").await;
    view(&phone, "done").await;
    assert_eq!(company.stage(&asked).await, "succeeded");
    phone.must_be_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cancels_or_is_not_verified_registers_nothing_and_may_try_again() {
    let company = Company::start().await;
    let phone = browser(&PHONE).await;
    let passkeys = phone.authenticator().await;
    passkeys.verify_user(false).await;
    let asked = company.enroll("anna").await;
    open(&phone, &asked.link, "enroll").await;
    phone.click("#register").await;
    view(&phone, "failed").await;
    look(&phone, "enroll-cancelled").await;
    assert_eq!(company.stage(&asked).await, "pending");
    assert_eq!(company.user(&asked.user).await["status"], "new");
    passkeys.verify_user(true).await;
    phone.click("#try-again").await;
    view(&phone, "enroll").await;
    look(&phone, "enroll").await;
    phone.click("#register").await;
    view(&phone, "done").await;
    look(&phone, "enrolled").await;
    assert_eq!(company.stage(&asked).await, "succeeded");
    phone.must_be_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_eleventh_phone_learns_that_there_are_too_many() {
    let company = Company::start().await;
    let phone = browser(&PHONE).await;
    let passkeys = phone.authenticator().await;
    let eleventh = company.enroll("anna").await;
    for _ in 0..10 {
        company.register(&phone, "anna").await;
        passkeys.forget_all().await;
    }
    let full = company.service.api.enroll(json!({"username": "anna", "channel": "app"})).await;
    assert_eq!(full.status, 409, "{}", full.body);
    open(&phone, &eleventh.link, "enroll").await;
    phone.click("#register").await;
    view(&phone, "failed").await;
    phone.until_text("Too many phones").await;
    look(&phone, "too-many-phones").await;
    assert_eq!(company.authenticators(&eleventh.user).await.len(), 10);
    phone.must_be_quiet_but_for(&["status of 409"]).await;
}
