//! Every refusal that a client of either API can see, with its status, headers and message. The true
//! reason is never sent: `Refusal` carries it to the audit trail. The bodies are in `http::error`.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::HttpResponseBuilder;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use serde::Deserialize;

use crate::domain::reason::{AuditReason, Reason};
use crate::http::body::BodyProblem;

/// `Retry-After` when the directory or the store is down.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(5);

/// Message when a user or a transaction does not exist; deliberately does not say which.
pub(super) const NOTHING_THERE: &str = "there is no such user or transaction";

/// Which API a request belongs to, where they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    /// getOTP and validateOTP, for phone systems and login services.
    CalledInOtp,
    /// The authentication cloud's.
    AuthenticationCloud,
}

/// Which statuses a tenant's clients see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StatusStyle {
    /// 200 and 403 only, as the phone systems built for this API expect.
    #[default]
    PhenixId,
    /// 429 and 503, each with `Retry-After`, where they fit.
    Http,
}

/// A refusal as sent to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// 400, with what is wrong.
    BadRequest(Cow<'static, str>),
    /// 401 with `WWW-Authenticate`: no credential at all.
    Unauthorized,
    /// 403, for every other reason.
    Forbidden,
    /// 404, with what is missing.
    NotFound(&'static str),
    /// 404: no such path.
    NoSuchPath,
    /// 405, with the methods that the path accepts.
    MethodNotAllowed(Cow<'static, str>),
    /// 408: the body did not arrive before the deadline.
    BodyTooSlow,
    /// 409, with what is in conflict.
    Conflict(&'static str),
    /// 412: the transaction has ended.
    PreconditionFailed,
    /// 413: the body is too large.
    TooLarge,
    /// 415: the body does not have the operation's media type, or is not in UTF-8.
    UnsupportedMediaType,
    /// 429 with `Retry-After`.
    RateLimited(Duration),
    /// 502: no provider accepted the message, with what it was.
    BadGateway(&'static str),
    /// 503 with `Retry-After`.
    Unavailable,
}

impl Refused {
    /// How a decision for `reason` looks to a client that sees `style`.
    fn of(reason: Reason, style: StatusStyle) -> Self {
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
            | Reason::CountryNotAccepted
            | Reason::CallDiverted
            | Reason::CallReplayed
            | Reason::CallOver
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
    fn of_login(reason: Reason, every_name: bool, style: StatusStyle) -> Self {
        let seen = Self::of(reason, style);
        match (reason, seen) {
            (Reason::Flood(_), seen) => seen,
            (_, Self::Unavailable) if every_name => Self::Unavailable,
            _ => Self::Forbidden,
        }
    }

    /// The status code.
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound(_) | Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::BadGateway(_) => StatusCode::BAD_GATEWAY,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The message sent with the status.
    pub(super) fn message(&self) -> Option<&str> {
        match self {
            Self::BadRequest(message) => Some(message),
            Self::NotFound(message) | Self::Conflict(message) | Self::BadGateway(message) => {
                Some(message)
            }
            Self::PreconditionFailed => Some("the transaction has ended"),
            Self::Unauthorized
            | Self::Forbidden
            | Self::NoSuchPath
            | Self::MethodNotAllowed(_)
            | Self::BodyTooSlow
            | Self::TooLarge
            | Self::UnsupportedMediaType
            | Self::RateLimited(_)
            | Self::Unavailable => None,
        }
    }

    /// Adds the headers that the status requires.
    pub(super) fn add_headers(&self, answer: &mut HttpResponseBuilder, api: Api) {
        match self {
            Self::Unauthorized => {
                if api == Api::CalledInOtp {
                    let basic = r#"Basic realm="dialpass", charset="UTF-8""#;
                    answer.append_header((header::WWW_AUTHENTICATE, basic));
                }
                answer.append_header((header::WWW_AUTHENTICATE, r#"Bearer realm="dialpass""#));
            }
            Self::MethodNotAllowed(allow) => {
                answer.insert_header((header::ALLOW, allow.as_ref()));
            }
            Self::RateLimited(wait) => {
                answer.insert_header((header::RETRY_AFTER, whole_seconds(*wait)));
            }
            Self::Unavailable => {
                answer.insert_header((header::RETRY_AFTER, whole_seconds(RETRY_UNAVAILABLE)));
            }
            Self::BodyTooSlow => {
                answer.force_close();
            }
            Self::BadRequest(_)
            | Self::Forbidden
            | Self::NotFound(_)
            | Self::NoSuchPath
            | Self::Conflict(_)
            | Self::PreconditionFailed
            | Self::TooLarge
            | Self::UnsupportedMediaType
            | Self::BadGateway(_) => {}
        }
    }
}

/// Whole seconds, rounded up, at least one, as `Retry-After` requires (RFC 9110 10.2.3).
fn whole_seconds(wait: Duration) -> HeaderValue {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    HeaderValue::from(seconds.max(1))
}

/// A refusal with its true reason, for the audit trail.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) refused: Refused,
    pub(super) reason: AuditReason,
}

impl Refusal {
    /// A refusal whose reason follows from its status.
    pub(super) const fn plain(refused: Refused) -> Self {
        let reason = match refused {
            Refused::BadRequest(_) => AuditReason::BodyMalformed,
            Refused::Unauthorized => AuditReason::NoCredential,
            Refused::Forbidden => AuditReason::TokenRefused,
            Refused::NotFound(_) | Refused::NoSuchPath => AuditReason::NotFound,
            Refused::MethodNotAllowed(_) => AuditReason::MethodNotAllowed,
            Refused::BodyTooSlow => AuditReason::BodyTooSlow,
            Refused::Conflict(_) => AuditReason::Conflict,
            Refused::PreconditionFailed => AuditReason::TransactionEnded,
            Refused::TooLarge => AuditReason::BodyTooLarge,
            Refused::UnsupportedMediaType => AuditReason::MediaType,
            Refused::RateLimited(_) => AuditReason::Flood,
            Refused::BadGateway(_) => AuditReason::NotSent,
            Refused::Unavailable => AuditReason::Unavailable,
        };
        Self { refused, reason }
    }

    /// 400, with what is wrong.
    pub(super) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::plain(Refused::BadRequest(message.into()))
    }

    /// 404 for the user or transaction that the path or the query names.
    pub(super) const fn nothing_there() -> Self {
        Self::plain(Refused::NotFound(NOTHING_THERE))
    }

    /// A refused call, as a client with `style` sees it.
    pub(super) fn decided(reason: Reason, style: StatusStyle) -> Self {
        Self { refused: Refused::of(reason, style), reason: reason.name() }
    }

    /// A refused login, as a client with `style` sees it; see [`Refused::of_login`].
    pub(super) fn login(reason: Reason, every_name: bool, style: StatusStyle) -> Self {
        Self { refused: Refused::of_login(reason, every_name, style), reason: reason.name() }
    }
}

impl From<BodyProblem> for Refusal {
    fn from(problem: BodyProblem) -> Self {
        Self::plain(match problem {
            BodyProblem::MediaType => Refused::UnsupportedMediaType,
            BodyProblem::TooLarge => Refused::TooLarge,
            BodyProblem::EndedEarly => Refused::BadRequest("the body ended early".into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_refused_login_learns_no_more_than_any_name_would() {
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
}
