//! `GET /ping`: whether an access key works.

use super::failure::Failure;
use super::resources::{AnyRefusal, TokenRefusal};
use super::visit::{Granted, Visit};
use crate::domain::reason::AuditReason;
use crate::http::gateway::AuthenticationCloud;

/// Says whether an access key works.
#[utoipa::path(
    get,
    path = "/ping",
    tag = "authentication cloud",
    security(("accessKey" = [])),
    responses((status = 200, description = "It works.", body = String, content_type = "text/plain"), AnyRefusal, TokenRefusal)
)]
pub(super) async fn ping(
    visit: &mut Visit,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Failure> {
    visit.admit_backend(cloud).await?;
    Ok(Granted::text(AuditReason::Pong, "PONG"))
}
