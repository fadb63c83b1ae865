//! Deleting verified phones, for backends.

use actix_web::http::StatusCode;

use super::admission;
use super::handlers::audited;
use super::refusals;
use super::resources::{AnyRefusal, TokenRefusal};
use crate::domain::reason::AuditReason;
use crate::domain::registered_user::PhoneId;
use crate::http::endpoint::{Endpoint, described};
use crate::http::error::ErrorSchema;
use crate::http::gateway::AuthenticationCloud;
use crate::http::refused::Refusal;
use crate::http::request_context::{Granted, RequestContext};

/// The endpoint.
pub(super) fn endpoint() -> Endpoint {
    Endpoint::new("deletePhone", described!(delete), audited(delete))
}

/// Deletes a verified phone.
///
/// It is no longer used to ask its user, and calls from it no longer identify the user. Not part of
/// the published API.
#[utoipa::path(
    delete,
    path = "/api/v1/phones/{phoneId}",
    operation_id = "deletePhone",
    tag = "authentication cloud",
    params(("phoneId" = String, Path, format = Uuid, description = "The phone's id.")),
    security(("accessKey" = [])),
    responses(
        (status = 204, description = "The phone was deleted."),
        (status = 404, description = "There is no such phone.", body = ErrorSchema),
        AnyRefusal, TokenRefusal
    )
)]
pub(super) async fn delete(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    let tenant = admission::admit_backend(context, cloud).await?;
    let id = PhoneId::parse(context.path_segment("phoneId")).ok_or_else(refusals::no_phone)?;
    let user = context.in_time(tenant.delete_phone(id)).await?;
    context.about_user(user, None);
    Ok(Granted::nothing(StatusCode::NO_CONTENT, AuditReason::PhoneDeleted))
}
