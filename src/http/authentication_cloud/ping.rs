//! `GET /ping`: whether an access key works.

use super::admission;
use super::handlers::with_cloud;
use super::resources::{AnyRefusal, TokenRefusal};
use crate::domain::reason::AuditReason;
use crate::http::endpoint::{Endpoint, described};
use crate::http::gateway::AuthenticationCloud;
use crate::http::refused::Refusal;
use crate::http::request_context::{Granted, RequestContext};

/// The endpoint.
pub(super) fn endpoint() -> Endpoint {
    Endpoint::new("ping", described!(ping), with_cloud(ping))
}

/// Says whether an access key works.
#[utoipa::path(
    get,
    path = "/ping",
    tag = "authentication cloud",
    security(("accessKey" = [])),
    responses((status = 200, description = "It works.", body = String, content_type = "text/plain"), AnyRefusal, TokenRefusal)
)]
pub(super) async fn ping(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    admission::admit_backend(context, cloud).await?;
    Ok(Granted::text(AuditReason::Pong, "PONG"))
}
