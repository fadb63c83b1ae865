//! The files of outgoing TLS: the trusted CAs, and the certificate shown to servers that ask for
//! one.

use std::path::{Path, PathBuf};

use super::check::Problems;
use super::permissions;

/// The files from which outgoing TLS is set up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The CAs that servers' certificates must be signed by; `None`: the system's CAs.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and its key, for servers that ask for one.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
}

impl TlsFiles {
    /// For servers that ask for no certificate.
    #[must_use]
    pub fn trusting(ca_file: Option<PathBuf>) -> Self {
        Self { ca_file, client_certificate: None }
    }
}

/// A section's client certificate and its key: both or neither.
pub(super) fn client_certificate(
    section: &str,
    certificate: Option<&Path>,
    private_key: Option<&Path>,
    problems: &mut Problems,
) -> Option<(PathBuf, PathBuf)> {
    let certificate_key = format!("{section}.client_certificate");
    let private_key_key = format!("{section}.client_private_key");
    match (certificate, private_key) {
        (Some(certificate), Some(private_key)) => {
            let certificate = problems.readable(&certificate_key, certificate);
            let private_key = problems.readable(&private_key_key, private_key);
            permissions::of_secret(&private_key_key, &private_key, problems);
            Some((certificate, private_key))
        }
        (None, None) => None,
        _ if problems.was_reported(&private_key_key) => None,
        _ => {
            problems.add(
                &certificate_key,
                "one of client_certificate and client_private_key",
                "both or neither",
            );
            None
        }
    }
}
