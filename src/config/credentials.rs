//! A client's credentials, but signed tokens.

use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;

use super::check::Problems;
use super::pin::{self, RawPin};
use super::values::{Network, Sha256Hex, Until};
use crate::domain::clock::Timestamp;
use crate::http::authorization::SecretHash;
use crate::http::client_table::{BasicCredential, CertificatePin};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBasic {
    pub username: Option<String>,
    pub password_sha256: Option<Sha256Hex>,
    pub valid_until: Option<Until>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBearer {
    pub token_sha256: Option<Sha256Hex>,
    pub valid_until: Option<Until>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCertificate {
    pub san: Option<String>,
    pub sha256: Option<Sha256Hex>,
    pub ca_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAnonymous {
    pub addresses: Option<Vec<Network>>,
}

/// What is accepted where the SHA-256 of a secret is missing.
const A_DIGEST: &str = "a SHA-256 value as 64 hexadecimal digits (`dialpass new-secret` prints one \
    with each secret)";

/// The credential, and when it expires.
pub(super) fn basic(
    key: &str,
    raw: RawBasic,
    problems: &mut Problems,
) -> Option<(BasicCredential, Option<Timestamp>)> {
    let at = format!("{key}.username");
    let accepted = "a name without a colon (RFC 7617 2)";
    let username = problems.required(&at, raw.username, accepted);
    if let Some(name) = username.as_ref().filter(|name| name.contains(':') || name.is_empty()) {
        problems.add(&at, format!("{name:?}"), accepted);
    }
    let at = format!("{key}.password_sha256");
    let hash = problems.required(&at, raw.password_sha256, A_DIGEST);
    let password_sha256 = SecretHash::new(hash?.0);
    let until = raw.valid_until.map(|Until(end)| end);
    Some((BasicCredential { username: username?, password_sha256 }, until))
}

/// The token's hash, and when it expires.
pub(super) fn bearer(
    key: &str,
    raw: &RawBearer,
    problems: &mut Problems,
) -> Option<(SecretHash, Option<Timestamp>)> {
    let at = format!("{key}.token_sha256");
    let hash = problems.required(&at, raw.token_sha256, A_DIGEST)?;
    Some((SecretHash::new(hash.0), raw.valid_until.map(|Until(end)| end)))
}

/// The certificate, and the file of the CA that must have issued it.
pub(super) fn certificate(
    key: &str,
    raw: RawCertificate,
    problems: &mut Problems,
) -> (Option<CertificatePin>, Option<PathBuf>) {
    let ca_file = raw.ca_file.as_ref();
    let ca_file = ca_file.map(|path| problems.readable(&format!("{key}.ca_file"), path));
    (pin::check(key, RawPin { san: raw.san, sha256: raw.sha256 }, problems), ca_file)
}

/// The networks from which no credential is needed.
pub(super) fn anonymous(key: &str, raw: RawAnonymous, problems: &mut Problems) -> Vec<IpNet> {
    let addresses = raw.addresses.unwrap_or_default();
    if addresses.is_empty() {
        problems.add(
            &format!("{key}.addresses"),
            "none",
            "at least one address or network, such as \"10.1.2.3/32\"",
        );
    }
    addresses.iter().map(|network| network.0).collect()
}
