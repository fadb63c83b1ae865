//! The browser of these tests does what they take it to do, and can say no.

use serde_json::{Value, json};

use super::profile::{DESKTOP, IPHONE, PHONE};
use super::push_service::{PushService, Subscription};
use super::site::Site;
use super::tools::qr_text;
use super::{browser, browsers, key};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:";

const PAGE: &str = "<!doctype html><html lang=\"en\"><head><title>A page</title>\
    <meta name=\"viewport\" \
    content=\"width=device-width\"><link rel=\"icon\" href=\"data:,\"><script type=\"module\" src=\"/page.js\"></script></head>\
    <body><main><h1>A page</h1><label>Name <input id=\"name\"></label>\
    <button id=\"go\">Go</button><p id=\"said\"></p><p id=\"host\"></p></main></body></html>";

const SCRIPT: &str = "document.querySelector('#go').addEventListener('click', () => {\
    document.querySelector('#said').textContent = document.querySelector('#name').value;});\
    const root = document.querySelector('#host').attachShadow({mode: 'open'});\
    root.innerHTML = '<span>In the shadow</span>';";

async fn site() -> Site {
    let site = Site::start(POLICY).await;
    site.put("/", PAGE);
    site.put("/page.js", SCRIPT);
    site
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_read_clicked_and_typed_into() {
    let site = site().await;
    let browser = browser(&DESKTOP).await;
    browser.go(&site.url("/")).await;
    assert_eq!(browser.title().await, "A page");
    browser.find("#name").await.type_in("anna").await;
    browser.click("#go").await;
    browser.until_text("anna").await;
    assert_eq!(browser.find_in_shadow("#host", "span").await.text().await, "In the shadow");
    // And with keys only.
    browser.reload().await;
    browser.press(key::TAB).await;
    assert_eq!(browser.focused().await.label().await, "Name");
    browser.press(&format!("berta{}{}", key::TAB, key::ENTER)).await;
    browser.until_text("berta").await;
    browser.must_be_quiet().await;
    let fetched = browser.fetched().await;
    let (page, script) = (site.url("/"), site.url("/page.js"));
    assert!(fetched.urls.contains(&page) && fetched.urls.contains(&script), "{fetched:?}");
    let sent = u64::try_from(PAGE.len() + SCRIPT.len()).unwrap();
    assert!((2 * sent..2 * sent + 2_000).contains(&fetched.bytes), "{fetched:?}, {sent}");
    let first = browser.new_tab().await;
    browser.go(&site.url("/nothing")).await;
    assert_eq!(browser.tabs().await.len(), 2);
    browser.close_tab(&first).await;
    assert_eq!(browser.url().await, page);
    let picture = browser.screenshot("itself").await;
    assert!(picture.starts_with(b"\x89PNG"), "{} bytes", picture.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_may_not_do_is_in_the_log() {
    let site = site().await;
    let inline = PAGE.replace("</main>", "<script>document.title = 'Mine'</script></main>");
    site.put("/inline", &inline);
    site.put("/thrown", &PAGE.replace("page.js", "thrown.js"));
    site.put("/thrown.js", "throw new Error('on purpose')");
    site.put("/outside", &PAGE.replace("data:,", "https://www.example.com/icon.png"));
    let browser = browser(&DESKTOP).await;
    for (path, complaint) in [
        ("/inline", "Content Security Policy"),
        ("/thrown", "on purpose"),
        ("/outside", "Content Security Policy"),
    ] {
        browser.go(&site.url(path)).await;
        let mut log = Vec::new();
        browser
            .until("a complaint", async || {
                log.extend(browser.log().await);
                log.iter().any(|line: &String| line.contains(complaint))
            })
            .await;
        assert_eq!(browser.title().await, "A page");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_barrier_is_found_in_light_and_in_dark() {
    let site = site().await;
    site.put(
        "/page.css",
        "@media (prefers-color-scheme: dark) {body {color: #222; background: #111}}",
    );
    let browser = browser(&PHONE).await;
    browser.go(&site.url("/")).await;
    assert_eq!(browser.barriers().await, Vec::<String>::new());
    browser.must_be_accessible("A page").await;
    site.put("/", &PAGE.replace("<label>Name ", "<label>"));
    browser.reload().await;
    let barriers = browser.barriers().await;
    assert!(barriers.len() == 1 && barriers[0].starts_with("label:"), "{barriers:?}");
    site.put("/", &PAGE.replace("<title>", "<link rel=\"stylesheet\" href=\"/page.css\"><title>"));
    browser.reload().await;
    assert_eq!(browser.barriers().await, Vec::<String>::new());
    browser.show_dark(true).await;
    let barriers = browser.barriers().await;
    assert!(barriers.len() == 1 && barriers[0].starts_with("color-contrast:"), "{barriers:?}");
}

/// What the two browsers say that they are.
const WHO: &str = "const hints = navigator.userAgentData;\
    const high = await hints?.getHighEntropyValues(['model', 'platformVersion']);\
    return [high?.model ?? null, hints?.platform ?? null, hints?.mobile ?? null,\
            navigator.languages.join(), window.innerWidth, navigator.userAgent.slice(0, 19),\
            matchMedia('(prefers-color-scheme: dark)').matches, 'ontouchstart' in window];";

#[tokio::test(flavor = "multi_thread")]
async fn phones_and_desktops_say_what_they_are() {
    let site = site().await;
    let swedish = PHONE.speaking("sv-SE,sv").dark();
    let [phone, desktop] = browsers([&swedish, &DESKTOP.speaking("de-CH,de")]).await;
    phone.go(&site.named_url("/")).await;
    desktop.go(&site.named_url("/")).await;
    assert_eq!(
        phone.async_script(WHO, &[]).await,
        json!(["Pixel 9", "Android", true, "sv-SE,sv", 390, "Mozilla/5.0 (Linux;", true, true])
    );
    assert_eq!(
        desktop.async_script(WHO, &[]).await,
        json!(["", "Linux", false, "de-CH,de", 1280, "Mozilla/5.0 (X11; L", false, false])
    );
    drop((phone, desktop));
    let iphone = browser(&IPHONE.of_size(320, 568)).await;
    iphone.go(&site.named_url("/")).await;
    assert_eq!(
        iphone.async_script(WHO, &[]).await,
        json!([null, null, null, "en-US,en", 320, "Mozilla/5.0 (iPhone", false, true])
    );
}

const CREATE: &str = "const options = PublicKeyCredential.parseCreationOptionsFromJSON({\
    rp: {name: 'A site'}, user: {id: 'YW5uYQ', name: 'anna', displayName: 'anna'},\
    challenge: 'AAAA', pubKeyCredParams: [{type: 'public-key', alg: -7}],\
    authenticatorSelection: {residentKey: 'required', userVerification: 'required'}});\
    return (await navigator.credentials.create({publicKey: options})).toJSON();";

const GET: &str = "const options = PublicKeyCredential.parseRequestOptionsFromJSON(\
    {challenge: 'AAAA', userVerification: 'required', timeout: 3000});\
    return (await navigator.credentials.get({publicKey: options})).toJSON();";

#[tokio::test(flavor = "multi_thread")]
async fn an_authenticator_makes_passkeys_and_uses_them() {
    let site = site().await;
    let browser = browser(&PHONE).await;
    let authenticator = browser.authenticator().await;
    browser.go(&site.named_url("/")).await;
    let made = browser.async_script(CREATE, &[]).await;
    let mut credentials = authenticator.credentials().await;
    assert_eq!(credentials.len(), 1, "{made}");
    let credential = credentials.remove(0);
    assert_eq!(
        (&credential["credentialId"], &credential["rpId"]),
        (&made["id"], &json!("localhost"))
    );
    let used = browser.async_script(GET, &[]).await;
    assert_eq!((&used["id"], &used["response"]["userHandle"]), (&made["id"], &json!("YW5uYQ")));
    // Whose finger is another's, or who has no passkey, can't.
    authenticator.verify_user(false).await;
    assert_eq!(browser.async_script(GET, &[]).await["error"], "NotAllowedError");
    authenticator.verify_user(true).await;
    authenticator.set_count(&credential, 7).await;
    assert_eq!(authenticator.credentials().await[0]["signCount"], 7);
    assert_eq!(browser.async_script(GET, &[]).await["id"], made["id"]);
    authenticator.forget_all().await;
    assert_eq!(browser.async_script(GET, &[]).await["error"], "NotAllowedError");
    authenticator.add(&credential).await;
    assert_eq!(browser.async_script(GET, &[]).await["id"], made["id"]);
    authenticator.remove().await;
}

const WORKER: &str = "self.addEventListener('install', () => self.skipWaiting());\
    self.addEventListener('push', (event) => event.waitUntil(\
    self.registration.showNotification('Told', {body: event.data.json().said})));";

#[tokio::test(flavor = "multi_thread")]
async fn a_push_reaches_a_pages_worker() {
    let site = site().await;
    site.put("/worker.js", WORKER);
    let browser = browser(&PHONE).await;
    browser.go(&site.named_url("/")).await;
    browser.permit("notifications", true).await;
    let start = "const registration = await navigator.serviceWorker.register('/worker.js');\
                 await navigator.serviceWorker.ready; return Notification.permission;";
    assert_eq!(browser.async_script(start, &[]).await, "granted");
    let message = json!({"said": "something"}).to_string();
    let shown = browser.pushed(&site.named_url(""), "/", &message).await;
    assert_eq!((&shown[0]["title"], &shown[0]["body"]), (&json!("Told"), &json!("something")));
    browser.must_be_quiet().await;
}

#[test]
fn a_qr_code_is_read() {
    assert_eq!(
        qr_text(include_bytes!("qr.png")),
        "https://id.example.com/open?dispatchTokenResponse=aGVsbG8.d29ybGQ"
    );
}

/// The example of RFC 8292.
const SIGNED: &str = "vapid t=eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZX\
    hhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfx\
    CDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA, k=BA1Hxzyi1RUM1b5\
    wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs";

/// The example of RFC 8291: the browser's keys, and a message to it.
const PRIVATE: &str = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
const PUBLIC: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRp\
    kNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";
const SEALED: &str = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6\
    e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWG\
    NWQexSgSxsj_Qulcy4a-fN";

#[tokio::test]
async fn a_push_message_is_read_if_it_is_signed_and_sealed_as_the_standards_say() {
    let service = PushService::start().await;
    let subscription =
        Subscription::with(format!("{}/push/anna", service.url()), PRIVATE, PUBLIC, AUTH);
    assert_eq!(subscription.json()["keys"]["p256dh"], PUBLIC);
    let ca = reqwest::Certificate::from_pem(service.ca_pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([ca]).build().unwrap();
    let post = async |authorization: &str| {
        let request = client
            .post(&subscription.endpoint)
            .header("content-encoding", "aes128gcm")
            .header("authorization", authorization)
            .body(super::push_service::decoded(SEALED));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(post(SIGNED).await, 201);
    let [message] = &service.messages(&subscription)[..] else { panic!("one message") };
    assert_eq!(message.text, "When I grow up, I want to be a watermelon");
    assert_eq!(message.claims["sub"], "mailto:push@example.com");
    assert!(message.key.starts_with("BA1Hxzyi"), "{}", message.key);
    // Another signature, and another's message.
    let forged = SIGNED.replace("zpwdXNo", "zpwdXNp");
    assert_ne!(forged, SIGNED);
    assert_eq!(post(&forged).await, 201);
    let taken: Value =
        subscription.read(&service.taken()[1]).map_or_else(Value::from, |_| json!(0));
    assert!(taken.as_str().is_some_and(|said| said.contains("signature")), "{taken}");
    let other = service.subscribe("anna");
    assert!(other.read(&service.taken()[0]).is_err());
}
