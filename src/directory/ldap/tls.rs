//! Whom the directory's servers must be vouched for by, and the certificate shown to them.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// Why there is no TLS configuration.
#[derive(Debug, thiserror::Error)]
pub enum TlsConfigError {
    /// The CA file cannot be read as PEM certificates, or has none.
    #[error("the CA file holds no usable PEM certificate")]
    Ca,
    /// No CA was given, and the system has none.
    #[error("the system has no usable root certificates; give the directory's own CA")]
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
}

/// A TLS configuration, for TLS 1.2 and 1.3, from PEM texts.
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
    let roots = match ca_pem {
        Some(pem) => own_roots(pem)?,
        None => system_roots()?,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsConfigError::Versions)?
        .with_root_certificates(roots);
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
