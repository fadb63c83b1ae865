//! Why a request to the authentication cloud came to nothing.

use std::time::Duration;

use crate::domain::text_message::TemplateError;
use crate::store::StoreError;

/// The true reason. What a client sees of it is decided in one place, in HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The message cannot be sent.
    Message(TemplateError),
    /// The message cannot be shown.
    MessageNotShown,
    /// The tenant has no way to send texts.
    NoMessenger,
    /// Nothing is sent to the phone's country.
    CountryRefused,
    /// Nothing is sent to numbers of this kind.
    NumberKindRefused,
    /// The user has no verified phone.
    NoPhone,
    /// The public URL's host is no name, so that there can be no passkeys.
    NoPasskeys,
    /// The tenant's phones are not notified.
    NoNotifier,
    /// The user has no authenticator, or not this one.
    NoAuthenticator,
    /// None of the user's authenticators can be notified.
    NoSubscription,
    /// There is no such verified phone.
    PhoneUnknown,
    /// There is no such authenticator.
    AuthenticatorUnknown,
    /// The passkey or its signature does not pass.
    PasskeyRefused,
    /// The number that was typed is not the one that the requesting page shows.
    MatchNumberWrong,
    /// The subscription is none that may be used.
    SubscriptionRefused,
    /// The time is up in which a phone's page may set where it is notified.
    DeviceTokenExpired,
    /// The transaction is confirmed by a passkey, not by a code.
    NotByCode,
    /// The code is none, by its form.
    CodeMalformed,
    /// The code is not what was sent.
    CodeWrong,
    /// The recovery code is none of those left.
    RecoveryCodeWrong,
    /// The intent was used before.
    IntentUsed,
    /// The intent's time is up.
    IntentExpired,
    /// The intent is for another operation, channel or user.
    IntentForOther,
    /// The intent is to make a user of a name that somebody has by now.
    IntentNameTaken,
    /// The access key that the intent was asked for with was revoked.
    IntentKeyRevoked,
    /// There is no such user.
    UserUnknown,
    /// There is no such transaction, or it is another user's.
    TransactionUnknown,
    /// The user has as many phones as fit.
    TooManyPhones,
    /// The user has as many authenticators as fit.
    TooManyAuthenticators,
    /// The transaction has come to its end.
    Ended,
    /// Too many texts to the user; the next fits after this time.
    TextsPerUser(Duration),
    /// Too many texts to the phone; the next fits after this time.
    TextsPerPhone(Duration),
    /// Too many wrong codes of the user; the next may be tried after this time.
    WrongCodes(Duration),
    /// Too many wrong recovery codes of the user; the next may be tried after this time.
    WrongRecoveryCodes(Duration),
    /// Too many notifications to the user; the next fits after this time.
    PushesPerUser(Duration),
    /// Too many approvals that the user was asked for by a link; the next fits after this time.
    AppApprovalsPerUser(Duration),
    /// No provider took the text.
    NotSent,
    /// No push service took the notification.
    NotNotified,
    /// What the request is about changed again and again while it was looked at.
    Changing,
    /// The machine gives no random bits.
    NoRandomness,
    /// The store could not be asked.
    StoreUnavailable,
    /// The store's answer did not come.
    StoreOutcomeUnknown,
    /// The request's time was up.
    DeadlinePassed,
}

impl Refusal {
    /// The reason as the audit trail has it.
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
