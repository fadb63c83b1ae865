//! `[server.tls]`: the public listener's certificates.

use std::path::PathBuf;

use serde::Deserialize;

use super::check::Problems;
use super::permissions;
use crate::tls::server::{ClientCertificates, TlsSettings};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTls {
    pub certificate: Option<PathBuf>,
    pub private_key: Option<PathBuf>,
    pub client_ca: Option<PathBuf>,
    pub client_certificates: Option<ClientCertificates>,
    #[serde(default)]
    pub crl_files: Vec<PathBuf>,
}

/// Checks the section.
pub(super) fn check(raw: RawTls, problems: &mut Problems) -> TlsSettings {
    let usual = match raw.client_ca {
        Some(_) => ClientCertificates::Optional,
        None => ClientCertificates::Off,
    };
    let client_certificates = raw.client_certificates.unwrap_or(usual);
    if client_certificates != ClientCertificates::Off && raw.client_ca.is_none() {
        problems.add(
            "server.tls.client_ca",
            "nothing, though clients are asked for certificates",
            "the file of the CA that signs them, or client_certificates = \"off\"",
        );
    }
    let mut file = |name: &str, path: Option<PathBuf>, accepted: &str| {
        let key = format!("server.tls.{name}");
        let path = problems.required(&key, path, accepted)?;
        Some(problems.readable(&key, &path))
    };
    let certificate = file("certificate", raw.certificate, "the file of the certificate, PEM");
    let private_key = file("private_key", raw.private_key, "the file of its key, PEM");
    if let Some(path) = &private_key {
        permissions::of_secret("server.tls.private_key", path, problems);
    }
    TlsSettings {
        certificate: certificate.unwrap_or_default(),
        private_key: private_key.unwrap_or_default(),
        client_ca: raw.client_ca.map(|path| problems.readable("server.tls.client_ca", &path)),
        client_certificates,
        crl_files: problems.readable_all("server.tls.crl_files", &raw.crl_files),
    }
}
