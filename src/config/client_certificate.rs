//! A client certificate and its key, as the sections of outgoing connections have them.

use std::path::{Path, PathBuf};

use super::check::Problems;
use super::permissions;

/// The certificate and its key, both or neither, in a section.
pub(super) fn check(
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
        _ if problems.was_noted(&private_key_key) => None,
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
