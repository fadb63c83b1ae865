//! Builds a TLS configuration from certificate files as a whole, so that it is replaced as a whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::{InconsistentKeys, RootCertStore};
use serde::Deserialize;
use thiserror::Error;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::pem::{self, PemError};
use super::reloadable::Reloadable;
use super::{VERSIONS, provider};
use crate::regular_file;

/// The current TLS configuration of a listener, reloaded when its files change. Each one has a new
/// session cache: a resumed session is not verified again, so no session may outlive the trust it
/// was established under.
pub type TlsState = Reloadable<TlsGeneration, TlsError>;

/// The current verifier of the client certificates that trusted proxies forward.
pub type ClientCaState = Reloadable<ClientVerifier, TlsError>;

/// Whether clients present a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificates {
    /// Connections without one are refused.
    Required,
    /// A certificate is verified if the client presents one.
    Optional,
    /// Clients are not asked for one.
    Off,
}

/// The files of a listener's TLS configuration.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// PEM: the server's certificate, then its intermediates.
    pub certificate: PathBuf,
    /// PEM: the certificate's private key, not encrypted.
    pub private_key: PathBuf,
    /// PEM: the CAs whose client certificates are trusted.
    pub client_ca: Option<PathBuf>,
    /// Whether clients present a certificate.
    pub client_certificates: ClientCertificates,
    /// PEM or DER: revocation lists. If there is any, each CA that issued a certificate in a
    /// client's chain needs one; without it that client is refused.
    pub crl_files: Vec<PathBuf>,
}

impl TlsSettings {
    /// Whether clients can present a certificate that is verified.
    #[must_use]
    pub fn verifies_clients(&self) -> bool {
        self.client_ca.is_some() && self.client_certificates != ClientCertificates::Off
    }
}

/// Why certificate files cannot be used.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "each message says it all")]
pub enum TlsError {
    #[error("{}: cannot be read: {source}", file.display())]
    Unreadable { file: PathBuf, source: std::io::Error },
    #[error("{}: {error}, expected PEM with `BEGIN CERTIFICATE`", file.display())]
    NoCertificate { file: PathBuf, error: PemError },
    #[error("{}: has a certificate that cannot be used: {reason}", file.display())]
    BadCertificate { file: PathBuf, reason: String },
    #[error(
        "{}: {error}, expected unencrypted PEM (PKCS#8, PKCS#1 or SEC1)",
        file.display()
    )]
    NoPrivateKey { file: PathBuf, error: PemError },
    #[error("{}: the key is not that of the certificate in {}", key.display(), certificate.display())]
    KeyMismatch { key: PathBuf, certificate: PathBuf },
    #[error("{}: the key cannot be used: {reason}", file.display())]
    BadPrivateKey { file: PathBuf, reason: String },
    #[error("{}: is not a revocation list in PEM or DER: {reason}", file.display())]
    BadCrl { file: PathBuf, reason: String },
    #[error("client certificates are required or optional, but no client CA file is given")]
    NoClientCa,
    #[error("{}: cannot be used to verify clients: {reason}", file.display())]
    BadClientCa { file: PathBuf, reason: String },
    #[error("no TLS configuration can be made: {reason}")]
    Unsupported { reason: String },
}

/// Verifies client certificates against the CAs and revocation lists read at one time.
#[derive(Debug, Clone)]
pub struct ClientVerifier {
    id: u64,
    verifier: Arc<dyn ClientCertVerifier>,
    crls_due_at: Option<i64>,
}

impl ClientVerifier {
    /// Reads the CAs and the revocation lists.
    ///
    /// # Errors
    /// [`TlsError`] with the file concerned.
    pub fn load(ca: &Path, crl_files: &[PathBuf]) -> Result<Self, TlsError> {
        Self::load_for(ca, crl_files, ClientCertificates::Required)
    }

    fn load_for(
        ca: &Path,
        crl_files: &[PathBuf],
        need: ClientCertificates,
    ) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in read_certificates(ca)? {
            roots.add(certificate).map_err(|error| bad_certificate(ca, &error))?;
        }
        let roots = Arc::new(roots);
        let new_builder =
            || WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), provider());
        let mut builder = new_builder();
        let mut crls_due_at = None;
        for file in crl_files {
            let (lists, due_at) = read_crls(file)?;
            // Tried alone first, because the error does not say which list it concerns.
            new_builder()
                .with_crls(lists.clone())
                .build()
                .map_err(|error| bad_crl(file, &error))?;
            builder = builder.with_crls(lists);
            crls_due_at = crls_due_at.into_iter().chain(due_at).min();
        }
        if need == ClientCertificates::Optional {
            builder = builder.allow_unauthenticated();
        }
        let verifier = builder.build().map_err(|error| TlsError::BadClientCa {
            file: ca.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self { id: next_id(), verifier, crls_due_at })
    }

    /// A verifier that is reloaded when a file changes.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn reloadable(ca: PathBuf, crl_files: Vec<PathBuf>) -> Result<ClientCaState, TlsError> {
        let files = crl_files.iter().chain([&ca]).cloned().collect();
        Reloadable::new(files, move || Self::load(&ca, &crl_files))
    }

    /// A number unique to each verifier in this process.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// When the first of the revocation lists is due for replacement, in seconds since the Unix
    /// epoch. An overdue list stays in use: it still refuses what it lists.
    #[must_use]
    pub const fn crls_due_at(&self) -> Option<i64> {
        self.crls_due_at
    }

    /// Verifies a chain and its revocation.
    ///
    /// # Errors
    /// The TLS library's error.
    pub fn verify(
        &self,
        own: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        self.verifier.verify_client_cert(own, intermediates, now).map(drop)
    }
}

/// The result of reading the files once.
#[derive(Debug)]
pub struct TlsGeneration {
    /// The configuration for new connections.
    pub server_config: Arc<ServerConfig>,
    /// The verifier of client certificates; `None` if clients are not asked for one.
    pub client_verifier: Option<ClientVerifier>,
    /// A number unique to each reading in this process.
    pub id: u64,
    /// The last second when the server's certificate is valid, since the Unix epoch.
    pub certificate_expires_at: i64,
}

/// Reads the files.
///
/// # Errors
/// [`TlsError`] with the file concerned, what is wrong and what is accepted.
pub fn load(settings: &TlsSettings) -> Result<TlsGeneration, TlsError> {
    let chain = read_certificates(&settings.certificate)?;
    let (_, own) = X509Certificate::from_der(&chain[0])
        .map_err(|error| bad_certificate(&settings.certificate, &error))?;
    let certificate_expires_at = own.validity().not_after.timestamp();
    let key = read_private_key(&settings.private_key)?;
    let client_verifier = match (settings.client_certificates, &settings.client_ca) {
        (ClientCertificates::Off, _) => None,
        (need, Some(ca)) => Some(ClientVerifier::load_for(ca, &settings.crl_files, need)?),
        (ClientCertificates::Required | ClientCertificates::Optional, None) => {
            return Err(TlsError::NoClientCa);
        }
    };
    let client_auth = client_verifier
        .as_ref()
        .map_or_else(WebPkiClientVerifier::no_client_auth, |client| Arc::clone(&client.verifier));
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&VERSIONS)
        .map_err(|error| TlsError::Unsupported { reason: error.to_string() })?
        .with_client_cert_verifier(client_auth)
        .with_single_cert(chain, key)
        .map_err(|error| key_error(settings, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsGeneration {
        server_config: Arc::new(config),
        client_verifier,
        id: next_id(),
        certificate_expires_at,
    })
}

/// A configuration that is reloaded when one of its files changes.
///
/// # Errors
/// As [`load`].
pub fn reloadable(settings: TlsSettings) -> Result<TlsState, TlsError> {
    Reloadable::new(files(&settings), move || load(&settings))
}

/// Loads a listener's TLS from other settings, for connections from now on.
///
/// # Errors
/// As [`load`]; the listener then keeps its old configuration.
pub fn read_again(state: &TlsState, settings: TlsSettings) -> Result<Arc<TlsGeneration>, TlsError> {
    state.read_from(files(&settings), move || load(&settings))
}

fn files(settings: &TlsSettings) -> Vec<PathBuf> {
    let own = [&settings.certificate, &settings.private_key];
    own.into_iter().chain(&settings.client_ca).chain(&settings.crl_files).cloned().collect()
}

fn next_id() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}

fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    regular_file::read(file)
        .map_err(|source| TlsError::Unreadable { file: file.to_owned(), source })
}

fn bad_crl(file: &Path, error: &impl ToString) -> TlsError {
    TlsError::BadCrl { file: file.to_owned(), reason: error.to_string() }
}

fn bad_certificate(file: &Path, error: &impl ToString) -> TlsError {
    TlsError::BadCertificate { file: file.to_owned(), reason: error.to_string() }
}

/// Reads at least one certificate. A broken one makes the whole file unusable, also among client
/// CAs: which CAs are trusted and which certificates are shown must not be guessed.
fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    pem::certificates(&read(file)?).map_err(|error| match error {
        PemError::None { .. } => TlsError::NoCertificate { file: file.to_owned(), error },
        PemError::Broken(_) => bad_certificate(file, &error),
    })
}

fn read_private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = read(file)?;
    pem::private_key(&pem).map_err(|error| TlsError::NoPrivateKey { file: file.to_owned(), error })
}

type Crls = (Vec<CertificateRevocationListDer<'static>>, Option<i64>);

/// When the first of the revocation lists in a file is due for replacement, in seconds since the
/// Unix epoch; `None` if unknown.
#[must_use]
pub fn crl_due_at(file: &Path) -> Option<i64> {
    read_crls(file).ok().and_then(|(_, due_at)| due_at)
}

/// The revocation lists in a file, and when the first of them is due for replacement.
fn read_crls(file: &Path) -> Result<Crls, TlsError> {
    let bytes = read(file)?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(bad_crl(file, &"it is empty"));
    }
    let lists = if pem::is_pem(&bytes) {
        pem::revocation_lists(&bytes).map_err(|error| bad_crl(file, &error))?
    } else {
        vec![CertificateRevocationListDer::from(bytes.to_vec())]
    };
    let mut due_at = None;
    for list in &lists {
        let (_, parsed) =
            CertificateRevocationList::from_der(list).map_err(|error| bad_crl(file, &error))?;
        let due = parsed.next_update().map(|time| time.timestamp());
        due_at = due_at.into_iter().chain(due).min();
    }
    Ok((lists, due_at))
}

fn key_error(settings: &TlsSettings, error: &rustls::Error) -> TlsError {
    match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::KeyMismatch {
            key: settings.private_key.clone(),
            certificate: settings.certificate.clone(),
        },
        rustls::Error::InvalidCertificate(error) => bad_certificate(&settings.certificate, error),
        error => TlsError::BadPrivateKey {
            file: settings.private_key.clone(),
            reason: error.to_string(),
        },
    }
}
