//! Why a request to the authentication cloud was refused.

use std::time::Duration;

use crate::domain::text_message::TemplateError;
use crate::store::StoreError;

/// The true reason. The HTTP layer decides in one place how much of it the client sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
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

impl Refusal {
    /// The reason's name in the audit trail.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Message(_) | Self::MessageNotShown => "message_refused",
            Self::NoMessenger => "no_sms_provider",
            Self::CountryRefused => "country_refused",
            Self::NumberKindRefused => "number_kind_refused",
            Self::NoPhone => "no_verified_phone",
            Self::NoPasskeys => "no_passkeys",
            Self::NoNotifier => "no_push",
            Self::NoAuthenticator => "no_authenticator",
            Self::NoSubscription => "no_subscription",
            Self::AuthenticatorUnknown => "authenticator_unknown",
            Self::PasskeyRefused => "passkey_refused",
            Self::MatchNumberWrong => "match_number_wrong",
            Self::SubscriptionRefused => "subscription_refused",
            Self::DeviceTokenExpired => "device_token_expired",
            Self::NotByCode => "not_by_code",
            Self::CodeMalformed => "code_malformed",
            Self::CodeWrong => "code_wrong",
            Self::RecoveryCodeWrong => "recovery_code_wrong",
            Self::IntentUsed => "intent_used",
            Self::IntentExpired => "intent_expired",
            Self::IntentForOther => "intent_for_other",
            Self::IntentNameTaken => "intent_name_taken",
            Self::IntentKeyRevoked => "intent_key_revoked",
            Self::PhoneUnknown => "phone_unknown",
            Self::UserUnknown => "user_unknown",
            Self::UserAmbiguous => "user_ambiguous",
            Self::TransactionUnknown => "transaction_unknown",
            Self::TooManyPhones => "too_many_phones",
            Self::TooManyAuthenticators => "too_many_authenticators",
            Self::Ended => "transaction_ended",
            Self::TextsPerUser(_) => "texts_per_user",
            Self::TextsPerPhone(_) => "texts_per_phone",
            Self::WrongCodes(_) => "wrong_codes_per_user",
            Self::WrongRecoveryCodes(_) => "wrong_recovery_codes_per_user",
            Self::PushesPerUser(_) => "pushes_per_user",
            Self::AppApprovalsPerUser(_) => "app_approvals_per_user",
            Self::NotNotified => "not_notified",
            Self::NotSent => "text_not_sent",
            Self::Changing => "changing",
            Self::NoRandomness => "no_randomness",
            Self::StoreUnavailable => "store_unavailable",
            Self::StoreOutcomeUnknown => "store_outcome_unknown",
            Self::DeadlinePassed => "deadline_passed",
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable => Self::StoreUnavailable,
            StoreError::OutcomeUnknown => Self::StoreOutcomeUnknown,
        }
    }
}
