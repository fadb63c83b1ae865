//! What the handlers share: tenants, clients and the node's limits. Replaced as a whole on reload.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::HttpRequest;
use arc_swap::ArcSwap;

use super::identify::CallerIdentification;
use super::pages::assets::Widget;
use super::refused::StatusStyle;
use super::voice::endpoint::Endpoint;
use crate::domain::client_address::ClientAddress;
use crate::domain::clock::Clock;
use crate::domain::tenant::TenantId;
use crate::domain::transaction::TransactionId;
use crate::service::authentication_cloud::Cloud;
use crate::service::authentication_cloud::access::AccessControl;
use crate::service::authentication_cloud::tokens::Tokens;
use crate::service::call_in::CallIn;
use crate::service::flood::FloodLimit;
use crate::service::login::Login;
use crate::service::reported_calls::ReportedCalls;
use crate::telemetry::audit::AuditTrail;
use crate::telemetry::metrics;
use crate::unauthenticated_log::UnauthenticatedLog;

/// One tenant as the handlers see it.
pub struct Tenant {
    /// getOTP.
    pub call_in: Arc<CallIn>,
    /// validateOTP.
    pub login: Login,
    /// Which statuses its clients see.
    pub style: StatusStyle,
    /// How the code is also spelt out, with its remaining life; `None`: neither.
    pub spoken: Option<Spoken>,
    /// The calls of voice platforms.
    pub voice: Voice,
}

/// What a tenant's voice platforms reach.
pub struct Voice {
    /// The endpoints by name.
    pub endpoints: HashMap<String, Endpoint>,
    /// The calls that were reported to them.
    pub calls: ReportedCalls,
}

/// How a code is presented to a phone system that reads the answer with speech synthesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// Text between two digits.
    pub separator: String,
    /// How the remaining life is written.
    pub expires_in: ExpiresIn,
}

/// How a number of seconds is written in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiresIn {
    /// As a number.
    Number,
    /// As a string, for platforms that accept nothing else.
    Text,
}

/// The authentication cloud as the handlers see it.
pub struct AuthenticationCloud {
    /// Each tenant's part.
    pub tenants: HashMap<TenantId, Arc<Cloud>>,
    /// Checks access keys.
    pub access: AccessControl,
    /// The tokens of all tenants.
    pub tokens: Arc<Tokens>,
    /// Flood limit of status queries, per transaction and address, so that a third party who has
    /// seen a status token cannot block the queries of the page that it was made for.
    pub by_transaction: Arc<FloodLimit<(TransactionId, Option<ClientAddress>)>>,
    /// The same for the phone page's requests, so that polling cannot block them.
    pub by_link: Arc<FloodLimit<(TransactionId, Option<ClientAddress>)>>,
    /// The base of links, without a trailing slash.
    pub public_url: String,
    /// The script that customers embed.
    pub widget: Widget,
}

/// One loaded configuration, as the handlers see it.
pub struct Gateway {
    /// The tenants by id.
    pub tenants: HashMap<TenantId, Arc<Tenant>>,
    /// Identifies callers.
    pub gate: CallerIdentification,
    /// Flood limit per tenant and client name.
    pub by_client: Arc<FloodLimit<(TenantId, String)>>,
    /// Flood limit per address; IPv6 addresses count by their /64.
    pub by_address: Arc<FloodLimit<IpAddr>>,
    /// Longest time that a request may take.
    pub request_deadline: Duration,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Limits the refused logins that wait.
    pub waiting: Arc<DelayedRefusals>,
    /// Where decisions are recorded.
    pub audit: Arc<AuditTrail>,
    /// Limits what is written about callers without a credential.
    pub unauthenticated_log: Arc<UnauthenticatedLog>,
    /// The authentication cloud's part; `None` if it is not served.
    pub cloud: Option<Arc<AuthenticationCloud>>,
    /// The public URL in each spelling that voice platforms sign; none if no tenant has such an
    /// endpoint.
    pub public_bases: Vec<String>,
}

impl Gateway {
    /// Admits a request without credentials: for a page, or for an unknown path.
    ///
    /// # Errors
    /// The time until the next request from its address is admitted.
    pub fn admit_unauthenticated(&self, request: &HttpRequest) -> Result<(), Duration> {
        // A trusted proxy that does not name its client is limited as itself.
        let peer = || request.peer_addr().map(|peer| peer.ip());
        let address = self.gate.caller_address(request).or_else(peer);
        address.map_or(Ok(()), |address| self.admit_address(address))
    }

    /// Admits one request from `address`.
    ///
    /// # Errors
    /// The time until the next request is admitted.
    pub fn admit_address(&self, address: IpAddr) -> Result<(), Duration> {
        self.by_address.admit(&ClientAddress::of(address).ip())
    }
}

/// The configuration in force.
pub type CurrentGateway = ArcSwap<Gateway>;

/// Counts the refused logins that wait for their floor, to limit their number.
pub struct DelayedRefusals {
    limit: usize,
    waiting: AtomicUsize,
}

impl DelayedRefusals {
    /// None yet, and at most about `limit` at once.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit, waiting: AtomicUsize::new(0) }
    }

    /// Whether another may wait. Checked before a login is examined, so that all logins are refused
    /// alike when no more may, and the speed of the refusal reveals nothing.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) < self.limit
    }

    /// Counts one until its answer goes out.
    #[must_use]
    pub fn take(self: &Arc<Self>) -> DelayedRefusal {
        metrics::waiting_refusals(self.waiting.fetch_add(1, Ordering::Relaxed) + 1);
        DelayedRefusal(Arc::clone(self))
    }
}

/// One refused login that waits.
pub struct DelayedRefusal(Arc<DelayedRefusals>);

impl Drop for DelayedRefusal {
    fn drop(&mut self) {
        metrics::waiting_refusals(self.0.waiting.fetch_sub(1, Ordering::Relaxed).saturating_sub(1));
    }
}
