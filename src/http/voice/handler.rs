//! `POST /voice/v1/{tenant}/{name}`: answers a platform's webhook. Of a browser that fetches pages,
//! `GET` there, and `POST` to `…/code`.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::{Method, StatusCode, header};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, guard};
use tokio::time::timeout_at;

use super::call::IncomingCall;
use super::dialect::{PlatformRequest, Unusable};
use super::document::Answer;
use super::endpoint::Endpoint;
use super::first_page;
use super::target::{self, Step, Target};
use crate::domain::reason::{AuditReason, Reason};
use crate::domain::reported_call::ReportIds;
use crate::domain::stored_number::NumberingPlan;
use crate::domain::tenant::TenantId;
use crate::http::body;
use crate::http::error::uniform_headers;
use crate::http::gateway::{CurrentGateway, Gateway, Tenant};
use crate::http::refused::{Api, Refusal, Refused};
use crate::http::request_context::{RequestContext, in_time};
use crate::service::call_in::{Call, SpokenCode};

/// The longest that a call takes to decide: platforms give up after 5 s.
const LONGEST: Duration = Duration::from_secs(4);
/// The largest body, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// Adds the routes.
pub fn routes(app: &mut ServiceConfig) {
    // A pattern with variables would be matched by a regular expression.
    let is_target = guard::fn_guard(|request| Target::of(request.head().uri.path()).is_some());
    app.service(web::scope(target::BASE).guard(is_target).default_service(web::to(call)));
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
    let is_page = asks_first_page(&context);
    let method = if is_page { Method::GET } else { Method::POST };
    if !is_served || *context.request.method() != method {
        let refused = match context.admit_address() {
            Err(refusal) => refusal,
            Ok(()) if is_served => {
                Refusal::plain(Refused::MethodNotAllowed(method.to_string().into()))
            }
            Ok(()) => Refusal::plain(Refused::NoSuchPath),
        };
        return context.refuse(&refused);
    }
    match admit(&mut context, is_page).await {
        Err(reason) => {
            let is_challenged = first_page::asks_for_password(&context);
            let status =
                if is_challenged { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
            context.record_refusal(reason, status.as_u16());
            let mut answer = answer(&context, status);
            if is_challenged {
                answer.insert_header((header::WWW_AUTHENTICATE, first_page::CHALLENGE));
            }
            body::answer_before(context.payload, answer.finish())
        }
        Ok((tenant, name, asked)) => {
            let endpoint = &tenant.voice.endpoints[&name];
            let document = match asked {
                Asked::Call(call) => decide(&mut context, &tenant, endpoint, call).await,
                Asked::FirstPage => {
                    let url = url(&context, Step::Code);
                    first_page::document(&context, &tenant, endpoint, &url)
                }
            };
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

/// What a signed request asks.
enum Asked {
    /// The first page.
    FirstPage,
    /// The answer to a call, or to what describes none.
    Call(Result<IncomingCall, AuditReason>),
}

/// The tenant, the endpoint's name, and what is asked.
type Admitted = (Arc<Tenant>, String, Asked);

/// What a request's path names; the route is for no other paths.
fn target_of(request: &HttpRequest) -> Target<'_> {
    Target::of(request.path()).expect("the route's guard read it")
}

/// The tenant and the endpoint that a path names.
fn find<'g>(gateway: &'g Gateway, target: &Target<'_>) -> Option<(&'g Arc<Tenant>, &'g Endpoint)> {
    let tenant = gateway.tenants.get(&TenantId::parse(target.tenant)?)?;
    Some((tenant, tenant.voice.endpoints.get(target.name)?))
}

/// Whether a request's path is that of a browser's first page.
fn asks_first_page(context: &RequestContext) -> bool {
    let target = target_of(&context.request);
    let found = find(&context.gateway, &target);
    target.step == Step::Begin
        && found.is_some_and(|(_, endpoint)| endpoint.dialect.first_page().is_some())
}

/// The public URL of an endpoint's next step.
fn url(context: &RequestContext, step: Step) -> String {
    let base = context.gateway.public_bases.first().map_or("", String::as_str);
    target_of(&context.request).url(base, step)
}

/// Finds the endpoint and checks the signature. An unknown endpoint looks like a wrong signature.
async fn admit(context: &mut RequestContext, is_page: bool) -> Result<Admitted, AuditReason> {
    let gateway = Arc::clone(&context.gateway);
    let address = context.address();
    let flooding = address.is_some_and(|address| gateway.admit_address(address).is_err());
    context.trail.floods = flooding;
    let target = target_of(&context.request);
    let (name, step) = (target.name.to_owned(), target.step);
    let Some((tenant, endpoint)) = find(&gateway, &target) else {
        body::discard(&mut context.payload, context.deadline).await;
        return Err(unsigned(flooding));
    };
    let id = &tenant.call_in.parts.tenant;
    context.trail.tenant = Some(id.clone());
    context.trail.voice = Some(name.clone());
    let page = endpoint.dialect.first_page();
    if page.is_none() && step == Step::Code {
        return Err(unsigned(flooding));
    }
    if let Some(page) = page
        && first_page::identify(context, id, page.client()).await.is_err()
    {
        body::discard(&mut context.payload, context.deadline).await;
        return Err(unsigned(flooding));
    }
    if is_page {
        context.trail.is_signed = true;
        return Ok((Arc::clone(tenant), name, Asked::FirstPage));
    }
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
    Ok((Arc::clone(tenant), name, Asked::Call(call)))
}

const fn unsigned(flooding: bool) -> AuditReason {
    if flooding { AuditReason::Flood } else { AuditReason::SignatureInvalid }
}

/// Whether a request brings what the caller keyed.
fn has_keyed(context: &RequestContext) -> bool {
    target_of(&context.request).step == Step::Pin
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
    let is_ours = || NumberingPlan::read_e164(&call.called).is_some_and(|it| endpoint.accepts(&it));
    if !endpoint.called_numbers.is_empty() && !is_ours() {
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
    if endpoint.asks_pin && !has_keyed(context) {
        return Ok(Decided::AskPin(url(context, Step::Pin), call));
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
