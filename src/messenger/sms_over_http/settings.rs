//! The adapter's settings for an SMS provider, and what can be wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::country::Country;
use crate::domain::secret::SecretText;

/// A text in a provider's settings.
#[derive(Clone, PartialEq, Eq)]
pub enum Text {
    /// With placeholders.
    Pattern(SecretText),
    /// Literal.
    Whole(SecretText),
}

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RequestMethod {
    /// GET.
    Get,
    /// POST.
    #[default]
    Post,
    /// PUT.
    Put,
}

impl From<RequestMethod> for Method {
    fn from(method: RequestMethod) -> Self {
        match method {
            RequestMethod::Get => Self::GET,
            RequestMethod::Post => Self::POST,
            RequestMethod::Put => Self::PUT,
        }
    }
}

/// The body of a request.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// Empty.
    None,
    /// JSON whose strings may have placeholders.
    Json(Value),
    /// A form (`application/x-www-form-urlencoded`) whose values may have placeholders.
    Form(Vec<(String, String)>),
}

/// The request that sends a text.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestSettings {
    /// Whether the texts come from a preset, and so are not secret.
    pub preset: bool,
    /// Values for placeholders other than `phone`, `phone_digits` and `message`.
    pub variables: BTreeMap<String, SecretText>,
    /// Its method.
    pub method: RequestMethod,
    /// The URL with placeholders, whose values are percent-encoded.
    pub url: SecretText,
    /// Header fields.
    pub headers: Vec<(String, Text)>,
    /// Username and password (RFC 7617).
    pub basic: Option<(Text, Text)>,
    /// The body.
    pub body: Body,
    /// Whether texts may leave this machine unencrypted.
    pub allow_plain_http: bool,
}

/// How to use a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSettings {
    /// Its name, for logs and metrics.
    pub name: String,
    /// The statuses that mean it accepted the text.
    pub accepted: Vec<u16>,
    /// Text that its answer must contain as well, ignoring whitespace.
    pub body_contains: Option<String>,
    /// Time limit for its answer.
    pub timeout: Duration,
    /// The countries it serves; `None` means all.
    pub countries: Option<BTreeSet<Country>>,
}

/// What is wrong with a request's settings. Never contains a secret.
#[derive(Debug, thiserror::Error)]
#[error("{key}: found {found}; accepted: {accepted}")]
pub struct SettingsError {
    /// The key, below the provider; empty for the provider as a whole.
    pub key: String,
    /// What was found.
    pub found: String,
    /// What is accepted.
    pub accepted: String,
    /// The placeholder that has no value, if that is the problem.
    pub unfilled: Option<String>,
}

impl SettingsError {
    pub(super) fn new(key: &str, found: impl Into<String>, accepted: impl Into<String>) -> Self {
        let key = key.to_owned();
        Self { key, found: found.into(), accepted: accepted.into(), unfilled: None }
    }
}
