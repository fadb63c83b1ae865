//! The pages speak the browser's language.

use super::looking::look;
use super::*;
use crate::checkers::must_be_valid_html;
use crate::support::browser::browser;
use crate::support::browser::profile::PHONE;

#[tokio::test(flavor = "multi_thread")]
async fn pages_speak_the_browsers_language() {
    let company = Company::start().await;
    let mut views = Vec::new();
    for (languages, code, enroll, approve) in [
        ("sv-SE,sv,en", "sv", "Registrera den h\u{e4}r mobilen", "Godk\u{e4}nner du det h\u{e4}r?"),
        ("de-CH,de", "de", "Dieses Handy registrieren", "Geben Sie das frei?"),
        ("fr-FR,fr", "en", "Register this phone", "Do you approve this?"),
    ] {
        let phone = browser(&PHONE.speaking(languages)).await;
        let _passkeys = phone.authenticator().await;
        let asked = company.enroll(&format!("anna-{code}")).await;
        open(&phone, &asked.link, "enroll").await;
        assert_eq!(phone.script("return document.documentElement.lang", &[]).await, code);
        let shown = phone.text().await;
        assert!(shown.contains(enroll), "{languages}: {shown}");
        look(&phone, &format!("enroll-{code}")).await;
        views.push((format!("enroll-{code}.html"), phone.html().await));
        phone.click("#register").await;
        view(&phone, "done").await;
        look(&phone, &format!("enrolled-{code}")).await;
        views.push((format!("enrolled-{code}.html"), phone.html().await));
        let asked = company.approve(&format!("anna-{code}"), "Pay CHF 100").await;
        open(&phone, &asked.link, "approve").await;
        let shown = phone.text().await;
        assert!(shown.contains(approve) && shown.contains("Pay CHF 100"), "{languages}: {shown}");
        assert!(!shown.contains(['{', '}']), "{shown}");
        look(&phone, &format!("approve-{code}")).await;
        views.push((format!("approve-{code}.html"), phone.html().await));
        phone.must_be_quiet().await;
    }
    must_be_valid_html(&views);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_weighs_little_and_loads_nothing_from_others() {
    let company = Company::start().await;
    let phone = browser(&PHONE).await;
    let _passkeys = phone.authenticator().await;
    let asked = company.enroll("anna").await;
    phone.fetched().await;
    open(&phone, &asked.link, "enroll").await;
    phone.click("#register").await;
    view(&phone, "done").await;
    let fetched = phone.fetched().await;
    let base = asked.link.split("/open").next().expect("a base");
    let others: Vec<_> = fetched.urls.iter().filter(|url| !url.starts_with(base)).collect();
    assert_eq!(others, Vec::<&String>::new());
    crate::support::browser::figure(
        "enroll page: bytes transferred",
        &format!("{} in {} requests", fetched.bytes, fetched.urls.len()),
    );
    assert!((1_000..50_000).contains(&fetched.bytes), "{fetched:?}");
}
