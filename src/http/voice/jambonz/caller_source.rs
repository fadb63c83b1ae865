//! Where the caller ID of a call comes from.

use serde::Deserialize;

/// Which part of the SIP request is the caller ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallerSource {
    /// `From` (RFC 3261 20.20), which the caller chooses unless the carrier sets it.
    #[default]
    From,
    /// `P-Asserted-Identity` (RFC 3325 9.1), which a carrier asserts.
    PAssertedIdentity,
}
