//! The called-in OTP API: getOTP for phone systems, validateOTP for login services.

mod admission;
mod bad_body;
mod bodies;
mod fields;
#[cfg(test)]
pub(crate) mod fuzz;
mod get_otp;
mod near_miss;
pub(super) mod paths;
mod schemas;
mod validate_otp;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};

pub use self::paths::{GET_OTP, OTP_TOKEN_AUTH, VALIDATE_OTP};
use super::body;
use super::error;
use super::gateway::CurrentGateway;
use super::refused::Refused;
use super::request_context::new_request_id;

/// The documentation of the operations.
#[derive(utoipa::OpenApi)]
#[openapi(
    paths(get_otp::get_otp, validate_otp::validate_otp, validate_otp::otp_token_auth),
    components(schemas(super::error::ErrorSchema)),
    tags((name = "called-in codes", description = "Tells a caller a code and checks a login with it."))
)]
pub(super) struct Documentation;

/// Adds the routes. The handlers check the method themselves, so that every answer has the same
/// form.
pub fn routes(app: &mut ServiceConfig) {
    app.service(anything(GET_OTP).to(get_otp::get_otp))
        .service(anything(VALIDATE_OTP).to(validate_otp::validate_otp))
        .service(anything(OTP_TOKEN_AUTH).to(validate_otp::otp_token_auth))
        .default_service(web::to(not_found));
}

/// Any method at a path, with or without a trailing slash.
fn anything(path: &str) -> Resource {
    web::resource([path.to_owned(), format!("{path}/")])
}

/// The answer for unknown paths.
async fn not_found(
    request: HttpRequest,
    payload: web::Payload,
    gateway: web::Data<CurrentGateway>,
) -> HttpResponse {
    let request_id = new_request_id();
    let gateway = gateway.load();
    let now = gateway.clock.now();
    near_miss::near_miss(&request, now);
    let refused = match gateway.admit_stranger(&request) {
        Ok(()) => Refused::NoSuchPath,
        Err(wait) => Refused::RateLimited(wait),
    };
    let answer = error::refused(&refused, &request, &request_id, now);
    body::answer_before(payload, answer)
}
