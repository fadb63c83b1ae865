//! Outgoing TLS: to directories, databases, SMS providers and push services. Decides which CAs they
//! must be signed by and which client certificate they are shown.

mod failure;
mod verifier;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest, Sha256};

pub use self::failure::{TlsFailure, explain};
pub use self::verifier::stand_in;
use self::verifier::{AnyCertificate, Verifier};
use super::pem::{self, Broken, PemError};
use super::{VERSIONS, provider};

/// What a server's certificate must prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A trusted CA signed it for the name that was connected to.
    Name,
    /// A trusted CA signed it, for any name.
    Chain,
    /// Nothing: this stops eavesdroppers but not a man in the middle.
    Nothing,
}

/// Why no TLS configuration can be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsConfigError {
    /// The CA file has no usable certificate.
    #[error("the CA file cannot be used: {0}")]
    Ca(#[source] PemError),
    /// No CA was given, and the system has none.
    #[error("the system has no usable root certificates; give the server's own CA")]
    NoSystemRoots,
    /// The client certificate's chain cannot be read.
    #[error("the client certificate file cannot be used: {0}")]
    ClientCertificate(#[source] PemError),
    /// The client certificate's key cannot be read.
    #[error("the client key file cannot be used: {0}")]
    ClientKey(#[source] PemError),
    /// The client certificate and key do not match, or are of an unknown kind.
    #[error("the client certificate and key cannot be used: {0}")]
    ClientPair(#[source] rustls::Error),
    /// The crypto provider offers no protocol version.
    #[error("TLS cannot be set up: {0}")]
    Versions(#[source] rustls::Error),
    /// No certificate verifier can be built from these CAs.
    #[error("certificates cannot be checked: {0}")]
    Verifier(#[source] rustls::client::VerifierBuilderError),
}

/// A TLS 1.2 and 1.3 configuration from PEM texts, under which servers must prove their name.
///
/// With `ca_pem`, only the CAs in it are trusted; without, the system's roots. `client_cert` is a
/// certificate chain and its key, shown to servers that ask for one.
///
/// # Errors
/// [`TlsConfigError`] if one of the texts cannot be used.
pub fn tls_config(
    ca_pem: Option<&[u8]>,
    client_cert: Option<(&[u8], &[u8])>,
) -> Result<ClientTls, TlsConfigError> {
    tls_config_for(Proof::Name, ca_pem, client_cert)
}

/// Like [`tls_config`], for servers that must prove `proof`.
///
/// # Errors
/// [`TlsConfigError`] if one of the texts cannot be used.
pub fn tls_config_for(
    proof: Proof,
    ca_pem: Option<&[u8]>,
    client_cert: Option<(&[u8], &[u8])>,
) -> Result<ClientTls, TlsConfigError> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&VERSIONS)
        .map_err(TlsConfigError::Versions)?;
    let roots = || match ca_pem {
        Some(pem) => own_roots(pem),
        None => system_roots(),
    };
    let builder = match proof {
        Proof::Name | Proof::Chain => {
            let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots()?), provider)
                .build()
                .map_err(TlsConfigError::Verifier)?;
            let verifier = Verifier { chain, any_name: proof == Proof::Chain };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
        Proof::Nothing => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        }
    };
    let config = match client_cert {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let chain = pem::certificates(chain).map_err(TlsConfigError::ClientCertificate)?;
            let key = pem::private_key(key).map_err(TlsConfigError::ClientKey)?;
            builder.with_client_auth_cert(chain, key).map_err(TlsConfigError::ClientPair)?
        }
    };
    let digest = digest(proof, ca_pem, client_cert);
    Ok(ClientTls { config: Arc::new(config), digest })
}

/// A TLS configuration. Two are equal if they were made from the same certificates and keys.
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    digest: [u8; 32],
}

impl Deref for ClientTls {
    type Target = Arc<ClientConfig>;

    fn deref(&self) -> &Arc<ClientConfig> {
        &self.config
    }
}

impl PartialEq for ClientTls {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for ClientTls {}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientTls(…)")
    }
}

/// A digest of everything that a configuration is made from.
fn digest(proof: Proof, ca: Option<&[u8]>, pair: Option<(&[u8], &[u8])>) -> [u8; 32] {
    let mut digest = Sha256::new();
    let mut part = |bytes: &[u8]| {
        digest.update(bytes.len().to_be_bytes());
        digest.update(bytes);
    };
    part(match proof {
        Proof::Name => b"name",
        Proof::Chain => b"chain",
        Proof::Nothing => b"nothing",
    });
    match ca {
        Some(ca) => part(ca),
        None if proof == Proof::Nothing => {}
        // The system's CAs may change as well.
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
    digest.finalize().into()
}

/// The sections of a CA file that are skipped because they cannot be used. The rest is trusted:
/// trusting fewer CAs admits no one new.
#[must_use]
pub fn passed_over(ca_pem: &[u8]) -> Vec<Broken> {
    pem::bundle(ca_pem).broken
}

/// The CAs in a file; at least one must be usable.
fn own_roots(ca_pem: &[u8]) -> Result<RootCertStore, TlsConfigError> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(pem::bundle(ca_pem).certificates);
    match pem::certificates(ca_pem) {
        Err(error) if added == 0 => Err(TlsConfigError::Ca(error)),
        Ok(_) | Err(_) => Ok(roots),
    }
}

fn system_roots() -> Result<RootCertStore, TlsConfigError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TlsConfigError::NoSystemRoots) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_without_a_certificate_is_an_error_and_not_an_empty_trust() {
        for pem in ["", "no pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        {
            assert!(matches!(tls_config(Some(pem.as_bytes()), None), Err(TlsConfigError::Ca(_))));
        }
    }

    #[test]
    fn one_broken_ca_of_a_file_leaves_the_others_trusted_and_is_named() {
        let ca = || {
            let key = rcgen::KeyPair::generate().unwrap();
            rcgen::CertificateParams::new(vec!["ca".to_owned()]).unwrap().self_signed(&key).unwrap()
        };
        let (one, two) = (ca().pem(), ca().pem());
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let text = format!("\u{feff}{one}{broken}{two}");
        assert_eq!(own_roots(text.as_bytes()).unwrap().len(), 2);
        let passed_over = passed_over(text.as_bytes());
        let [only] = &passed_over[..] else { panic!("{passed_over:?}") };
        assert_eq!(only.line, one.lines().count() + 1, "{only}");
        let error = tls_config(Some(broken.as_bytes()), None).unwrap_err().to_string();
        assert!(error.contains("certificate at line 1"), "{error}");
    }

    #[test]
    fn a_client_certificate_needs_its_own_key() {
        let pair = || {
            let key = rcgen::KeyPair::generate().unwrap();
            let params = rcgen::CertificateParams::new(vec!["gateway".to_owned()]).unwrap();
            (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
        };
        let ((certificate, key), (_, other)) = (pair(), pair());
        let ca = Some(certificate.as_bytes());
        assert!(tls_config(ca, Some((certificate.as_bytes(), key.as_bytes()))).is_ok());
        assert!(matches!(
            tls_config(ca, Some((certificate.as_bytes(), other.as_bytes()))),
            Err(TlsConfigError::ClientPair(_))
        ));
        assert!(matches!(
            tls_config(ca, Some((certificate.as_bytes(), b""))),
            Err(TlsConfigError::ClientKey(_))
        ));
    }
}
