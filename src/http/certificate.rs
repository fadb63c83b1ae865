//! Client certificates: their contents, and whether they are still valid when a request arrives.

use std::cell::Cell;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertificateError, Error as RustlsError};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::domain::clock::Timestamp;
use crate::domain::reason::AuditReason;
use crate::tls::server::ClientVerifier;

/// How long a verified chain counts as verified, in seconds, unless the trust changes earlier.
const VERIFIED_FOR_SECS: i64 = 60;

/// What a client certificate says about its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    /// The dNSName entries of the subject alternative name (RFC 5280 section 4.2.1.6).
    pub san_dns: Vec<String>,
    /// Its uniformResourceIdentifier entries.
    pub san_uri: Vec<String>,
    /// The SHA-256 of the certificate's DER.
    pub sha256: [u8; 32],
    /// The first second of validity, since the Unix epoch.
    pub not_before: i64,
    /// The last second of validity, since the Unix epoch.
    pub not_after: i64,
}

impl PeerCertificate {
    /// Parses one certificate.
    ///
    /// # Errors
    /// [`CertificateRefusal::Unreadable`] if it is not exactly one X.509 certificate, or has two
    /// subject alternative names.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateRefusal> {
        let (rest, parsed) =
            X509Certificate::from_der(der).map_err(|_| CertificateRefusal::Unreadable)?;
        if !rest.is_empty() {
            return Err(CertificateRefusal::Unreadable);
        }
        let names =
            parsed.subject_alternative_name().map_err(|_| CertificateRefusal::Unreadable)?;
        let mut san_dns = Vec::new();
        let mut san_uri = Vec::new();
        for name in names.iter().flat_map(|extension| &extension.value.general_names) {
            match name {
                GeneralName::DNSName(name) => san_dns.push((*name).to_owned()),
                GeneralName::URI(uri) => san_uri.push((*uri).to_owned()),
                _ => {}
            }
        }
        Ok(Self {
            san_dns,
            san_uri,
            sha256: Sha256::digest(der).into(),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
        })
    }

    /// Its names in the form that the configuration's `san` takes; one of them identifies a client.
    #[must_use]
    pub fn names(&self) -> String {
        let dns = self.san_dns.iter().map(|name| format!("dns:{name}"));
        let uri = self.san_uri.iter().map(|uri| format!("uri:{uri}"));
        dns.chain(uri).collect::<Vec<_>>().join(" ")
    }

    /// Whether the certificate is valid at `now`.
    ///
    /// # Errors
    /// [`CertificateRefusal::Expired`] or [`CertificateRefusal::NotYetValid`].
    pub const fn valid_at(&self, now: Timestamp) -> Result<(), CertificateRefusal> {
        if now.as_secs() < self.not_before {
            Err(CertificateRefusal::NotYetValid)
        } else if now.as_secs() > self.not_after {
            Err(CertificateRefusal::Expired)
        } else {
            Ok(())
        }
    }
}

/// Why a client certificate is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CertificateRefusal {
    /// It cannot be parsed.
    #[error("the certificate cannot be read")]
    Unreadable,
    /// It, or a CA in its chain, has expired.
    #[error("the certificate has expired")]
    Expired,
    /// It is not valid yet.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// No chain leads to a trusted client CA, or it is not a client certificate.
    #[error("the certificate is not from a trusted CA")]
    Untrusted,
    /// A CRL lists it.
    #[error("the certificate is revoked")]
    Revoked,
}

impl CertificateRefusal {
    /// The reason as the audit trail names it: stable, `snake_case`.
    #[must_use]
    pub const fn name(self) -> AuditReason {
        match self {
            Self::Unreadable => AuditReason::CertificateUnreadable,
            Self::Expired => AuditReason::CertificateExpired,
            Self::NotYetValid => AuditReason::CertificateNotYetValid,
            Self::Untrusted => AuditReason::CertificateUntrusted,
            Self::Revoked => AuditReason::CertificateRevoked,
        }
    }
}

/// A client's certificate chain, kept with its connection and checked at every request.
#[derive(Debug)]
pub struct ClientCertificate {
    chain: Vec<CertificateDer<'static>>,
    peer: Result<PeerCertificate, CertificateRefusal>,
    /// The verifier and the second with which the chain was last verified.
    verified: Cell<Option<(u64, i64)>>,
}

impl ClientCertificate {
    /// Takes a chain, the client's own certificate first. Nothing counts as verified yet, not even
    /// after a handshake: the chain of a resumed session was not verified again.
    #[must_use]
    pub fn new(chain: Vec<CertificateDer<'static>>) -> Self {
        let first = chain.first().ok_or(CertificateRefusal::Unreadable);
        let peer = first.and_then(|der| PeerCertificate::from_der(der));
        Self { chain, peer, verified: Cell::new(None) }
    }

    /// The certificate's contents, if it is valid now. Dates are checked at every request; chain
    /// and revocation lists only if `current` is a different verifier than last time or a minute
    /// has passed.
    ///
    /// # Errors
    /// Why the certificate is not accepted.
    pub fn check(
        &self,
        current: &ClientVerifier,
        now: Timestamp,
    ) -> Result<&PeerCertificate, CertificateRefusal> {
        let peer = self.peer.as_ref().map_err(|refusal| *refusal)?;
        peer.valid_at(now)?;
        let seconds = now.as_secs();
        let fresh = self.verified.get().is_some_and(|(id, at)| {
            id == current.id() && (at..at.saturating_add(VERIFIED_FOR_SECS)).contains(&seconds)
        });
        if !fresh {
            self.verified.set(None);
            self.verify(current, now)?;
            self.verified.set(Some((current.id(), seconds)));
        }
        Ok(peer)
    }

    /// Whether the chain also leads to the CA of `ca`.
    #[must_use]
    pub fn is_vouched_for_by(&self, ca: &ClientVerifier, now: Timestamp) -> bool {
        self.verify(ca, now).is_ok()
    }

    fn verify(&self, current: &ClientVerifier, now: Timestamp) -> Result<(), CertificateRefusal> {
        let (own, intermediates) =
            self.chain.split_first().ok_or(CertificateRefusal::Unreadable)?;
        let seconds = u64::try_from(now.as_secs()).unwrap_or(0);
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        current.verify(own, intermediates, now).map_err(|error| refusal_of(&error))
    }
}

/// Maps a library's error to a decision. Unknown errors mean distrust.
fn refusal_of(error: &RustlsError) -> CertificateRefusal {
    let RustlsError::InvalidCertificate(error) = error else {
        return CertificateRefusal::Untrusted;
    };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            CertificateRefusal::Expired
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            CertificateRefusal::NotYetValid
        }
        CertificateError::Revoked => CertificateRefusal::Revoked,
        CertificateError::BadEncoding => CertificateRefusal::Unreadable,
        _ => CertificateRefusal::Untrusted,
    }
}
