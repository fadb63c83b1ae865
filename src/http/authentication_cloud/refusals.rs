//! Maps the refusals that the authentication cloud's service decides to [`Refusal`]. The statuses are
//! in `http::refused`, the bodies in `http::error`.

use crate::domain::confirmation_request::ApprovalMessage;
use crate::http::refused::{self, Refusal, Refused};
use crate::http::request_context::DeadlinePassed;
use crate::service::authentication_cloud::CloudRefusal;

/// Message when an authenticator does not exist.
const NO_AUTHENTICATOR: &str = "there is no such authenticator";

/// Message when a verified phone does not exist.
const NO_PHONE: &str = "there is no such phone";

/// 404 for the authenticator in the path.
pub(super) const fn no_authenticator() -> Refusal {
    Refusal::plain(Refused::NotFound(NO_AUTHENTICATOR))
}

/// 404 for the verified phone in the path.
pub(super) const fn no_phone() -> Refusal {
    Refusal::plain(Refused::NotFound(NO_PHONE))
}

impl From<CloudRefusal> for Refusal {
    fn from(refusal: CloudRefusal) -> Self {
        Self { refused: refusal.into(), reason: refusal.name() }
    }
}

impl From<DeadlinePassed> for CloudRefusal {
    fn from(_: DeadlinePassed) -> Self {
        Self::DeadlinePassed
    }
}

impl From<CloudRefusal> for Refused {
    fn from(refusal: CloudRefusal) -> Self {
        match refusal {
            CloudRefusal::Message(error) => Self::BadRequest(error.to_string().into()),
            CloudRefusal::MessageNotShown => Self::BadRequest(format!(
                "the message is not 1 to {} characters on {} lines at most, without other controls",
                ApprovalMessage::MAX,
                ApprovalMessage::MAX_LINES
            ).into()),
            CloudRefusal::NoMessenger => {
                Self::BadRequest("the channel sms is not available: no provider is set up".into())
            }
            CloudRefusal::CountryRefused => {
                Self::BadRequest("no text messages are sent to this country".into())
            }
            CloudRefusal::NumberKindRefused => {
                Self::BadRequest("no text messages are sent to this kind of number".into())
            }
            CloudRefusal::NoPhone => Self::BadRequest("the user has no verified phone".into()),
            CloudRefusal::CodeMalformed
            | CloudRefusal::CodeWrong
            | CloudRefusal::RecoveryCodeWrong => Self::BadRequest("the code is wrong".into()),
            CloudRefusal::NoPasskeys => Self::BadRequest(
                "the channel app is not available: there are no passkeys for an IP address".into(),
            ),
            CloudRefusal::NoNotifier => {
                Self::BadRequest("the channel push is not available: it is not set up".into())
            }
            CloudRefusal::NoAuthenticator => {
                Self::BadRequest("the user has no authenticator, or not this one".into())
            }
            CloudRefusal::NoSubscription => Self::BadRequest(
                "the user has no authenticator on which notifications are turned on".into(),
            ),
            CloudRefusal::NotByCode => {
                Self::BadRequest("the transaction is confirmed on a phone, not by a code".into())
            }
            CloudRefusal::PasskeyRefused => Self::BadRequest("the passkey is refused".into()),
            CloudRefusal::SubscriptionRefused => {
                Self::BadRequest("the subscription is refused".into())
            }
            CloudRefusal::IntentUsed
            | CloudRefusal::IntentExpired
            | CloudRefusal::IntentForOther
            | CloudRefusal::IntentNameTaken
            | CloudRefusal::IntentKeyRevoked
            | CloudRefusal::DeviceTokenExpired => Self::Forbidden,
            CloudRefusal::UserUnknown | CloudRefusal::TransactionUnknown => {
                Self::NotFound(refused::NOTHING_THERE)
            }
            CloudRefusal::PhoneUnknown => Self::NotFound(NO_PHONE),
            CloudRefusal::AuthenticatorUnknown => Self::NotFound(NO_AUTHENTICATOR),
            CloudRefusal::TooManyAuthenticators => {
                Self::Conflict("the user has as many authenticators as fit")
            }
            CloudRefusal::UserAmbiguous => Self::Conflict(
                "several users have this name in another case: name one by userId or in its own case",
            ),
            CloudRefusal::TooManyPhones => Self::Conflict("the user has as many phones as fit"),
            CloudRefusal::Ended | CloudRefusal::MatchNumberWrong => Self::PreconditionFailed,
            CloudRefusal::TextsPerUser(wait)
            | CloudRefusal::TextsPerPhone(wait)
            | CloudRefusal::WrongCodes(wait)
            | CloudRefusal::WrongRecoveryCodes(wait)
            | CloudRefusal::PushesPerUser(wait)
            | CloudRefusal::AppApprovalsPerUser(wait) => Self::RateLimited(wait),
            CloudRefusal::NotSent => Self::BadGateway("the text message could not be sent"),
            CloudRefusal::NotNotified => Self::BadGateway("no phone could be notified"),
            CloudRefusal::Changing
            | CloudRefusal::NoRandomness
            | CloudRefusal::StoreUnavailable
            | CloudRefusal::StoreOutcomeUnknown
            | CloudRefusal::DeadlinePassed => Self::Unavailable,
        }
    }
}
