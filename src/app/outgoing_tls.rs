//! Outgoing TLS, from the files that a configuration section names.

use std::path::{Path, PathBuf};

use super::report::ConfigReporter;
use crate::config::{ConfigError, TlsFiles};
use crate::regular_file;
use crate::tls::client::{ClientTls, Proof, TlsConfigError, tls_config_for};

/// Reads the files and builds a TLS configuration from them.
pub(super) fn outgoing_tls(
    section: &str,
    proof: Proof,
    files: &TlsFiles,
    report: &ConfigReporter<'_>,
) -> Result<ClientTls, ConfigError> {
    let key = |name: &str| format!("{section}.{name}");
    let read = |name: &str, path: &Path| {
        regular_file::read(path)
            .map_err(|error| report.problem(&key(name), &error, "a file that this user may read"))
    };
    let (ca_file, client_certificate) =
        (files.ca_file.as_deref(), files.client_certificate.as_ref());
    let ca = ca_file.map(|path| read("ca_file", path)).transpose()?;
    let pair = match client_certificate {
        Some((chain, private_key)) => {
            Some((read("client_certificate", chain)?, read("client_private_key", private_key)?))
        }
        None => None,
    };
    let pair = pair.as_ref().map(|(chain, key)| (chain.as_slice(), key.as_slice()));
    let ca = ca.as_ref().map(|ca| ca.as_slice());
    tls_config_for(proof, ca, pair).map_err(|error| {
        let (name, path) = concerned(&error, ca_file, client_certificate);
        let shown = path.map(|path| format!("{}: ", path.display())).unwrap_or_default();
        let found = format!("{shown}{error}");
        report.problem(&key(name), &found, "PEM certificates and keys that belong together")
    })
}

/// The key and the file that the error concerns.
fn concerned<'a>(
    error: &TlsConfigError,
    ca_file: Option<&'a Path>,
    client_certificate: Option<&'a (PathBuf, PathBuf)>,
) -> (&'static str, Option<&'a Path>) {
    let chain = client_certificate.map(|(chain, _)| chain.as_path());
    match error {
        TlsConfigError::ClientCertificate(_) | TlsConfigError::ClientPair(_) => {
            ("client_certificate", chain)
        }
        TlsConfigError::ClientKey(_) => {
            ("client_private_key", client_certificate.map(|(_, key)| key.as_path()))
        }
        TlsConfigError::Ca(_)
        | TlsConfigError::NoSystemRoots
        | TlsConfigError::Versions(_)
        | TlsConfigError::Verifier(_) => ("ca_file", ca_file),
    }
}
