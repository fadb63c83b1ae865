//! Deleting verified phones, for backends.

use actix_web::http::StatusCode;

use super::failure::Failure;
use super::resources::{AnyRefusal, TokenRefusal};
use super::visit::{Granted, Visit};
use crate::domain::reason::AuditReason;
use crate::domain::registered_user::PhoneId;
use crate::http::error::ErrorSchema;
use crate::http::gateway::AuthenticationCloud;

/// Deletes a verified phone.
///
/// Its user is asked by it no more, and is not found by it when it calls. Ours, beside the published
/// API.
#[utoipa::path(
    delete,
    path = "/api/v1/phones/{phoneId}",
    operation_id = "deletePhone",
    tag = "authentication cloud",
    params(("phoneId" = String, Path, format = Uuid, description = "The phone's id.")),
    security(("accessKey" = [])),
    responses(
        (status = 204, description = "The phone is gone."),
        (status = 404, description = "There is no such phone.", body = ErrorSchema),
        AnyRefusal, TokenRefusal
    )
)]
pub(super) async fn delete(
    visit: &mut Visit,
    cloud: &AuthenticationCloud,
    id: &str,
) -> Result<Granted, Failure> {
    let tenant = visit.admit_backend(cloud).await?;
    let id = PhoneId::parse(id).ok_or_else(Failure::no_phone)?;
    let user = visit.in_time(tenant.delete_phone(id)).await?;
    visit.about_user(user, None);
    Ok(Granted::nothing(StatusCode::NO_CONTENT, AuditReason::PhoneDeleted))
}
