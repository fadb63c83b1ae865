//! What a client sees of a refusal: one file, one match, and never the true reason.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, Accept, Header, HeaderValue, Quality};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use thiserror::Error;

use crate::domain::clock::Timestamp;
use crate::domain::reason::Reason;

/// `Retry-After` when the directory or the store is down.
pub(super) const RETRY_UNAVAILABLE: Duration = Duration::from_secs(5);

/// Which statuses a tenant's clients see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StatusStyle {
    /// 200 and 403 only, as the phone systems built for this API expect.
    #[default]
    PhenixId,
    /// 429 and 503, each with `Retry-After`, where they fit.
    Http,
}

/// What is wrong with a body, as shown to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadBody {
    /// The connection closed before the body was complete.
    #[error("the body ended early")]
    EndedEarly,
    /// It is in another encoding, such as Latin-1 or UTF-16.
    #[error("the body is not in UTF-8, which is needed")]
    NotUtf8,
    /// It is declared as JSON but is not a JSON object.
    #[error("the body is not a JSON object")]
    NoObject,
    /// It is declared as a form but looks like JSON.
    #[error("the body is declared as a form but is JSON: send Content-Type: application/json")]
    JsonAsForm,
    /// A percent sign in a form is not followed by two hexadecimal digits.
    #[error("the form has a percent sign that begins no escape: write it as %25")]
    NoEscape,
    /// A required field is missing.
    #[error("the field {0} is missing")]
    Missing(&'static str),
    /// A field appears more than once.
    #[error("the field {0} is there twice")]
    Twice(&'static str),
    /// A field's value is not a string, for example a number.
    #[error("the field {0} is not a string")]
    NotText(&'static str),
    /// A passcode already holds password and code, so neither may be sent as well.
    #[error("the field passcode holds password and otp, so neither may stand beside it")]
    PasscodeAndMore,
}

/// A refusal as sent to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// 400, with what is wrong with the body.
    BadRequest(BadBody),
    /// 401 with `WWW-Authenticate`: no credential at all.
    NoCredential,
    /// 403, for every other reason.
    Forbidden,
    /// 404: no such path.
    NotFound,
    /// 405 with `Allow`.
    MethodNotAllowed,
    /// 408: the body did not arrive before the deadline.
    BodyTooSlow,
    /// 413: the body is too large.
    TooLarge,
    /// 415: the media type is neither JSON nor a form, or the charset is not UTF-8.
    UnsupportedMediaType,
    /// 429 with `Retry-After`.
    RateLimited(Duration),
    /// 503 with `Retry-After`.
    Unavailable,
}

impl Refused {
    /// How a decision for `reason` looks to a client that sees `style`.
    #[must_use]
    pub fn of(reason: Reason, style: StatusStyle) -> Self {
        let seen = match reason {
            Reason::Flood(wait)
            | Reason::CodesPerUser(wait)
            | Reason::CallsPerNumber(wait)
            | Reason::WrongPasswordsPerUser(wait)
            | Reason::WrongCodesPerUser(wait) => Self::RateLimited(wait),
            Reason::DirectoryUnavailable
            | Reason::DirectoryTimedOut
            | Reason::StoreUnavailable
            | Reason::StoreOutcomeUnknown
            | Reason::AuditUnwritable
            | Reason::NoRandomness
            | Reason::DeadlinePassed => Self::Unavailable,
            // The first three are not refusals; if one gets here, the answer is no.
            Reason::Issued
            | Reason::Repeated
            | Reason::LoggedIn
            | Reason::NumberWithheld
            | Reason::NumberUnparseable
            | Reason::NumberTwoReadings
            | Reason::NumberUnknown
            | Reason::NumberAmbiguous
            | Reason::AttestationTooLow
            | Reason::AccountClosed(_)
            | Reason::NotInRequiredGroup
            | Reason::InExcludedGroup
            | Reason::GroupsTooNested
            | Reason::UserGone
            | Reason::NameMalformed
            | Reason::UserUnknown
            | Reason::UserAmbiguous
            | Reason::NoLiveCode
            | Reason::CodeWrong
            | Reason::CodeMalformed
            | Reason::CodeGuessed
            | Reason::CodeGone
            | Reason::PasswordMissing
            | Reason::PasswordRefused(_)
            | Reason::OperationNeedsPassword => Self::Forbidden,
        };
        match (style, seen) {
            (StatusStyle::PhenixId, Self::RateLimited(_) | Self::Unavailable) => Self::Forbidden,
            (StatusStyle::PhenixId | StatusStyle::Http, seen) => seen,
        }
    }

    /// How a refused login looks to a client that sees `style`. A spent budget or an outage is
    /// shown only if every name would have met it (`every_name`); otherwise it would reveal which
    /// names exist.
    #[must_use]
    pub fn of_login(reason: Reason, every_name: bool, style: StatusStyle) -> Self {
        let seen = Self::of(reason, style);
        match (reason, seen) {
            (Reason::Flood(_), seen) => seen,
            (_, Self::Unavailable) if every_name => Self::Unavailable,
            _ => Self::Forbidden,
        }
    }

    /// The status code.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::NoCredential => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Builds the response: the error body, or an RFC 9457 problem if the client asked for one.
    ///
    /// # Panics
    /// Never: texts and numbers always serialise.
    #[must_use]
    pub fn answer(self, request: &HttpRequest, request_id: &str, now: Timestamp) -> HttpResponse {
        let status = self.status();
        let mut response = HttpResponse::build(status);
        uniform_headers(&mut response, request_id);
        match self {
            Self::NoCredential => {
                response.append_header((
                    header::WWW_AUTHENTICATE,
                    r#"Basic realm="dialpass", charset="UTF-8""#,
                ));
                response.append_header((header::WWW_AUTHENTICATE, r#"Bearer realm="dialpass""#));
            }
            Self::MethodNotAllowed => {
                response.insert_header((header::ALLOW, "PUT, POST"));
            }
            Self::RateLimited(wait) => {
                response.insert_header((header::RETRY_AFTER, whole_seconds(wait)));
            }
            Self::Unavailable => {
                response.insert_header((header::RETRY_AFTER, whole_seconds(RETRY_UNAVAILABLE)));
            }
            Self::BodyTooSlow => {
                response.force_close();
            }
            Self::BadRequest(_)
            | Self::Forbidden
            | Self::NotFound
            | Self::TooLarge
            | Self::UnsupportedMediaType => {}
        }
        let title = status.canonical_reason().unwrap_or("Error");
        let message = match self {
            Self::BadRequest(body) => Some(body.to_string()),
            _ => None,
        };
        let message = message.as_deref();
        let (media_type, body) = if wants(request).problem {
            let problem = Problem {
                kind: "about:blank",
                title,
                status: status.as_u16(),
                detail: message,
                instance: request.path(),
            };
            ("application/problem+json", serde_json::to_string(&problem))
        } else {
            return response
                .insert_header((header::CONTENT_TYPE, "application/json"))
                .body(error_body(status, message, request.path(), now));
        };
        let body = escape_html(&body.expect("texts and numbers always serialise"));
        response.insert_header((header::CONTENT_TYPE, media_type)).body(body)
    }
}

/// The headers of every answer of the two operations, granted or refused.
pub fn uniform_headers(response: &mut HttpResponseBuilder, request_id: &str) {
    response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header(("X-Request-Id", request_id));
}

/// The error body, as the Authentication Cloud API has it.
#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    status: u16,
    path: &'a str,
    timestamp: String,
}

/// The error body of both APIs, for their description alone: [`ErrorBody`] is what is sent.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Error)]
pub(super) struct ErrorSchema {
    /// The status in words.
    error: String,
    /// What is wrong, where that helps.
    message: Option<String>,
    path: String,
    status: u16,
    #[schema(format = DateTime)]
    timestamp: String,
}

/// An RFC 9457 problem.
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    instance: &'a str,
}

/// The error body of both APIs.
///
/// # Panics
/// Never: texts and numbers always serialise.
#[must_use]
pub(super) fn error_body(
    status: StatusCode,
    message: Option<&str>,
    path: &str,
    now: Timestamp,
) -> String {
    let error = ErrorBody {
        error: status.canonical_reason().unwrap_or("Error"),
        message,
        status: status.as_u16(),
        path,
        timestamp: rfc3339(now),
    };
    let body = serde_json::to_string(&error);
    escape_html(&body.expect("texts and numbers always serialise"))
}

/// RFC 3339 in UTC, always with three decimals, so that all bodies have the same length.
pub(super) fn rfc3339(now: Timestamp) -> String {
    let now =
        jiff::Timestamp::from_millisecond(now.as_millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{now:.3}")
}

/// Escapes the characters that HTML treats specially, because the body repeats the path.
pub(super) fn escape_html(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\'', "\\u0027")
}

/// Whole seconds, rounded up, at least one, as `Retry-After` requires (RFC 9110 10.2.3).
pub(super) fn whole_seconds(wait: Duration) -> HeaderValue {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    HeaderValue::from(seconds.max(1))
}

/// The parts of `Accept` that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wants {
    /// Bare digits instead of JSON.
    pub plain_text: bool,
    /// An RFC 9457 problem instead of the error body.
    pub problem: bool,
}

/// Reads `Accept`. Missing or unreadable means JSON.
#[must_use]
pub fn wants(request: &HttpRequest) -> Wants {
    let Ok(accept) = Accept::parse(request) else { return Wants::default() };
    let quality = |essence: &str| {
        let (kind, _) = essence.split_once('/').unwrap_or((essence, ""));
        let whole_kind = format!("{kind}/*");
        accept
            .0
            .iter()
            .filter_map(|item| {
                let range = item.item.essence_str();
                let precision = [("*/*", 0), (whole_kind.as_str(), 1), (essence, 2)]
                    .iter()
                    .find(|(known, _)| *known == range)?
                    .1;
                Some((precision, item.quality))
            })
            .max_by_key(|(precision, _)| *precision)
            .map(|(precision, quality)| (quality, precision == 2))
    };
    let json = quality("application/json").map(|(quality, _)| quality);
    let plain = quality("text/plain").map(|(quality, _)| quality);
    let problem = quality("application/problem+json");
    Wants {
        plain_text: plain > json && plain > Some(Quality::ZERO),
        problem: problem.is_some_and(|(quality, named)| named && Some(quality) >= json),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn accept(value: &str) -> Wants {
        wants(&TestRequest::default().insert_header((header::ACCEPT, value)).to_http_request())
    }

    #[test]
    fn plain_text_only_where_it_is_liked_better_than_json() {
        assert!(accept("text/plain").plain_text);
        assert!(accept("text/plain, */*;q=0.1").plain_text);
        assert!(accept("text/*").plain_text);
        for json in [
            "*/*",
            "application/json",
            "application/json, text/plain, */*",
            "text/plain;q=0.5, application/json",
            "text/plain;q=0",
            "nonsense",
        ] {
            assert!(!accept(json).plain_text, "{json}");
        }
    }

    #[test]
    fn a_problem_only_where_it_is_named() {
        assert!(accept("application/problem+json").problem);
        assert!(accept("application/problem+json, application/json").problem);
        for json in [
            "*/*",
            "application/*",
            "application/json",
            "application/json, application/problem+json;q=0.2",
        ] {
            assert!(!accept(json).problem, "{json}");
        }
    }

    #[test]
    fn phenixid_clients_see_403_and_http_clients_see_why_to_wait() {
        let wait = Duration::from_millis(1200);
        for (reason, http) in [
            (Reason::CodesPerUser(wait), Refused::RateLimited(wait)),
            (Reason::StoreUnavailable, Refused::Unavailable),
            (Reason::NumberUnknown, Refused::Forbidden),
        ] {
            assert_eq!(Refused::of(reason, StatusStyle::PhenixId), Refused::Forbidden);
            assert_eq!(Refused::of(reason, StatusStyle::Http), http);
        }
        assert_eq!(whole_seconds(wait), HeaderValue::from_static("2"));
        assert_eq!(whole_seconds(Duration::ZERO), HeaderValue::from_static("1"));
    }

    #[test]
    fn a_login_is_told_no_more_than_any_name_would_be() {
        let wait = Duration::from_secs(1);
        let http = |reason, every_name| Refused::of_login(reason, every_name, StatusStyle::Http);
        assert_eq!(http(Reason::Flood(wait), false), Refused::RateLimited(wait));
        assert_eq!(http(Reason::DirectoryUnavailable, true), Refused::Unavailable);
        assert_eq!(http(Reason::DirectoryUnavailable, false), Refused::Forbidden);
        assert_eq!(http(Reason::WrongPasswordsPerUser(wait), false), Refused::Forbidden);
        assert_eq!(http(Reason::WrongCodesPerUser(wait), true), Refused::Forbidden);
        let phenixid = Refused::of_login(Reason::Flood(wait), true, StatusStyle::PhenixId);
        assert_eq!(phenixid, Refused::Forbidden);
    }

    #[test]
    fn a_timestamp_has_one_length_and_a_body_no_html() {
        assert_eq!(rfc3339(Timestamp::from_millis(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(escape_html("</script>&'"), "\\u003c/script\\u003e\\u0026\\u0027");
    }
}
