//! `POST /voice/v1/{tenant}/{name}`: answers a platform's webhook.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::{Method, StatusCode, header};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use tokio::time::timeout_at;

use super::call::IncomingCall;
use super::dialect::{PlatformRequest, Unusable};
use super::document::Answer;
use super::endpoint::Endpoint;
use crate::domain::reason::{AuditReason, Reason};
use crate::domain::reported_call::ReportIds;
use crate::domain::stored_number::NumberingPlan;
use crate::http::body;
use crate::http::error::uniform_headers;
use crate::http::gateway::{CurrentGateway, Tenant};
use crate::http::refused::{Api, Refusal, Refused};
use crate::http::request_context::{RequestContext, in_time};
use crate::service::call_in::{Call, SpokenCode};

/// The prefix of all endpoints.
const BASE: &str = "/voice/v1";
/// What follows the name where the platform sends what the caller keyed.
const PIN: &str = "pin";
/// The longest that a call takes to decide: platforms give up after 5 s.
const LONGEST: Duration = Duration::from_secs(4);
/// The largest body, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// Adds the routes.
pub fn routes(app: &mut ServiceConfig) {
    let path = format!("{BASE}/{{tenant}}/{{name}}");
    let pin = format!("{path}/{{{PIN}:{PIN}}}");
    for path in [path, pin] {
        app.service(web::resource([path.clone(), format!("{path}/")]).to(call));
    }
}

/// Answers a call.
async fn call(
    request: HttpRequest,
    payload: web::Payload,
    gateway: web::Data<CurrentGateway>,
) -> HttpResponse {
    let mut context = RequestContext::begin(request, payload, &gateway, "voice", Api::CalledInOtp);
    context.deadline = context.deadline.min(context.arrived + LONGEST);
    let is_served = !context.gateway.public_bases.is_empty();
    if !is_served || *context.request.method() != Method::POST {
        let refused = match context.admit_address() {
            Err(refusal) => refusal,
            Ok(()) if is_served => Refusal::plain(Refused::MethodNotAllowed("POST".into())),
            Ok(()) => Refusal::plain(Refused::NoSuchPath),
        };
        return context.refuse(&refused);
    }
    match admit(&mut context).await {
        Err(reason) => {
            context.record_refusal(reason, StatusCode::FORBIDDEN.as_u16());
            let answer = answer(&context, StatusCode::FORBIDDEN).finish();
            body::answer_before(context.payload, answer)
        }
        Ok((tenant, name, call)) => {
            let endpoint = &tenant.voice.endpoints[&name];
            let document = decide(&mut context, &tenant, endpoint, call).await;
            answer(&context, StatusCode::OK)
                .insert_header((header::CONTENT_TYPE, endpoint.dialect.document_type()))
                .body(document)
        }
    }
}

fn answer(context: &RequestContext, status: StatusCode) -> actix_web::HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    uniform_headers(&mut answer, &context.request_id);
    answer
}

/// The tenant, the endpoint's name, and the call, or why the signed request describes none.
type Admitted = (Arc<Tenant>, String, Result<IncomingCall, AuditReason>);

/// Finds the endpoint and checks the signature. An unknown endpoint looks like a wrong signature.
async fn admit(context: &mut RequestContext) -> Result<Admitted, AuditReason> {
    let gateway = Arc::clone(&context.gateway);
    let address = context.address();
    let flooding = address.is_some_and(|address| gateway.admit_address(address).is_err());
    context.trail.floods = flooding;
    let part = |name| context.request.match_info().get(name).unwrap_or_default().to_owned();
    let (tenant, name) = (part("tenant"), part("name"));
    let tenant = gateway.tenants.iter().find(|(id, _)| id.as_str() == tenant);
    let endpoint =
        tenant.and_then(|(id, tenant)| Some((id, tenant, tenant.voice.endpoints.get(&name)?)));
    let Some((id, tenant, endpoint)) = endpoint else {
        body::discard(&mut context.payload, context.deadline).await;
        return Err(unsigned(flooding));
    };
    context.trail.tenant = Some(id.clone());
    context.trail.voice = Some(name.clone());
    let read = body::read_up_to(
        &context.request,
        &mut context.payload,
        endpoint.dialect.request_type(),
        MAX_BODY,
    );
    let body = timeout_at(context.deadline, read)
        .await
        .map_err(|_| AuditReason::BodyTooSlow)?
        .map_err(|_| unsigned(flooding))?;
    let read = endpoint.dialect.read(&PlatformRequest {
        headers: context.request.headers(),
        bases: &gateway.public_bases,
        target: context.request.uri().path_and_query().map_or("", |target| target.as_str()),
        body: &body,
        now: gateway.clock.now(),
        has_keyed: has_keyed(context),
    });
    let call = match read {
        Err(Unusable::NotSigned) => return Err(unsigned(flooding)),
        Err(Unusable::Unreadable) => Err(AuditReason::BodyMalformed),
        Ok(call) => Ok(call),
    };
    context.trail.is_signed = true;
    Ok((Arc::clone(tenant), name, call))
}

const fn unsigned(flooding: bool) -> AuditReason {
    if flooding { AuditReason::Flood } else { AuditReason::SignatureInvalid }
}

/// Whether a request brings what the caller keyed.
fn has_keyed(context: &RequestContext) -> bool {
    context.request.match_info().get(PIN).is_some()
}

/// Decides a signed call, writes it to the audit trail, and returns the document.
async fn decide(
    context: &mut RequestContext,
    tenant: &Tenant,
    endpoint: &Endpoint,
    call: Result<IncomingCall, AuditReason>,
) -> Vec<u8> {
    let ok = StatusCode::OK.as_u16();
    let refuse = |context: &RequestContext, reason| {
        context.record_refusal(reason, ok);
        endpoint.refusal(has_keyed(context))
    };
    match code(context, tenant, endpoint, call).await {
        Ok(Decided::AskPin(url, call)) => {
            context.count(true, AuditReason::PinAsked, ok);
            endpoint.document(&Answer::AskPin { url: &url, call: &call }, None)
        }
        Ok(Decided::Code(told, reason)) => {
            if context.record_grant(reason.name(), ok).await {
                endpoint.document(&Answer::Code(&told.otp), told.language.as_deref())
            } else {
                refuse(context, AuditReason::AuditUnwritable)
            }
        }
        Err(reason) => refuse(context, reason),
    }
}

enum Decided {
    AskPin(String, IncomingCall),
    Code(SpokenCode, Reason),
}

async fn code(
    context: &mut RequestContext,
    tenant: &Tenant,
    endpoint: &Endpoint,
    call: Result<IncomingCall, AuditReason>,
) -> Result<Decided, AuditReason> {
    let gateway = Arc::clone(&context.gateway);
    if context.audit_refuses() {
        return Err(AuditReason::AuditUnwritable);
    }
    let id = tenant.call_in.parts.tenant.clone();
    let key = (id, format!("voice {}", endpoint.name));
    gateway.by_client.admit(&key).map_err(|_| AuditReason::Flood)?;
    let call = call?;
    context.trail.call_id = Some(call.id.clone());
    let called = NumberingPlan::read_e164(&call.called);
    let is_ours = called.is_some_and(|called| endpoint.accepts(&called));
    if !endpoint.called_numbers.is_empty() && !is_ours {
        return Err(AuditReason::CalledNumberNotListed);
    }
    let calls = &tenant.voice.calls;
    let report =
        calls.admit(&endpoint.name, &call.id, call.once.as_deref()).map_err(Reason::name)?;
    let decided = hear(context, tenant, endpoint, call, &report).await;
    if !matches!(decided, Ok(Decided::Code(..))) {
        let calls = calls.clone();
        let remembering = actix_web::rt::spawn(async move { calls.remember(&report).await });
        // It goes on past the deadline. The caller hears no code either way.
        let _ = in_time(context.deadline, remembering).await;
    }
    decided
}

/// Asks for the PIN, or decides.
async fn hear(
    context: &mut RequestContext,
    tenant: &Tenant,
    endpoint: &Endpoint,
    call: IncomingCall,
    report: &ReportIds,
) -> Result<Decided, AuditReason> {
    let gateway = Arc::clone(&context.gateway);
    if endpoint.asks_pin && !has_keyed(context) {
        let base = gateway.public_bases.first().map_or("", String::as_str);
        let path = context.request.path().trim_end_matches('/');
        return Ok(Decided::AskPin(format!("{base}{path}/{PIN}"), call));
    }
    let caller_id = call.caller.ok_or(AuditReason::NumberUnparseable)?;
    let pin = call.digits.filter(|_| endpoint.asks_pin);
    let asked =
        Call { caller_id: &caller_id, vouching: call.vouching, pin: pin.as_deref(), report };
    let decision = in_time(context.deadline, tenant.call_in.decide(asked, context.deadline))
        .await
        .map_err(|_| AuditReason::DeadlinePassed)?;
    context.trail.number = decision.number;
    context.trail.user = decision.user;
    let told = decision.outcome.map_err(Reason::name)?;
    Ok(Decided::Code(told, decision.reason))
}
