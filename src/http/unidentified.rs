//! Why a caller could not be identified as a client, or may not call the operation: for the audit trail
//! only. The client sees 401 or 403, see `http::refused`.

use super::certificate::{CertificateRefusal, PeerCertificate};
use super::oauth2::JwtRefusal;
use crate::domain::reason::AuditReason;
use crate::domain::tenant::TenantId;

/// Why a caller is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnidentifiedReason {
    /// Nothing was presented, and no client without credentials is configured for the address.
    NoCredential,
    /// The `Authorization` header is malformed or belongs to no client.
    CredentialWrong,
    /// The secret belongs to a client but has expired.
    CredentialExpired,
    /// The client must show both its certificate and its other credential, and showed one.
    CredentialIncomplete,
    /// The bearer token is a JWT that belongs to no client.
    Token(JwtRefusal),
    /// The certificate is not accepted.
    Certificate(CertificateRefusal),
    /// The certificate forwarded by a trusted proxy cannot be read.
    ForwardedCertificateMalformed,
    /// The request comes from a trusted proxy's address without proof that it is the proxy.
    ProxyUnproven,
    /// The certificate belongs to no client, and nothing else was presented.
    CertificateUnlisted,
    /// The certificate and the `Authorization` belong to different clients.
    CredentialsDisagree,
    /// The credential belongs to several clients of the tenant.
    CredentialAmbiguous,
    /// The `tenant` header is not a tenant id, or there are several that differ.
    TenantHeaderUnusable,
    /// The `tenant` header names a tenant that does not exist or has no clients.
    TenantUnknown,
    /// The `tenant` header names another tenant than the credential.
    TenantMismatch,
    /// The credential is valid for several tenants, and no header chooses one.
    TenantNotChosen,
    /// The client may not call this operation.
    OperationNotAllowed,
}

impl UnidentifiedReason {
    /// The reason as the audit trail names it: stable, `snake_case`.
    #[must_use]
    pub const fn name(self) -> AuditReason {
        match self {
            Self::NoCredential => AuditReason::NoCredential,
            Self::CredentialWrong => AuditReason::CredentialWrong,
            Self::CredentialExpired => AuditReason::CredentialExpired,
            Self::CredentialIncomplete => AuditReason::CredentialIncomplete,
            Self::Token(refusal) => refusal.name(),
            Self::Certificate(refusal) => refusal.name(),
            Self::ForwardedCertificateMalformed => AuditReason::ForwardedCertificateMalformed,
            Self::ProxyUnproven => AuditReason::ProxyUnproven,
            Self::CertificateUnlisted => AuditReason::CertificateUnlisted,
            Self::CredentialsDisagree => AuditReason::CredentialsDisagree,
            Self::CredentialAmbiguous => AuditReason::CredentialAmbiguous,
            Self::TenantHeaderUnusable => AuditReason::TenantHeaderUnusable,
            Self::TenantUnknown => AuditReason::TenantUnknown,
            Self::TenantMismatch => AuditReason::TenantMismatch,
            Self::TenantNotChosen => AuditReason::TenantNotChosen,
            Self::OperationNotAllowed => AuditReason::OperationNotAllowed,
        }
    }

    /// Whether a valid certificate was presented that does not belong to the client.
    #[must_use]
    pub const fn is_about_the_certificate(self) -> bool {
        matches!(self, Self::CertificateUnlisted | Self::CredentialsDisagree)
    }

    /// Whether the caller is asked for a credential (401) instead of refused (403).
    #[must_use]
    pub const fn asks_for_credential(self) -> bool {
        match self {
            Self::NoCredential => true,
            Self::CredentialWrong
            | Self::CredentialExpired
            | Self::CredentialIncomplete
            | Self::Token(_)
            | Self::Certificate(_)
            | Self::ForwardedCertificateMalformed
            | Self::ProxyUnproven
            | Self::CertificateUnlisted
            | Self::CredentialsDisagree
            | Self::CredentialAmbiguous
            | Self::TenantHeaderUnusable
            | Self::TenantUnknown
            | Self::TenantMismatch
            | Self::TenantNotChosen
            | Self::OperationNotAllowed => false,
        }
    }
}

/// A refusal, with the tenant and client as far as a valid credential names them. What a caller
/// only claims, such as a `tenant` header, is not included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unidentified {
    /// Why.
    pub reason: UnidentifiedReason,
    /// The tenant that the credential names.
    pub tenant: Option<TenantId>,
    /// The client that the credential names.
    pub client: Option<String>,
    /// The valid certificate that belongs to no client, so that an administrator can add it.
    pub certificate: Option<Box<PeerCertificate>>,
}

impl From<UnidentifiedReason> for Unidentified {
    fn from(reason: UnidentifiedReason) -> Self {
        Self { reason, tenant: None, client: None, certificate: None }
    }
}
