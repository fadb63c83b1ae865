//! `POST /api/v1/approval`: asks a user to confirm a login or a payment.

use actix_web::http::StatusCode;
use serde::Deserialize;

use super::admission;
use super::bodies;
use super::handlers::audited;
use super::resources::{AnyRefusal, ApprovalBody, TokenRefusal};
use crate::domain::authenticator::AuthenticatorId;
use crate::domain::confirmation_request::ApprovalMessage;
use crate::domain::reason::AuditReason;
use crate::domain::registered_user::UserRef;
use crate::domain::transaction::TransactionKind;
use crate::http::endpoint::{Endpoint, described};
use crate::http::error::ErrorSchema;
use crate::http::gateway::AuthenticationCloud;
use crate::http::refused::Refusal;
use crate::http::request_context::{Granted, RequestContext};
use crate::service::authentication_cloud::CloudRefusal;
use crate::service::authentication_cloud::intent::Permission;
use crate::service::authentication_cloud::passkey_request::PhoneApproval;

/// The user to ask, and how.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApprovalRequest {
    /// The user's name; this or `userId`.
    username: Option<String>,
    /// The user's id; this or `username`.
    user_id: Option<String>,
    /// How the user confirms; `push` by default.
    channel: Option<String>,
    /// For `sms`: the text, in the GSM 7-bit alphabet, with `{{CODE}}` where the code goes. For
    /// `app` and `push`: what is approved, 1 to 200 characters without controls.
    message: Option<String>,
    /// For `app` and `push`: the one authenticator that may approve.
    authenticator_id: Option<String>,
    /// For `push`: what the notification says, 1 to 200 characters without controls.
    prompt: Option<String>,
}

/// The endpoint.
pub(super) fn endpoint() -> Endpoint {
    Endpoint::new("approval", described!(approval), audited(approval)).open_to_frontends()
}

/// Asks a user to confirm a login or a payment.
#[utoipa::path(
    post,
    path = "/api/v1/approval",
    tag = "authentication cloud",
    request_body(content = ApprovalRequest, examples(
        ("by app" = (value = json!({"username": "anna.muster", "channel": "app", "message": "Pay CHF 100 to Reto"}))),
        ("by text" = (value = json!({"username": "anna.muster", "channel": "sms"})))
    )),
    security(("accessKey" = []), ("intentToken" = [])),
    responses(
        (status = 201, description = "The user has been asked.", body = ApprovalBody),
        (status = 404, description = "There is no such user.", body = ErrorSchema),
        (status = 409, description = "Several users have this name in different case.", body = ErrorSchema),
        (status = 502, description = "No provider accepted the text message, or no phone could be notified.", body = ErrorSchema),
        AnyRefusal, TokenRefusal
    )
)]
pub(super) async fn approval(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    let (tenant, permission) = admission::admit(context, cloud).await?;
    let body: ApprovalRequest = bodies::json(context).await?;
    let user = bodies::user_ref(body.username, body.user_id)?;
    let channel = match body.channel.as_deref() {
        Some("qr-code") => "app",
        channel => channel.unwrap_or("push"),
    };
    let message = bodies::allowed_message(&permission, body.message)?;
    if !permission.allows(TransactionKind::Approve, channel) {
        return Err(CloudRefusal::IntentForOther.into());
    }
    if permission.user(user.as_ref()).is_none() {
        return Err(Refusal::bad_request("the field username or userId is missing"));
    }
    let by_phone =
        PasskeyFields { message: message.as_deref(), authenticator: body.authenticator_id };
    if body.prompt.is_some() && matches!(permission, Permission::Intent(_)) {
        return Err(Refusal::bad_request("an intent token does not allow a prompt"));
    }
    let prompt = body.prompt.as_deref().filter(|_| channel != "sms");
    let prompt = prompt.map(|text| displayed("prompt", text)).transpose()?;
    let deadline = context.deadline;
    let (started, link) = match channel {
        "sms" => {
            let approval = tenant.approve_by_text(permission, user, message.as_deref(), deadline);
            (context.in_time(approval).await?, None)
        }
        "app" => {
            let approval = by_phone.read(context, permission, user)?;
            let started = context.in_time(tenant.approve_by_app(approval)).await?;
            let link = bodies::link(cloud, &tenant, &started.transaction)?;
            (started, Some(link))
        }
        "push" => {
            let approval = by_phone.read(context, permission, user)?;
            let approval = tenant.approve_by_push(approval, prompt.as_ref(), deadline);
            (context.in_time(approval).await?, None)
        }
        _ => return Err(bodies::channel_refused(channel)),
    };
    context.about_user(started.user.id, started.user.name.as_ref());
    context.about_transaction(started.transaction.id);
    if let Some(code) = &started.transaction.code {
        context.about_phone(&code.number);
    }
    let token = tenant.tokens.status(&tenant.tenant, &started.transaction, started.now);
    let body = ApprovalBody::new(&started.transaction, token, link);
    Ok(Granted::json(StatusCode::CREATED, AuditReason::ApprovalBegun, &body))
}

/// The fields specific to an approval by phone.
struct PasskeyFields<'a> {
    message: Option<&'a str>,
    authenticator: Option<String>,
}

impl PasskeyFields<'_> {
    fn read(
        self,
        context: &mut RequestContext,
        permission: Permission,
        user: Option<UserRef>,
    ) -> Result<PhoneApproval, Refusal> {
        let authenticator = self.authenticator.map(|id| {
            AuthenticatorId::parse(&id)
                .ok_or_else(|| Refusal::bad_request("the authenticatorId is not a UUID"))
        });
        let requester = admission::requester(context, &permission);
        Ok(PhoneApproval {
            permission,
            named: user,
            message: self.message.map(|text| displayed("message", text)).transpose()?,
            authenticator: authenticator.transpose()?,
            requester,
        })
    }
}

/// Parses a text that a phone shows.
fn displayed(field: &str, text: &str) -> Result<ApprovalMessage, Refusal> {
    ApprovalMessage::parse(text).ok_or_else(|| {
        Refusal::bad_request(format!(
            "the {field} is not 1 to {} characters on {} lines at most, without other controls",
            ApprovalMessage::MAX,
            ApprovalMessage::MAX_LINES
        ))
    })
}
