//! Outgoing TLS, from the files that a configuration section names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use sha2::{Digest, Sha256};

use super::report::ConfigReporter;
use crate::client_tls::{Proof, TlsConfigError, tls_config_for};
use crate::config::ConfigError;
use crate::regular_file;

/// A configuration for outgoing TLS.
#[derive(Clone)]
pub(super) struct OutgoingTls {
    /// The TLS library's configuration.
    pub config: Arc<ClientConfig>,
    /// What it was built from.
    pub origin: Origin,
}

/// A digest that identifies a set of certificates and keys: the files may have changed under the
/// same names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin([u8; 32]);

/// Reads the files and builds a TLS configuration from them.
pub(super) fn outgoing_tls(
    section: &str,
    proof: Proof,
    ca_file: Option<&Path>,
    client_certificate: Option<&(PathBuf, PathBuf)>,
    report: &ConfigReporter<'_>,
) -> Result<OutgoingTls, ConfigError> {
    let key = |name: &str| format!("{section}.{name}");
    let read = |name: &str, path: &Path| {
        regular_file::read(path)
            .map_err(|error| report.problem(&key(name), &error, "a file that this user may read"))
    };
    let ca = ca_file.map(|path| read("ca_file", path)).transpose()?;
    let pair = match client_certificate {
        Some((chain, private_key)) => {
            Some((read("client_certificate", chain)?, read("client_private_key", private_key)?))
        }
        None => None,
    };
    let pair = pair.as_ref().map(|(chain, key)| (chain.as_slice(), key.as_slice()));
    let ca = ca.as_ref().map(|ca| ca.as_slice());
    let config = tls_config_for(proof, ca, pair).map_err(|error| {
        let (name, path) = concerned(&error, ca_file, client_certificate);
        let shown = path.map(|path| format!("{}: ", path.display())).unwrap_or_default();
        let found = format!("{shown}{error}");
        report.problem(&key(name), &found, "PEM certificates and keys that belong together")
    })?;
    Ok(OutgoingTls { config, origin: origin(proof, ca, pair) })
}

/// The key, and the file that it names, with which something is wrong.
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

fn origin(proof: Proof, ca: Option<&[u8]>, pair: Option<(&[u8], &[u8])>) -> Origin {
    let mut digest = Sha256::new();
    let mut part = |bytes: &[u8]| {
        digest.update(bytes.len().to_be_bytes());
        digest.update(bytes);
    };
    match ca {
        Some(ca) => part(ca),
        None if proof == Proof::Nothing => part(b"nobody"),
        // The system's CAs may have changed as well.
        None => {
            let mut roots = rustls_native_certs::load_native_certs().certs;
            roots.sort_unstable_by(|one, other| one.as_ref().cmp(other.as_ref()));
            for root in &roots {
                part(root);
            }
        }
    }
    if let Some((chain, key)) = pair {
        part(chain);
        part(key);
    }
    Origin(digest.finalize().into())
}
