//! `certificate = { … }`: the certificate that a client or a proxy shows.

use serde::Deserialize;

use super::check::Problems;
use super::values::Sha256Hex;
use crate::http::client_table::CertificatePin;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPin {
    pub san: Option<String>,
    pub sha256: Option<Sha256Hex>,
}

/// Which certificate it is, as the table at `key` says.
pub(super) fn check(key: &str, raw: RawPin, problems: &mut Problems) -> Option<CertificatePin> {
    let accepted =
        "san = \"dns:NAME\", san = \"uri:URI\", or sha256 = the SHA-256 of the certificate's DER";
    match (raw.san, raw.sha256) {
        (Some(san), None) => match san.split_once(':') {
            Some(("dns", name)) if !name.is_empty() && !name.contains('*') => {
                Some(CertificatePin::SanDns(name.to_ascii_lowercase()))
            }
            Some(("uri", uri)) if !uri.is_empty() => Some(CertificatePin::SanUri(uri.to_owned())),
            _ => {
                problems.add(
                    &format!("{key}.san"),
                    format!("{san:?}"),
                    "\"dns:\" or \"uri:\" and the whole name, with no wildcard",
                );
                None
            }
        },
        (None, Some(sha256)) => Some(CertificatePin::Sha256(sha256.0)),
        (Some(_), Some(_)) => {
            problems.add(key, "both san and sha256", accepted);
            None
        }
        (None, None) => {
            problems.add(key, "nothing", accepted);
            None
        }
    }
}
