//! `POST /api/v1/intent`: a backend allows its frontend one enrollment or approval.

use actix_web::http::StatusCode;
use serde::Deserialize;

use super::admission;
use super::bodies;
use super::handlers::deciding;
use super::resources::{AnyRefusal, IntentBody, TokenRefusal};
use crate::domain::reason::AuditReason;
use crate::domain::registered_user::UserRef;
use crate::domain::transaction::TransactionKind;
use crate::http::endpoint::{Endpoint, described};
use crate::http::error::ErrorSchema;
use crate::http::gateway::AuthenticationCloud;
use crate::http::refused::Refusal;
use crate::http::request_context::{Granted, RequestContext};
use crate::service::authentication_cloud::intent::IntentRequest;

/// The channels that there are.
pub(super) const CHANNELS: [&str; 6] = ["sms", "recovery", "app", "push", "fido2", "qr-code"];

/// What is to be allowed, and for whom.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IntentQuestion {
    /// The user's name; this or `userId`.
    username: Option<String>,
    /// The user's id; this or `username`.
    user_id: Option<String>,
    /// What is allowed.
    operation: String,
    /// The channels that the token is good for, at least one; left out: all but `recovery`.
    channels: Option<Vec<String>>,
    /// The text that is sent or shown, which the token's holder may not choose.
    message: Option<String>,
}

/// Its endpoint.
pub(super) fn endpoint() -> Endpoint {
    Endpoint::new("intent", described!(intent), deciding(intent))
}

/// Makes a token that allows one enrollment or approval, within ten minutes.
///
/// It ends with the access key that it is asked for with. One to enroll a `username` that is nobody's
/// makes a user of that name; where somebody has the name by then, it is 403. The answer's `intentId`
/// is what `introspect` says of the transaction that the token begins: keep it and compare.
#[utoipa::path(
    post,
    path = "/api/v1/intent",
    tag = "authentication cloud",
    request_body(content = IntentQuestion, examples(
        ("a phone" = (value = json!({"username": "anna.muster", "operation": "enroll", "channels": ["sms"]})))
    )),
    security(("accessKey" = [])),
    responses(
        (status = 200, description = "The token.", body = IntentBody),
        (status = 404, description = "There is no such user.", body = ErrorSchema),
        (status = 409, description = "Several users have this name in another case.", body = ErrorSchema),
        AnyRefusal, TokenRefusal
    )
)]
pub(super) async fn intent(
    context: &mut RequestContext,
    cloud: &AuthenticationCloud,
) -> Result<Granted, Refusal> {
    let tenant = admission::admit_backend(context, cloud).await?;
    let body: IntentQuestion = bodies::json(context).await?;
    let (user, name) = match bodies::whom(body.username, body.user_id)? {
        Some(UserRef::Id(id)) => (Some(id), None),
        Some(UserRef::Name(name)) => (None, Some(name)),
        None => return Err(Refusal::bad_request("the field username or userId is missing")),
    };
    let kind = TransactionKind::parse(&body.operation)
        .ok_or_else(|| Refusal::bad_request("the field operation is neither enroll nor approve"))?;
    let channels = body.channels.map_or(Ok(Vec::new()), |named| usable(kind, &named))?;
    if let Some(id) = user {
        context.about_user(id, None);
    }
    let (message, key) = (body.message, context.access_key);
    let wish = IntentRequest { user, name, kind, channels, message, key };
    let made = context.in_time(tenant.make_intent(wish)).await?;
    Ok(Granted::json(StatusCode::OK, AuditReason::IntentMade, &IntentBody::from(made)))
}

/// The channels that an intent is for, each once: those of `named` by which `kind` can be
/// done. At least one has to be, as an empty list would read as if all were meant.
fn usable(kind: TransactionKind, named: &[String]) -> Result<Vec<String>, Refusal> {
    if named.is_empty() {
        return Err(Refusal::bad_request(
            "the field channels names no channel: name at least one, or leave the field out",
        ));
    }
    if named.len() > CHANNELS.len() {
        let most = CHANNELS.len();
        return Err(Refusal::bad_request(format!(
            "the field channels holds more than {most}, which is as many as there are"
        )));
    }
    if named.iter().any(|channel| !CHANNELS.contains(&channel.as_str())) {
        return Err(Refusal::bad_request("the field channels holds an unknown channel"));
    }
    let mut usable: Vec<String> = Vec::new();
    for channel in named {
        let channel = match (kind, channel.as_str()) {
            (_, "qr-code" | "app") | (TransactionKind::Enroll, "push") => "app",
            (_, "sms") => "sms",
            (TransactionKind::Approve, "push") => "push",
            (TransactionKind::Enroll, "recovery") => "recovery",
            _ => continue,
        };
        if usable.iter().all(|one| one != channel) {
            usable.push(channel.to_owned());
        }
    }
    if usable.is_empty() {
        return Err(Refusal::bad_request(match kind {
            TransactionKind::Approve => {
                "the field channels names none that approves: name app, push or sms"
            }
            TransactionKind::Enroll => {
                "the field channels names none that enrolls: name app, recovery or sms"
            }
        }));
    }
    Ok(usable)
}
