//! The HTTP client of the adapters.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, redirect};
use rustls::ClientConfig;

/// How long an unused connection is kept for the next request.
const KEEP_IDLE: Duration = Duration::from_secs(30);

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
#[expect(clippy::needless_pass_by_value, reason = "it is what map_err passes")]
pub(super) fn reason(error: reqwest::Error) -> String {
    let mut cause: &dyn Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    // The outermost error could contain the URL.
    if error.source().is_none() { "the exchange broke off".to_owned() } else { cause.to_string() }
}
