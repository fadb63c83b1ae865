//! The adapter's settings for push services.

use std::time::Duration;

use crate::domain::host_pattern::HostPattern;
use crate::domain::secret::SecretText;

/// How phones are notified. `Debug` shows no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebPushSettings {
    /// The operator's contact for push services, `mailto:` or `https:`.
    pub contact: String,
    /// The private key that signs requests, PEM.
    pub private_key: SecretText,
    /// The allowed push services.
    pub hosts: Vec<HostPattern>,
    /// Time limit for one answer.
    pub timeout: Duration,
}
