//! Why a request to the authentication cloud was refused.

use std::time::Duration;

use crate::domain::reason::AuditReason;
use crate::domain::text_message::TemplateError;
use crate::store::StoreError;

/// The true reason. The HTTP layer decides in one place how much of it the client sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloudRefusal {
    /// The message cannot be sent.
    Message(TemplateError),
    /// The message cannot be shown.
    MessageNotShown,
    /// The tenant cannot send texts.
    NoMessenger,
    /// Texts to the phone's country are not allowed.
    CountryRefused,
    /// Texts to this kind of number are not allowed.
    NumberKindRefused,
    /// The user has no verified phone.
    NoPhone,
    /// The public URL's host is not a domain name, so passkeys are impossible.
    NoPasskeys,
    /// The tenant has no push notifications.
    NoNotifier,
    /// The user has no authenticator, or not this one.
    NoAuthenticator,
    /// None of the user's authenticators has a push subscription.
    NoSubscription,
    /// There is no such verified phone.
    PhoneUnknown,
    /// There is no such authenticator.
    AuthenticatorUnknown,
    /// The passkey or its signature is invalid.
    PasskeyRefused,
    /// The number typed differs from the one on the requesting page.
    MatchNumberWrong,
    /// The push subscription is not acceptable.
    SubscriptionRefused,
    /// The phone's page may no longer set its push subscription.
    DeviceTokenExpired,
    /// The transaction is confirmed by a passkey, not by a code.
    NotByCode,
    /// The code is malformed.
    CodeMalformed,
    /// The code is wrong.
    CodeWrong,
    /// The recovery code is not one of those left.
    RecoveryCodeWrong,
    /// The intent was already used.
    IntentUsed,
    /// The intent has expired.
    IntentExpired,
    /// The intent is for another operation, channel or user.
    IntentForOther,
    /// The intent is to create a user with a name that is now taken.
    IntentNameTaken,
    /// The access key that requested the intent was revoked.
    IntentKeyRevoked,
    /// There is no such user.
    UserUnknown,
    /// Several users have the name in another case, and none exactly.
    UserAmbiguous,
    /// There is no such transaction, or it belongs to another user.
    TransactionUnknown,
    /// The user has the maximum number of phones.
    TooManyPhones,
    /// The user has the maximum number of authenticators.
    TooManyAuthenticators,
    /// The transaction has ended.
    Ended,
    /// Too many texts to the user; the next is allowed after this time.
    TextsPerUser(Duration),
    /// Too many texts to the phone; the next is allowed after this time.
    TextsPerPhone(Duration),
    /// Too many wrong codes by the user; the next try is allowed after this time.
    WrongCodes(Duration),
    /// Too many wrong recovery codes by the user; the next try is allowed after this time.
    WrongRecoveryCodes(Duration),
    /// Too many notifications to the user; the next is allowed after this time.
    PushesPerUser(Duration),
    /// Too many approvals by link requested of the user; the next is allowed after this time.
    AppApprovalsPerUser(Duration),
    /// No provider accepted the text.
    NotSent,
    /// No push service accepted the notification.
    NotNotified,
    /// The records kept changing while they were being read.
    Changing,
    /// The machine provides no random bits.
    NoRandomness,
    /// The store is unavailable.
    StoreUnavailable,
    /// The store did not answer, so the outcome is unknown.
    StoreOutcomeUnknown,
    /// The request's deadline passed.
    DeadlinePassed,
}

impl CloudRefusal {
    /// The reason's name in the audit trail.
    #[must_use]
    pub const fn name(self) -> AuditReason {
        match self {
            Self::Message(_) | Self::MessageNotShown => AuditReason::MessageRefused,
            Self::NoMessenger => AuditReason::NoSmsProvider,
            Self::CountryRefused => AuditReason::CountryRefused,
            Self::NumberKindRefused => AuditReason::NumberKindRefused,
            Self::NoPhone => AuditReason::NoVerifiedPhone,
            Self::NoPasskeys => AuditReason::NoPasskeys,
            Self::NoNotifier => AuditReason::NoPush,
            Self::NoAuthenticator => AuditReason::NoAuthenticator,
            Self::NoSubscription => AuditReason::NoSubscription,
            Self::AuthenticatorUnknown => AuditReason::AuthenticatorUnknown,
            Self::PasskeyRefused => AuditReason::PasskeyRefused,
            Self::MatchNumberWrong => AuditReason::MatchNumberWrong,
            Self::SubscriptionRefused => AuditReason::SubscriptionRefused,
            Self::DeviceTokenExpired => AuditReason::DeviceTokenExpired,
            Self::NotByCode => AuditReason::NotByCode,
            Self::CodeMalformed => AuditReason::CodeMalformed,
            Self::CodeWrong => AuditReason::CodeWrong,
            Self::RecoveryCodeWrong => AuditReason::RecoveryCodeWrong,
            Self::IntentUsed => AuditReason::IntentUsed,
            Self::IntentExpired => AuditReason::IntentExpired,
            Self::IntentForOther => AuditReason::IntentForOther,
            Self::IntentNameTaken => AuditReason::IntentNameTaken,
            Self::IntentKeyRevoked => AuditReason::IntentKeyRevoked,
            Self::PhoneUnknown => AuditReason::PhoneUnknown,
            Self::UserUnknown => AuditReason::UserUnknown,
            Self::UserAmbiguous => AuditReason::UserAmbiguous,
            Self::TransactionUnknown => AuditReason::TransactionUnknown,
            Self::TooManyPhones => AuditReason::TooManyPhones,
            Self::TooManyAuthenticators => AuditReason::TooManyAuthenticators,
            Self::Ended => AuditReason::TransactionEnded,
            Self::TextsPerUser(_) => AuditReason::TextsPerUser,
            Self::TextsPerPhone(_) => AuditReason::TextsPerPhone,
            Self::WrongCodes(_) => AuditReason::WrongCodesPerUser,
            Self::WrongRecoveryCodes(_) => AuditReason::WrongRecoveryCodesPerUser,
            Self::PushesPerUser(_) => AuditReason::PushesPerUser,
            Self::AppApprovalsPerUser(_) => AuditReason::AppApprovalsPerUser,
            Self::NotNotified => AuditReason::NotNotified,
            Self::NotSent => AuditReason::TextNotSent,
            Self::Changing => AuditReason::Changing,
            Self::NoRandomness => AuditReason::NoRandomness,
            Self::StoreUnavailable => AuditReason::StoreUnavailable,
            Self::StoreOutcomeUnknown => AuditReason::StoreOutcomeUnknown,
            Self::DeadlinePassed => AuditReason::DeadlinePassed,
        }
    }
}

impl From<StoreError> for CloudRefusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable => Self::StoreUnavailable,
            StoreError::OutcomeUnknown => Self::StoreOutcomeUnknown,
        }
    }
}
