//! Phones as authenticators, in a real browser against the real program: what a person sees and
//! does on the phone, and what the backend gets. The steps are in the files below.

mod approving;
mod ending;
mod enrolling;
mod languages;
mod looking;
mod notifications;
mod stealing;
mod widget;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::authentication_cloud::{PUBLIC_URL, Service, text};
use crate::support::browser::Browser;
use crate::support::browser::tools::qr_text;
use crate::support::gateway::Answer;
use crate::support::ports::free_port;

/// What the tenant's pages call it.
const COMPANY: &str = "Example AG";

/// A company whose people confirm with their phones.
struct Company {
    service: Service,
}

/// What a phone is asked.
#[derive(Debug, Clone)]
struct Asked {
    user: String,
    transaction: String,
    /// The token of the status.
    token: String,
    /// What a phone opens.
    link: String,
    /// The same as a QR code, in PNG.
    code: Vec<u8>,
    /// What the requesting page shows for the person to type.
    number: Option<String>,
}

impl Company {
    async fn start() -> Self {
        Self::start_with("", "", &[]).await
    }

    /// With more keys of `[tenants.app]`, more sections, and these variables in the environment.
    async fn start_with(app: &str, sections: &str, environment: &[(&str, &str)]) -> Self {
        let port = free_port();
        let section = format!("[tenants.app]\ncompany = \"{COMPANY}\"\n{app}\n[tenants.directory]");
        let change = |config: String| {
            let config = config
                .replacen("127.0.0.1:0", &format!("127.0.0.1:{port}"), 1)
                .replace(PUBLIC_URL, &format!("http://localhost:{port}"))
                .replacen("[tenants.directory]", &section, 1);
            config.replacen("[store]", &format!("{sections}\n[store]"), 1)
        };
        Self { service: Service::start_with(change, environment).await }
    }

    /// Asks a phone to become a user's authenticator.
    async fn enroll(&self, username: &str) -> Asked {
        self.enroll_by(json!({"username": username, "channel": "app"})).await
    }

    async fn enroll_by(&self, body: Value) -> Asked {
        let answer = self.service.api.enroll(body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let body = answer.json();
        Asked::of(&text(&body["userId"]), &body["enrollment"])
    }

    /// Asks a user's phone to approve something.
    async fn approve(&self, username: &str, message: &str) -> Asked {
        self.approve_by(json!({"username": username, "channel": "app", "message": message})).await
    }

    async fn approve_by(&self, body: Value) -> Asked {
        let answer = self.service.api.approve(body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let body = answer.json();
        Asked::of(&text(&body["userId"]), &body)
    }

    /// How far something is.
    async fn stage(&self, asked: &Asked) -> String {
        self.service.api.stage(&asked.token).await
    }

    /// Waits until something is as far as this, as a poller does.
    async fn until_stage(&self, browser: &Browser, asked: &Asked, stage: &str) {
        browser.until(stage, async || self.stage(asked).await == stage).await;
    }

    /// The poller must be told that this failed.
    async fn must_have_failed(&self, asked: &Asked) {
        let answer = self.service.api.status(&asked.token).await;
        assert_eq!((answer.status, &answer.json()["status"]), (412, &json!("failed")));
    }

    /// Makes a user's authenticator of this phone; the authenticator's id.
    async fn register(&self, phone: &Browser, username: &str) -> String {
        let asked = self.enroll(username).await;
        phone.go(&asked.link).await;
        view(phone, "enroll").await;
        let before = self.authenticators(&asked.user).await.len();
        phone.click("#register").await;
        view(phone, "done").await;
        assert_eq!(self.stage(&asked).await, "succeeded");
        let authenticators = self.authenticators(&asked.user).await;
        assert_eq!(authenticators.len(), before + 1);
        let newest = authenticators.last().expect("the one that was added");
        text(&newest["authenticatorId"])
    }

    async fn user(&self, id: &str) -> Value {
        self.service.api.user(id).await.json()
    }

    /// A user's authenticators, oldest first.
    async fn authenticators(&self, user: &str) -> Vec<Value> {
        let user = self.user(user).await;
        user["authenticators"].as_array().expect("authenticators").clone()
    }

    /// Posts to the page's own API, as what is not a browser.
    async fn post(&self, path: &str, body: Value) -> Answer {
        self.service.api.stranger().post(path, body).await
    }
}

impl Asked {
    /// From the part of an answer that has the QR code.
    fn of(user: &str, part: &Value) -> Self {
        let code = &part["qrCode"];
        assert_eq!((&code["type"], &code["size"]), (&json!("image/png"), &json!(300)));
        let data = code["dataUri"].as_str().expect("a QR code");
        let data = data.strip_prefix("data:image/png;base64,").expect("a PNG");
        Self {
            user: user.to_owned(),
            transaction: text(&part["transactionId"]),
            token: text(&part["statusToken"]),
            link: text(&part["appLinkUri"]),
            code: BASE64_STANDARD.decode(data).expect("Base64"),
            number: part["matchNumber"].as_str().map(str::to_owned),
        }
    }

    /// What a phone's camera reads.
    fn scanned(&self) -> String {
        qr_text(&self.code)
    }

    /// The token of the link.
    fn link_token(&self) -> &str {
        self.link.split_once("/open?dispatchTokenResponse=").expect("a link").1
    }
}

/// Waits until the page shows this view and is not busy.
async fn view(browser: &Browser, name: &str) {
    let shown = "const main = document.querySelector('main');\
                 return main && main.getAttribute('aria-busy') !== 'true' && main.dataset.view;";
    let what = format!("the view {name}");
    browser.until(&what, async || browser.script(shown, &[]).await == name).await;
}

/// Opens a link and waits for a view.
async fn open(browser: &Browser, link: &str, name: &str) {
    browser.go(link).await;
    view(browser, name).await;
}
