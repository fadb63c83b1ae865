//! The ports that send texts and notifications to phones, and their adapters.

pub mod http_client;
pub mod sms_over_http;
pub mod web_push;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::domain::authenticator::Subscription;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::text_message::TextMessage;

/// Why a text was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No provider accepted it: each refused, failed, or did not answer in time.
    #[error("no provider accepted the text")]
    NotTaken,
    /// Texts to this country are not allowed.
    #[error("texts to this country are not allowed")]
    CountryRefused,
}

/// A tenant's way to send texts.
#[async_trait]
pub trait Messenger: Send + Sync {
    /// Whether texts may go to this number's country. Called before anything is counted.
    fn reaches(&self, number: &PhoneNumber) -> bool;

    /// Sends a text. If a provider fails or is slow the next takes over, all before `deadline`. A
    /// provider that sent the text may fail to confirm it; the user then gets it twice.
    ///
    /// # Errors
    /// [`SendError`].
    async fn send(&self, message: &TextMessage, deadline: Instant) -> Result<(), SendError>;
}

/// A push notification that asks the user something. `Debug` hides the prompt and the link.
#[derive(Clone, PartialEq, Eq)]
pub struct Notification {
    /// The path on this server that a tap opens, including a token.
    pub open: String,
    /// The name under which the tenant asks.
    pub company: String,
    /// The prompt; if `None`, only the page shows it.
    pub prompt: Option<String>,
    /// How long delivery is still useful.
    pub lifetime: Duration,
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lifetime = self.lifetime;
        f.debug_struct("Notification").field("lifetime", &lifetime).finish_non_exhaustive()
    }
}

/// Why a phone was not notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotifyError {
    /// The subscription no longer works and never will: forget it.
    #[error("the subscription no longer works")]
    Gone,
    /// The push service did not accept it: it refused, failed, or did not answer in time.
    #[error("the push service did not accept the notification")]
    NotTaken,
}

/// The way to notify phones, for all tenants.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// The `applicationServerKey` for browsers: the public key, an uncompressed point on P-256, in
    /// base64url.
    fn public_key(&self) -> &str;

    /// Whether a subscription at this URL would be notified. Call it before storing one: the URL
    /// comes from outside, and the gateway will connect to it.
    fn may_reach(&self, endpoint: &str) -> bool;

    /// Hands a notification to the push service before `deadline`. Nothing reports whether the
    /// phone ever shows it.
    ///
    /// # Errors
    /// [`NotifyError`].
    async fn notify(
        &self,
        to: &Subscription,
        notification: &Notification,
        deadline: Instant,
    ) -> Result<(), NotifyError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_what_is_asked_nor_the_way_to_it() {
        let notification = Notification {
            open: "/open?dispatchTokenResponse=secret".to_owned(),
            company: "Example AG".to_owned(),
            prompt: Some("Pay CHF 100".to_owned()),
            lifetime: Duration::from_mins(2),
        };
        assert_eq!(format!("{notification:?}"), "Notification { lifetime: 120s, .. }");
    }
}
