//! The HTTP client of the adapters.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, redirect};
use rustls::ClientConfig;

/// How long an unused connection is kept for the next request.
const KEEP_IDLE: Duration = Duration::from_secs(30);

/// Why a provider or a push service did not take a message. Never contains a number, a message or a
/// URL.
#[derive(Debug)]
pub(super) enum DeliveryFailure {
    /// No request could be built.
    Unmakeable,
    /// It no longer knows the receiver, or nothing can be encrypted for them.
    Gone,
    /// It did not answer in time.
    TimedOut(Duration),
    /// It could not be reached, or its answer broke off.
    Unreachable(String),
    /// Its status is not one that means accepted.
    Status(u16),
    /// Its answer lacks the required text.
    Answer,
}

impl DeliveryFailure {
    /// The outcome for metrics.
    pub(super) const fn outcome(&self) -> &'static str {
        match self {
            Self::Unmakeable | Self::Status(_) | Self::Answer => "refused",
            Self::Gone => "gone",
            Self::TimedOut(_) => "timed_out",
            Self::Unreachable(_) => "unreachable",
        }
    }
}

impl From<reqwest::Error> for DeliveryFailure {
    fn from(error: reqwest::Error) -> Self {
        Self::Unreachable(reason(&error))
    }
}

impl fmt::Display for DeliveryFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unmakeable => f.write_str("no request can be built from the message"),
            Self::Gone => f.write_str("it no longer knows the phone"),
            Self::TimedOut(after) => write!(f, "no answer within {} ms", after.as_millis()),
            Self::Unreachable(reason) => write!(f, "not reached: {reason}"),
            Self::Status(status) => write!(f, "its answer has status {status}"),
            Self::Answer => f.write_str("its answer lacks what accepted.body_contains asks for"),
        }
    }
}

/// Builds an HTTP client that follows no redirects and uses no proxy. With `tls` it sends nothing
/// in clear.
///
/// # Errors
/// The library's error.
pub fn client(tls: Option<&Arc<ClientConfig>>) -> Result<Client, reqwest::Error> {
    let mut client = Client::builder()
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .pool_idle_timeout(KEEP_IDLE)
        .user_agent(concat!("dialpass/", env!("CARGO_PKG_VERSION")));
    if let Some(tls) = tls {
        client = client.https_only(true).tls_backend_preconfigured(ClientConfig::clone(tls));
    }
    client.build()
}

/// Why an exchange failed, without the URL: the innermost cause, since the outer ones only say that
/// there is one.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    // The outermost error could contain the URL.
    if error.source().is_none() { "the exchange broke off".to_owned() } else { cause.to_string() }
}
