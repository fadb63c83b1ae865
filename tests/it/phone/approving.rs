//! A user's phone shows what is asked, and approves or declines.

use std::time::Instant;

use serde_json::json;

use super::looking::look;
use super::*;
use crate::support::browser::profile::PHONE;
use crate::support::browser::{browser, figure, key};

/// What nobody may take for a part of the page.
const TRICKY: &str = "Pay <b>CHF 100</b> to \"M\u{fc}ller & S\u{f6}hne\" <script>alert(1)</script>";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_shown_is_what_is_approved() {
    let company = Company::start().await;
    let phone = browser(&PHONE).await;
    let _passkeys = phone.authenticator().await;
    company.register(&phone, "anna").await;
    let asked = company.approve("anna", TRICKY).await;
    assert_eq!(asked.scanned(), asked.link);
    let begun = Instant::now();
    open(&phone, &asked.link, "approve").await;
    assert_eq!(phone.find("main blockquote").await.text().await, TRICKY);
    assert!(phone.all("main b, main script").await.is_empty());
    let shown = phone.text().await;
    for part in [COMPANY, "anna", "backend", "127.0.0.1"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert_eq!(company.stage(&asked).await, "pending");
    phone.click("#approve").await;
    company.until_stage(&phone, &asked, "succeeded").await;
    figure("approve: link opened to succeeded", &format!("{} ms", begun.elapsed().as_millis()));
    view(&phone, "done").await;
    look(&phone, "approved").await;
    let status = company.service.api.status(&asked.token).await.json();
    let token = text(&status["token"]);
    let introspected = company.service.api.introspect(&token).await.json();
    assert_eq!((&introspected["active"], &introspected["sub"]), (&json!(true), &json!(asked.user)));
    assert_eq!(introspected["transactionId"], json!(asked.transaction));
    phone.must_be_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_declined_has_failed_and_stays_so() {
    let company = Company::start().await;
    let phone = browser(&PHONE).await;
    let _passkeys = phone.authenticator().await;
    company.register(&phone, "anna").await;
    let asked =
        company.approve("anna", "Pay CHF 1\u{2019}250.00 to Kr\u{fc}ger AG, Z\u{fc}rich").await;
    open(&phone, &asked.link, "approve").await;
    look(&phone, "approve").await;
    phone.click("#decline").await;
    view(&phone, "declined").await;
    look(&phone, "declined").await;
    company.must_have_failed(&asked).await;
    phone.must_be_quiet().await;
    // Opening it again, or having it open still, approves nothing.
    open(&phone, &asked.link, "used").await;
    look(&phone, "ended").await;
    let other = company.approve("anna", "Pay CHF 100").await;
    open(&phone, &other.link, "approve").await;
    let first = phone.new_tab().await;
    open(&phone, &other.link, "approve").await;
    phone.click("#decline").await;
    view(&phone, "declined").await;
    phone.must_be_quiet().await;
    phone.close_tab(&first).await;
    // The page that comes to the fore looks for itself whether it is still asked.
    view(&phone, "used").await;
    company.must_have_failed(&other).await;
    phone.must_be_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_without_a_message_asks_whether_it_is_you() {
    let company = Company::start().await;
    let phone = browser(&PHONE).await;
    let _passkeys = phone.authenticator().await;
    company.register(&phone, "anna").await;
    let asked = company.approve_by(json!({"username": "anna", "channel": "app"})).await;
    open(&phone, &asked.link, "approve").await;
    assert!(phone.all("main blockquote").await.is_empty());
    look(&phone, "approve-bare").await;
    phone.click("#approve").await;
    view(&phone, "done").await;
    assert_eq!(company.stage(&asked).await, "succeeded");
    phone.must_be_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_message_is_shown_whole() {
    let company = Company::start().await;
    let phone = browser(&PHONE).await;
    let _passkeys = phone.authenticator().await;
    company.register(&phone, "anna").await;
    let long =
        format!("Donaudampfschifffahrt{}{}", "x".repeat(80), " \u{5d0}\u{5d1} line".repeat(12));
    let asked = company.approve("anna", &long).await;
    open(&phone, &asked.link, "approve").await;
    let shown = phone.find("main blockquote").await.property("textContent").await;
    assert_eq!(shown, json!(long));
    look(&phone, "approve-long").await;
    phone.must_be_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_all_works_with_keys_only() {
    let company = Company::start().await;
    let phone = browser(&PHONE).await;
    let _passkeys = phone.authenticator().await;
    let press_on = async |label: &str| {
        // The heading has the focus, or nothing: what is to be pressed is a few keys away.
        for _ in 0..6 {
            let focused = phone.focused().await;
            if focused.role().await == "button" && focused.label().await == label {
                phone.press(key::ENTER).await;
                return;
            }
            phone.press(key::TAB).await;
        }
        panic!("{label} can't be reached");
    };
    let asked = company.enroll("anna").await;
    open(&phone, &asked.link, "enroll").await;
    press_on("Register this phone").await;
    view(&phone, "done").await;
    assert_eq!(company.stage(&asked).await, "succeeded");
    assert_eq!(phone.focused().await.label().await, "This phone is registered", "it is read out");
    let asked = company.approve("anna", "Pay CHF 100").await;
    open(&phone, &asked.link, "approve").await;
    press_on("Approve").await;
    view(&phone, "done").await;
    assert_eq!(company.stage(&asked).await, "succeeded");
    let asked = company.approve("anna", "Pay CHF 100").await;
    open(&phone, &asked.link, "approve").await;
    press_on("Decline").await;
    view(&phone, "declined").await;
    company.must_have_failed(&asked).await;
    phone.must_be_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_the_other_screen_has_to_be_typed() {
    let company = Company::start_with("match_number = true", "", &[]).await;
    let phone = browser(&PHONE).await;
    let _passkeys = phone.authenticator().await;
    company.register(&phone, "anna").await;
    let asked = company.approve("anna", "Pay CHF 100").await;
    let number = asked.number.clone().expect("a number");
    assert!((10..=99).contains(&number.parse::<u8>().unwrap()), "{number}");
    open(&phone, &asked.link, "approve").await;
    look(&phone, "approve-number").await;
    phone.click("#approve").await;
    phone.until_text("Enter the two digits").await;
    look(&phone, "approve-number-missing").await;
    assert_eq!(company.stage(&asked).await, "pending");
    phone.find("#match-number").await.type_in(&number).await;
    phone.press(key::ENTER).await;
    view(&phone, "done").await;
    assert_eq!(company.stage(&asked).await, "succeeded");
    phone.must_be_quiet().await;
    // A wrong one ends it.
    let asked = company.approve("anna", "Pay CHF 100").await;
    let number: u8 = asked.number.clone().expect("a number").parse().unwrap();
    let wrong = if number == 99 { 10 } else { number + 1 };
    open(&phone, &asked.link, "approve").await;
    phone.find("#match-number").await.type_in(&wrong.to_string()).await;
    phone.click("#approve").await;
    view(&phone, "failed").await;
    look(&phone, "wrong-number").await;
    company.must_have_failed(&asked).await;
    phone.must_be_quiet_but_for(&["status of 412"]).await;
}
