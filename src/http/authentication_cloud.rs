//! The authentication cloud's API: registers users, asks them to confirm, and looks them up. It
//! lives under `/api/v1`, with `/ping` beside it; the page that a phone opens has its own paths.

pub(super) mod admission;
mod approval;
mod authenticators;
pub(super) mod bodies;
mod enrollment;
mod handlers;
mod intent;
pub(super) mod introspection;
mod phone;
mod phones;
mod ping;
mod qr_code;
mod refusals;
pub(super) mod resources;
mod schemas;
mod status;
mod subscription;
mod users;
mod verification;

use std::future::ready;

use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route, Scope};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

use super::endpoint::{Endpoint, allow, resources};
use super::gateway::CurrentGateway;
use crate::http::refused::{Api, Refusal, Refused};
use crate::http::request_context::RequestContext;

/// The prefix of every path of the API except `/ping`.
const BASE: &str = "/api/v1";

/// The endpoints. Their order matters only for the methods in `Allow`.
fn endpoints() -> Vec<Endpoint> {
    let mut all = vec![
        ping::endpoint(),
        enrollment::endpoint(),
        approval::endpoint(),
        verification::endpoint(),
        status::endpoint(),
        introspection::endpoint(),
        intent::endpoint(),
        phones::endpoint(),
    ];
    all.extend(users::endpoints());
    all.extend(authenticators::endpoints());
    all.extend(phone::endpoints());
    all
}

/// The parts of the description besides the endpoints.
#[derive(utoipa::OpenApi)]
#[openapi(
    components(schemas(super::error::ErrorSchema)),
    tags((
        name = "authentication cloud",
        description = "Registers users and asks them to confirm logins and payments."
    ))
)]
struct Description;

/// The description of the API.
pub(super) fn description() -> OpenApi {
    let mut description = Description::openapi();
    for describe in endpoints().into_iter().filter_map(|endpoint| endpoint.description) {
        description.merge(describe());
    }
    description
}

/// Adds the routes.
pub fn routes(app: &mut ServiceConfig) {
    let (api, beside): (Vec<_>, Vec<_>) =
        endpoints().into_iter().partition(|endpoint| endpoint.path.starts_with(BASE));
    for resource in resources(beside, Api::AuthenticationCloud, "", not_allowed) {
        app.service(resource);
    }
    let api = resources(api, Api::AuthenticationCloud, BASE, not_allowed);
    let scope = api.into_iter().fold(web::scope(BASE), Scope::service);
    app.service(scope.route("", not_allowed(&[])).default_service(not_allowed(&[])));
}

/// Refuses other methods than those of `endpoints`, which share a path; unknown paths have none.
fn not_allowed(endpoints: &[Endpoint]) -> Route {
    let allow = allow(endpoints);
    let is_open_to_frontends = endpoints.iter().any(|endpoint| endpoint.is_open_to_frontends);
    web::route().to(
        move |request: HttpRequest, payload: Payload, gateway: web::Data<CurrentGateway>| {
            let context = RequestContext::begin(
                request,
                payload,
                &gateway,
                "unknown",
                Api::AuthenticationCloud,
            )
            .open_to_frontends(is_open_to_frontends);
            ready(refuse_method(context, allow.clone()))
        },
    )
}

fn refuse_method(mut context: RequestContext, allow: String) -> HttpResponse {
    if context.cloud().is_none() {
        return context.refuse(&Refusal::plain(Refused::NoSuchPath));
    }
    match context.admit_address() {
        Err(refusal) => context.refuse(&refusal),
        Ok(()) if context.is_preflight() => context.preflight(),
        Ok(()) => context.refuse(&Refusal::plain(Refused::MethodNotAllowed(allow.into()))),
    }
}
