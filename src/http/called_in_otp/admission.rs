//! Admits requests to the two operations, and answers them.

use std::sync::Arc;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};

use crate::domain::reason::{AuditReason, Reason};
use crate::http::body;
use crate::http::client_table::Operation;
use crate::http::error::{Refused, StatusStyle};
use crate::http::exchange::Exchange;
use crate::http::gateway::Tenant;
use crate::http::identify::identify_request;
use crate::http::notice;

/// A refusal with its true reason.
pub(super) struct Refusal {
    pub refused: Refused,
    pub reason: AuditReason,
}

impl Refusal {
    /// A refusal whose reason follows from its status.
    pub(super) fn plain(refused: Refused) -> Self {
        let reason = match refused {
            Refused::BadRequest(_) => AuditReason::BodyMalformed,
            Refused::NoCredential => AuditReason::NoCredential,
            Refused::Forbidden => AuditReason::Forbidden,
            Refused::NotFound => AuditReason::NotFound,
            Refused::MethodNotAllowed => AuditReason::MethodNotAllowed,
            Refused::BodyTooSlow => AuditReason::BodyTooSlow,
            Refused::TooLarge => AuditReason::BodyTooLarge,
            Refused::UnsupportedMediaType => AuditReason::MediaType,
            Refused::RateLimited(_) => AuditReason::Flood,
            Refused::Unavailable => AuditReason::Unavailable,
        };
        Self { refused, reason }
    }

    /// A refusal by decision, as a client with `style` sees it.
    pub(super) fn decided(reason: Reason, style: StatusStyle) -> Self {
        Self { refused: Refused::of(reason, style), reason: reason.name() }
    }

    /// A refused login, as a client with `style` sees it.
    pub(super) fn login(reason: Reason, every_name: bool, style: StatusStyle) -> Self {
        let refused = Refused::of_login(reason, every_name, style);
        Self { refused, reason: reason.name() }
    }
}

impl Exchange {
    /// Checks the method and the caller: only a client that may call `operation` passes. The body
    /// of a rejected request is read as well, so that all refusals look the same.
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
        let gate = &self.gateway.gate;
        notice::unread_headers(
            &self.request,
            &gate.proxies,
            &gate.proxy_rules,
            self.gateway.clock.now(),
        );
        // A trusted proxy that does not name its client is limited as itself.
        let address = self.gateway.gate.caller_address(&self.request).or(self.trail.peer);
        self.trail.peer = address;
        let flooding = address.and_then(|address| self.gateway.admit_address(address).err());
        self.trail.floods = flooding.is_some();
        let identified =
            identify_request(&self.request, operation, &self.gateway.gate, self.deadline).await;
        let client = match identified {
            Ok(identified) => identified.client,
            Err(refusal) => {
                self.trail.tenant = refusal.tenant;
                self.trail.client = refusal.client;
                self.trail.certificate = refusal.certificate;
                let unauthorized = refusal.reason.asks_for_credential();
                let refused = if unauthorized { Refused::NoCredential } else { Refused::Forbidden };
                return Err(Refusal { refused, reason: refusal.reason.name() });
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
            None if self.audit_refuses() => {
                Err(Refusal::decided(Reason::AuditUnwritable, tenant.style))
            }
            None => Ok(tenant),
        }
    }

    /// The answer to a refusal.
    pub(super) fn refuse(self, refusal: &Refusal) -> HttpResponse {
        let now = self.gateway.clock.now();
        let answer = refusal.refused.answer(&self.request, &self.request_id, now);
        self.record_refusal(refusal.reason, answer.status().as_u16());
        answer
    }

    /// The answer to a granted request, or a refusal if the grant cannot be written to the audit
    /// trail. The store keeps what it did: the code stays live without having been told, or stays
    /// used up.
    pub(super) async fn grant(
        self,
        reason: Reason,
        media_type: &'static str,
        body: String,
    ) -> HttpResponse {
        let status = StatusCode::OK.as_u16();
        if !self.record_grant(reason.name(), status).await {
            // The same answer for every client: it reveals nothing about name, code or password.
            let refusal =
                Refusal { refused: Refused::Forbidden, reason: AuditReason::AuditUnwritable };
            return self.refuse(&refusal);
        }
        let mut answer = HttpResponse::Ok();
        crate::http::error::uniform_headers(&mut answer, &self.request_id);
        answer.insert_header(("Content-Type", media_type)).body(body)
    }
}
