//! Browsers that fetch pages: the client of the API that asks, and the page that it gets first.

use std::sync::Arc;

use actix_web::http::header;
use uuid::Uuid;

use super::endpoint::Endpoint;
use crate::domain::reason::AuditReason;
use crate::domain::tenant::TenantId;
use crate::http::client::TenantHeader;
use crate::http::client_table::Operation;
use crate::http::gateway::Tenant;
use crate::http::identify::identify_in;
use crate::http::request_context::RequestContext;

/// Asks for a password (RFC 7617).
pub(super) const CHALLENGE: &str = r#"Basic realm="dialpass", charset="UTF-8""#;

/// A client's credential is missing or wrong.
pub(super) struct NotTheClient;

/// Checks that the tenant's client `name` sent the request, as for getOTP, whose codes it gets.
pub(super) async fn identify(
    context: &mut RequestContext,
    tenant: &TenantId,
    name: &str,
) -> Result<(), NotTheClient> {
    let gateway = Arc::clone(&context.gateway);
    let named = TenantHeader::Named(tenant.clone());
    let (request, deadline) = (&context.request, context.deadline);
    match identify_in(&named, request, Operation::GetOtp, &gateway.gate, deadline).await {
        Ok(identified) if identified.client.name == name => {
            context.trail.client = Some(name.to_owned());
            Ok(())
        }
        Ok(_) => Err(NotTheClient),
        Err(unidentified) => {
            context.trail.certificate = unidentified.certificate;
            Err(NotTheClient)
        }
    }
}

/// Whether a refused request without `Authorization` is asked for it, because its client has a
/// password: many browsers send theirs only then (RFC 9110 11.6.1).
pub(super) fn asks_for_password(context: &RequestContext) -> bool {
    let (gateway, trail) = (&context.gateway, &context.trail);
    let Some((id, name)) = trail.tenant.as_ref().zip(trail.voice.as_ref()) else { return false };
    let endpoint = gateway.tenants.get(id).and_then(|tenant| tenant.voice.endpoints.get(name));
    let Some(page) = endpoint.and_then(|endpoint| endpoint.dialect.first_page()) else {
        return false;
    };
    let mut clients = gateway.gate.clients.entries().iter();
    let client = clients.find(|client| client.tenant == *id && client.name == page.client());
    client.is_some_and(|client| client.credentials.basic.is_some())
        && trail.client.is_none()
        && !context.request.headers().contains_key(header::AUTHORIZATION)
}

/// The first page, which has the call sent to `url`; a refusal if the client floods.
pub(super) fn document(
    context: &RequestContext,
    tenant: &Tenant,
    endpoint: &Endpoint,
    url: &str,
) -> Vec<u8> {
    let ok = actix_web::http::StatusCode::OK.as_u16();
    let key = (tenant.call_in.parts.tenant.clone(), format!("voice {}", endpoint.name));
    let page = endpoint.dialect.first_page();
    if let Some(page) = page.filter(|_| context.gateway.by_client.admit(&key).is_ok()) {
        context.count(true, AuditReason::CallerAsked, ok);
        let call = Uuid::new_v4().to_string();
        return page.write(url, &call, &endpoint.speech, endpoint.texts.of(None));
    }
    context.record_refusal(AuditReason::Flood, ok);
    endpoint.refusal(true)
}
