//! The ports by which texts and notifications reach phones, and their adapters.

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
    /// No provider took it: each refused it, failed, or did not answer in time.
    #[error("no provider took the text")]
    NotTaken,
    /// Nothing is sent to this country.
    #[error("nothing is sent to this country")]
    CountryRefused,
}

/// A tenant's way to send texts.
#[async_trait]
pub trait Messenger: Send + Sync {
    /// Whether texts are sent to this number's country at all. Asked before anything is counted.
    fn reaches(&self, number: &PhoneNumber) -> bool;

    /// Sends a text: the next provider takes over where one fails or is slow, all before
    /// `deadline`. A provider may have sent the text and not have been heard; then the user gets it
    /// twice.
    ///
    /// # Errors
    /// [`SendError`].
    async fn send(&self, message: &TextMessage, deadline: Instant) -> Result<(), SendError>;
}

/// What a phone is told when its user is asked something. `Debug` shows neither what is asked nor
/// the way to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Notification {
    /// What a tap opens: a path of this server's, with a token in it.
    pub open: String,
    /// As whom the tenant asks.
    pub company: String,
    /// What is asked; `None`: the page says it.
    pub prompt: Option<String>,
    /// How long it is worth delivering.
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
    /// The phone is not notified by this subscription any more, and never will be: it is to be
    /// forgotten.
    #[error("the subscription is of no use any more")]
    Gone,
    /// The push service did not take it: it refused it, failed, or did not answer in time.
    #[error("the push service did not take the notification")]
    NotTaken,
}

/// The way to notify phones, of all tenants.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// What a browser subscribes with, its `applicationServerKey`: the public key, a point on P-256
    /// uncompressed, in base64url.
    fn public_key(&self) -> &str;

    /// Whether a subscription at this URL is one that would be notified. Asked before one is kept:
    /// the URL comes from outside, and the gateway will connect to it.
    fn may_reach(&self, endpoint: &str) -> bool;

    /// Gives the push service a notification, before `deadline`. Whether the phone ever shows it,
    /// nobody says.
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
