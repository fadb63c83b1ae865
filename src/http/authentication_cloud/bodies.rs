//! Reads request bodies, reports problems in them, and parses fields that several requests share.

use serde::de::DeserializeOwned;
use tokio::time::timeout_at;

use super::qr_code;
use super::resources::{Link, QrCodeBody};
use crate::domain::registered_user::{RegisteredId, RegisteredName, UserRef};
use crate::domain::transaction::Transaction;
use crate::http::body;
use crate::http::gateway::AuthenticationCloud;
use crate::http::refused::{Refusal, Refused};
use crate::http::request_context::RequestContext;
use crate::service::authentication_cloud::Cloud;
use crate::service::authentication_cloud::intent::Permission;
/// Reads a JSON object.
pub(in crate::http) async fn json<T: DeserializeOwned>(
    context: &mut RequestContext,
) -> Result<T, Refusal> {
    let body = whole(context, "application/json").await?;
    // Serde would accept an array of the fields' values.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Refusal::bad_request("the body is not a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_slice(&body);
    let read = serde_path_to_error::deserialize(&mut json);
    let read = read.map_err(|error| Refusal::bad_request(explain(&error)))?;
    json.end().map_err(|_| Refusal::bad_request("the body is not a JSON object"))?;
    Ok(read)
}

/// What is wrong with a body, without revealing its contents.
fn explain(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    use serde_json::error::Category;
    if error.inner().classify() != Category::Data {
        return "the body is not a JSON object".to_owned();
    }
    let message = error.inner().to_string();
    let named = |what: &str| message.strip_prefix(what).and_then(|rest| rest.split('`').next());
    if let Some(field) = named("missing field `") {
        format!("the field {field} is missing")
    } else if let Some(field) = named("duplicate field `") {
        format!("the field {field} appears twice")
    } else {
        format!("the field {} has the wrong type or value", error.path())
    }
}

/// Reads the single value of a form field.
pub(super) async fn form_field(
    context: &mut RequestContext,
    field: &str,
) -> Result<String, Refusal> {
    let body = whole(context, "application/x-www-form-urlencoded").await?;
    let values: Vec<_> =
        url::form_urlencoded::parse(&body).filter(|(name, _)| name == field).collect();
    match &values[..] {
        [(_, value)] => Ok(value.to_string()),
        [] => Err(Refusal::bad_request(format!("the field {field} is missing"))),
        _ => Err(Refusal::bad_request(format!("the field {field} appears twice"))),
    }
}

async fn whole(
    context: &mut RequestContext,
    media_type: &str,
) -> Result<zeroize::Zeroizing<Vec<u8>>, Refusal> {
    let read = body::read(&context.request, &mut context.payload, media_type);
    match timeout_at(context.deadline, read).await {
        Ok(read) => Ok(read?),
        Err(_) => Err(Refusal::plain(Refused::BodyTooSlow)),
    }
}

/// The user named by one of two fields, if any.
pub(super) fn user_ref(
    username: Option<String>,
    user_id: Option<String>,
) -> Result<Option<UserRef>, Refusal> {
    match (username, user_id) {
        (Some(_), Some(_)) => {
            Err(Refusal::bad_request("either username or userId is given, not both"))
        }
        (Some(name), None) => {
            let name = RegisteredName::parse(&name).ok_or_else(|| {
                Refusal::bad_request(format!(
                    "the username is not 1 to {} of a-z A-Z 0-9 _ - . @, or reads as a UUID",
                    RegisteredName::MAX
                ))
            })?;
            Ok(Some(UserRef::Name(name)))
        }
        (None, Some(id)) => {
            let id = RegisteredId::parse(&id)
                .ok_or_else(|| Refusal::bad_request("the userId is not a UUID"))?;
            Ok(Some(UserRef::Id(id)))
        }
        (None, None) => Ok(None),
    }
}

/// The message to send: from the body, or from the intent, whose holder may not choose one.
pub(super) fn allowed_message(
    permission: &Permission,
    message: Option<String>,
) -> Result<Option<String>, Refusal> {
    match permission {
        Permission::AccessKey => Ok(message),
        Permission::Intent(_) if message.is_some() => Err(Refusal::bad_request(
            "with an intent token the message is given to /intent, not here",
        )),
        Permission::Intent(intent) => Ok(intent.message.clone()),
    }
}

/// The refusal of a channel that is unknown or not available.
pub(super) fn channel_refused(channel: &str) -> Refusal {
    Refusal::bad_request(match channel {
        "app" | "push" | "fido2" | "recovery" => {
            format!("the channel {channel} is not available here")
        }
        _ => "the channel is unknown".to_owned(),
    })
}

/// The link for a phone to open, and its QR code.
pub(super) fn link(
    cloud: &AuthenticationCloud,
    tenant: &Cloud,
    transaction: &Transaction,
) -> Result<Link, Refusal> {
    let token = tenant.dispatch_token(transaction);
    let uri = format!("{}/open?dispatchTokenResponse={token}", cloud.public_url);
    let data_uri = qr_code::data_uri(&uri);
    let data_uri = data_uri.ok_or_else(|| Refusal::plain(Refused::Unavailable))?;
    let qr_code = QrCodeBody { media_type: "image/png", size: qr_code::SIZE, data_uri };
    Ok(Link { qr_code, uri })
}
