//! Request bodies: media type, size, and how unread ones are handled.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::header;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

/// Largest body accepted, in bytes; a legitimate one has a few hundred.
const MAX_BODY: usize = 16 * 1024;

/// What is wrong with a body before its content is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyProblem {
    /// Another media type is declared.
    MediaType,
    /// It is larger than any legitimate body.
    TooLarge,
    /// It ended before its announced length.
    EndedEarly,
}

/// Reads a whole body of this media type.
pub(super) async fn read(
    request: &HttpRequest,
    payload: &mut web::Payload,
    media_type: &str,
) -> Result<Zeroizing<Vec<u8>>, BodyProblem> {
    read_up_to(request, payload, media_type, MAX_BODY).await
}

/// Reads a whole body of this media type and of at most `most` bytes.
pub(super) async fn read_up_to(
    request: &HttpRequest,
    payload: &mut web::Payload,
    media_type: &str,
    most: usize,
) -> Result<Zeroizing<Vec<u8>>, BodyProblem> {
    if !is_declared_as(request, media_type) {
        return Err(BodyProblem::MediaType);
    }
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) {
        return Err(BodyProblem::TooLarge);
    }
    // It may hold a password, so it is wiped, and it never grows, which would leave copies behind.
    let mut body = Zeroizing::new(Vec::with_capacity(announced.unwrap_or(most)));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| BodyProblem::EndedEarly)?;
        if body.len() + chunk.len() > most {
            return Err(BodyProblem::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// How long a refusal waits for the rest of its request's body.
const REST: Duration = Duration::from_millis(250);

/// Reads and drops a body, up to the size that would be accepted, if it comes at once. Answering
/// before the body's end closes the connection, which would make this refusal differ from later ones;
/// but a body that does not come holds up no refusal.
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
    // A late body changes nothing about the refusal.
    let _ = timeout_at(deadline.min(Instant::now() + REST), rest).await;
}

/// Keeps the unread body with an answer that goes out before it was read, so that the connection is
/// closed. If the body were dropped instead, the library would read a chunked one for as long as
/// the client sends.
pub(super) fn answer_before(unread: web::Payload, answer: HttpResponse) -> HttpResponse {
    answer.map_body(|_, answer| BoxBody::new(EarlyAnswer { answer, _unread: unread }))
}

/// The body of an early answer.
struct EarlyAnswer {
    answer: BoxBody,
    _unread: web::Payload,
}

impl MessageBody for EarlyAnswer {
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

/// The names of UTF-8 and of its subset ASCII.
const UTF_8: [&str; 3] = ["utf-8", "utf8", "us-ascii"];

/// Whether the body is declared as this media type, in UTF-8.
pub(super) fn is_declared_as(request: &HttpRequest, expected: &str) -> bool {
    let Ok(Some(media_type)) = request.mime_type() else { return false };
    let is_utf_8 = |charset: &str| UTF_8.iter().any(|name| charset.eq_ignore_ascii_case(name));
    let mut charsets = media_type.params().filter(|(name, _)| *name == "charset");
    media_type.essence_str() == expected
        && charsets.all(|(_, charset)| is_utf_8(charset.as_str().trim_matches('\'')))
}
