//! What a phone is asked ends with time, whether its page is open or not.

use super::looking::look;
use super::*;
use crate::authentication_cloud::time::Clock;
use crate::support::browser::browser;
use crate::support::browser::profile::PHONE;

async fn start() -> (Company, Clock) {
    let clock = Clock::start();
    let company = Company::start_with("", "", &clock.environment()).await;
    (company, clock)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_unanswered_for_ten_minutes_has_failed() {
    let (company, mut clock) = start().await;
    let phone = browser(&PHONE).await;
    let _passkeys = phone.authenticator().await;
    company.register(&phone, "anna").await;
    let asked = company.approve("anna", "Pay CHF 100").await;
    let enrolling = company.enroll("berta").await;
    open(&phone, &asked.link, "approve").await;
    clock.advance(540);
    assert_eq!(company.stage(&asked).await, "pending");
    clock.advance(60);
    // The page was open all the time, and its own clock may be slow.
    phone.must_be_quiet().await;
    phone.click("#approve").await;
    view(&phone, "expired").await;
    look(&phone, "expired").await;
    phone.must_be_quiet_but_for(&["status of 412"]).await;
    company.must_have_failed(&asked).await;
    open(&phone, &asked.link, "expired").await;
    open(&phone, &enrolling.link, "expired").await;
    company.must_have_failed(&enrolling).await;
    assert_eq!(company.user(&enrolling.user).await["status"], "new");
    phone.must_be_quiet().await;
    // After a day nobody knows of it.
    clock.advance(24 * 3600);
    open(&phone, &asked.link, "unknown").await;
    phone.must_be_quiet_but_for(&["status of 404"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_page_says_by_itself_that_the_time_is_up() {
    let (company, mut clock) = start().await;
    let phone = browser(&PHONE).await;
    let _passkeys = phone.authenticator().await;
    let asked = company.enroll("anna").await;
    clock.advance(595);
    open(&phone, &asked.link, "enroll").await;
    phone.until_text("Time left: ").await;
    view(&phone, "expired").await;
    phone.must_be_quiet().await;
}
