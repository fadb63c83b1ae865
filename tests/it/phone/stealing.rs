//! A thief with a link but without the phone, or who reads it first, confirms and spoils nothing.

use serde_json::json;

use super::looking::look;
use super::*;
use crate::support::browser::browser;
use crate::support::browser::profile::PHONE;

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_others_have_looked_at_still_works_and_then_no_more() {
    let company = Company::start().await;
    let phone = browser(&PHONE).await;
    let _passkeys = phone.authenticator().await;
    let asked = company.enroll("anna").await;
    // As chat programs and mail filters do.
    let http = &company.service.gateway.http;
    for _ in 0..3 {
        for method in [reqwest::Method::HEAD, reqwest::Method::GET] {
            let looked = http.request(method, &asked.link).send().await.unwrap();
            assert_eq!(looked.status(), 200);
        }
        let read = company.post("/open/transaction", json!({"token": asked.link_token()})).await;
        assert_eq!((read.status, &read.json()["stage"]), (200, &json!("pending")));
    }
    open(&phone, &asked.link, "enroll").await;
    open(&phone, &asked.link, "enroll").await;
    phone.reload().await;
    view(&phone, "enroll").await;
    let first = phone.new_tab().await;
    phone.close_tab(&first).await;
    assert_eq!(company.stage(&asked).await, "pending");
    phone.click("#register").await;
    view(&phone, "done").await;
    assert_eq!(company.stage(&asked).await, "succeeded");
    phone.must_be_quiet().await;
    // It is spent by its use.
    open(&phone, &asked.link, "used").await;
    look(&phone, "used").await;
    assert_eq!(company.authenticators(&asked.user).await.len(), 1);
    phone.must_be_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_leaves_the_address_bar_and_a_reload_works() {
    let company = Company::start().await;
    let phone = browser(&PHONE).await;
    let asked = company.enroll("anna").await;
    open(&phone, &asked.link, "enroll").await;
    assert!(!phone.url().await.contains(asked.link_token()), "{}", phone.url().await);
    phone.reload().await;
    view(&phone, "enroll").await;
    phone.must_be_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_approves_nothing_on_a_phone_without_the_passkey() {
    let company = Company::start().await;
    let phone = browser(&PHONE).await;
    let passkeys = phone.authenticator().await;
    company.register(&phone, "anna").await;
    let of_anna = passkeys.credentials().await.remove(0);
    passkeys.forget_all().await;
    // The thief's own phone has a passkey, too: of another user.
    company.register(&phone, "thief").await;
    let asked = company.approve("anna", "Pay CHF 100").await;
    open(&phone, &asked.link, "approve").await;
    phone.click("#approve").await;
    view(&phone, "failed").await;
    look(&phone, "wrong-phone").await;
    assert_eq!(company.stage(&asked).await, "pending");
    // Nor does the right phone in the wrong hands.
    passkeys.add(&of_anna).await;
    passkeys.verify_user(false).await;
    phone.click("#try-again").await;
    view(&phone, "approve").await;
    phone.click("#approve").await;
    view(&phone, "failed").await;
    assert_eq!(company.stage(&asked).await, "pending");
    passkeys.verify_user(true).await;
    phone.click("#try-again").await;
    view(&phone, "approve").await;
    phone.click("#approve").await;
    view(&phone, "done").await;
    assert_eq!(company.stage(&asked).await, "succeeded");
    phone.must_be_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_passkey_gives_itself_away() {
    let company = Company::start().await;
    let phone = browser(&PHONE).await;
    let passkeys = phone.authenticator().await;
    company.register(&phone, "anna").await;
    let copy = passkeys.credentials().await.remove(0);
    for _ in 0..2 {
        let asked = company.approve("anna", "Pay CHF 100").await;
        open(&phone, &asked.link, "approve").await;
        phone.click("#approve").await;
        view(&phone, "done").await;
    }
    let count = passkeys.credentials().await[0]["signCount"].as_u64().expect("a count");
    assert!(count > copy["signCount"].as_u64().expect("a count"), "this phone counts");
    // It counts on from where it was copied.
    passkeys.forget_all().await;
    passkeys.add(&copy).await;
    let asked = company.approve("anna", "Pay CHF 100").await;
    open(&phone, &asked.link, "approve").await;
    phone.click("#approve").await;
    view(&phone, "failed").await;
    look(&phone, "refused").await;
    assert_eq!(company.stage(&asked).await, "pending");
    phone.must_be_quiet_but_for(&["status of 400"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_none_says_what_to_do() {
    let company = Company::start().await;
    let phone = browser(&PHONE).await;
    let asked = company.enroll("anna").await;
    let base = asked.link.split('?').next().expect("a base").to_owned();
    // No link at all, half a link, another token.
    open(&phone, &base, "unknown").await;
    look(&phone, "unknown").await;
    for token in [&asked.link_token()[..40], &asked.token, "%00", "x"] {
        open(&phone, &format!("{base}?dispatchTokenResponse={token}"), "unknown").await;
    }
    assert_eq!(company.stage(&asked).await, "pending");
    let refused = ["status of 404", "status of 400", "status of 403"];
    phone.must_be_quiet_but_for(&refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_without_passkeys_says_what_to_do() {
    let company = Company::start().await;
    let phone = browser(&PHONE).await;
    let source = json!({"source": "delete globalThis.PublicKeyCredential;"});
    phone.devtools("Page.addScriptToEvaluateOnNewDocument", source).await;
    let asked = company.enroll("anna").await;
    open(&phone, &asked.link, "unsupported").await;
    look(&phone, "unsupported").await;
    assert!(phone.url().await.contains(asked.link_token()), "for another browser to open");
    phone.must_be_quiet().await;
}
