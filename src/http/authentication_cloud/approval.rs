//! `POST /api/v1/approval`: a user is asked to confirm a login or a payment.

use actix_web::http::StatusCode;
use actix_web::web;
use serde::Deserialize;
use utoipa::ToSchema;

use super::AuthenticationCloud;
use super::bodies;
use super::failure::Failure;
use super::resources::{AnyRefusal, ApprovalBody, TokenRefusal, one_of};
use super::visit::{Granted, Visit};
use crate::domain::transaction::Undertaking;
use crate::http::error::ErrorSchema;
use crate::service::authentication_cloud::Refusal;

/// Who is asked, and how.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApprovalRequest)]
pub(super) struct ApprovalWish {
    /// The user's name; this or `userId`.
    #[schema(min_length = 1, max_length = 300, pattern = "^[A-Za-z0-9_.@-]{1,300}$")]
    username: Option<String>,
    /// The user's id; this or `username`.
    #[schema(format = Uuid, pattern = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
    user_id: Option<String>,
    /// How the user confirms; `push` if nothing is said.
    #[schema(schema_with = channels)]
    channel: Option<String>,
    /// For `sms`: the text, in the GSM 7-bit alphabet, with `{{CODE}}` where the code goes.
    message: Option<String>,
}

fn channels() -> utoipa::openapi::schema::Object {
    one_of(&["sms", "push", "app", "qr-code"])
}

/// Asks a user to confirm a login or a payment.
#[utoipa::path(
    post,
    path = "/api/v1/approval",
    tag = "authentication cloud",
    request_body(content = ApprovalWish, examples(
        ("by text" = (value = json!({"username": "anna.muster", "channel": "sms"})))
    )),
    security(("accessKey" = []), ("intentToken" = [])),
    responses(
        (status = 201, description = "The user is asked.", body = ApprovalBody),
        (status = 404, description = "There is no such user.", body = ErrorSchema),
        (status = 502, description = "No provider took the text.", body = ErrorSchema),
        AnyRefusal, TokenRefusal
    )
)]
pub(super) async fn approval(
    visit: &mut Visit,
    cloud: &AuthenticationCloud,
    payload: &mut web::Payload,
) -> Result<Granted, Failure> {
    let (tenant, permission) = visit.admit(cloud).await?;
    let body: ApprovalWish = bodies::json(visit, payload).await?;
    let named = bodies::whom(body.username, body.user_id)?;
    let channel = body.channel.as_deref().unwrap_or("push");
    let message = bodies::allowed_message(&permission, body.message)?;
    if !permission.allows(Undertaking::Approve, channel) {
        return Err(Refusal::IntentForOther.into());
    }
    if permission.user(named.as_ref()).is_none() {
        return Err(Failure::bad_request("the field username or userId is missing"));
    }
    if channel != "sms" {
        return Err(bodies::unavailable(channel));
    }
    let deadline = visit.deadline();
    let approval = tenant.approve_by_text(permission, named, message.as_deref(), deadline);
    let begun = visit.in_time(approval).await?;
    visit.about_user(begun.user.id, begun.user.name.as_ref());
    if let Some(code) = &begun.transaction.code {
        visit.about_phone(&code.number);
    }
    let token = tenant.tokens.status(&tenant.tenant, &begun.transaction, begun.now);
    let body = ApprovalBody::new(&begun.transaction, token);
    Ok(Granted::json(StatusCode::CREATED, "approval_begun", &body))
}
