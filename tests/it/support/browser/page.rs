//! Pages and windows, and what they fetched.

use reqwest::Method;
use serde_json::{Value, json};

use super::Browser;

/// What was fetched.
#[derive(Debug, Clone, Default)]
pub struct Fetched {
    /// Every address, in the order in which they were asked for.
    pub urls: Vec<String>,
    /// The bytes of all answers as they were transferred, heads and bodies.
    pub bytes: u64,
}

impl Browser {
    /// Goes to a page.
    pub async fn go(&self, url: &str) {
        self.post("/url", json!({"url": url})).await;
    }

    /// Loads the page again.
    pub async fn reload(&self) {
        self.post("/refresh", json!({})).await;
    }

    /// The address of the page.
    pub async fn url(&self) -> String {
        self.get("/url").await.as_str().unwrap_or_default().to_owned()
    }

    /// The title of the page.
    pub async fn title(&self) -> String {
        self.get("/title").await.as_str().unwrap_or_default().to_owned()
    }

    /// All the text that the page shows.
    pub async fn text(&self) -> String {
        let text = self.script("return document.body ? document.body.innerText : ''", &[]).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// The page as HTML, as its scripts have made it.
    pub async fn html(&self) -> String {
        let made = "return '<!doctype html>' + document.documentElement.outerHTML";
        self.script(made, &[]).await.as_str().unwrap_or_default().to_owned()
    }

    /// Opens another tab and goes on in it; the handle of the earlier one.
    pub async fn new_tab(&self) -> String {
        let earlier = self.get("/window").await.as_str().expect("a handle").to_owned();
        let tab = self.post("/window/new", json!({"type": "tab"})).await;
        self.switch_to(tab["handle"].as_str().expect("a handle")).await;
        earlier
    }

    /// Goes on in another tab.
    pub async fn switch_to(&self, handle: &str) {
        self.post("/window", json!({"handle": handle})).await;
    }

    /// Closes this tab and goes on in another.
    pub async fn close_tab(&self, next: &str) {
        let closed = self.ask(Method::DELETE, "/window", None).await;
        closed.unwrap_or_else(|refusal| panic!("{refusal}"));
        self.switch_to(next).await;
    }

    /// The handles of all tabs.
    pub async fn tabs(&self) -> Vec<String> {
        let handles = self.get("/window/handles").await;
        let handles = handles.as_array().expect("handles").iter();
        handles.map(|handle| handle.as_str().expect("a handle").to_owned()).collect()
    }

    /// Whether the page is wider than what shows it.
    pub async fn overflows(&self) -> bool {
        let script = "const page = document.documentElement;\
                      return page.scrollWidth > window.innerWidth;";
        self.script(script, &[]).await == Value::Bool(true)
    }

    /// What was fetched since this was last asked.
    pub async fn fetched(&self) -> Fetched {
        let entries = self.post("/se/log", json!({"type": "performance"})).await;
        let mut fetched = Fetched::default();
        for entry in entries.as_array().expect("entries") {
            let message = entry["message"].as_str().expect("a message");
            let message: Value = serde_json::from_str(message).expect("JSON");
            let (method, told) = (&message["message"]["method"], &message["message"]["params"]);
            if method == "Network.requestWillBeSent" {
                fetched.urls.push(told["request"]["url"].as_str().unwrap_or_default().to_owned());
            } else if method == "Network.loadingFinished" {
                // Whole, though as a floating-point number.
                let bytes = told["encodedDataLength"].to_string();
                let whole = bytes.split('.').next().expect("a first part");
                fetched.bytes += whole.parse::<u64>().expect("a length");
            }
        }
        fetched
    }
}
