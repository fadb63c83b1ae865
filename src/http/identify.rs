//! Identifies the client that sent an HTTP request: gathers and verifies its credentials here, and
//! judges them in [`identify`].

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;
use tokio::time::Instant;

use super::authorization::{Authorization, BearerToken};
use super::certificate::{ClientCertificate, PeerCertificate};
use super::client::{PresentedCredentials, TenantHeader, identify};
use super::client_table::{CertificatePin, ClientEntry, ClientTable, Operation};
use super::jwks::Jwks;
use super::notice;
use super::oauth2::{JwtRefusal, SignedToken};
use super::proxy::{ProxyRules, TrustedProxies};
use super::signing_keys::unverified_issuer;
use super::unidentified::{Unidentified, UnidentifiedReason};
use crate::domain::clock::{Clock, Timestamp};
use crate::tls::server::{ClientCaState, ClientVerifier, TlsState};

/// Everything needed to identify callers on one listener.
pub struct CallerIdentification {
    /// The clients.
    pub clients: Arc<ClientTable>,
    /// The trusted proxies.
    pub proxies: TrustedProxies,
    /// How they forward the caller's identity, and how they prove theirs.
    pub proxy_rules: ProxyRules,
    /// The listener's TLS, if it has any.
    pub tls: Option<Arc<TlsState>>,
    /// Verifies certificates that proxies forward; if `None`, the listener's own verifier does.
    pub forwarded_ca: Option<Arc<ClientCaState>>,
    /// The keys of the clients' token issuers.
    pub jwks: Option<Arc<Jwks>>,
    /// The clock for checking dates.
    pub clock: Arc<dyn Clock>,
}

/// An identified caller.
#[derive(Debug, Clone)]
pub struct Identified {
    /// The client.
    pub client: Arc<ClientEntry>,
    /// Its address, if known.
    pub address: Option<IpAddr>,
}

impl CallerIdentification {
    /// The caller's address; `None` if a trusted proxy does not name it, or the request comes from
    /// a trusted proxy's address without proof.
    #[must_use]
    pub fn caller_address(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip();
        if self.proxies.trust(peer) && !self.is_proven(request) {
            return None;
        }
        let header = self.proxy_rules.address;
        self.proxies.caller(peer, header, values(request, header.name()))
    }

    /// Whether a request from a trusted proxy's address carries the proxy's proof.
    fn is_proven(&self, request: &HttpRequest) -> bool {
        let has_certificate = |pin: &CertificatePin| {
            let shown = request.conn_data::<ClientCertificate>();
            let verifier = self.own_verifier();
            shown.is_some_and(|shown| {
                check(shown, verifier.as_ref(), self.clock.now()).is_ok_and(|peer| pin.fits(peer))
            })
        };
        self.proxy_rules.has_secret(request)
            && self.proxy_rules.own_certificate.as_ref().is_none_or(has_certificate)
    }
}

/// Identifies the client that sent a request. Waits only for a token issuer's keys, and at most
/// until `deadline`.
///
/// # Errors
/// Why the caller is refused.
pub async fn identify_request(
    request: &HttpRequest,
    operation: Operation,
    gate: &CallerIdentification,
    deadline: Instant,
) -> Result<Identified, Unidentified> {
    let tenant = TenantHeader::read(values(request, "tenant"));
    identify_in(&tenant, request, operation, gate, deadline).await
}

/// The same, for a request that names its tenant otherwise than by a header.
///
/// # Errors
/// Why the caller is refused.
pub async fn identify_in(
    tenant: &TenantHeader,
    request: &HttpRequest,
    operation: Operation,
    gate: &CallerIdentification,
    deadline: Instant,
) -> Result<Identified, Unidentified> {
    let forwarded;
    let peer = request.peer_addr().map(|peer| peer.ip());
    let behind_proxy = peer.is_some_and(|peer| gate.proxies.trust(peer));
    let (certificate, verifier) = if behind_proxy {
        // The connection's own certificate is the proxy's, so it never stands for the caller.
        if !gate.is_proven(request) {
            return Err(UnidentifiedReason::ProxyUnproven.into());
        }
        let read = gate.proxy_rules.certificate.read(request);
        forwarded = read.map_err(|_| UnidentifiedReason::ForwardedCertificateMalformed)?;
        (forwarded.as_ref(), gate.forwarded_verifier())
    } else {
        (request.conn_data::<ClientCertificate>(), gate.own_verifier())
    };
    let now = gate.clock.now();
    let chain = certificate;
    let certificate = chain.map(|found| check(found, verifier.as_ref(), now)).transpose()?;

    let authorization = Authorization::read(values(request, "authorization"));
    let token = match &authorization {
        Authorization::Bearer(token) => gate.verify_token(token, deadline).await,
        Authorization::Absent | Authorization::Unusable | Authorization::Basic { .. } => None,
    };
    let address = gate.caller_address(request);
    let presented = PresentedCredentials {
        certificate,
        chain,
        authorization: &authorization,
        token: token.as_ref().map(|token| token.as_ref().map_err(|refusal| *refusal)),
        address,
        tenant,
        now,
    };
    let client = identify(&gate.clients, &presented, operation).map_err(|mut refusal| {
        if refusal.reason.is_about_the_certificate() {
            refusal.certificate = certificate.cloned().map(Box::new);
        }
        refusal
    })?;
    if authorization.is_short() {
        notice::short_secret(&client, now);
    }
    Ok(Identified { client, address })
}

impl CallerIdentification {
    fn own_verifier(&self) -> Option<ClientVerifier> {
        self.tls.as_ref().and_then(|tls| tls.current().client_verifier.clone())
    }

    fn forwarded_verifier(&self) -> Option<ClientVerifier> {
        match &self.forwarded_ca {
            Some(state) => Some(ClientVerifier::clone(&state.current())),
            None => self.own_verifier(),
        }
    }

    /// Verifies a bearer token's signature and dates if it may be a JWT from a client's issuer.
    async fn verify_token(
        &self,
        token: &BearerToken,
        deadline: Instant,
    ) -> Option<Result<SignedToken, JwtRefusal>> {
        let known = self.clients.entries().iter().filter_map(|entry| {
            entry.credentials.bearer.as_ref().filter(|known| known.matches(token.hash()))
        });
        let (jwt, jwks) = (token.as_jwt()?, self.jwks.as_ref()?);
        if known.count() > 0 || self.clients.oauth2_rules().next().is_none() {
            return None;
        }
        let Some(issuer) = unverified_issuer(jwt) else {
            return Some(Err(JwtRefusal::Malformed));
        };
        let rules = self.clients.oauth2_rules().filter(|rule| rule.issuer == issuer);
        let mut urls: Vec<&str> = rules.map(|rule| rule.jwks_url.as_str()).collect();
        urls.sort_unstable();
        urls.dedup();
        let mut closest = None;
        for url in urls {
            match jwks.verify_signature(jwt, url, deadline).await {
                Ok(token) => return Some(Ok(token)),
                Err(refusal) => closest = closest.max(Some(refusal)),
            }
        }
        Some(Err(closest.unwrap_or(JwtRefusal::Issuer)))
    }
}

fn check<'a>(
    certificate: &'a ClientCertificate,
    verifier: Option<&ClientVerifier>,
    now: Timestamp,
) -> Result<&'a PeerCertificate, Unidentified> {
    use super::certificate::CertificateRefusal::Untrusted;
    let verifier = verifier.ok_or(UnidentifiedReason::Certificate(Untrusted))?;
    let checked = certificate.check(verifier, now);
    checked.map_err(|refusal| UnidentifiedReason::Certificate(refusal).into())
}

fn values<'a>(request: &'a HttpRequest, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    request.headers().get_all(name).map(HeaderValue::as_bytes)
}
