//! What a client sees of a refusal: one file, one match.

use std::time::Duration;

use actix_web::http::StatusCode;

use crate::domain::question::ApprovalMessage;
use crate::domain::reason::AuditReason;
use crate::http::body::BodyProblem;
use crate::service::authentication_cloud::Refusal;

/// Message when a user or a transaction does not exist; deliberately does not say which.
const NOTHING_THERE: &str = "there is no such user or transaction";

/// Message when an authenticator does not exist.
const NO_AUTHENTICATOR: &str = "there is no such authenticator";

/// Message when a verified phone does not exist.
const NO_PHONE: &str = "there is no such phone";

/// A refusal as sent to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) enum Seen {
    /// 400, with what is wrong.
    BadRequest(String),
    /// 401: no `Authorization`.
    Unauthorized,
    /// 403: the token is not valid, or not for this.
    Forbidden,
    /// 404, with what is missing.
    NotFound(&'static str),
    /// 404: no such path.
    NoSuchPath,
    /// 405, with the methods that the path accepts.
    MethodNotAllowed(String),
    /// 408: the body did not arrive before the deadline.
    BodyTooSlow,
    /// 409, with what there is too much or too many of.
    Conflict(&'static str),
    /// 412: the transaction has ended.
    PreconditionFailed,
    /// 413: the body is too large.
    TooLarge,
    /// 415: the body does not have the endpoint's media type.
    UnsupportedMediaType,
    /// 429 with `Retry-After`.
    RateLimited(Duration),
    /// 502: no provider accepted the message, with what it was.
    BadGateway(&'static str),
    /// 503 with `Retry-After`.
    Unavailable,
}

impl Seen {
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
}

impl From<Refusal> for Seen {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Message(error) => Self::BadRequest(error.to_string()),
            Refusal::MessageNotShown => Self::BadRequest(format!(
                "the message is not 1 to {} characters on {} lines at most, without other controls",
                ApprovalMessage::MAX,
                ApprovalMessage::MAX_LINES
            )),
            Refusal::NoMessenger => {
                Self::BadRequest("the channel sms is not available: no provider is set up".into())
            }
            Refusal::CountryRefused => {
                Self::BadRequest("no text messages are sent to this country".into())
            }
            Refusal::NumberKindRefused => {
                Self::BadRequest("no text messages are sent to this kind of number".into())
            }
            Refusal::NoPhone => Self::BadRequest("the user has no verified phone".into()),
            Refusal::CodeMalformed | Refusal::CodeWrong | Refusal::RecoveryCodeWrong => {
                Self::BadRequest("the code is wrong".into())
            }
            Refusal::NoPasskeys => Self::BadRequest(
                "the channel app is not available: there are no passkeys for an IP address".into(),
            ),
            Refusal::NoNotifier => {
                Self::BadRequest("the channel push is not available: it is not set up".into())
            }
            Refusal::NoAuthenticator => {
                Self::BadRequest("the user has no authenticator, or not this one".into())
            }
            Refusal::NoSubscription => Self::BadRequest(
                "the user has no authenticator on which notifications are turned on".into(),
            ),
            Refusal::NotByCode => {
                Self::BadRequest("the transaction is confirmed on a phone, not by a code".into())
            }
            Refusal::PasskeyRefused => Self::BadRequest("the passkey is refused".into()),
            Refusal::SubscriptionRefused => Self::BadRequest("the subscription is refused".into()),
            Refusal::IntentUsed
            | Refusal::IntentExpired
            | Refusal::IntentForOther
            | Refusal::IntentNameTaken
            | Refusal::IntentKeyRevoked
            | Refusal::DeviceTokenExpired => Self::Forbidden,
            Refusal::UserUnknown | Refusal::TransactionUnknown => Self::NotFound(NOTHING_THERE),
            Refusal::PhoneUnknown => Self::NotFound(NO_PHONE),
            Refusal::AuthenticatorUnknown => Self::NotFound(NO_AUTHENTICATOR),
            Refusal::TooManyAuthenticators => {
                Self::Conflict("the user has as many authenticators as fit")
            }
            Refusal::UserAmbiguous => Self::Conflict(
                "several users have this name in another case: name one by userId or in its own case",
            ),
            Refusal::TooManyPhones => Self::Conflict("the user has as many phones as fit"),
            Refusal::Ended | Refusal::MatchNumberWrong => Self::PreconditionFailed,
            Refusal::TextsPerUser(wait)
            | Refusal::TextsPerPhone(wait)
            | Refusal::WrongCodes(wait)
            | Refusal::WrongRecoveryCodes(wait)
            | Refusal::PushesPerUser(wait)
            | Refusal::AppApprovalsPerUser(wait) => Self::RateLimited(wait),
            Refusal::NotSent => Self::BadGateway("the text message could not be sent"),
            Refusal::NotNotified => Self::BadGateway("no phone could be notified"),
            Refusal::Changing
            | Refusal::NoRandomness
            | Refusal::StoreUnavailable
            | Refusal::StoreOutcomeUnknown
            | Refusal::DeadlinePassed => Self::Unavailable,
        }
    }
}

/// A refusal with its true reason, for the audit trail.
#[derive(Debug)]
pub(in crate::http) struct Failure {
    pub seen: Seen,
    pub reason: AuditReason,
}

impl Failure {
    /// A refusal whose reason follows from its status.
    pub(in crate::http) const fn plain(seen: Seen) -> Self {
        let reason = match seen {
            Seen::BadRequest(_) => AuditReason::BodyMalformed,
            Seen::Unauthorized => AuditReason::NoCredential,
            Seen::Forbidden => AuditReason::TokenRefused,
            Seen::NotFound(_) | Seen::NoSuchPath => AuditReason::NotFound,
            Seen::MethodNotAllowed(_) => AuditReason::MethodNotAllowed,
            Seen::BodyTooSlow => AuditReason::BodyTooSlow,
            Seen::Conflict(_) => AuditReason::Conflict,
            Seen::PreconditionFailed => AuditReason::TransactionEnded,
            Seen::TooLarge => AuditReason::BodyTooLarge,
            Seen::UnsupportedMediaType => AuditReason::MediaType,
            Seen::RateLimited(_) => AuditReason::Flood,
            Seen::BadGateway(_) => AuditReason::NotSent,
            Seen::Unavailable => AuditReason::Unavailable,
        };
        Self { seen, reason }
    }

    /// 400, with what is wrong.
    pub(in crate::http) fn bad_request(message: impl Into<String>) -> Self {
        Self::plain(Seen::BadRequest(message.into()))
    }

    /// 404 for the authenticator in the path.
    pub(super) const fn no_authenticator() -> Self {
        Self::plain(Seen::NotFound(NO_AUTHENTICATOR))
    }

    /// 404 for the verified phone in the path.
    pub(super) const fn no_phone() -> Self {
        Self::plain(Seen::NotFound(NO_PHONE))
    }

    /// 404 for whatever the path or the query names.
    pub(super) const fn nothing_there() -> Self {
        Self::plain(Seen::NotFound(NOTHING_THERE))
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self { seen: refusal.into(), reason: refusal.name() }
    }
}

impl From<BodyProblem> for Failure {
    fn from(problem: BodyProblem) -> Self {
        Self::plain(match problem {
            BodyProblem::MediaType => Seen::UnsupportedMediaType,
            BodyProblem::TooLarge => Seen::TooLarge,
            BodyProblem::EndedEarly => Seen::BadRequest("the body ended early".to_owned()),
        })
    }
}
