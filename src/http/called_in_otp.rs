//! The called-in OTP API: getOTP for phone systems, validateOTP for login services.

mod admission;
mod bad_body;
mod bodies;
mod fields;
#[cfg(test)]
pub(crate) mod fuzz;
mod get_otp;
mod near_miss;
mod schemas;
mod validate_otp;

use std::sync::LazyLock;

use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

pub use self::get_otp::GET_OTP;
use super::body;
use super::endpoint::{Endpoint, allow, resources};
use super::error;
use super::gateway::CurrentGateway;
use super::refused::{Api, Refusal, Refused};
use super::request_context::{RequestContext, new_request_id};

/// The endpoints.
fn endpoints() -> Vec<Endpoint> {
    let mut all = vec![get_otp::endpoint()];
    all.extend(validate_otp::endpoints());
    all
}

/// The parts of the description besides the endpoints.
#[derive(utoipa::OpenApi)]
#[openapi(
    components(schemas(super::error::ErrorSchema)),
    tags((name = "called-in codes", description = "Tells a caller a code and checks a login with it."))
)]
struct Description;

/// The description of the API. PUT and POST do the same, because some phone systems cannot send PUT,
/// but each needs its own operation id.
pub(super) fn description() -> OpenApi {
    let mut description = Description::openapi();
    for describe in endpoints().into_iter().filter_map(|endpoint| endpoint.description) {
        description.merge(describe());
    }
    for post in description.paths.paths.values_mut().filter_map(|item| item.post.as_mut()) {
        post.operation_id = post.operation_id.as_ref().map(|id| format!("{id}ByPost"));
    }
    description
}

/// Adds the routes, and the answer for unknown paths.
pub fn routes(app: &mut ServiceConfig) {
    for resource in resources(endpoints(), Api::CalledInOtp, "", not_allowed) {
        app.service(resource);
    }
    app.default_service(web::to(not_found));
}

/// Refuses other methods than those of `endpoints`, which share a path.
fn not_allowed(endpoints: &[Endpoint]) -> Route {
    let allow = allow(endpoints);
    let operation = endpoints.first().map_or("unknown", |endpoint| endpoint.operation);
    web::route().to(
        move |request: HttpRequest, payload: Payload, gateway: web::Data<CurrentGateway>| {
            let context =
                RequestContext::begin(request, payload, &gateway, operation, Api::CalledInOtp);
            refuse_method(context, allow.clone())
        },
    )
}

async fn refuse_method(mut context: RequestContext, allow: String) -> HttpResponse {
    body::discard(&mut context.payload, context.deadline).await;
    context.refuse(&Refusal::plain(Refused::MethodNotAllowed(allow.into())))
}

/// The paths, to recognise near misses.
static PATHS: LazyLock<Vec<String>> =
    LazyLock::new(|| endpoints().into_iter().map(|endpoint| endpoint.path).collect());

/// The answer for unknown paths.
async fn not_found(
    request: HttpRequest,
    payload: web::Payload,
    gateway: web::Data<CurrentGateway>,
) -> HttpResponse {
    let request_id = new_request_id();
    let gateway = gateway.load();
    let now = gateway.clock.now();
    near_miss::near_miss(&request, &PATHS, now);
    let refused = match gateway.admit_unauthenticated(&request) {
        Ok(()) => Refused::NoSuchPath,
        Err(wait) => Refused::RateLimited(wait),
    };
    let answer = error::refused(&refused, &request, &request_id, now);
    body::answer_before(payload, answer)
}
