//! The requests of the page that a link opens on a phone: what to confirm, confirming it with a
//! passkey, declining it, and where to send notifications. Pages of other origins may not call these.

use actix_web::http::{StatusCode, header};
use serde::{Deserialize, Serialize};

use super::admission;
use super::bodies;
use super::handlers::audited;
use super::subscription::SubscriptionBody;
use crate::domain::authenticator::{AuthenticatorName, Platform};
use crate::domain::client_address::ClientAddress;
use crate::domain::confirmation_request::ApprovalMessage;
use crate::domain::reason::AuditReason;
use crate::domain::registered_user::RegisteredName;
use crate::domain::transaction::{TransactionKind, TransactionStatus};
use crate::http::endpoint::Endpoint;
use crate::http::error::rfc3339;
use crate::http::gateway::AuthenticationCloud;
use crate::http::refused::{Refusal, Refused};
use crate::http::request_context::{Granted, RequestContext};
use crate::http::user_agent;
use crate::service::authentication_cloud::Cloud;
use crate::service::authentication_cloud::confirmation::{Prompt, PromptResponse};
use crate::service::authentication_cloud::tokens::{DeviceToken, DispatchToken};

/// The endpoints.
pub(super) fn endpoints() -> [Endpoint; 5] {
    [
        Endpoint::of_own_pages("phoneLook", "/open/transaction", audited(look)),
        Endpoint::of_own_pages("phoneConfirm", "/open/confirm", audited(confirm)),
        Endpoint::of_own_pages("phoneDecline", "/open/decline", audited(decline)),
        Endpoint::of_own_pages("phoneNotifications", "/open/notifications", audited(notifications)),
        Endpoint::of_own_pages("phoneState", "/open/phone-state", audited(state)),
    ]
}

#[derive(Deserialize)]
struct LinkRequest {
    token: String,
}

/// The request shown on a phone.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TransactionBody<'a> {
    operation: &'static str,
    stage: &'static str,
    company: &'a str,
    username: Option<&'a str>,
    message: Option<&'a str>,
    asked_by: Option<&'a str>,
    asked_from: Option<&'a str>,
    created_at: String,
    expires_at: String,
    seconds_left: u64,
    match_number: bool,
    public_key: Option<serde_json::Value>,
}

async fn look(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    context.admit_address()?;
    let body: LinkRequest = bodies::json(context).await?;
    let (tenant, dispatch) = open_link(context, cloud, &body.token)?;
    let asked = context.in_time(tenant.prompt(dispatch.transaction)).await?;
    let company = tenant.passkeys.as_ref().map_or(tenant.tenant.as_str(), |one| one.company());
    let Prompt { user, transaction, now, options } = &asked;
    // An expired link reveals nothing more to anyone who finds it.
    let request = transaction.confirmation_request.as_ref().filter(|_| options.is_some());
    let username = user.name.as_ref().filter(|_| options.is_some()).map(RegisteredName::as_str);
    let body = TransactionBody {
        operation: transaction.kind.as_str(),
        stage: match transaction.status_at(*now).0 {
            TransactionStatus::Failed if transaction.status == TransactionStatus::Pending => {
                "expired"
            }
            stage => stage.as_str(),
        },
        company,
        username,
        message: request.and_then(|one| one.message.as_ref()).map(ApprovalMessage::as_str),
        asked_by: request.and_then(|one| one.asked_by.as_deref()),
        asked_from: request.and_then(|one| one.asked_from.as_deref()),
        created_at: rfc3339(transaction.created_at),
        expires_at: rfc3339(transaction.expires_at),
        seconds_left: transaction.expires_at.since(*now).as_secs(),
        match_number: request.is_some_and(|one| one.match_number.is_some()),
        public_key: options.clone(),
    };
    Ok(Granted::json(StatusCode::OK, AuditReason::Looked, &body).without_trail())
}

/// A phone's confirmation.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfirmRequest {
    token: String,
    credential: serde_json::Value,
    #[serde(default)]
    device: DeviceHints,
    match_number: Option<String>,
}

/// What the browser reports about the phone (User-Agent Client Hints, `getHighEntropyValues`).
#[derive(Default, Deserialize)]
struct DeviceHints {
    model: Option<String>,
    platform: Option<String>,
}

/// The answer to a confirmation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfirmedBody<'a> {
    device: String,
    authenticator_id: String,
    push_key: Option<&'a str>,
    subscribed: bool,
}

async fn confirm(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    context.admit_address()?;
    let body: ConfirmRequest = bodies::json(context).await?;
    let (tenant, dispatch) = open_link(context, cloud, &body.token)?;
    let (name, platform) = device(context, &body.device);
    let ConfirmRequest { credential, match_number, .. } = body;
    let answer = PromptResponse { credential, name, platform, match_number };
    let confirmed = context.in_time(tenant.confirm(dispatch.transaction, answer)).await?;
    let (user, authenticator) = (&confirmed.user, &confirmed.authenticator);
    context.about_user(user.id, user.name.as_ref());
    context.about_authenticator(authenticator.id);
    let device = tenant.tokens.device(&tenant.tenant, user.id, authenticator.id, confirmed.now);
    let body = ConfirmedBody {
        device,
        authenticator_id: authenticator.id.to_string(),
        push_key: tenant.push_key(),
        subscribed: authenticator.subscription.is_some(),
    };
    let reason = match confirmed.kind {
        TransactionKind::Enroll => AuditReason::AuthenticatorEnrolled,
        TransactionKind::Approve if confirmed.is_now_synced => {
            AuditReason::ApprovedPasskeyNowSynced
        }
        TransactionKind::Approve => AuditReason::Approved,
    };
    Ok(Granted::json(StatusCode::OK, reason, &body))
}

async fn decline(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    context.admit_address()?;
    let body: LinkRequest = bodies::json(context).await?;
    let (tenant, dispatch) = open_link(context, cloud, &body.token)?;
    let user = context.in_time(tenant.decline(dispatch.transaction)).await?;
    context.about_user(user.id, user.name.as_ref());
    Ok(Granted::nothing(StatusCode::NO_CONTENT, AuditReason::Declined))
}

#[derive(Deserialize)]
struct NotificationsRequest {
    device: String,
    subscription: Option<SubscriptionBody>,
}

async fn notifications(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    context.admit_address()?;
    let body: NotificationsRequest = bodies::json(context).await?;
    let (tenant, device) = registered_phone(context, cloud, &body.device)?;
    let subscription = body.subscription.map(SubscriptionBody::read).transpose()?;
    let reason = match &subscription {
        Some(_) => AuditReason::Subscribed,
        None => AuditReason::Unsubscribed,
    };
    context.in_time(tenant.subscribe(&device, subscription)).await?;
    Ok(Granted::nothing(StatusCode::NO_CONTENT, reason))
}

#[derive(Deserialize)]
struct StateRequest {
    device: String,
}

/// A phone's registration.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StateBody<'a> {
    company: &'a str,
    name: &'a str,
    push_key: Option<&'a str>,
    subscribed: bool,
}

async fn state(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    context.admit_address()?;
    let body: StateRequest = bodies::json(context).await?;
    let (tenant, device) = registered_phone(context, cloud, &body.device)?;
    let authenticator = context.in_time(tenant.authenticator_of(&device)).await?;
    let body = StateBody {
        company: tenant.passkeys.as_ref().map_or(tenant.tenant.as_str(), |one| one.company()),
        name: authenticator.name.as_str(),
        push_key: tenant.push_key(),
        subscribed: authenticator.subscription.is_some(),
    };
    Ok(Granted::json(StatusCode::OK, AuditReason::Looked, &body).without_trail())
}

/// The tenant and the transaction of a link.
fn open_link(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
    token: &str,
) -> Result<(std::sync::Arc<Cloud>, DispatchToken), Refusal> {
    let dispatch = cloud.tokens.read_dispatch(token).ok_or_else(Refusal::nothing_there)?;
    context.about_transaction(dispatch.transaction);
    let asker = (dispatch.transaction, context.address().map(ClientAddress::of));
    let admitted = cloud.by_link.admit(&asker);
    admitted.map_err(|wait| Refusal::plain(Refused::RateLimited(wait)))?;
    let tenant = admission::select_tenant(context, cloud, &dispatch.tenant)
        .ok_or_else(Refusal::nothing_there)?;
    Ok((tenant, dispatch))
}

/// The tenant and the phone of a page's token.
fn registered_phone(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
    token: &str,
) -> Result<(std::sync::Arc<Cloud>, DeviceToken), Refusal> {
    let no = || Refusal::plain(Refused::Forbidden);
    let device = cloud.tokens.read_device(token).ok_or_else(no)?;
    let tenant = admission::select_tenant(context, cloud, &device.tenant).ok_or_else(no)?;
    context.about_user(device.user, None);
    context.about_authenticator(device.authenticator);
    Ok((tenant, device))
}

/// The phone's name and platform, as far as its browser reports them.
fn device(context: &RequestContext, hints: &DeviceHints) -> (AuthenticatorName, Platform) {
    let agent = context.request.headers().get(header::USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    user_agent::device(agent, hints.model.as_deref(), hints.platform.as_deref())
}
