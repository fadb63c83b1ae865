//! Virtual authenticators: the phone's PIN or finger, and the passkeys that it keeps.

use reqwest::Method;
use serde_json::{Value, json};

use super::Browser;

/// The authenticator that is built into a phone or a desktop.
pub struct Authenticator<'a> {
    browser: &'a Browser,
    path: String,
}

impl Browser {
    /// Builds in an authenticator that keeps passkeys and whose user does as asked.
    pub async fn authenticator(&self) -> Authenticator<'_> {
        let made = self
            .post(
                "/webauthn/authenticator",
                json!({
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": true,
                    "hasUserVerification": true,
                    "isUserConsenting": true,
                    "isUserVerified": true,
                }),
            )
            .await;
        let id = made.as_str().expect("an id");
        Authenticator { browser: self, path: format!("/webauthn/authenticator/{id}") }
    }
}

impl Authenticator<'_> {
    /// Whether the user can be verified: the finger is the right one.
    pub async fn verify_user(&self, verified: bool) {
        let path = format!("{}/uv", self.path);
        self.browser.post(&path, json!({"isUserVerified": verified})).await;
    }

    /// The passkeys: `credentialId`, `rpId`, `privateKey`, `userHandle`, `signCount`, ….
    pub async fn credentials(&self) -> Vec<Value> {
        let found = self.browser.get(&format!("{}/credentials", self.path)).await;
        found.as_array().expect("credentials").clone()
    }

    /// Adds a passkey, as another authenticator gave it.
    pub async fn add(&self, credential: &Value) {
        self.browser.post(&format!("{}/credential", self.path), credential.clone()).await;
    }

    /// Forgets a passkey.
    pub async fn forget(&self, credential: &Value) {
        let id = credential["credentialId"].as_str().expect("an id");
        let path = format!("{}/credentials/{id}", self.path);
        self.browser.ask(Method::DELETE, &path, None).await.expect("it is forgotten");
    }

    /// Forgets all passkeys.
    pub async fn forget_all(&self) {
        let path = format!("{}/credentials", self.path);
        self.browser.ask(Method::DELETE, &path, None).await.expect("they are forgotten");
    }

    /// Sets how often a passkey has been used, by its own count.
    pub async fn set_count(&self, credential: &Value, count: u32) {
        self.forget(credential).await;
        let mut changed = credential.clone();
        changed["signCount"] = json!(count);
        self.add(&changed).await;
    }

    /// Takes the authenticator out.
    pub async fn remove(self) {
        let removed = self.browser.ask(Method::DELETE, &self.path, None).await;
        removed.expect("it is removed");
    }
}
