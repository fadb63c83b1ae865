//! Outgoing TLS: to directories, databases, SMS providers and push services. Decides which CAs they
//! must be signed by and which client certificate they are shown.

mod failure;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Deref;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use sha2::{Digest, Sha256};

pub use self::failure::{TlsFailure, explain};
use crate::pem::{self, Broken, PemError};

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
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
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
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
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

/// Suffix of host names that stand for an IPv6 address; reserved, so never a real domain (RFC 6761
/// 6.4).
const STAND_IN: &str = ".ipv6.invalid";

/// A name that stands for `address`, for libraries that accept only names: a configuration from
/// [`tls_config`] then makes the server prove the address. Never send it to the server, to which it
/// means nothing.
#[must_use]
pub fn stand_in(address: Ipv6Addr) -> String {
    format!("{:032x}{STAND_IN}", address.to_bits())
}

/// The address that a stand-in name stands for.
fn stood_for(name: &ServerName<'_>) -> Option<Ipv6Addr> {
    let ServerName::DnsName(name) = name else { return None };
    let bits = name.as_ref().strip_suffix(STAND_IN)?;
    u128::from_str_radix(bits, 16).ok().map(Ipv6Addr::from_bits)
}

/// Checks the chain, and the name or address unless any name will do.
#[derive(Debug)]
struct Verifier {
    chain: Arc<WebPkiServerVerifier>,
    any_name: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let address = stood_for(server_name).map(|address| ServerName::from(IpAddr::V6(address)));
        let name = address.as_ref().unwrap_or(server_name);
        match self.chain.verify_server_cert(end_entity, intermediates, name, ocsp_response, now) {
            // The name is checked last, so the chain is good.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.any_name => Ok(ServerCertVerified::assertion()),
            checked => checked,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Accepts any certificate; the server must only hold its key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
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
    fn a_stand_in_is_a_name_and_stands_for_its_address() {
        for address in ["::1", "2001:db8::5", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] {
            let address: Ipv6Addr = address.parse().unwrap();
            let name = ServerName::try_from(stand_in(address)).unwrap();
            assert_eq!(stood_for(&name), Some(address));
        }
        for name in ["ipv6.invalid", "x.ipv6.invalid", "1.ipv6.example"] {
            assert_eq!(stood_for(&ServerName::try_from(name).unwrap()), None, "{name}");
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
