//! Elements of a page: found, read, clicked, typed into.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Browser, Refusal};

/// The name under which the protocol has an element's id, and a shadow root's.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const SHADOW: &str = "shadow-6066-11e4-a52e-4f735466cecf";

/// An element of the page that was shown when it was found.
pub struct Element<'a> {
    browser: &'a Browser,
    id: String,
}

impl Browser {
    /// The first element that is shown and that this selector finds; waits for one.
    pub async fn find(&self, selector: &str) -> Element<'_> {
        self.find_under("", selector).await
    }

    /// The same in the shadow root of what `host` finds.
    pub async fn find_in_shadow(&self, host: &str, selector: &str) -> Element<'_> {
        let mut root = None;
        self.until(&format!("{host} has a shadow root"), async || {
            let Some(host) = self.all(host).await.into_iter().next() else { return false };
            let found = self.ask(Method::GET, &format!("/element/{}/shadow", host.id), None).await;
            root = found.ok().and_then(|found| found[SHADOW].as_str().map(str::to_owned));
            root.is_some()
        })
        .await;
        self.find_under(&format!("/shadow/{}", root.expect("waited for")), selector).await
    }

    async fn find_under(&self, root: &str, selector: &str) -> Element<'_> {
        let mut found = None;
        self.until(&format!("{selector} is shown"), async || {
            for element in self.all_under(root, selector).await.unwrap_or_default() {
                if element.is_shown().await {
                    found = Some(element);
                    return true;
                }
            }
            false
        })
        .await;
        found.expect("waited for")
    }

    /// All elements that a selector finds now, shown or not.
    pub async fn all(&self, selector: &str) -> Vec<Element<'_>> {
        self.all_under("", selector).await.expect("elements")
    }

    async fn all_under(&self, root: &str, selector: &str) -> Result<Vec<Element<'_>>, Refusal> {
        let what = json!({"using": "css selector", "value": selector});
        let found = self.ask(Method::POST, &format!("{root}/elements"), Some(what)).await?;
        let element = |found: &Value| Element {
            browser: self,
            id: found[ELEMENT].as_str().expect("an id").to_owned(),
        };
        Ok(found.as_array().expect("elements").iter().map(element).collect())
    }

    /// Whether something that a selector finds is shown now.
    pub async fn shows(&self, selector: &str) -> bool {
        for element in self.all(selector).await {
            if element.is_shown().await {
                return true;
            }
        }
        false
    }

    /// Clicks on what a selector finds.
    pub async fn click(&self, selector: &str) {
        self.find(selector).await.click().await;
    }

    /// The element that has the focus.
    pub async fn focused(&self) -> Element<'_> {
        let found = self.get("/element/active").await;
        Element { browser: self, id: found[ELEMENT].as_str().expect("an id").to_owned() }
    }

    /// Presses keys, one after the other, on whatever has the focus.
    pub async fn press(&self, keys: &str) {
        let mut actions = Vec::new();
        for key in keys.chars() {
            actions.push(json!({"type": "keyDown", "value": key}));
            actions.push(json!({"type": "keyUp", "value": key}));
        }
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": actions});
        self.post("/actions", json!({"actions": [keyboard]})).await;
    }
}

/// Keys without a character, as the protocol has them.
pub mod key {
    pub const TAB: &str = "\u{e004}";
    pub const ENTER: &str = "\u{e007}";
}

impl Element<'_> {
    async fn ask(&self, what: &str) -> Value {
        self.browser.get(&format!("/element/{}/{what}", self.id)).await
    }

    /// Clicks on it.
    pub async fn click(&self) {
        self.browser.post(&format!("/element/{}/click", self.id), json!({})).await;
    }

    /// Types a text into it.
    pub async fn type_in(&self, text: &str) {
        self.browser.post(&format!("/element/{}/value", self.id), json!({"text": text})).await;
    }

    /// The text that it shows.
    pub async fn text(&self) -> String {
        self.ask("text").await.as_str().unwrap_or_default().to_owned()
    }

    /// An attribute or property of it, as a text.
    pub async fn attribute(&self, name: &str) -> Option<String> {
        let value = self.ask(&format!("attribute/{name}")).await;
        value.as_str().map(str::to_owned)
    }

    /// A property of it.
    pub async fn property(&self, name: &str) -> Value {
        self.ask(&format!("property/{name}")).await
    }

    /// A property of its style, as it came out.
    pub async fn style(&self, name: &str) -> String {
        self.ask(&format!("css/{name}")).await.as_str().unwrap_or_default().to_owned()
    }

    /// What a screen reader calls it.
    pub async fn label(&self) -> String {
        self.ask("computedlabel").await.as_str().unwrap_or_default().to_owned()
    }

    /// What a screen reader says that it is: `button`, `heading`, ….
    pub async fn role(&self) -> String {
        self.ask("computedrole").await.as_str().unwrap_or_default().to_owned()
    }

    /// Whether it is shown; one that has gone is not.
    pub async fn is_shown(&self) -> bool {
        let path = format!("/element/{}/displayed", self.id);
        matches!(self.browser.ask(Method::GET, &path, None).await, Ok(Value::Bool(true)))
    }
}
