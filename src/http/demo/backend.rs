//! What a customer's backend would do, for the demo's page: allow the page one enrollment or
//! approval, and introspect the token that it returns. Anyone may call this: the demo has no real users.

use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use crate::domain::reason::AuditReason;
use crate::domain::registered_user::RegisteredName;
use crate::domain::tenant::TenantId;
use crate::domain::transaction::TransactionKind;
use crate::http::authentication_cloud::resources::IntentBody;
use crate::http::authentication_cloud::{admission, bodies, introspection};
use crate::http::gateway::{AuthenticationCloud, CurrentGateway};
use crate::http::refused::{Api, Refusal, Refused};
use crate::http::request_context::{Granted, RequestContext};
use crate::service::authentication_cloud::intent::NewIntent;

/// The demo's tenant.
const TENANT: &str = "demo";

/// Where the page gets an intent token.
pub(super) const INTENT: &str = "/demo/intent";
/// Where the page sees what its backend would learn about a token.
pub(super) const INTROSPECT: &str = "/demo/introspect";

/// Answers one request.
pub(super) async fn serve(
    request: HttpRequest,
    payload: web::Payload,
    gateway: web::Data<CurrentGateway>,
) -> HttpResponse {
    let mut context =
        RequestContext::begin(request, payload, &gateway, "demo", Api::AuthenticationCloud);
    match answer(&mut context).await {
        Ok(granted) => context.grant(granted).await,
        Err(failure) => context.refuse(&failure),
    }
}

async fn answer(context: &mut RequestContext) -> Result<Granted, Refusal> {
    let cloud = context.cloud().ok_or_else(|| Refusal::plain(Refused::NoSuchPath))?;
    if *context.request.method() != Method::POST {
        return Err(Refusal::plain(Refused::MethodNotAllowed("POST".into())));
    }
    // Another site may point its own name at this address, and would then call under that name.
    if !is_at(&context.request, &cloud.public_url) {
        return Err(Refusal::plain(Refused::Forbidden));
    }
    if context.request.path() == INTENT {
        intent(context, &cloud).await
    } else {
        introspect(context, &cloud).await
    }
}

/// What the page asks to be allowed.
#[derive(Deserialize)]
struct IntentRequest {
    username: String,
    operation: String,
    #[serde(default)]
    about: About,
}

/// What an approval is about.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum About {
    #[default]
    Login,
    Payment,
}

impl About {
    /// What the phone shows.
    const fn message(self) -> &'static str {
        match self {
            Self::Login => "Log in to Example AG",
            Self::Payment => "Pay CHF 250.00 to Muster AG",
        }
    }
}

async fn intent(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    let tenant = admission::select_tenant(context, cloud, &tenant())
        .ok_or_else(|| Refusal::plain(Refused::NoSuchPath))?;
    let body: IntentRequest = bodies::json(context).await?;
    let name = RegisteredName::parse(&body.username)
        .ok_or_else(|| Refusal::bad_request("the field username is not a valid name"))?;
    let kind = TransactionKind::parse(&body.operation)
        .ok_or_else(|| Refusal::bad_request("the field operation is neither enroll nor approve"))?;
    let message = match kind {
        TransactionKind::Enroll => None,
        TransactionKind::Approve => Some(body.about.message().to_owned()),
    };
    let channels = vec!["app".to_owned()];
    let intent = NewIntent { user: None, name: Some(name), kind, channels, message, key: None };
    let made = context.in_time(tenant.make_intent(intent)).await?;
    Ok(Granted::json(StatusCode::OK, AuditReason::IntentMade, &IntentBody::from(made)))
}

/// The token in question.
#[derive(Deserialize)]
struct IntrospectRequest {
    token: String,
}

async fn introspect(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    let tenant = admission::select_tenant(context, cloud, &tenant())
        .ok_or_else(|| Refusal::plain(Refused::NoSuchPath))?;
    let body: IntrospectRequest = bodies::json(context).await?;
    let vouched = context.in_time(tenant.introspect(&body.token)).await?;
    Ok(introspection::answer(context, cloud, vouched))
}

fn tenant() -> TenantId {
    TenantId::parse(TENANT).expect("the demo's tenant has an id")
}

/// Whether the request's `Host` is the host and port of this base, not another name for it.
pub(super) fn is_at(request: &HttpRequest, public_url: &str) -> bool {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let own = public_url.split_once("://").map(|(_, host)| host);
    host.zip(own).is_some_and(|(host, own)| host.eq_ignore_ascii_case(own))
}
