//! The demo's page in a browser, from the first call to an approved payment.

use super::profile::{DESKTOP, PHONE};
use super::{Browser, browser};
use crate::checkers::must_be_valid_html;
use crate::commands::demo::Demo;

/// Calls, and waits until the phone has told how that went.
async fn call(browser: &Browser, state: &str) {
    browser.click("#dial").await;
    let told = format!("#phone[data-state=\"{state}\"]");
    browser.until(&told, async || browser.shows(&told).await).await;
}

async fn choose(browser: &Browser, person: &str) {
    browser.click(&format!("input[value=\"{person}\"]")).await;
}

/// The link below the widget's QR code.
async fn link(browser: &Browser) -> String {
    let link = browser.find_in_shadow("#widget .dialpass", "a.link").await;
    link.attribute("href").await.expect("an address")
}

/// What the backend knows, once it is good.
async fn vouched(browser: &Browser, title: &str) -> String {
    browser.until_text(title).await;
    browser.find("#backend dl").await.text().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_plays_the_whole_story() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = Demo::start(temporary.path());
    let browser = browser(&DESKTOP).await;
    browser.go(&format!("{}/", demo.page().replace("localhost", "127.0.0.1"))).await;
    assert_eq!(browser.url().await, format!("{}/", demo.page()));
    browser.must_be_accessible("before anything").await;

    // A call tells a code, with which Anna logs in, once.
    call(&browser, "told").await;
    let told = browser.find("#digits").await.text().await;
    let code: String = told.chars().filter(char::is_ascii_digit).collect();
    assert_eq!(code.len(), 6, "{told:?}");
    browser.find("#code").await.type_in(&code).await;
    browser.click("#log-in").await;
    browser.until_text("Welcome, anna.").await;
    browser.click("#log-in").await;
    browser.until_text("You are not logged in.").await;
    assert!(browser.text().await.contains("403 Forbidden"));
    // Nobody else gets one.
    for person in ["cecilia", "erik", ""] {
        choose(&browser, person).await;
        call(&browser, "refused").await;
        let phone = browser.find("#phone").await.text().await;
        assert!(phone.contains("Sorry") && phone.contains("403 Forbidden"), "{phone}");
    }
    browser.click("#call-wire summary").await;
    browser.until_text("\"phonenumber\": \"+46 70 999 88 77\"").await;
    assert!(browser.text().await.contains(&format!("\"otp\": \"{code}\"")));
    browser.must_be_accessible("after calls").await;
    browser.screenshot("demo-called").await;

    // Without a phone there is nothing to ask; with one there is.
    browser.click("#approve-login").await;
    browser.until_text("Anna has no phone yet.").await;
    browser.click("#enroll").await;
    link(&browser).await;
    browser.must_be_accessible("enrolling").await;
    browser.screenshot("demo-enrolling").await;
    let page = browser.tabs().await.remove(0);
    browser.find_in_shadow("#widget .dialpass", "a.link").await.click().await;
    browser.until("the phone's page", async || browser.tabs().await.len() == 2).await;
    let phone = browser.tabs().await.into_iter().find(|tab| *tab != page).expect("a tab");
    browser.switch_to(&phone).await;
    let authenticator = browser.authenticator().await;
    browser.click("#register").await;
    browser.until("a passkey", async || authenticator.credentials().await.len() == 1).await;
    browser.switch_to(&page).await;
    let facts = vouched(&browser, "Anna’s phone is registered.").await;
    assert!(facts.contains("true") && facts.contains("enroll"), "{facts}");

    // The phone approves what it shows.
    for (button, message) in [
        ("#approve-login", "Log in to Example AG"),
        ("#approve-payment", "Pay CHF 250.00 to Muster AG"),
    ] {
        browser.click(button).await;
        browser.until_text("Waits for the phone’s answer.").await;
        let link = link(&browser).await;
        browser.switch_to(&phone).await;
        browser.go(&link).await;
        browser.until_text(message).await;
        browser.click("#approve").await;
        browser.until("it is approved", async || !browser.shows("#approve").await).await;
        browser.switch_to(&page).await;
        let facts = vouched(&browser, "Anna has approved the ").await;
        assert!(facts.contains("true") && facts.contains("approve"), "{facts}");
    }
    browser.click("#confirm-wire summary").await;
    browser.until_text("\"active\": true").await;
    browser.must_be_accessible("approved").await;
    browser.screenshot("demo-approved").await;
    must_be_valid_html(&[("demo.html".to_owned(), browser.html().await)]);

    // And declines what it does not want.
    browser.click("#approve-payment").await;
    browser.until_text("Waits for the phone’s answer.").await;
    let link = link(&browser).await;
    browser.switch_to(&phone).await;
    browser.go(&link).await;
    browser.click("#decline").await;
    browser.switch_to(&page).await;
    browser.until_text("The widget ended with “failed”.").await;
    browser.must_be_quiet_but_for(&["status of 403", "status of 404", "status of 412"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_sees_the_document_of_the_chosen_phone_system() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = Demo::start(temporary.path());
    let browser = browser(&PHONE).await;
    browser.go(&demo.page()).await;
    // The systems come from the script's list.
    browser.until("a choice", async || browser.all("#dialect option").await.len() > 1).await;
    browser.click("#call-wire summary").await;
    browser.click("#dialect option[value=\"twiml\"]").await;
    call(&browser, "told").await;
    let told = browser.find("#digits").await.text().await;
    let code: String = told.chars().filter(char::is_ascii_digit).collect();
    let phone = browser.find("#phone").await.text().await;
    assert!(phone.contains("200 OK, text/xml"), "{phone}");
    let wire = browser.find("#get-otp").await.text().await;
    let digits = code.chars().map(String::from).collect::<Vec<_>>().join(", ");
    for part in [
        "POST /voice/v1/demo/twiml",
        "X-Twilio-Signature: ",
        "From=%2B46701234567",
        "<Response><Pause length=\"1\"/><Say language=\"en-GB\">",
        &format!("{digits}.</Say>"),
    ] {
        assert!(wire.contains(part), "{part}: {wire}");
    }
    browser.must_be_accessible("a document").await;
    must_be_valid_html(&[("demo.html".to_owned(), browser.html().await)]);
    assert!(!browser.overflows().await);
    browser.screenshot("demo-twiml").await;
    // A refusal is a document as well.
    choose(&browser, "cecilia").await;
    call(&browser, "refused").await;
    let wire = browser.find("#get-otp").await.text().await;
    let phone = browser.find("#phone").await.text().await;
    let heard = wire.split_once("\">").and_then(|(_, rest)| rest.split_once('<')).expect("words").0;
    assert!(wire.contains("200 OK") && phone.contains(heard), "{phone}: {wire}");
    // The code is Anna's by whichever system, and logs her in.
    choose(&browser, "anna").await;
    for (system, said) in [
        ("jambonz", format!("\"text\": \"Your code is: {digits}.\"")),
        ("ncco", format!("\"text\": \"Your code is: {digits}.\"")),
        ("json", format!("\"otp\": \"{code}\"")),
    ] {
        browser.click(&format!("#dialect option[value=\"{system}\"]")).await;
        call(&browser, "told").await;
        let wire = browser.find("#get-otp").await.text().await;
        assert!(wire.contains(&said), "{system}: {wire}");
    }
    browser.find("#code").await.type_in(&code).await;
    browser.click("#log-in").await;
    browser.until_text("Welcome, anna.").await;
    browser.must_be_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demos_page_fits_phones_and_dark_rooms() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = Demo::start(temporary.path());
    let narrow = PHONE.of_size(320, 568);
    let browser = browser(&narrow).await;
    browser.go(&demo.page()).await;
    browser.find("#dial").await;
    for width in [320, 390, 768, 1024, 1280] {
        browser.resize(width, 800).await;
        assert!(!browser.overflows().await, "{width}");
        browser.must_be_accessible(&format!("at {width}")).await;
    }
    browser.must_be_quiet().await;
}
