//! `POST /api/v1/users/{userId}/verification`: a code confirms a transaction, or a recovery code is
//! used up.

use actix_web::http::StatusCode;
use actix_web::web;
use serde::Deserialize;
use utoipa::ToSchema;

use super::bodies;
use super::failure::Failure;
use super::resources::{AnyRefusal, TokenRefusal, one_of};
use super::visit::{Granted, Visit};
use crate::domain::reason::AuditReason;
use crate::domain::registered_user::RegisteredId;
use crate::http::error::ErrorSchema;
use crate::http::gateway::AuthenticationCloud;

/// The code that the user typed.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = VerificationRequest)]
pub(super) struct VerificationBody {
    /// The code.
    code: String,
    /// Of the transaction, where the code came as text.
    status_token: Option<String>,
    /// `sms` if nothing is said, or `recovery`.
    #[schema(schema_with = channels)]
    channel: Option<String>,
}

fn channels() -> utoipa::openapi::schema::Object {
    one_of(&["sms", "recovery"])
}

/// Checks a code that came as text, or a recovery code.
#[utoipa::path(
    post,
    path = "/api/v1/users/{userId}/verification",
    operation_id = "verification",
    tag = "authentication cloud",
    params(("userId" = String, Path, format = Uuid, description = "The user's id.")),
    request_body = VerificationBody,
    security(("accessKey" = [])),
    responses(
        (status = 200, description = "The code was right; it is used up."),
        (status = 404, description = "There is no such user or transaction.", body = ErrorSchema),
        (status = 409, description = "The user has as many phones as fit.", body = ErrorSchema),
        (status = 412, description = "The transaction has ended.", body = ErrorSchema),
        AnyRefusal, TokenRefusal
    )
)]
pub(super) async fn verify(
    visit: &mut Visit,
    cloud: &AuthenticationCloud,
    payload: &mut web::Payload,
    user: &str,
) -> Result<Granted, Failure> {
    let tenant = visit.admit_backend(cloud).await?;
    let body: VerificationBody = bodies::json(visit, payload).await?;
    let user = RegisteredId::parse(user).ok_or_else(Failure::nothing_there)?;
    visit.about_user(user, None);
    match body.channel.as_deref().unwrap_or("sms") {
        "sms" => {
            let token = body.status_token;
            let token =
                token.ok_or_else(|| Failure::bad_request("the field statusToken is missing"))?;
            if let Some(pointer) = tenant.tokens.read_status(&token) {
                visit.about_transaction(pointer.transaction);
            }
            visit.in_time(tenant.verify_text(user, &body.code, &token)).await?;
            Ok(Granted::nothing(StatusCode::OK, AuditReason::CodeRight))
        }
        "recovery" => {
            visit.in_time(tenant.verify_recovery(user, &body.code)).await?;
            Ok(Granted::nothing(StatusCode::OK, AuditReason::RecoveryCodeRight))
        }
        other => Err(bodies::unavailable(other)),
    }
}
