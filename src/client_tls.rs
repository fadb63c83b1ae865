//! TLS towards the servers that the gateway itself connects to, directories, databases, providers of
//! SMS and push services: who has to vouch for them, and the certificate shown to them.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

/// What a server's certificate has to prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// That a trusted CA vouches for the name that was connected to.
    Name,
    /// That a trusted CA vouches for it, whatever its name.
    Chain,
    /// Nothing: what is sent is hidden from listeners, and from nobody in between.
    Nothing,
}

/// Why there is no TLS configuration.
#[derive(Debug, thiserror::Error)]
pub enum TlsConfigError {
    /// The CA file cannot be read as PEM certificates, or has none.
    #[error("the CA file holds no usable PEM certificate")]
    Ca,
    /// No CA was given, and the system has none.
    #[error("the system has no usable root certificates; give the server's own CA")]
    NoSystemRoots,
    /// The client certificate's chain cannot be read.
    #[error("the client certificate file holds no usable PEM certificate")]
    ClientCertificate,
    /// The client certificate's key cannot be read.
    #[error("the client key file holds no usable PEM private key")]
    ClientKey,
    /// The client certificate and key do not belong together, or are of an unknown kind.
    #[error("the client certificate and key cannot be used: {0}")]
    ClientPair(#[source] rustls::Error),
    /// The crypto provider offers no protocol version.
    #[error("TLS cannot be set up: {0}")]
    Versions(#[source] rustls::Error),
    /// No certificate could be checked with this.
    #[error("certificates cannot be checked: {0}")]
    Verifier(#[source] rustls::client::VerifierBuilderError),
}

/// A TLS configuration, for TLS 1.2 and 1.3, from PEM texts, under which servers prove their name.
///
/// With `ca_pem`, only that CA (or those) is trusted, else the system's roots. `client_cert` is a
/// certificate chain and its key, shown to servers that ask.
///
/// # Errors
/// [`TlsConfigError`] if a text cannot be used.
pub fn tls_config(
    ca_pem: Option<&[u8]>,
    client_cert: Option<(&[u8], &[u8])>,
) -> Result<Arc<ClientConfig>, TlsConfigError> {
    tls_config_for(Proof::Name, ca_pem, client_cert)
}

/// As [`tls_config`], for servers that have to prove `proof`.
///
/// # Errors
/// [`TlsConfigError`] if a text cannot be used.
pub fn tls_config_for(
    proof: Proof,
    ca_pem: Option<&[u8]>,
    client_cert: Option<(&[u8], &[u8])>,
) -> Result<Arc<ClientConfig>, TlsConfigError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TlsConfigError::Versions)?;
    let roots = || match ca_pem {
        Some(pem) => own_roots(pem),
        None => system_roots(),
    };
    let builder = match proof {
        Proof::Name => builder.with_root_certificates(roots()?),
        Proof::Chain => {
            let verifier =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots()?), provider)
                    .build()
                    .map_err(TlsConfigError::Verifier)?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyName(verifier)))
        }
        Proof::Nothing => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        }
    };
    let config = match client_cert {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let chain = certificates(chain).ok_or(TlsConfigError::ClientCertificate)?;
            let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsConfigError::ClientKey)?;
            builder.with_client_auth_cert(chain, key).map_err(TlsConfigError::ClientPair)?
        }
    };
    Ok(Arc::new(config))
}

/// Checks a chain as ever, and passes over the name.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let name = server_name;
        match self.0.verify_server_cert(end_entity, intermediates, name, ocsp_response, now) {
            // The name is checked last, so the chain is good.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            checked => checked,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Takes whatever certificate is shown, by whoever has its key.
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

fn own_roots(pem: &[u8]) -> Result<RootCertStore, TlsConfigError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem).ok_or(TlsConfigError::Ca)? {
        roots.add(certificate).map_err(|_| TlsConfigError::Ca)?;
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore, TlsConfigError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TlsConfigError::NoSystemRoots) } else { Ok(roots) }
}

/// All certificates of a PEM text; `None` if one is broken or there is none.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    (!all.is_empty()).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_without_a_certificate_is_an_error_and_not_an_empty_trust() {
        for pem in ["", "no pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        {
            assert!(matches!(tls_config(Some(pem.as_bytes()), None), Err(TlsConfigError::Ca)));
        }
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
            Err(TlsConfigError::ClientKey)
        ));
    }
}
