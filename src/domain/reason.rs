//! The true reason of a decision on a call or a login, for the audit trail only.

use std::time::Duration;

use super::account_state::PasswordRefusal;
pub use super::audit_reason::AuditReason;
use super::caller_id::NoNumber;

/// The true reason of a decision. The HTTP layer decides in one place how much the client sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A new code was issued.
    Issued,
    /// The live, untried code was repeated.
    Repeated,
    /// The login succeeded.
    LoggedIn,
    /// The caller withheld the number.
    NumberWithheld,
    /// The caller ID is not a telephone number.
    NumberUnparseable,
    /// The caller ID could be two different numbers.
    NumberTwoReadings,
    /// No user in the directory has the number.
    NumberUnknown,
    /// More than one user has the number.
    NumberAmbiguous,
    /// The call's attestation is below the tenant's minimum, or absent.
    AttestationTooLow,
    /// The number is of a country that the tenant does not accept.
    CountryNotAccepted,
    /// The call was forwarded, and the tenant refuses such calls.
    CallDiverted,
    /// The call was first reported so long ago that this is a replay, or its token has served.
    CallReplayed,
    /// The call was reported before, and its code no longer lives.
    CallOver,
    /// The account's state in the directory forbids logins.
    AccountClosed(PasswordRefusal),
    /// The user is not in the tenant's required group.
    NotInRequiredGroup,
    /// The user is in the tenant's excluded group.
    InExcludedGroup,
    /// The user is in more groups, or in more deeply nested ones, than are followed.
    GroupsTooNested,
    /// The user was deleted from the directory after being found.
    UserGone,
    /// The typed name is empty, too long, or has control characters.
    NameMalformed,
    /// No user in the directory has the name.
    UserUnknown,
    /// More than one entry has the name.
    UserAmbiguous,
    /// The user has no live code.
    NoLiveCode,
    /// The code differs from the one that was issued.
    CodeWrong,
    /// The login's text for the code is not 6 to 8 digits.
    CodeMalformed,
    /// The code is right, but came after too many wrong ones with the same password.
    CodeGuessed,
    /// Another login or call used or replaced the code in the meantime.
    CodeGone,
    /// A password is required, and it was missing or empty.
    PasswordMissing,
    /// The directory refused the password, for this reason.
    PasswordRefused(PasswordRefusal),
    /// The tenant requires a password, and this operation has none.
    OperationNeedsPassword,
    /// The flood limit of the client, the address or the caller.
    Flood(Duration),
    /// Too many new codes for this user.
    CodesPerUser(Duration),
    /// Too many calls from this number.
    CallsPerNumber(Duration),
    /// Too many wrong passwords for this user.
    WrongPasswordsPerUser(Duration),
    /// Too many wrong codes for this user.
    WrongCodesPerUser(Duration),
    /// No directory server was reachable, or all refused.
    DirectoryUnavailable,
    /// The directory did not answer in time.
    DirectoryTimedOut,
    /// The store is unavailable.
    StoreUnavailable,
    /// The store did not answer, so the outcome is unknown.
    StoreOutcomeUnknown,
    /// The audit trail cannot be written.
    AuditUnwritable,
    /// The machine provides no random bits.
    NoRandomness,
    /// The request's deadline passed.
    DeadlinePassed,
}

impl From<NoNumber> for Reason {
    fn from(no_number: NoNumber) -> Self {
        match no_number {
            NoNumber::Withheld => Self::NumberWithheld,
            NoNumber::Unparseable => Self::NumberUnparseable,
            NoNumber::TwoReadings => Self::NumberTwoReadings,
        }
    }
}

impl Reason {
    /// The reason as the audit trail and the metrics name it.
    #[must_use]
    pub const fn name(self) -> AuditReason {
        match self {
            Self::Issued => AuditReason::Issued,
            Self::Repeated => AuditReason::Repeated,
            Self::LoggedIn => AuditReason::LoggedIn,
            Self::NumberWithheld => AuditReason::NumberWithheld,
            Self::NumberUnparseable => AuditReason::NumberUnparseable,
            Self::NumberTwoReadings => AuditReason::NumberTwoReadings,
            Self::NumberUnknown => AuditReason::NumberUnknown,
            Self::NumberAmbiguous => AuditReason::NumberAmbiguous,
            Self::AttestationTooLow => AuditReason::AttestationTooLow,
            Self::CountryNotAccepted => AuditReason::CountryNotAccepted,
            Self::CallDiverted => AuditReason::CallDiverted,
            Self::CallReplayed => AuditReason::CallReplayed,
            Self::CallOver => AuditReason::CallOver,
            Self::NotInRequiredGroup => AuditReason::NotInRequiredGroup,
            Self::InExcludedGroup => AuditReason::InExcludedGroup,
            Self::GroupsTooNested => AuditReason::GroupsTooNested,
            Self::UserGone => AuditReason::NoSuchUser,
            Self::NameMalformed => AuditReason::NameMalformed,
            Self::UserUnknown => AuditReason::UserUnknown,
            Self::UserAmbiguous => AuditReason::UserAmbiguous,
            Self::NoLiveCode => AuditReason::NoLiveCode,
            Self::CodeWrong => AuditReason::CodeWrong,
            Self::CodeMalformed => AuditReason::CodeMalformed,
            Self::CodeGuessed => AuditReason::CodeGuessed,
            Self::CodeGone => AuditReason::CodeGone,
            Self::PasswordMissing => AuditReason::PasswordMissing,
            Self::AccountClosed(why) | Self::PasswordRefused(why) => why.name(),
            Self::OperationNeedsPassword => AuditReason::OperationNeedsPassword,
            Self::Flood(_) => AuditReason::Flood,
            Self::CodesPerUser(_) => AuditReason::CodesPerUser,
            Self::CallsPerNumber(_) => AuditReason::CallsPerNumber,
            Self::WrongPasswordsPerUser(_) => AuditReason::WrongPasswordsPerUser,
            Self::WrongCodesPerUser(_) => AuditReason::WrongCodesPerUser,
            Self::DirectoryUnavailable => AuditReason::DirectoryUnavailable,
            Self::DirectoryTimedOut => AuditReason::DirectoryTimedOut,
            Self::StoreUnavailable => AuditReason::StoreUnavailable,
            Self::StoreOutcomeUnknown => AuditReason::StoreOutcomeUnknown,
            Self::AuditUnwritable => AuditReason::AuditUnwritable,
            Self::NoRandomness => AuditReason::NoRandomness,
            Self::DeadlinePassed => AuditReason::DeadlinePassed,
        }
    }

    /// Whether this refusal depended on the directory or the store. Its time must then not reveal
    /// which of these reasons it was.
    #[must_use]
    pub const fn depended_on_a_backend(self) -> bool {
        match self {
            Self::NumberUnknown
            | Self::NumberAmbiguous
            | Self::AccountClosed(_)
            | Self::NotInRequiredGroup
            | Self::InExcludedGroup
            | Self::GroupsTooNested
            | Self::UserGone
            | Self::UserUnknown
            | Self::UserAmbiguous
            | Self::NoLiveCode
            | Self::CodeWrong
            | Self::CodeGuessed
            | Self::CodeGone
            | Self::PasswordRefused(_)
            | Self::CodesPerUser(_)
            | Self::CallsPerNumber(_)
            | Self::WrongPasswordsPerUser(_)
            | Self::WrongCodesPerUser(_)
            | Self::DirectoryUnavailable
            | Self::DirectoryTimedOut
            | Self::StoreUnavailable
            | Self::StoreOutcomeUnknown
            | Self::DeadlinePassed => true,
            Self::Issued
            | Self::Repeated
            | Self::LoggedIn
            | Self::NumberWithheld
            | Self::NumberUnparseable
            | Self::NumberTwoReadings
            | Self::AttestationTooLow
            | Self::CountryNotAccepted
            | Self::CallDiverted
            | Self::CallReplayed
            | Self::CallOver
            | Self::PasswordMissing
            | Self::CodeMalformed
            | Self::NameMalformed
            | Self::AuditUnwritable
            | Self::NoRandomness
            | Self::OperationNeedsPassword
            | Self::Flood(_) => false,
        }
    }
}
