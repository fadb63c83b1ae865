//! Why a caller is refused before anything is asked of the services, for the audit trail.

use super::certificate::{CertificateRefusal, PeerCertificate};
use super::oauth2::JwtRefusal;
use crate::domain::tenant::TenantId;

/// Why a caller is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalReason {
    /// Nothing was presented, and no client without credentials has the caller's address.
    NoCredential,
    /// The `Authorization` is malformed, or no client's.
    CredentialWrong,
    /// The secret was the client's, and has ended.
    CredentialExpired,
    /// The client has to show its certificate and its other credential, and showed one.
    CredentialIncomplete,
    /// The bearer token is a JWT that is no client's.
    Token(JwtRefusal),
    /// The certificate does not count.
    Certificate(CertificateRefusal),
    /// The certificate that a trusted proxy passes on cannot be read.
    ForwardedCertificateMalformed,
    /// The request comes from a trusted proxy's address, without what the proxy is known by.
    ProxyUnproven,
    /// The certificate is no client's, and nothing else was presented.
    CertificateUnlisted,
    /// The certificate and the `Authorization` are different clients'.
    CredentialsDisagree,
    /// The credential is that of several clients of the tenant.
    CredentialAmbiguous,
    /// The `tenant` header is no tenant's id, or there are several that differ.
    TenantHeaderUnusable,
    /// The `tenant` header names no tenant that has clients.
    TenantUnknown,
    /// The `tenant` header names another tenant than the credential.
    TenantMismatch,
    /// The credential is good in several tenants, and no header chooses.
    TenantNotChosen,
    /// The client may not call this.
    OperationNotAllowed,
}

impl RefusalReason {
    /// The reason as the audit trail names it: stable, `snake_case`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoCredential => "no_credential",
            Self::CredentialWrong => "credential_wrong",
            Self::CredentialExpired => "credential_expired",
            Self::CredentialIncomplete => "credential_incomplete",
            Self::Token(refusal) => refusal.as_str(),
            Self::Certificate(refusal) => refusal.as_str(),
            Self::ForwardedCertificateMalformed => "forwarded_certificate_malformed",
            Self::ProxyUnproven => "proxy_unproven",
            Self::CertificateUnlisted => "certificate_unlisted",
            Self::CredentialsDisagree => "credentials_disagree",
            Self::CredentialAmbiguous => "credential_ambiguous",
            Self::TenantHeaderUnusable => "tenant_header_unusable",
            Self::TenantUnknown => "tenant_unknown",
            Self::TenantMismatch => "tenant_mismatch",
            Self::TenantNotChosen => "tenant_not_chosen",
            Self::OperationNotAllowed => "operation_not_allowed",
        }
    }

    /// Whether a good certificate was brought that is not the client's.
    #[must_use]
    pub const fn is_about_the_certificate(self) -> bool {
        matches!(self, Self::CertificateUnlisted | Self::CredentialsDisagree)
    }

    /// Whether the caller is asked for a credential (401) rather than turned away (403).
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

/// A refusal, with whom it concerns as far as a right credential says. What a caller only claims
/// (a `tenant` header) is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: RefusalReason,
    /// The tenant that the credential names.
    pub tenant: Option<TenantId>,
    /// The client that the credential names.
    pub client: Option<String>,
    /// The good certificate that is not the client's, for an administrator to list.
    pub certificate: Option<Box<PeerCertificate>>,
}

impl From<RefusalReason> for Refusal {
    fn from(reason: RefusalReason) -> Self {
        Self { reason, tenant: None, client: None, certificate: None }
    }
}
