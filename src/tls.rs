//! TLS in both directions: [`server`] for connections to the gateway, [`client`] for those to
//! directories, databases, SMS providers and push services. Both speak the same versions with the
//! same cryptography, and read their files with [`pem`].

pub mod client;
pub mod pem;
pub mod reloadable;
pub mod server;

use std::sync::Arc;

use rustls::SupportedProtocolVersion;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::version::{TLS12, TLS13};

/// The protocol versions.
const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

/// The cryptography.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
