//! TLS towards servers, from the files that a section of the configuration names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;

use super::prepare::Report;
use crate::client_tls::{Proof, passed_over, tls_config_for};
use crate::config::ConfigError;

/// Reads the files and makes a TLS configuration of them.
pub(super) fn outgoing_tls(
    section: &str,
    proof: Proof,
    ca_file: Option<&Path>,
    client_certificate: Option<&(PathBuf, PathBuf)>,
    report: &Report<'_>,
) -> Result<Arc<ClientConfig>, ConfigError> {
    let key = |name: &str| format!("{section}.{name}");
    let read = |name: &str, path: &Path| {
        std::fs::read(path)
            .map_err(|error| report.problem(&key(name), &error, "a file that this user may read"))
    };
    let ca = ca_file.map(|path| read("ca_file", path)).transpose()?;
    for broken in ca.iter().flat_map(|pem| passed_over(pem)) {
        let file = ca_file.map(|path| path.display().to_string());
        tracing::warn!(file, %broken, "a part of a CA file is passed over; the rest is trusted");
    }
    let pair = match client_certificate {
        Some((chain, private_key)) => {
            Some((read("client_certificate", chain)?, read("client_private_key", private_key)?))
        }
        None => None,
    };
    let pair = pair.as_ref().map(|(chain, key)| (chain.as_slice(), key.as_slice()));
    tls_config_for(proof, ca.as_deref(), pair).map_err(|error| {
        report.problem(&key("ca_file"), &error, "PEM certificates and keys that belong together")
    })
}
