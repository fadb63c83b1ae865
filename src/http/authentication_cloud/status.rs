//! `POST /api/v1/status`: a transaction's status, for anyone who has its status token.

use actix_web::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::admission;
use super::bodies;
use super::handlers::with_cloud;
use super::resources::{AnyRefusal, StatusBody, UnknownBody};
use crate::domain::client_address::ClientAddress;
use crate::domain::reason::AuditReason;
use crate::domain::transaction::TransactionStatus;
use crate::http::endpoint::{Endpoint, described};
use crate::http::error::rfc3339;
use crate::http::gateway::AuthenticationCloud;
use crate::http::refused::{Refusal, Refused};
use crate::http::request_context::{Granted, RequestContext};
use crate::service::authentication_cloud::CloudRefusal;
use crate::service::authentication_cloud::status::Status;

/// The transaction in question.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StatusRequest)]
pub(super) struct StatusRequest {
    /// The token from an enrollment or approval.
    status_token: String,
}

/// The endpoint.
pub(super) fn endpoint() -> Endpoint {
    Endpoint::new("status", described!(status), with_cloud(status)).open_to_frontends()
}

/// Returns a transaction's status. Needs no credential.
#[utoipa::path(
    post,
    path = "/api/v1/status",
    tag = "authentication cloud",
    request_body = StatusRequest,
    security(()),
    responses(
        (status = 200, description = "The transaction is pending or has succeeded.", body = StatusBody),
        (status = 404, description = "There is no such transaction.", body = UnknownBody),
        (status = 412, description = "The transaction was aborted or has expired.", body = StatusBody),
        AnyRefusal
    )
)]
pub(super) async fn status(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    let body: StatusRequest = bodies::json(context).await?;
    // Polling many transactions from one address is not rate-limited; guessing tokens is.
    let Some(pointer) = cloud.tokens.read_status(&body.status_token) else {
        context.admit_address()?;
        return Ok(unknown());
    };
    let asker = (pointer.transaction, context.address().map(ClientAddress::of));
    let admitted = cloud.by_transaction.admit(&asker);
    admitted.map_err(|wait| Refusal::plain(Refused::RateLimited(wait)))?;
    let Some(tenant) = admission::select_tenant(context, cloud, &pointer.tenant) else {
        return Ok(unknown());
    };
    match context.in_time(tenant.status(&pointer)).await {
        Ok(status) => Ok(answer(&status)),
        Err(CloudRefusal::TransactionUnknown) => Ok(unknown()),
        Err(refusal) => Err(refusal.into()),
    }
}

fn answer(status: &Status) -> Granted {
    let (code, reason) = match status.status {
        TransactionStatus::Pending => (StatusCode::OK, AuditReason::Pending),
        TransactionStatus::Succeeded => (StatusCode::OK, AuditReason::Succeeded),
        TransactionStatus::Failed => (StatusCode::PRECONDITION_FAILED, AuditReason::Failed),
    };
    let body = StatusBody {
        transaction_id: status.transaction.to_string(),
        status: status.status.as_str(),
        user_id: status.user.to_string(),
        username: status.name.as_ref().map(ToString::to_string),
        token: status.token.clone(),
        created_at: rfc3339(status.created_at),
        last_updated_at: rfc3339(status.updated_at),
    };
    Granted::json(code, reason, &body).without_trail()
}

fn unknown() -> Granted {
    Granted::json(StatusCode::NOT_FOUND, AuditReason::Unknown, &UnknownBody { status: "unknown" })
        .without_trail()
}
