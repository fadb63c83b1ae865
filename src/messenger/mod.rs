//! The ports by which texts and notifications reach phones, and their adapters.

pub mod sms_over_http;

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

/// What a phone is told: that it is asked something.
#[derive(Clone, PartialEq, Eq)]
pub struct Notification {
    /// The path that it opens, with the transaction's token: a secret.
    pub open: String,
    /// Who asks.
    pub company: String,
    /// What is shown beside, if the one who asks says so.
    pub prompt: Option<String>,
    /// How long it is worth anything.
    pub lifetime: Duration,
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Notification(of {}, for {:?})", self.company, self.lifetime)
    }
}

/// Why a phone was not notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotifyError {
    /// The subscription is no more, and is to be forgotten.
    #[error("the subscription is gone")]
    Gone,
    /// The push service refused it, failed, or did not answer in time.
    #[error("the push service did not take the notification")]
    NotTaken,
}

/// How phones are notified.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// The key that browsers bind their subscriptions to: a point on P-256, uncompressed, in
    /// base64url without padding.
    fn public_key(&self) -> &str;

    /// Whether this endpoint may be used: a push service that is allowed, over TLS.
    fn may_reach(&self, endpoint: &str) -> bool;

    /// Has a phone notified, before `deadline`.
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
