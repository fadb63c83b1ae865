//! The port by which texts reach phones, and its adapters.

pub mod sms_over_http;

use async_trait::async_trait;
use tokio::time::Instant;

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
