//! Looking up users by id or by name, and deleting them, for backends.

use actix_web::http::StatusCode;

use super::admission;
use super::handlers::audited;
use super::resources::{AnyRefusal, TokenRefusal, UserBody};
use crate::domain::reason::AuditReason;
use crate::domain::registered_user::{RegisteredId, RegisteredName, UserRef};
use crate::http::endpoint::{Endpoint, described};
use crate::http::error::ErrorSchema;
use crate::http::gateway::AuthenticationCloud;
use crate::http::refused::Refusal;
use crate::http::request_context::{Granted, RequestContext};
use crate::service::authentication_cloud::Cloud;

/// The endpoints.
pub(super) fn endpoints() -> [Endpoint; 3] {
    [
        Endpoint::new("getUser", described!(by_name), audited(by_name)),
        Endpoint::new("getUser", described!(by_id), audited(by_id)),
        Endpoint::new("deleteUser", described!(delete), audited(delete)),
    ]
}

/// Looks a user up by id.
#[utoipa::path(
    get,
    path = "/api/v1/users/{userId}",
    operation_id = "userById",
    tag = "authentication cloud",
    params(("userId" = String, Path, format = Uuid, description = "The user's id.")),
    security(("accessKey" = [])),
    responses(
        (status = 200, description = "The user.", body = UserBody),
        (status = 404, description = "There is no such user.", body = ErrorSchema),
        AnyRefusal, TokenRefusal
    )
)]
pub(super) async fn by_id(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    let tenant = admission::admit_backend(context, cloud).await?;
    let id =
        RegisteredId::parse(context.path_segment("userId")).ok_or_else(Refusal::nothing_there)?;
    look_up(context, &tenant, UserRef::Id(id)).await
}

/// Looks a user up by name.
#[utoipa::path(
    get,
    path = "/api/v1/users",
    operation_id = "userByName",
    tag = "authentication cloud",
    params(("username" = String, Query, description = "The user's name.", min_length = 1, example = "anna.muster")),
    security(("accessKey" = [])),
    responses(
        (status = 200, description = "The user.", body = UserBody),
        (status = 404, description = "There is no such user.", body = ErrorSchema),
        (status = 409, description = "Several users have this name in different case.", body = ErrorSchema),
        AnyRefusal, TokenRefusal
    )
)]
pub(super) async fn by_name(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    let tenant = admission::admit_backend(context, cloud).await?;
    let query = context.request.query_string().as_bytes();
    let named: Vec<_> =
        url::form_urlencoded::parse(query).filter(|(key, _)| key == "username").collect();
    let name = match &named[..] {
        [(_, name)] if !name.is_empty() => RegisteredName::parse(name),
        [] | [_] => return Err(Refusal::bad_request("the parameter username is missing")),
        _ => return Err(Refusal::bad_request("the parameter username appears twice")),
    };
    let name = name.ok_or_else(Refusal::nothing_there)?;
    look_up(context, &tenant, UserRef::Name(name)).await
}

async fn look_up(
    context: &mut RequestContext,
    tenant: &Cloud,
    whom: UserRef,
) -> Result<Granted, Refusal> {
    let seen = context.in_time(tenant.user(whom)).await?;
    context.about_user(seen.user.id, seen.user.name.as_ref());
    let mut body = UserBody::from(&seen.user);
    body.exceeded_rate_limits = seen.blocked_channels;
    Ok(Granted::json(StatusCode::OK, AuditReason::UserFound, &body))
}

/// Deletes a user and everything that belongs to the user.
#[utoipa::path(
    delete,
    path = "/api/v1/users/{userId}",
    operation_id = "deleteUser",
    tag = "authentication cloud",
    params(("userId" = String, Path, format = Uuid, description = "The user's id.")),
    security(("accessKey" = [])),
    responses(
        (status = 204, description = "The user was deleted."),
        (status = 404, description = "There is no such user.", body = ErrorSchema),
        AnyRefusal, TokenRefusal
    )
)]
pub(super) async fn delete(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    let tenant = admission::admit_backend(context, cloud).await?;
    let id =
        RegisteredId::parse(context.path_segment("userId")).ok_or_else(Refusal::nothing_there)?;
    context.about_user(id, None);
    context.in_time(tenant.delete_user(id)).await?;
    Ok(Granted::nothing(StatusCode::NO_CONTENT, AuditReason::UserDeleted))
}
