//! One request and its answer: who asks, by when it must be answered, and what the audit trail
//! says of it.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use tokio::time::Instant;

use super::body;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::reason::Reason;
use crate::domain::tenant::TenantId;
use crate::http::client::Operation;
use crate::http::error::{Refused, StatusStyle};
use crate::http::gateway::{CurrentGateway, Gateway, Tenant};
use crate::http::identify::identify_request;
use crate::http::paced::RequestBegan;
use crate::service::KnownUser;
use crate::telemetry::audit::Decision;
use crate::telemetry::metrics;

/// An id for one request, as its answer and its audit event have it.
pub(super) fn new_request_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// A refusal with its true reason.
pub(super) struct Refusal {
    pub refused: Refused,
    pub reason: &'static str,
}

impl Refusal {
    /// A refusal that is what it looks like.
    pub(super) fn plain(refused: Refused) -> Self {
        let reason = match refused {
            Refused::BadRequest(_) => "body_malformed",
            Refused::NoCredential => "no_credential",
            Refused::Forbidden => "forbidden",
            Refused::NotFound => "not_found",
            Refused::MethodNotAllowed => "method_not_allowed",
            Refused::BodyTooSlow => "body_too_slow",
            Refused::TooLarge => "body_too_large",
            Refused::UnsupportedMediaType => "media_type",
            Refused::RateLimited(_) => "flood",
            Refused::Unavailable => "unavailable",
        };
        Self { refused, reason }
    }

    /// A refusal by decision, as a client of `style` sees it.
    pub(super) fn decided(reason: Reason, style: StatusStyle) -> Self {
        Self { refused: Refused::of(reason, style), reason: reason.as_str() }
    }
}

/// What the audit trail says of a request beside its outcome.
#[derive(Default)]
pub(super) struct Trail {
    pub tenant: Option<TenantId>,
    pub client: Option<String>,
    pub number: Option<PhoneNumber>,
    pub user: Option<KnownUser>,
    pub call_id: Option<String>,
    pub client_ip: Option<String>,
    peer: Option<IpAddr>,
}

/// One request on its way.
pub(super) struct Exchange {
    pub request: HttpRequest,
    pub gateway: Arc<Gateway>,
    pub arrived: Instant,
    /// When the answer must be on its way.
    pub deadline: Instant,
    pub trail: Trail,
    name: &'static str,
    request_id: String,
}

impl Exchange {
    /// Begins to answer `request` to the operation that the audit trail calls `name`.
    pub(super) fn begin(
        request: HttpRequest,
        gateway: &web::Data<CurrentGateway>,
        name: &'static str,
    ) -> Self {
        let gateway = gateway.load_full();
        // A head that came slowly is part of the request's time.
        let began = request.conn_data::<RequestBegan>().and_then(RequestBegan::get);
        let arrived = began.unwrap_or_else(Instant::now);
        // Writing the answer takes a moment too.
        let margin = gateway.request_deadline / 50;
        Self {
            deadline: arrived + gateway.request_deadline - margin,
            trail: Trail { peer: request.peer_addr().map(|peer| peer.ip()), ..Trail::default() },
            request_id: new_request_id(),
            request,
            gateway,
            arrived,
            name,
        }
    }

    /// Looks at the method, then at who asks: only a client that may call `operation` passes.
    /// The body of whoever does not is read too, so that all refusals are alike.
    pub(super) async fn admit(
        &mut self,
        operation: Operation,
        payload: &mut web::Payload,
    ) -> Result<Arc<Tenant>, Refusal> {
        let admitted = self.look_at_caller(operation).await;
        if admitted.is_err() {
            body::discard(payload, self.deadline).await;
        }
        admitted
    }

    async fn look_at_caller(&mut self, operation: Operation) -> Result<Arc<Tenant>, Refusal> {
        if !matches!(*self.request.method(), Method::PUT | Method::POST) {
            return Err(Refusal::plain(Refused::MethodNotAllowed));
        }
        // A trusted proxy that does not say whom it speaks for is limited as itself.
        let address = self.gateway.gate.caller_address(&self.request).or(self.trail.peer);
        self.trail.peer = address;
        let flooding = address.and_then(|address| self.gateway.admit_address(address).err());
        let identified =
            identify_request(&self.request, operation, &self.gateway.gate, self.deadline).await;
        let client = match identified {
            Ok(identified) => identified.client,
            Err(refusal) => {
                self.trail.tenant = refusal.tenant;
                self.trail.client = refusal.client;
                let unauthorized = refusal.reason.asks_for_credential();
                let refused = if unauthorized { Refused::NoCredential } else { Refused::Forbidden };
                return Err(Refusal { refused, reason: refusal.reason.as_str() });
            }
        };
        self.trail.tenant = Some(client.tenant.clone());
        self.trail.client = Some(client.name.clone());
        let tenant = self.gateway.tenants.get(&client.tenant).map(Arc::clone);
        let Some(tenant) = tenant else { return Err(Refusal::plain(Refused::Forbidden)) };
        let flooding = match flooding {
            Some(wait) => Some(wait),
            None => {
                self.gateway.by_client.admit(&(client.tenant.clone(), client.name.clone())).err()
            }
        };
        match flooding {
            Some(wait) => Err(Refusal::decided(Reason::Flood(wait), tenant.style)),
            None => Ok(tenant),
        }
    }

    /// The answer to a refusal.
    pub(super) fn refuse(self, refusal: &Refusal) -> HttpResponse {
        let now = self.gateway.clock.now();
        let answer = refusal.refused.answer(&self.request, &self.request_id, now);
        self.record(false, refusal.reason, answer.status().as_u16());
        answer
    }

    /// The answer to a request that was granted.
    pub(super) fn grant(
        self,
        reason: Reason,
        media_type: &'static str,
        body: String,
    ) -> HttpResponse {
        let mut answer = HttpResponse::Ok();
        crate::http::error::uniform_headers(&mut answer, &self.request_id);
        let answer = answer.insert_header(("Content-Type", media_type)).body(body);
        self.record(true, reason.as_str(), answer.status().as_u16());
        answer
    }

    fn record(&self, allowed: bool, reason: &'static str, status: u16) {
        let trail = &self.trail;
        let took = self.arrived.elapsed();
        let tenant = trail.tenant.as_ref().map(TenantId::as_str);
        Decision {
            request_id: &self.request_id,
            operation: self.name,
            tenant,
            client: trail.client.as_deref(),
            allowed,
            reason,
            status,
            number: trail.number.as_ref(),
            user_id: trail.user.as_ref().map(|user| user.id.as_str()),
            username: trail.user.as_ref().map(|user| user.username.as_str()),
            call_id: trail.call_id.as_deref(),
            client_ip: trail.client_ip.as_deref(),
            peer: trail.peer,
            took,
        }
        .record();
        metrics::decision(tenant.unwrap_or_default(), self.name, allowed, reason);
        metrics::answered(self.name, status, took);
    }
}
