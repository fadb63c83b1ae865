//! Admits requests to getOTP and validateOTP: only a client that may call the operation passes.

use std::sync::Arc;

use crate::domain::reason::{AuditReason, Reason};
use crate::http::body;
use crate::http::client_table::Operation;
use crate::http::gateway::Tenant;
use crate::http::identify::identify_request;
use crate::http::notice;
use crate::http::refused::{Refusal, Refused};
use crate::http::request_context::RequestContext;

/// Checks the caller. The body of a rejected request is read as well, so that all
/// refusals look the same.
pub(super) async fn admit(
    context: &mut RequestContext,
    operation: Operation,
) -> Result<Arc<Tenant>, Refusal> {
    let admitted = look_at_caller(context, operation).await;
    if admitted.is_err() {
        body::discard(&mut context.payload, context.deadline).await;
    }
    admitted
}

async fn look_at_caller(
    context: &mut RequestContext,
    operation: Operation,
) -> Result<Arc<Tenant>, Refusal> {
    let gateway = Arc::clone(&context.gateway);
    let gate = &gateway.gate;
    notice::unread_headers(&context.request, &gate.proxies, &gate.proxy_rules, gateway.clock.now());
    // A trusted proxy that does not name its client is limited as itself.
    let address = context.address();
    let flooding = address.and_then(|address| gateway.admit_address(address).err());
    context.trail.floods = flooding.is_some();
    let identified = identify_request(&context.request, operation, gate, context.deadline).await;
    let client = match identified {
        Ok(identified) => identified.client,
        Err(unidentified) => {
            context.trail.tenant = unidentified.tenant;
            context.trail.client = unidentified.client;
            context.trail.certificate = unidentified.certificate;
            let reason = unidentified.reason;
            let refused = if reason.asks_for_credential() {
                Refused::Unauthorized
            } else {
                Refused::Forbidden
            };
            return Err(Refusal { refused, reason: reason.name() });
        }
    };
    context.trail.tenant = Some(client.tenant.clone());
    context.trail.client = Some(client.name.clone());
    let Some(tenant) = gateway.tenants.get(&client.tenant).map(Arc::clone) else {
        return Err(Refusal { refused: Refused::Forbidden, reason: AuditReason::Forbidden });
    };
    let flooding = match flooding {
        Some(wait) => Some(wait),
        None => gateway.by_client.admit(&(client.tenant.clone(), client.name.clone())).err(),
    };
    match flooding {
        Some(wait) => Err(Refusal::decided(Reason::Flood(wait), tenant.style)),
        None if context.audit_refuses() => {
            Err(Refusal::decided(Reason::AuditUnwritable, tenant.style))
        }
        None => Ok(tenant),
    }
}
