//! `POST /api/v1/intent`: a backend allows its frontend one enrollment or approval.

use actix_web::http::StatusCode;
use serde::Deserialize;

use super::admission;
use super::bodies;
use super::handlers::audited;
use super::resources::{AnyRefusal, IntentBody, TokenRefusal};
use crate::domain::reason::AuditReason;
use crate::domain::registered_user::UserRef;
use crate::domain::transaction::TransactionKind;
use crate::http::endpoint::{Endpoint, described};
use crate::http::error::ErrorSchema;
use crate::http::gateway::AuthenticationCloud;
use crate::http::refused::Refusal;
use crate::http::request_context::{Granted, RequestContext};
use crate::service::authentication_cloud::intent::NewIntent;

/// All channels.
pub(super) const CHANNELS: [&str; 6] = ["sms", "recovery", "app", "push", "fido2", "qr-code"];

/// What to allow, and for which user.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IntentRequest {
    /// The user's name; this or `userId`.
    username: Option<String>,
    /// The user's id; this or `username`.
    user_id: Option<String>,
    /// What is allowed.
    operation: String,
    /// The channels that the token is valid for, at least one. By default all but `recovery`.
    channels: Option<Vec<String>>,
    /// The text that is sent or shown. The token's holder cannot change it.
    message: Option<String>,
}

/// The endpoint.
pub(super) fn endpoint() -> Endpoint {
    Endpoint::new("intent", described!(intent), audited(intent))
}

/// Creates a token that allows one enrollment or approval within ten minutes.
///
/// Deleting the access key used for the request also invalidates the token. A token to enroll an
/// unknown `username` creates that user; if the name has been taken by then, the answer is 403. Keep
/// `intentId`: `introspect` returns the same id for the transaction that the token starts.
#[utoipa::path(
    post,
    path = "/api/v1/intent",
    tag = "authentication cloud",
    request_body(content = IntentRequest, examples(
        ("a phone" = (value = json!({"username": "anna.muster", "operation": "enroll", "channels": ["sms"]})))
    )),
    security(("accessKey" = [])),
    responses(
        (status = 200, description = "The token.", body = IntentBody),
        (status = 404, description = "There is no such user.", body = ErrorSchema),
        (status = 409, description = "Several users have this name in different case.", body = ErrorSchema),
        AnyRefusal, TokenRefusal
    )
)]
pub(super) async fn intent(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    let tenant = admission::admit_backend(context, cloud).await?;
    let body: IntentRequest = bodies::json(context).await?;
    let (user, name) = match bodies::user_ref(body.username, body.user_id)? {
        Some(UserRef::Id(id)) => (Some(id), None),
        Some(UserRef::Name(name)) => (None, Some(name)),
        None => return Err(Refusal::bad_request("the field username or userId is missing")),
    };
    let kind = TransactionKind::parse(&body.operation)
        .ok_or_else(|| Refusal::bad_request("the field operation is neither enroll nor approve"))?;
    let channels = body.channels.map_or(Ok(Vec::new()), |named| allowed_channels(kind, &named))?;
    if let Some(id) = user {
        context.about_user(id, None);
    }
    let (message, key) = (body.message, context.access_key);
    let intent = NewIntent { user, name, kind, channels, message, key };
    let made = context.in_time(tenant.make_intent(intent)).await?;
    Ok(Granted::json(StatusCode::OK, AuditReason::IntentMade, &IntentBody::from(made)))
}

/// The channels of `named` that support `kind`, each once. At least one must remain, because an
/// empty list would mean all channels.
fn allowed_channels(kind: TransactionKind, named: &[String]) -> Result<Vec<String>, Refusal> {
    if named.is_empty() {
        return Err(Refusal::bad_request(
            "the field channels names no channel: name at least one, or leave the field out",
        ));
    }
    if named.len() > CHANNELS.len() {
        let most = CHANNELS.len();
        return Err(Refusal::bad_request(format!(
            "the field channels has more than {most} entries, but there are only {most} channels"
        )));
    }
    if named.iter().any(|channel| !CHANNELS.contains(&channel.as_str())) {
        return Err(Refusal::bad_request("the field channels holds an unknown channel"));
    }
    let mut allowed_channels: Vec<String> = Vec::new();
    for channel in named {
        let channel = match (kind, channel.as_str()) {
            (_, "qr-code" | "app") | (TransactionKind::Enroll, "push") => "app",
            (_, "sms") => "sms",
            (TransactionKind::Approve, "push") => "push",
            (TransactionKind::Enroll, "recovery") => "recovery",
            _ => continue,
        };
        if allowed_channels.iter().all(|one| one != channel) {
            allowed_channels.push(channel.to_owned());
        }
    }
    if allowed_channels.is_empty() {
        return Err(Refusal::bad_request(match kind {
            TransactionKind::Approve => {
                "the field channels names none that approves: name app, push or sms"
            }
            TransactionKind::Enroll => {
                "the field channels names none that enrolls: name app, recovery or sms"
            }
        }));
    }
    Ok(allowed_channels)
}
