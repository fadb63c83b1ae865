//! Who is calling: one pure function from a request's credentials to one client or a refusal.

use std::net::IpAddr;
use std::sync::Arc;

use subtle::{Choice, ConstantTimeEq as _};

use super::authorization::{Authorization, SecretHash};
use super::certificate::{ClientCertificate, PeerCertificate};
use super::client_table::{
    BasicCredential, ClientEntry, ClientTable, Credentials, Operation, Require,
};
use super::oauth2::{JwtRefusal, SignedToken};
use super::unidentified::{Unidentified, UnidentifiedReason};
use crate::domain::clock::Timestamp;
use crate::domain::tenant::TenantId;

/// The value of a request's `tenant` headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantHeader {
    /// The header is missing.
    Absent,
    /// One header, or several with the same value.
    Named(TenantId),
    /// A value that is not a tenant id, or several that differ.
    Unusable,
}

impl TenantHeader {
    /// Reads the values of all `tenant` headers of one request.
    #[must_use]
    pub fn read<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut values = values.into_iter();
        let Some(first) = values.next() else {
            return Self::Absent;
        };
        let tenant = std::str::from_utf8(first).ok().and_then(TenantId::parse);
        match tenant {
            Some(tenant) if values.all(|value| value == first) => Self::Named(tenant),
            _ => Self::Unusable,
        }
    }
}

/// Everything in a request that identifies its caller.
#[derive(Debug, Clone)]
pub struct PresentedCredentials<'a> {
    /// The client's certificate, verified.
    pub certificate: Option<&'a PeerCertificate>,
    /// The certificate with its chain.
    pub chain: Option<&'a ClientCertificate>,
    /// Its `Authorization`.
    pub authorization: &'a Authorization,
    /// The result of checking the bearer token as a JWT (signature and dates); `None` if not done.
    pub token: Option<Result<&'a SignedToken, JwtRefusal>>,
    /// The client's address, if known.
    pub address: Option<IpAddr>,
    /// Its `tenant` header.
    pub tenant: &'a TenantHeader,
    /// When the request was sent.
    pub now: Timestamp,
}

impl PresentedCredentials<'_> {
    /// Whether the certificate matches `known` and comes from the required CA.
    fn shows_certificate_of(&self, known: &Credentials) -> bool {
        let is_it = self.certificate.zip(known.certificate.as_ref());
        let issued = |ca| self.chain.is_some_and(|chain| chain.is_vouched_for_by(ca, self.now));
        is_it.is_some_and(|(certificate, pin)| pin.fits(certificate))
            && known.certificate_ca.as_ref().is_none_or(issued)
    }
}

/// Identifies the one client that is calling.
///
/// # Errors
/// The refusal, if not exactly one client matches, or it may not call `operation`.
pub fn identify(
    table: &ClientTable,
    presented: &PresentedCredentials<'_>,
    operation: Operation,
) -> Result<Arc<ClientEntry>, Unidentified> {
    let client = match candidates(table, presented)? {
        Candidates::Named(named) => choose(table, &named, presented.tenant)?,
        Candidates::Anonymous(here) => match choose(table, &here, presented.tenant) {
            Ok(client) => client,
            Err(_) => return Err(UnidentifiedReason::NoCredential.into()),
        },
    };
    if client.operations.contains(&operation) {
        return Ok(Arc::clone(client));
    }
    Err(Unidentified {
        reason: UnidentifiedReason::OperationNotAllowed,
        tenant: Some(client.tenant.clone()),
        client: Some(client.name.clone()),
        certificate: None,
    })
}

type Entries<'a> = Vec<&'a Arc<ClientEntry>>;

enum Candidates<'a> {
    Named(Entries<'a>),
    Anonymous(Entries<'a>),
}

/// The clients of all tenants that match the credentials; at least one if any were presented.
fn candidates<'a>(
    table: &'a ClientTable,
    presented: &PresentedCredentials<'_>,
) -> Result<Candidates<'a>, Unidentified> {
    let by_certificate = presented
        .certificate
        .map(|_| keep(table, |entry| presented.shows_certificate_of(&entry.credentials)));
    let by_authorization = match presented.authorization {
        Authorization::Absent => {
            return match by_certificate {
                None => Ok(Candidates::Anonymous(anonymous_at(table, presented.address))),
                Some(named) if named.is_empty() => {
                    Err(UnidentifiedReason::CertificateUnlisted.into())
                }
                Some(named) => one_is_enough(named),
            };
        }
        Authorization::Unusable => return Err(UnidentifiedReason::CredentialWrong.into()),
        Authorization::Basic { username, password, .. } => {
            let fits = |entry: &ClientEntry| {
                fits_basic(entry.credentials.basic.as_ref(), username, password)
            };
            in_force(keep(table, fits), |known| known.basic_until, presented.now)?
        }
        Authorization::Bearer(token) => by_bearer(table, token.hash(), presented)?,
    };
    if by_authorization.is_empty() {
        return Err(UnidentifiedReason::CredentialWrong.into());
    }
    match by_certificate {
        Some(named) if !named.is_empty() => {
            let mut both = by_authorization;
            both.retain(|entry| named.iter().any(|other| Arc::ptr_eq(entry, other)));
            if both.is_empty() {
                return Err(UnidentifiedReason::CredentialsDisagree.into());
            }
            Ok(Candidates::Named(both))
        }
        _ => one_is_enough(by_authorization),
    }
}

/// Keeps those clients, named by one credential, that need no second one.
fn one_is_enough(mut named: Entries<'_>) -> Result<Candidates<'_>, Unidentified> {
    let one = named.first().copied();
    named.retain(|entry| entry.credentials.require == Require::Any);
    match one {
        Some(one) if named.is_empty() => {
            Err(refusal_of(UnidentifiedReason::CredentialIncomplete, one))
        }
        _ => Ok(Candidates::Named(named)),
    }
}

/// Keeps those clients, named by a secret, for which that secret has not expired.
fn in_force(
    mut named: Entries<'_>,
    until: impl Fn(&Credentials) -> Option<Timestamp>,
    now: Timestamp,
) -> Result<Entries<'_>, Unidentified> {
    let one = named.first().copied();
    named.retain(|entry| until(&entry.credentials).is_none_or(|end| now < end));
    match one {
        Some(one) if named.is_empty() => {
            Err(refusal_of(UnidentifiedReason::CredentialExpired, one))
        }
        _ => Ok(named),
    }
}

/// A refusal of a client that showed a valid credential.
fn refusal_of(reason: UnidentifiedReason, client: &ClientEntry) -> Unidentified {
    Unidentified {
        reason,
        tenant: Some(client.tenant.clone()),
        client: Some(client.name.clone()),
        certificate: None,
    }
}

fn keep(table: &ClientTable, fits: impl Fn(&ClientEntry) -> bool) -> Entries<'_> {
    table.entries().iter().filter(|entry| fits(entry)).collect()
}

fn fits_basic(known: Option<&BasicCredential>, username: &str, password: &SecretHash) -> bool {
    known.is_some_and(|known| {
        // Always compares both, so that timing does not reveal which user names exist.
        let name: Choice = known.username.as_bytes().ct_eq(username.as_bytes());
        let secret = Choice::from(u8::from(known.password_sha256.matches(password)));
        (name & secret).into()
    })
}

/// Tries static tokens first; anything else may be a JWT.
fn by_bearer<'a>(
    table: &'a ClientTable,
    hash: &SecretHash,
    presented: &PresentedCredentials<'_>,
) -> Result<Entries<'a>, Unidentified> {
    let known = keep(table, |entry| {
        entry.credentials.bearer.as_ref().is_some_and(|known| known.matches(hash))
    });
    let token = match &presented.token {
        _ if !known.is_empty() => {
            return in_force(known, |known| known.bearer_until, presented.now);
        }
        None => return Ok(known),
        Some(Err(refusal)) => return Err(UnidentifiedReason::Token(*refusal).into()),
        Some(Ok(token)) => token,
    };
    let mut closest = JwtRefusal::Issuer;
    let mut named = Vec::new();
    for entry in table.entries() {
        match entry.credentials.oauth2.as_ref().map(|rule| rule.accepts(token)) {
            Some(Ok(())) => named.push(entry),
            Some(Err(refusal)) => closest = closest.max(refusal),
            None => {}
        }
    }
    if named.is_empty() { Err(UnidentifiedReason::Token(closest).into()) } else { Ok(named) }
}

fn anonymous_at(table: &ClientTable, address: Option<IpAddr>) -> Entries<'_> {
    let Some(address) = address else {
        return Vec::new();
    };
    let address = address.to_canonical();
    keep(table, |entry| {
        let networks = entry.credentials.anonymous.iter().flatten();
        networks.into_iter().any(|network| network.contains(&address))
    })
}

/// Chooses the one client that belongs to the intended tenant.
fn choose<'a>(
    table: &ClientTable,
    named: &[&'a Arc<ClientEntry>],
    header: &TenantHeader,
) -> Result<&'a Arc<ClientEntry>, Unidentified> {
    let Some(first) = named.first() else {
        return Err(UnidentifiedReason::CredentialWrong.into());
    };
    let one_tenant = named.iter().all(|entry| entry.tenant == first.tenant);
    let refuse = |reason| Unidentified {
        reason,
        tenant: one_tenant.then(|| first.tenant.clone()),
        client: (named.len() == 1).then(|| first.name.clone()),
        certificate: None,
    };
    let tenant = match header {
        TenantHeader::Unusable => return Err(refuse(UnidentifiedReason::TenantHeaderUnusable)),
        TenantHeader::Named(tenant) => tenant,
        TenantHeader::Absent if one_tenant => &first.tenant,
        TenantHeader::Absent => return Err(refuse(UnidentifiedReason::TenantNotChosen)),
    };
    let mut there = named.iter().copied().filter(|entry| entry.tenant == *tenant);
    match (there.next(), there.next()) {
        (Some(client), None) => Ok(client),
        (Some(_), Some(_)) => Err(refuse(UnidentifiedReason::CredentialAmbiguous)),
        (None, _) if table.entries().iter().any(|entry| entry.tenant == *tenant) => {
            Err(refuse(UnidentifiedReason::TenantMismatch))
        }
        (None, _) => Err(refuse(UnidentifiedReason::TenantUnknown)),
    }
}

#[cfg(test)]
mod tests;
