//! Request bodies: their media type, their size, their fields. All values are strings.

use actix_web::http::header;
use actix_web::{HttpMessage, HttpRequest, web};
use futures_util::StreamExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::http::error::Refused;

/// Largest body taken, in bytes; an honest one has a few hundred.
const MAX_BODY: usize = 16 * 1024;

/// The body of getOTP.
#[derive(Deserialize)]
pub(super) struct GetOtpBody {
    pub phonenumber: String,
    pub callid: Option<String>,
    pub attestation: Option<String>,
    /// Digits that the caller keyed. Nothing uses them yet, but a number here is still malformed.
    #[serde(rename = "pin")]
    _pin: Option<String>,
}

/// The body of validateOTP and its alias.
#[derive(Deserialize)]
pub(super) struct ValidateOtpBody {
    pub username: String,
    pub password: Option<String>,
    pub otp: String,
    pub clientip: Option<String>,
}

/// Reads a body: media type, then size, then JSON.
pub(super) async fn read<T: DeserializeOwned>(
    request: &HttpRequest,
    mut payload: web::Payload,
) -> Result<T, Refused> {
    if !is_json(request) {
        return Err(Refused::UnsupportedMediaType);
    }
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MAX_BODY) {
        return Err(Refused::TooLarge);
    }
    // It may hold a password, so it is wiped, and never grows, which would leave copies behind.
    let mut body = Zeroizing::new(Vec::with_capacity(announced.unwrap_or(MAX_BODY)));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Refused::BadRequest("the body ended early"))?;
        if body.len() + chunk.len() > MAX_BODY {
            return Err(Refused::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|error| {
        Refused::BadRequest(match error.classify() {
            serde_json::error::Category::Data => "a field is missing, twice there, or not a string",
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => "the body is not a JSON object",
        })
    })
}

/// Whether the body is declared as JSON in UTF-8.
fn is_json(request: &HttpRequest) -> bool {
    let Ok(Some(media_type)) = request.mime_type() else { return false };
    let charset = media_type.get_param("charset");
    media_type.essence_str() == "application/json"
        && charset.is_none_or(|charset| charset.as_str().eq_ignore_ascii_case("utf-8"))
}
