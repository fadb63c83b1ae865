//! What a provider of SMS is asked for, as it is given to this adapter, and what can be wrong with
//! it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::Method;
use secrecy::SecretString;
use serde_json::Value;

use crate::domain::country::Country;

/// A text of a provider's.
pub enum Text {
    /// With placeholders.
    Pattern(SecretString),
    /// As it is.
    Whole(SecretString),
}

/// What is sent in a request.
pub enum Body {
    /// Nothing.
    None,
    /// JSON, its texts with placeholders.
    Json(Value),
    /// A form (`application/x-www-form-urlencoded`), its values with placeholders.
    Form(Vec<(String, String)>),
}

/// The request that sends a text.
pub struct RequestSettings {
    /// Whether the texts are a preset's, and so no secrets.
    pub preset: bool,
    /// What placeholders stand for, beside `phone`, `phone_digits` and `message`.
    pub variables: BTreeMap<String, SecretString>,
    /// GET, POST or PUT.
    pub method: Method,
    /// The URL, with placeholders, which are percent-encoded when filled.
    pub url: SecretString,
    /// Header fields.
    pub headers: Vec<(String, Text)>,
    /// Name and password (RFC 7617).
    pub basic: Option<(Text, Text)>,
    /// The body.
    pub body: Body,
    /// Whether texts may go in clear beyond this machine.
    pub allow_plain_http: bool,
}

/// How a provider is dealt with.
pub struct ProviderSettings {
    /// Its name, for logs and metrics.
    pub name: String,
    /// The statuses that say it took the text.
    pub accepted: Vec<u16>,
    /// What its answer has to hold besides, blanks and line ends aside.
    pub body_contains: Option<String>,
    /// How long it may take.
    pub timeout: Duration,
    /// The countries it is for; `None`: all.
    pub countries: Option<BTreeSet<Country>>,
}

/// What is wrong with a request's settings. Never a secret.
#[derive(Debug, thiserror::Error)]
#[error("{key}: found {found}; accepted: {accepted}")]
pub struct SettingsError {
    /// Where, below the provider; empty if it is the provider as a whole.
    pub key: String,
    /// What was found.
    pub found: String,
    /// What is accepted.
    pub accepted: String,
    /// The placeholder that nothing fills, if that is what is wrong.
    pub unfilled: Option<String>,
}

impl SettingsError {
    pub(super) fn new(key: &str, found: impl Into<String>, accepted: impl Into<String>) -> Self {
        let key = key.to_owned();
        Self { key, found: found.into(), accepted: accepted.into(), unfilled: None }
    }
}
