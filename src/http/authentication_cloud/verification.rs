//! `POST /api/v1/users/{userId}/verification`: a code confirms a transaction, or uses
//! up a recovery code.

use actix_web::http::StatusCode;
use serde::Deserialize;

use super::admission;
use super::bodies;
use super::handlers::audited;
use super::resources::{AnyRefusal, TokenRefusal};
use crate::domain::reason::AuditReason;
use crate::domain::registered_user::RegisteredId;
use crate::http::endpoint::{Endpoint, described};
use crate::http::error::ErrorSchema;
use crate::http::gateway::AuthenticationCloud;
use crate::http::refused::Refusal;
use crate::http::request_context::{Granted, RequestContext};

/// The code that the user typed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VerificationRequest {
    /// The code.
    code: String,
    /// The transaction's status token; required for `sms`.
    status_token: Option<String>,
    /// `sms` (the default) or `recovery`.
    channel: Option<String>,
}

/// The endpoint.
pub(super) fn endpoint() -> Endpoint {
    Endpoint::new("verification", described!(verify), audited(verify))
}

/// Checks a code sent by text message, or a recovery code.
#[utoipa::path(
    post,
    path = "/api/v1/users/{userId}/verification",
    operation_id = "verification",
    tag = "authentication cloud",
    params(("userId" = String, Path, format = Uuid, description = "The user's id.")),
    request_body = VerificationRequest,
    security(("accessKey" = [])),
    responses(
        (status = 200, description = "The code was correct and is now used."),
        (status = 404, description = "There is no such user or transaction.", body = ErrorSchema),
        (status = 409, description = "The user has the maximum number of phones.", body = ErrorSchema),
        (status = 412, description = "The transaction has ended.", body = ErrorSchema),
        AnyRefusal, TokenRefusal
    )
)]
pub(super) async fn verify(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    let tenant = admission::admit_backend(context, cloud).await?;
    let body: VerificationRequest = bodies::json(context).await?;
    let user =
        RegisteredId::parse(context.path_segment("userId")).ok_or_else(Refusal::nothing_there)?;
    context.about_user(user, None);
    match body.channel.as_deref().unwrap_or("sms") {
        "sms" => {
            let token = body.status_token;
            let token =
                token.ok_or_else(|| Refusal::bad_request("the field statusToken is missing"))?;
            if let Some(pointer) = tenant.tokens.read_status(&token) {
                context.about_transaction(pointer.transaction);
            }
            context.in_time(tenant.verify_text(user, &body.code, &token)).await?;
            Ok(Granted::nothing(StatusCode::OK, AuditReason::CodeRight))
        }
        "recovery" => {
            context.in_time(tenant.verify_recovery(user, &body.code)).await?;
            Ok(Granted::nothing(StatusCode::OK, AuditReason::RecoveryCodeRight))
        }
        other => Err(bodies::channel_refused(other)),
    }
}
