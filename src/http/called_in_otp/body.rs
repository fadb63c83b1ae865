//! Request bodies: their media type, their size, their fields. All values are strings.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::header;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use crate::http::error::Refused;

/// Largest body taken, in bytes; an honest one has a few hundred.
const MAX_BODY: usize = 16 * 1024;

/// What is wrong with a body that cannot be read at all.
const NO_OBJECT: &str = "the body is not a JSON object";

/// The body of getOTP.
#[derive(Deserialize)]
pub(super) struct GetOtpBody {
    pub phonenumber: String,
    #[serde(default, deserialize_with = "text")]
    pub callid: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub attestation: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub pin: Option<String>,
}

/// The body of validateOTP and its alias.
#[derive(Deserialize)]
pub(super) struct ValidateOtpBody {
    pub username: String,
    #[serde(default, deserialize_with = "text")]
    pub password: Option<String>,
    pub otp: String,
    #[serde(default, deserialize_with = "text")]
    pub clientip: Option<String>,
}

/// A field that may be left out, but is a string if it is there: `null` is none.
fn text<'de, D: Deserializer<'de>>(field: D) -> Result<Option<String>, D::Error> {
    String::deserialize(field).map(Some)
}

/// Reads a body: media type, then size, then JSON.
pub(super) async fn read<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: &mut web::Payload,
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
    // An array of the fields' values would pass for them.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Refused::BadRequest(NO_OBJECT));
    }
    serde_json::from_slice(&body).map_err(|error| {
        Refused::BadRequest(match error.classify() {
            serde_json::error::Category::Data => "a field is missing, twice there, or not a string",
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => NO_OBJECT,
        })
    })
}

/// Reads a body that nobody wants, up to the size that would be taken. An answer before its
/// body's end has the connection closed, which tells this refusal from those after it.
pub(super) async fn discard(payload: &mut web::Payload, deadline: Instant) {
    let mut left = MAX_BODY;
    let rest = async {
        while let Some(Ok(chunk)) = payload.next().await {
            match left.checked_sub(chunk.len()) {
                Some(less) => left = less,
                None => return,
            }
        }
    };
    // A body that does not come in time changes nothing about the refusal.
    let _ = timeout_at(deadline, rest).await;
}

/// An answer that goes out while its request's body may be unread. The connection is then closed;
/// if the rest of the body were let go of instead, a chunked one would be read for as long as the
/// client sends.
pub(super) fn answer_before(unread: web::Payload, answer: HttpResponse) -> HttpResponse {
    answer.map_body(|_, answer| BoxBody::new(Early { answer, _unread: unread }))
}

/// The body of such an answer.
struct Early {
    answer: BoxBody,
    _unread: web::Payload,
}

impl MessageBody for Early {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<web::Bytes, Self::Error>>> {
        self.get_mut().answer.as_pin_mut().poll_next(context)
    }
}

/// Whether the body is declared as JSON in UTF-8.
fn is_json(request: &HttpRequest) -> bool {
    let Ok(Some(media_type)) = request.mime_type() else { return false };
    let charset = media_type.get_param("charset");
    media_type.essence_str() == "application/json"
        && charset.is_none_or(|charset| charset.as_str().eq_ignore_ascii_case("utf-8"))
}
