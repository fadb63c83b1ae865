//! The list of clients that may call, and the rules that keep it consistent.

use std::sync::Arc;

use ipnet::IpNet;
use serde::Deserialize;
use thiserror::Error;

use super::authorization::SecretHash;
use super::certificate::PeerCertificate;
use super::oauth2::OAuth2Rule;
use crate::domain::clock::Timestamp;
use crate::domain::tenant::TenantId;
use crate::tls::server::ClientVerifier;

/// One client of one tenant.
#[derive(Debug, Clone)]
pub struct ClientEntry {
    /// Its tenant.
    pub tenant: TenantId,
    /// Its name, unique in the tenant, for the audit trail and the limits.
    pub name: String,
    /// The operations it may call.
    pub operations: Vec<Operation>,
    /// Its credentials.
    pub credentials: Credentials,
}

/// A client's credentials.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// HTTP Basic.
    pub basic: Option<BasicCredential>,
    /// When the Basic password expires; `None`: never.
    pub basic_until: Option<Timestamp>,
    /// The hash of a static bearer token.
    pub bearer: Option<SecretHash>,
    /// When the bearer token expires; `None`: never.
    pub bearer_until: Option<Timestamp>,
    /// A certificate, in addition to its chain to a trusted CA.
    pub certificate: Option<CertificatePin>,
    /// The CA that must have issued the certificate; `None`: any trusted CA.
    pub certificate_ca: Option<ClientVerifier>,
    /// Tokens of an `OAuth2` issuer.
    pub oauth2: Option<OAuth2Rule>,
    /// No credential: callers at these addresses. Excludes all others.
    pub anonymous: Option<Vec<IpNet>>,
    /// Whether one credential is enough.
    pub require: Require,
}

/// How many of its credentials a client must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Require {
    /// One.
    #[default]
    Any,
    /// The certificate, and the credential in `Authorization`.
    All,
}

/// A user name and the hash of its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasicCredential {
    /// The user name.
    pub username: String,
    /// The hash of the password.
    pub password_sha256: SecretHash,
}

/// Identifies a client's certificate. Names are compared whole: no wildcards, no common name. DNS
/// names have no case (RFC 4343 section 3); URIs are compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificatePin {
    /// This dNSName is in its subject alternative name.
    SanDns(String),
    /// This URI is in its subject alternative name.
    SanUri(String),
    /// The SHA-256 of its DER.
    Sha256([u8; 32]),
}

impl CertificatePin {
    /// Whether `certificate` matches.
    #[must_use]
    pub fn fits(&self, certificate: &PeerCertificate) -> bool {
        match self {
            Self::SanDns(name) => {
                certificate.san_dns.iter().any(|other| other.eq_ignore_ascii_case(name))
            }
            Self::SanUri(uri) => certificate.san_uri.contains(uri),
            Self::Sha256(sha256) => certificate.sha256 == *sha256,
        }
    }
}

impl Credentials {
    fn count(&self) -> usize {
        usize::from(self.basic.is_some())
            + usize::from(self.bearer.is_some())
            + usize::from(self.certificate.is_some())
            + usize::from(self.oauth2.is_some())
            + usize::from(self.anonymous.is_some())
    }

    /// The kind of credential that would identify both this client and `other`.
    fn shared_with(&self, other: &Self) -> Option<&'static str> {
        fn same<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
            one.is_some() && one == other
        }
        let same_tokens = |one: &OAuth2Rule, other: &OAuth2Rule| {
            *one == OAuth2Rule { algorithms: one.algorithms.clone(), ..other.clone() }
        };
        if same(self.basic.as_ref(), other.basic.as_ref()) {
            Some("basic")
        } else if same(self.bearer.as_ref(), other.bearer.as_ref()) {
            Some("bearer")
        } else if same(self.certificate.as_ref(), other.certificate.as_ref()) {
            Some("certificate")
        } else if let (Some(one), Some(two)) = (&self.oauth2, &other.oauth2)
            && same_tokens(one, two)
        {
            Some("oauth2")
        } else if let (Some(one), Some(two)) = (&self.anonymous, &other.anonymous)
            && one.iter().any(|one| two.iter().any(|two| one.contains(two) || two.contains(one)))
        {
            Some("anonymous")
        } else {
            None
        }
    }
}

/// Why a list of clients cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "each message says it all")]
pub enum ClientTableError {
    #[error("tenant {tenant}: two clients are named {name:?}")]
    DuplicateName { tenant: TenantId, name: String },
    #[error(
        "tenant {tenant}: the clients {first:?} and {second:?} have the same {kind} credential"
    )]
    SharedCredential { tenant: TenantId, first: String, second: String, kind: &'static str },
    #[error(
        "tenant {tenant}: client {name:?} has no credential (basic, bearer, certificate, oauth2 or \
         anonymous)"
    )]
    NoCredential { tenant: TenantId, name: String },
    #[error("tenant {tenant}: client {name:?} may call neither getOTP nor validateOTP")]
    NoOperation { tenant: TenantId, name: String },
    #[error("tenant {tenant}: client {name:?} is anonymous, so it can have no other credential")]
    AnonymousAndMore { tenant: TenantId, name: String },
    #[error("tenant {tenant}: client {name:?} is anonymous, but lists no address")]
    AnonymousNowhere { tenant: TenantId, name: String },
}

/// All clients of all tenants.
#[derive(Debug, Clone, Default)]
pub struct ClientTable(Vec<Arc<ClientEntry>>);

impl ClientTable {
    /// Takes the clients and checks them.
    ///
    /// # Errors
    /// If a client could never call, or one credential would identify two clients of a tenant.
    pub fn new(entries: Vec<ClientEntry>) -> Result<Self, ClientTableError> {
        for (position, entry) in entries.iter().enumerate() {
            check_alone(entry)?;
            let earlier = entries[..position].iter().filter(|other| other.tenant == entry.tenant);
            for other in earlier {
                check_beside(other, entry)?;
            }
        }
        Ok(Self(entries.into_iter().map(Arc::new).collect()))
    }

    /// The clients.
    #[must_use]
    pub fn entries(&self) -> &[Arc<ClientEntry>] {
        &self.0
    }

    /// The rules of all clients with OAuth tokens.
    pub fn oauth2_rules(&self) -> impl Iterator<Item = &OAuth2Rule> {
        self.0.iter().filter_map(|entry| entry.credentials.oauth2.as_ref())
    }
}

fn check_alone(entry: &ClientEntry) -> Result<(), ClientTableError> {
    let (tenant, name) = (entry.tenant.clone(), entry.name.clone());
    match (entry.credentials.count(), &entry.credentials.anonymous) {
        (0, _) => Err(ClientTableError::NoCredential { tenant, name }),
        (2.., Some(_)) => Err(ClientTableError::AnonymousAndMore { tenant, name }),
        (_, Some(networks)) if networks.is_empty() => {
            Err(ClientTableError::AnonymousNowhere { tenant, name })
        }
        _ if entry.operations.is_empty() => Err(ClientTableError::NoOperation { tenant, name }),
        _ => Ok(()),
    }
}

fn check_beside(first: &ClientEntry, second: &ClientEntry) -> Result<(), ClientTableError> {
    let tenant = first.tenant.clone();
    if first.name == second.name {
        return Err(ClientTableError::DuplicateName { tenant, name: first.name.clone() });
    }
    match first.credentials.shared_with(&second.credentials) {
        None => Ok(()),
        Some(kind) => Err(ClientTableError::SharedCredential {
            tenant,
            first: first.name.clone(),
            second: second.name.clone(),
            kind,
        }),
    }
}

/// An operation that a client may be allowed to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub enum Operation {
    /// Exchanges a caller's number for a code.
    #[serde(rename = "getOTP")]
    GetOtp,
    /// Logs in with a code.
    #[serde(rename = "validateOTP")]
    ValidateOtp,
}

impl Operation {
    /// The name in the path and the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GetOtp => "getOTP",
            Self::ValidateOtp => "validateOTP",
        }
    }

    /// Parses a name, exactly.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::GetOtp, Self::ValidateOtp].into_iter().find(|known| known.as_str() == name)
    }
}
