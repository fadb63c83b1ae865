//! Writes a refusal's body, as JSON or as an RFC 9457 problem, and the headers that all answers share.
//! Which status and message a refusal has is decided in `http::refused`.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, Accept, Header, Quality};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use super::refused::{Api, Refused};
use crate::domain::clock::Timestamp;

/// The answer to a refusal outside of both APIs: an unknown path, a page.
pub(super) fn refused(
    refused: &Refused,
    request: &HttpRequest,
    request_id: &str,
    now: Timestamp,
) -> HttpResponse {
    let mut answer = HttpResponse::build(refused.status());
    uniform_headers(&mut answer, request_id);
    refuse(answer, refused, Api::CalledInOtp, request, now)
}

/// Completes the answer to a refusal: the error body, or an RFC 9457 problem where getOTP's or
/// validateOTP's client asked for one.
pub(super) fn refuse(
    mut answer: HttpResponseBuilder,
    refused: &Refused,
    api: Api,
    request: &HttpRequest,
    now: Timestamp,
) -> HttpResponse {
    let (status, message) = (refused.status(), refused.message());
    refused.add_headers(&mut answer, api);
    let (media_type, body) = match api {
        Api::CalledInOtp if wants(request).problem => {
            ("application/problem+json", problem_body(status, message, request.path()))
        }
        Api::CalledInOtp => ("application/json", error_body(status, message, request.path(), now)),
        Api::AuthenticationCloud => {
            ("application/json;charset=utf-8", error_body(status, message, request.path(), now))
        }
    };
    answer.insert_header((header::CONTENT_TYPE, media_type)).body(body)
}

/// The headers of every answer of both APIs, granted or refused.
pub(super) fn uniform_headers(response: &mut HttpResponseBuilder, request_id: &str) {
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

/// The body of every refusal, for the API description only: `ErrorBody` is what is sent.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Error)]
pub(super) struct ErrorSchema {
    /// The status in words.
    error: String,
    /// What is wrong, if known.
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
fn error_body(status: StatusCode, message: Option<&str>, path: &str, now: Timestamp) -> String {
    json(&ErrorBody {
        error: title(status),
        message,
        status: status.as_u16(),
        path,
        timestamp: rfc3339(now),
    })
}

fn problem_body(status: StatusCode, message: Option<&str>, path: &str) -> String {
    json(&Problem {
        kind: "about:blank",
        title: title(status),
        status: status.as_u16(),
        detail: message,
        instance: path,
    })
}

fn title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}

fn json(body: &impl Serialize) -> String {
    escape_html(&serde_json::to_string(body).expect("texts and numbers always serialise"))
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
    fn a_timestamp_has_one_length_and_a_body_no_html() {
        assert_eq!(rfc3339(Timestamp::from_millis(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(escape_html("</script>&'"), "\\u003c/script\\u003e\\u0026\\u0027");
    }
}
