//! A real Chromium for tests, driven by the W3C's protocol for that: phones and desktops, virtual
//! authenticators, what axe-core says of a page, QR codes, and the services that pages and pushes
//! go to.

mod authenticator;
mod axe;
mod demo;
mod driver;
mod element;
mod itself;
pub mod page;
pub mod profile;
pub mod push_service;
pub mod site;
pub mod tools;

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use self::driver::Driver;
pub use self::driver::browsers;
pub use self::element::key;
use self::profile::Profile;
use self::tools::target;
use crate::support::gateway::PATIENCE;

/// One browser; dropped, it is gone.
pub struct Browser {
    driver: Arc<Driver>,
    /// The path of its session.
    session: String,
}

/// What the driver says no with.
pub type Refusal = String;

/// A browser of its own for a test.
pub async fn browser(profile: &Profile) -> Browser {
    let [browser] = browsers([profile]).await;
    browser
}

impl Browser {
    /// Opens a session.
    async fn open(driver: Arc<Driver>, profile: &Profile) -> Self {
        let capabilities = json!({"capabilities": {"alwaysMatch": profile.capabilities()}});
        let opened = driver.ask(Method::POST, "/session", Some(capabilities)).await;
        let opened = opened.unwrap_or_else(|refusal| panic!("a browser: {refusal}"));
        let session = opened["sessionId"].as_str().expect("a session");
        let browser = Self { driver, session: format!("/session/{session}") };
        profile.prepare(&browser).await;
        browser
    }

    /// A command of the session.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Refusal> {
        self.driver.ask(method, &format!("{}{path}", self.session), body).await
    }

    /// A command with a body that must succeed.
    async fn post(&self, path: &str, body: Value) -> Value {
        let done = self.ask(Method::POST, path, Some(body)).await;
        done.unwrap_or_else(|refusal| panic!("{path}: {refusal}"))
    }

    /// A question that must be answered.
    async fn get(&self, path: &str) -> Value {
        let found = self.ask(Method::GET, path, None).await;
        found.unwrap_or_else(|refusal| panic!("{path}: {refusal}"))
    }

    /// A command for developers' tools.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", json!({"cmd": command, "params": parameters})).await
    }

    /// Runs a function's body in the page; what it returns.
    pub async fn script(&self, body: &str, arguments: &[Value]) -> Value {
        self.post("/execute/sync", json!({"script": body, "args": arguments})).await
    }

    /// Runs the body of an asynchronous function in the page; what it returns, or `{"error": …}`
    /// with the name of what it throws.
    pub async fn async_script(&self, body: &str, arguments: &[Value]) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];\n\
             (async (...given) => {{ {body} }})(...[...arguments].slice(0, -1))\n\
             .then(done, error => done({{error: error.name, message: error.message}}));"
        );
        self.post("/execute/async", json!({"script": script, "args": arguments})).await
    }

    /// Waits until a condition holds; if it never does, says what the page shows.
    pub async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let end = tokio::time::Instant::now() + PATIENCE;
        while !holds().await {
            if tokio::time::Instant::now() > end {
                let (url, text) = (self.url().await, self.text().await);
                panic!("{what} within {PATIENCE:?}; {url} shows {text:?}, {:?}", self.log().await);
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Waits until the page shows a text.
    pub async fn until_text(&self, text: &str) {
        self.until(&format!("{text:?} is shown"), async || self.text().await.contains(text)).await;
    }

    /// Grants a permission such as `notifications`, or denies it.
    pub async fn permit(&self, name: &str, granted: bool) {
        let state = if granted { "granted" } else { "denied" };
        let body = json!({"descriptor": {"name": name}, "state": state});
        self.post("/permissions", body).await;
    }

    /// Delivers a push message to the first worker of an origin that the browser ever had, until
    /// notifications are shown in its scope: their `title`, `body` and `data`.
    pub async fn pushed(&self, origin: &str, scope: &str, message: &str) -> Vec<Value> {
        // A browser that is asked too early drops what it has not shown yet.
        let read = "await new Promise((resolve) => setTimeout(resolve, 500));\
            const registration = await navigator.serviceWorker.getRegistration(given[0]);\
            const shown = await registration.getNotifications();\
            return shown.map(({title, body, data}) => ({title, body, data}));";
        self.devtools("ServiceWorker.enable", json!({})).await;
        let push = json!({"origin": origin, "registrationId": "0", "data": message});
        let mut shown = Vec::new();
        self.until("a notification", async || {
            self.devtools("ServiceWorker.deliverPushMessage", push.clone()).await;
            let read = self.async_script(read, &[json!(scope)]).await;
            shown = read.as_array().cloned().unwrap_or_else(|| panic!("notifications: {read}"));
            !shown.is_empty()
        })
        .await;
        shown
    }

    /// What the console said since it was last asked: `LEVEL: MESSAGE`, with the browser's own
    /// complaints (violations of the content security policy, failed requests) and exceptions.
    pub async fn log(&self) -> Vec<String> {
        let entries = self.post("/se/log", json!({"type": "browser"})).await;
        let entry = |entry: &Value| {
            let part = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            format!("{}: {}", part("level"), part("message"))
        };
        entries.as_array().expect("entries").iter().map(entry).collect()
    }

    /// The console must have said nothing since it was last asked, but for lines with these texts.
    pub async fn must_be_quiet_but_for(&self, expected: &[&str]) {
        let mut log = self.log().await;
        log.retain(|line| !expected.iter().any(|text| line.contains(text)));
        assert_eq!(log, Vec::<String>::new(), "at {}", self.url().await);
    }

    /// The console must have said nothing since it was last asked.
    pub async fn must_be_quiet(&self) {
        self.must_be_quiet_but_for(&[]).await;
    }

    /// A picture of the whole page, in PNG, also kept as `target/browser/NAME.png`.
    pub async fn screenshot(&self, name: &str) -> Vec<u8> {
        let options = json!({"format": "png", "captureBeyondViewport": true});
        let taken = self.devtools("Page.captureScreenshot", options).await;
        let data = taken["data"].as_str().expect("a picture");
        let picture = BASE64_STANDARD.decode(data).expect("Base64");
        std::fs::write(browser_folder().join(format!("{name}.png")), &picture).unwrap();
        picture
    }
}

/// `target/browser`, where pictures and figures are kept.
fn browser_folder() -> std::path::PathBuf {
    let folder = target().join("browser");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Keeps a figure in `target/browser/figures.txt`, in place of an earlier one of this name, and
/// prints it.
pub fn figure(name: &str, value: &str) {
    static FILE: Mutex<()> = Mutex::new(());
    let _held = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    println!("{name}: {value}");
    let file = browser_folder().join("figures.txt");
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    let this = format!("{name}: ");
    let other = |line: &&str| !line.starts_with(&this);
    let mut lines: Vec<String> = known.lines().filter(other).map(str::to_owned).collect();
    lines.push(format!("{this}{value}"));
    lines.sort();
    std::fs::write(file, lines.join("\n") + "\n").unwrap();
}
