//! What the handlers share: the tenants, who may call, the node's limits. Replaced as a whole
//! when the configuration is read again.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::HttpRequest;
use arc_swap::ArcSwap;

use super::authentication_cloud::AuthenticationCloud;
use super::error::StatusStyle;
use super::identify::Gate;
use super::strangers::Strangers;
use crate::domain::client_address::ClientAddress;
use crate::domain::clock::Clock;
use crate::domain::tenant::TenantId;
use crate::service::call_in::CallIn;
use crate::service::flood::FloodLimit;
use crate::service::login::Login;
use crate::telemetry::audit::AuditTrail;
use crate::telemetry::metrics;

/// One tenant as the handlers see it.
pub struct Tenant {
    /// getOTP.
    pub call_in: CallIn,
    /// validateOTP.
    pub login: Login,
    /// Which statuses its clients see.
    pub style: StatusStyle,
    /// How a code is also spelt out, and its remaining life told; `None`: not at all.
    pub spoken: Option<Spoken>,
}

/// How a code is told to a phone system that has its speech synthesis read the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// What stands between two digits.
    pub separator: String,
    /// How the remaining life is written.
    pub expires_in: ExpiresIn,
}

/// How a number of seconds is written in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiresIn {
    /// As a number.
    Number,
    /// As a string, for platforms that take nothing else.
    Text,
}

/// One reading of the configuration, as the handlers see it.
pub struct Gateway {
    /// The tenants by id.
    pub tenants: HashMap<TenantId, Arc<Tenant>>,
    /// Who may call.
    pub gate: Gate,
    /// Flood limit by tenant and client name.
    pub by_client: Arc<FloodLimit<(TenantId, String)>>,
    /// Flood limit by address, an IPv6 one by its /64.
    pub by_address: Arc<FloodLimit<IpAddr>>,
    /// No request takes longer.
    pub request_deadline: Duration,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Where refused logins wait.
    pub waiting: Arc<WaitingRoom>,
    /// Where decisions are written.
    pub audit: Arc<AuditTrail>,
    /// What is written of those who show no credential.
    pub strangers: Arc<Strangers>,
    /// The authentication cloud's part; `None` where it is not served.
    pub cloud: Option<Arc<AuthenticationCloud>>,
}

impl Gateway {
    /// Lets a request of one who shows nothing through: a page's, or one to nothing.
    ///
    /// # Errors
    /// How long until the next one from its address is let through.
    pub fn admit_stranger(&self, request: &HttpRequest) -> Result<(), Duration> {
        // A trusted proxy that does not say whom it speaks for is limited as itself.
        let peer = || request.peer_addr().map(|peer| peer.ip());
        let address = self.gate.caller_address(request).or_else(peer);
        address.map_or(Ok(()), |address| self.admit_address(address))
    }

    /// Lets one request of `address` through.
    ///
    /// # Errors
    /// How long until the next one is let through.
    pub fn admit_address(&self, address: IpAddr) -> Result<(), Duration> {
        self.by_address.admit(&ClientAddress::of(address).ip())
    }
}

/// The reading in force.
pub type CurrentGateway = ArcSwap<Gateway>;

/// Counts the refused logins that wait for their floor, so that they stay bounded.
pub struct WaitingRoom {
    seats: usize,
    taken: AtomicUsize,
}

impl WaitingRoom {
    /// A room of `seats`.
    #[must_use]
    pub const fn new(seats: usize) -> Self {
        Self { seats, taken: AtomicUsize::new(0) }
    }

    /// Whether another may come. Asked before a login is looked at, so that a full room refuses
    /// everybody alike instead of telling by its haste.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.taken.load(Ordering::Relaxed) < self.seats
    }

    /// Takes a seat until the answer goes out.
    #[must_use]
    pub fn take(self: &Arc<Self>) -> Seat {
        metrics::waiting_refusals(self.taken.fetch_add(1, Ordering::Relaxed) + 1);
        Seat(Arc::clone(self))
    }
}

/// A seat in the waiting room.
pub struct Seat(Arc<WaitingRoom>);

impl Drop for Seat {
    fn drop(&mut self) {
        metrics::waiting_refusals(self.0.taken.fetch_sub(1, Ordering::Relaxed).saturating_sub(1));
    }
}
