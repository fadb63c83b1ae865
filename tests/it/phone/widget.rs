//! The widget in a page of another origin with a strict policy of its own: it asks, shows, waits,
//! and calls back with what the page's backend checks.

use std::time::Instant;

use serde_json::{Value, json};

use super::looking::look;
use super::*;
use crate::authentication_cloud::time::Clock;
use crate::support::browser::profile::{DESKTOP, PHONE};
use crate::support::browser::site::Site;
use crate::support::browser::{browser, browsers, figure};

/// The page's own script.
const SHOP: &str = "const place = document.querySelector('#widget');\
    const onResult = (result) => {\
      const shown = document.querySelector('#result');\
      shown.textContent = JSON.stringify([...JSON.parse(shown.textContent), result]); };\
    Dialpass.start(place, {...JSON.parse(place.dataset.options), onResult});";

/// What stands around the widget's content.
const HOST: &str = ".dialpass";

impl Company {
    fn origin(&self) -> String {
        self.service.gateway.url("")
    }

    /// A site of another origin whose page starts the widget with these options.
    async fn shop(&self, options: &Value) -> Site {
        let gateway = self.origin();
        let site = Site::start(&format!(
            "default-src 'none'; script-src 'self' {gateway}; connect-src {gateway}; \
             img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'"
        ))
        .await;
        let options = options.to_string().replace('&', "&amp;").replace('"', "&quot;");
        site.put(
            "/",
            &format!(
                "<!doctype html><html lang=\"en\"><head><title>A shop</title>\
                 <meta name=\"viewport\" content=\"width=device-width\">\
                 <link rel=\"icon\" href=\"data:,\"><script src=\"{gateway}/widget/auth.js\">\
                 </script><script defer src=\"/shop.js\"></script></head><body><main><h1>A shop</h1>\
                 <div id=\"widget\" data-options=\"{options}\"></div><output id=\"result\">[]\
                 </output></main></body></html>"
            ),
        );
        site.put("/shop.js", SHOP);
        site
    }

    async fn intent(&self, username: &str, operation: &str, message: Option<&str>) -> String {
        let mut body = json!({"username": username, "operation": operation});
        if let Some(message) = message {
            body["message"] = json!(message);
        }
        self.service.api.intent(body).await
    }
}

/// What the page was called back with; waits for it, and for nothing more than once.
async fn result(shop: &Browser) -> Value {
    shop.until("a result", async || shop.find("#result").await.text().await != "[]").await;
    let results: Value = serde_json::from_str(&shop.find("#result").await.text().await).unwrap();
    assert_eq!(results.as_array().map(Vec::len), Some(1), "{results}");
    results[0].clone()
}

/// The link in the QR code that a desktop's screen shows.
async fn scan(shop: &Browser, name: &str) -> String {
    let code = shop.find_in_shadow(HOST, "img.qr").await;
    let drawn = async |property: &str| code.property(property).await == json!(300);
    shop.until("the QR code is drawn", async || drawn("naturalWidth").await).await;
    assert!(drawn("clientWidth").await, "as it is: scaled, its squares would not be equal");
    qr_text(&shop.screenshot(name).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_enrolls_and_approves_with_a_phone() {
    let company = Company::start().await;
    let [shop, phone] = browsers([&DESKTOP, &PHONE]).await;
    let _passkeys = phone.authenticator().await;
    let options =
        json!({"token": company.intent("anna", "enroll", None).await, "operation": "enroll"});
    let site = company.shop(&options).await;
    shop.go(&site.url("/")).await;
    let link = scan(&shop, "widget-enroll").await;
    shop.must_be_accessible("the widget").await;
    open(&phone, &link, "enroll").await;
    phone.click("#register").await;
    view(&phone, "done").await;
    let told = result(&shop).await;
    assert_eq!((&told["result"], &told["status"]), (&json!("success"), &json!("succeeded")));
    shop.screenshot("widget-succeeded").await;
    let user = company.service.api.user_named("anna").await.json();
    assert_eq!((&told["data"]["userId"], &user["status"]), (&user["userId"], &json!("active")));

    let intent = company.intent("anna", "approve", Some("Pay CHF 100")).await;
    let site = company.shop(&json!({"token": intent, "operation": "approve"})).await;
    shop.go(&site.url("/")).await;
    let link = scan(&shop, "widget-approve").await;
    open(&phone, &link, "approve").await;
    assert_eq!(phone.find("main blockquote").await.text().await, "Pay CHF 100");
    let tapped = Instant::now();
    phone.click("#approve").await;
    let told = result(&shop).await;
    let took = format!("{} ms", tapped.elapsed().as_millis());
    figure("widget: button tapped to the page called back", &took);
    let token = text(&told["token"]);
    let introspected = company.service.api.introspect(&token).await.json();
    assert_eq!((&introspected["active"], &introspected["sub"]), (&json!(true), &user["userId"]));
    assert_eq!(introspected["transactionId"], told["transactionId"]);
    for browser in [&shop, &phone] {
        browser.must_be_quiet().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_learns_that_the_person_declined() {
    let company = Company::start().await;
    let [shop, phone] = browsers([&DESKTOP.speaking("de-CH,de"), &PHONE]).await;
    let _passkeys = phone.authenticator().await;
    company.register(&phone, "anna").await;
    let intent = company.intent("anna", "approve", Some("Pay CHF 100")).await;
    let site = company.shop(&json!({"token": intent, "operation": "approve"})).await;
    shop.go(&site.url("/")).await;
    open(&phone, &scan(&shop, "widget-approve-de").await, "approve").await;
    phone.click("#decline").await;
    view(&phone, "declined").await;
    let told = result(&shop).await;
    assert_eq!((&told["status"], told.get("token")), (&json!("failed"), None), "{told}");
    let is_brief = told["message"].as_str().is_some_and(|text| (1..100).contains(&text.len()));
    assert!(told["result"] == "error" && is_brief, "{told}");
    shop.must_be_accessible("the widget at its end").await;
    shop.screenshot("widget-failed-de").await;
    phone.must_be_quiet().await;
    shop.must_be_quiet_but_for(&["status of 412"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_the_number_that_the_phone_asks_for() {
    let company = Company::start_with("match_number = true", "", &[]).await;
    let [shop, phone] = browsers([&DESKTOP, &PHONE]).await;
    let _passkeys = phone.authenticator().await;
    company.register(&phone, "anna").await;
    let intent = company.intent("anna", "approve", None).await;
    let site = company.shop(&json!({"token": intent, "operation": "approve"})).await;
    shop.go(&site.url("/")).await;
    open(&phone, &scan(&shop, "widget-number").await, "approve").await;
    let number = shop.find_in_shadow(HOST, ".match").await.text().await;
    phone.find("#match-number").await.type_in(&number).await;
    phone.click("#approve").await;
    view(&phone, "done").await;
    assert_eq!(result(&shop).await["status"], "succeeded");
    for browser in [&shop, &phone] {
        browser.must_be_quiet().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_phone_the_widget_is_a_link_in_the_brands_colour() {
    let company = Company::start().await;
    let phone = browser(&PHONE).await;
    let logo = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='120' \
                height='40'%3E%3Crect width='120' height='40' fill='%23e30613'/%3E%3C/svg%3E";
    for (color, expected, text) in [
        ("#ffd200", "rgba(255, 210, 0, 1)", "rgba(0, 0, 0, 1)"),
        ("#003f2d", "rgba(0, 63, 45, 1)", "rgba(255, 255, 255, 1)"),
    ] {
        let token = company.intent("anna", "enroll", None).await;
        let options = json!({"token": token, "operation": "enroll", "color": color, "logo": logo});
        let site = company.shop(&options).await;
        phone.go(&site.url("/")).await;
        let link = phone.find_in_shadow(HOST, "a.big").await;
        assert_eq!(link.style("background-color").await, expected);
        assert_eq!(link.style("color").await, text, "it can be read");
        phone.must_be_accessible("the widget on a phone").await;
        assert!(!phone.overflows().await);
        phone.screenshot(&format!("widget-phone-{}", &color[1..])).await;
        let shop = phone.tabs().await;
        link.click().await;
        phone.until("another tab", async || phone.tabs().await.len() == 2).await;
        let opened = phone.tabs().await.into_iter().find(|tab| !shop.contains(tab));
        phone.switch_to(&opened.expect("another tab")).await;
        let _passkeys = phone.authenticator().await;
        view(&phone, "enroll").await;
        phone.click("#register").await;
        view(&phone, "done").await;
        phone.close_tab(&shop[0]).await;
        assert_eq!(result(&phone).await["status"], "succeeded");
    }
    phone.must_be_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_learns_that_the_time_is_up_or_that_it_may_not_ask() {
    let mut clock = Clock::start();
    let company = Company::start_with("", "", &clock.environment()).await;
    let shop = browser(&DESKTOP).await;
    let options =
        json!({"token": company.intent("anna", "enroll", None).await, "operation": "enroll"});
    let site = company.shop(&options).await;
    shop.go(&site.url("/")).await;
    scan(&shop, "widget-waiting").await;
    clock.advance(601);
    let told = result(&shop).await;
    assert_eq!((&told["status"], told.get("token")), (&json!("expired"), None), "{told}");
    shop.screenshot("widget-expired").await;
    shop.must_be_quiet_but_for(&["status of 412"]).await;
    // The intent is used.
    shop.reload().await;
    assert_eq!(result(&shop).await["status"], "expired");
    shop.must_be_quiet_but_for(&["status of 403"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_widget_outlives_a_gateway_that_is_away_for_a_moment() {
    let mut company = Company::start().await;
    let [shop, phone] = browsers([&DESKTOP, &PHONE]).await;
    let _passkeys = phone.authenticator().await;
    let options =
        json!({"token": company.intent("anna", "enroll", None).await, "operation": "enroll"});
    let site = company.shop(&options).await;
    shop.go(&site.url("/")).await;
    let link = scan(&shop, "widget-before").await;
    open(&phone, &link, "enroll").await;
    company.service.gateway.kill();
    let state = shop.find_in_shadow(HOST, ".state").await;
    shop.until("it says so", async || state.text().await.contains("No connection")).await;
    shop.must_be_accessible("the widget without a connection").await;
    phone.click("#register").await;
    view(&phone, "failed").await;
    look(&phone, "away").await;
    company.service = company.service.restart();
    // What the passkey signed is sent again: it is not made twice.
    phone.click("#try-again").await;
    view(&phone, "done").await;
    assert_eq!(result(&shop).await["status"], "succeeded");
    for browser in [&shop, &phone] {
        browser.must_be_quiet_but_for(&["ERR_CONNECTION_REFUSED"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_widget_starts_by_its_own_tag_too() {
    let company = Company::start().await;
    let shop = browser(&DESKTOP).await;
    let site = company.shop(&json!({})).await;
    let token = company.intent("anna", "enroll", None).await;
    let gateway = company.origin();
    site.put(
        "/tag",
        &format!(
            "<!doctype html><html lang=\"en\"><head><title>A shop</title>\
             <link rel=\"icon\" href=\"data:,\"></head><body><main><h1>A shop</h1>\
             <script src=\"{gateway}/widget/auth.js\" data-token=\"{token}\" \
             data-operation=\"enroll\" data-language=\"sv\"></script></main></body></html>"
        ),
    );
    shop.go(&site.url("/tag")).await;
    let link = scan(&shop, "widget-tag-sv").await;
    assert!(link.starts_with(&format!("{gateway}/open?dispatchTokenResponse=")), "{link}");
    assert_eq!(
        shop.find_in_shadow(HOST, ".box").await.attribute("lang").await.as_deref(),
        Some("sv")
    );
    shop.must_be_quiet().await;
}

/// What somebody else wrote, and the customer's page shows: elements that take the place of the
/// document's properties by their names.
fn clobbering(evil: &str) -> String {
    let named = ["currentScript", "querySelector", "querySelectorAll", "createElement", "scripts"];
    let images = named.map(|name| {
        format!(
            "<img name=\"{name}\" src=\"{evil}/widget/auth.js\" alt=\"\" data-token=\"evil\" \
             data-operation=\"enroll\" data-base=\"{evil}\">"
        )
    });
    // The browser's driver needs some of them back, once the widget has started.
    let back = "<script>addEventListener('load', () => { for (const one of \
        Document.prototype.querySelectorAll.call(document, 'img')) one.remove(); });</script>";
    images.concat()
        + back
        + "<form name=\"addEventListener\"></form><form name=\"removeEventListener\"></form>\
           <a id=\"HOME\"></a><a id=\"Dialpass\"></a><a id=\"base\"></a>"
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_shows_of_others_gets_no_intent_token() {
    let company = Company::start().await;
    let shop = browser(&DESKTOP).await;
    let evil = Site::start("default-src 'none'").await;
    let site = Site::start("default-src * 'unsafe-inline' data:").await;
    let (evil, gateway) = (evil.url(""), company.origin());
    let page = |before: &str, script: &str| {
        format!(
            "<!doctype html><html lang=\"en\"><head><title>A shop</title><link rel=\"icon\" \
             href=\"data:,\"></head><body><main><h1>A shop</h1>{before}{script}</main></body></html>"
        )
    };
    let tag = |kind: &str, token: &str| {
        format!(
            "<script {kind} src=\"{gateway}/widget/auth.js\" data-token=\"{token}\" \
             data-operation=\"enroll\" data-language=\"sv\"></script>"
        )
    };
    for kind in ["", "defer", "async", "type=\"module\""] {
        let token = company.intent(&format!("anna{}", kind.len()), "enroll", None).await;
        site.put("/", &page(&clobbering(&evil), &tag(kind, &token)));
        shop.fetched().await;
        shop.go(&site.url("/")).await;
        let link = scan(&shop, "widget-clobbered").await;
        assert!(link.starts_with(&format!("{gateway}/open?")), "{kind}: {link}");
        let fetched = shop.fetched().await.urls;
        let strayed = fetched.iter().filter(|url| url.contains("/api/v1/"));
        let strayed: Vec<_> = strayed.filter(|url| !url.starts_with(&gateway)).collect();
        assert!(strayed.is_empty(), "{kind}: {strayed:?}");
        assert!(fetched.contains(&format!("{gateway}/api/v1/users/enroll")), "{kind}");
        let host = shop.find_in_shadow(HOST, ".box").await;
        assert_eq!(host.attribute("lang").await.as_deref(), Some("sv"), "its own attributes");
    }
}
