//! Renaming and deleting authenticators, for backends.

use actix_web::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::admission;
use super::bodies;
use super::handlers::audited;
use super::refusals;
use super::resources::{AnyRefusal, AuthenticatorBody, TokenRefusal};
use crate::domain::authenticator::{AuthenticatorId, AuthenticatorName};
use crate::domain::reason::AuditReason;
use crate::http::endpoint::{Endpoint, described};
use crate::http::error::ErrorSchema;
use crate::http::gateway::AuthenticationCloud;
use crate::http::refused::Refusal;
use crate::http::request_context::{Granted, RequestContext};

/// The endpoints.
pub(super) fn endpoints() -> [Endpoint; 2] {
    [
        Endpoint::new("renameAuthenticator", described!(rename), audited(rename)),
        Endpoint::new("deleteAuthenticator", described!(delete), audited(delete)),
    ]
}

/// An authenticator's new name.
#[derive(Deserialize, ToSchema)]
#[schema(as = AuthenticatorRequest)]
pub(super) struct AuthenticatorRequest {
    /// The name, without control characters or invisible characters. Surrounding blanks are removed.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[!-~\u00a1-\u00ac\u00ae-\u024f]([ -~\u00a1-\u00ac\u00ae-\u024f]{0,98}[!-~\u00a1-\u00ac\u00ae-\u024f])?$"
    )]
    name: String,
}

/// Renames an authenticator.
#[utoipa::path(
    patch,
    path = "/api/v1/authenticators/{authenticatorId}",
    operation_id = "renameAuthenticator",
    tag = "authentication cloud",
    params(("authenticatorId" = String, Path, format = Uuid, description = "The authenticator's id.")),
    request_body(content = AuthenticatorRequest, examples(
        ("a model" = (value = json!({"name": "Pixel 9"}))),
        ("whose it is" = (value = json!({"name": "Anna's phone"})))
    )),
    security(("accessKey" = [])),
    responses(
        (status = 200, description = "The authenticator.", body = AuthenticatorBody),
        (status = 404, description = "There is no such authenticator.", body = ErrorSchema),
        AnyRefusal, TokenRefusal
    )
)]
pub(super) async fn rename(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    let tenant = admission::admit_backend(context, cloud).await?;
    let body: AuthenticatorRequest = bodies::json(context).await?;
    let name = AuthenticatorName::parse(&body.name).ok_or_else(|| {
        Refusal::bad_request(format!(
            "the name is not 1 to {} characters without controls",
            AuthenticatorName::MAX
        ))
    })?;
    let id = AuthenticatorId::parse(context.path_segment("authenticatorId"))
        .ok_or_else(refusals::no_authenticator)?;
    context.about_authenticator(id);
    let (user, authenticator) = context.in_time(tenant.rename_authenticator(id, name)).await?;
    context.about_user(user, None);
    let body = AuthenticatorBody::from(&authenticator);
    Ok(Granted::json(StatusCode::OK, AuditReason::AuthenticatorRenamed, &body))
}

/// Deletes an authenticator.
#[utoipa::path(
    delete,
    path = "/api/v1/authenticators/{authenticatorId}",
    operation_id = "deleteAuthenticator",
    tag = "authentication cloud",
    params(("authenticatorId" = String, Path, format = Uuid, description = "The authenticator's id.")),
    security(("accessKey" = [])),
    responses(
        (status = 204, description = "The authenticator was deleted."),
        (status = 404, description = "There is no such authenticator.", body = ErrorSchema),
        AnyRefusal, TokenRefusal
    )
)]
pub(super) async fn delete(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    let tenant = admission::admit_backend(context, cloud).await?;
    let id = AuthenticatorId::parse(context.path_segment("authenticatorId"))
        .ok_or_else(refusals::no_authenticator)?;
    context.about_authenticator(id);
    let user = context.in_time(tenant.delete_authenticator(id)).await?;
    context.about_user(user, None);
    Ok(Granted::nothing(StatusCode::NO_CONTENT, AuditReason::AuthenticatorDeleted))
}
