//! What every dialect does: check and read a platform's request, and write documents.

use std::time::Duration;

use actix_web::http::header::HeaderMap;

use super::call::IncomingCall;
use super::document::{Answer, Speech};
use super::texts::Sentences;
use crate::domain::clock::Timestamp;

/// A platform's request, whole.
pub struct PlatformRequest<'r> {
    /// Its headers.
    pub headers: &'r HeaderMap,
    /// The service's public URL, in each spelling that platforms sign.
    pub bases: &'r [String],
    /// Path and query, as received.
    pub target: &'r str,
    /// The body.
    pub body: &'r [u8],
    /// When it was read.
    pub now: Timestamp,
    /// Whether it brings what the caller keyed, by its path.
    pub has_keyed: bool,
}

/// How far a signed time may lie from now, in either direction.
const TOLERANCE: Duration = Duration::from_mins(5);

/// Whether a signed time, in seconds since 1970, is near enough to now that the request is no
/// replay.
#[must_use]
pub fn is_near(seconds: i64, now: Timestamp) -> bool {
    let away = seconds.saturating_mul(1000).saturating_sub(now.as_millis());
    u128::from(away.unsigned_abs()) <= TOLERANCE.as_millis()
}

/// A header's value, if the header comes once.
#[must_use]
pub fn single<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name);
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Why a request describes no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// None of the endpoint's keys signed it.
    NotSigned,
    /// It is signed, but a needed field is missing or repeated.
    Unreadable,
}

/// The language of a family of platforms.
pub trait Dialect: Send + Sync {
    /// The media type of its requests' bodies.
    fn request_type(&self) -> &'static str;

    /// The media type of its documents.
    fn document_type(&self) -> &'static str;

    /// The first page, where a browser fetches pages; `None` where a platform reports calls, and
    /// signs its requests.
    fn first_page(&self) -> Option<&dyn FirstPage> {
        None
    }

    /// Checks a request's signature, then reads the call.
    ///
    /// # Errors
    /// [`Unusable`].
    fn read(&self, request: &PlatformRequest<'_>) -> Result<IncomingCall, Unusable>;

    /// Writes a document.
    fn write(&self, answer: &Answer<'_>, speech: &Speech, sentences: &Sentences) -> Vec<u8>;
}

/// A page without secrets that a browser fetches first, and that has it send the call.
pub trait FirstPage {
    /// The name of the tenant's client whose credential takes the place of a signature.
    fn client(&self) -> &str;

    /// Writes the page that has the call `call` sent to `url`.
    fn write(&self, url: &str, call: &str, speech: &Speech, sentences: &Sentences) -> Vec<u8>;
}
