//! The authentication cloud's API: registers users, asks them to confirm, and looks them up. It
//! lives under [`BASE`], with `/ping` beside it; the page that a phone opens has its own paths.

pub(super) mod admission;
mod approval;
mod authenticators;
pub(super) mod bodies;
mod enrollment;
mod intent;
pub(super) mod introspection;
mod phone;
mod phones;
mod ping;
mod qr_code;
mod refusals;
pub(super) mod resources;
mod route;
mod schemas;
mod status;
mod subscription;
mod users;
mod verification;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

pub use self::route::BASE;
use self::route::{Route, Wrong};
use super::body;
use super::gateway::{AuthenticationCloud, CurrentGateway};
use crate::domain::reason::AuditReason;
use crate::http::refused::{Api, Refusal, Refused};
use crate::http::request_context::{Granted, RequestContext};

/// The documentation of the API's operations.
#[derive(utoipa::OpenApi)]
#[openapi(
    paths(
        approval::approval,
        authenticators::delete,
        authenticators::rename,
        enrollment::enroll,
        intent::intent,
        introspection::introspect,
        phones::delete,
        ping::ping,
        status::status,
        users::by_id,
        users::by_name,
        users::delete,
        verification::verify,
    ),
    components(schemas(super::error::ErrorSchema)),
    tags((
        name = "authentication cloud",
        description = "Registers users and asks them to confirm logins and payments."
    ))
)]
pub(super) struct Documentation;

/// Adds the routes. The handler checks path and method itself, so that every answer has the same
/// form.
pub fn routes(app: &mut ServiceConfig) {
    app.route("/ping", web::to(serve))
        .route("/ping/", web::to(serve))
        .route(
            "/open/{asked:transaction|confirm|decline|notifications|phone-state}",
            web::to(serve),
        )
        .service(web::scope(BASE).default_service(web::to(serve)).route("", web::to(serve)));
}

/// Whether this operation exists, with `user`, `authenticator` and `phone` where the path has the
/// id of a user, an authenticator or a phone.
#[cfg(test)]
pub(super) fn serves(
    method: &actix_web::http::Method,
    path: &str,
    user: &str,
    authenticator: &str,
    phone: &str,
) -> bool {
    Route::find(method, path).is_ok_and(|route| match route {
        Route::Verification(id) | Route::User(id) | Route::DeleteUser(id) => id == user,
        Route::RenameAuthenticator(id) | Route::DeleteAuthenticator(id) => id == authenticator,
        Route::DeletePhone(id) => id == phone,
        Route::Ping
        | Route::Phone(_)
        | Route::Enroll
        | Route::Approval
        | Route::Status
        | Route::Introspect
        | Route::Intent
        | Route::Users => true,
    })
}

/// Answers one request.
async fn serve(
    request: HttpRequest,
    mut payload: web::Payload,
    gateway: web::Data<CurrentGateway>,
) -> HttpResponse {
    let path = request.path().to_owned();
    let route = Route::find(request.method(), &path);
    let name = route.as_ref().map_or("unknown", Route::name);
    let mut context = RequestContext::begin(request, &gateway, name, Api::AuthenticationCloud)
        .open_to_frontends(route::is_open_to_frontends(&path));
    let Some(cloud) = context.cloud() else {
        return body::answer_before(payload, context.refuse(&Refusal::plain(Refused::NoSuchPath)));
    };
    let answered = match route {
        // The decision could not be recorded. Status queries decide nothing.
        Ok(route) if context.audit_refuses() && !matches!(route, Route::Ping | Route::Status) => {
            Err(Refusal { refused: Refused::Unavailable, reason: AuditReason::AuditUnwritable })
        }
        Ok(route) => answer(route, &mut context, &cloud, &mut payload).await,
        Err(Wrong { allow }) => match context.admit_address() {
            Err(failure) => Err(failure),
            Ok(()) if context.is_preflight() => return context.preflight(),
            Ok(()) => Err(Refusal::plain(Refused::MethodNotAllowed(allow.into()))),
        },
    };
    match answered {
        Ok(granted) => context.grant(granted).await,
        Err(failure) => body::answer_before(payload, context.refuse(&failure)),
    }
}

async fn answer(
    route: Route<'_>,
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
    payload: &mut web::Payload,
) -> Result<Granted, Refusal> {
    match route {
        Route::Ping => ping::ping(context, cloud).await,
        Route::Enroll => enrollment::enroll(context, cloud, payload).await,
        Route::Approval => approval::approval(context, cloud, payload).await,
        Route::Verification(user) => verification::verify(context, cloud, payload, user).await,
        Route::Status => status::status(context, cloud, payload).await,
        Route::Introspect => introspection::introspect(context, cloud, payload).await,
        Route::Intent => intent::intent(context, cloud, payload).await,
        Route::Users => users::by_name(context, cloud).await,
        Route::User(user) => users::by_id(context, cloud, user).await,
        Route::DeleteUser(user) => users::delete(context, cloud, user).await,
        Route::RenameAuthenticator(id) => authenticators::rename(context, cloud, payload, id).await,
        Route::DeleteAuthenticator(id) => authenticators::delete(context, cloud, id).await,
        Route::DeletePhone(id) => phones::delete(context, cloud, id).await,
        Route::Phone(asked) => phone::answer(asked, context, cloud, payload).await,
    }
}
