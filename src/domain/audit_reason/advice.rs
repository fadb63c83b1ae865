//! What an administrator does about each reason.

use super::AuditReason;

impl AuditReason {
    /// What an administrator does about it; empty if there is nothing to do.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "it is a table")]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::NumberWithheld => {
                "Ask the caller to show the number, or have the phone system pass it on."
            }
            Self::NumberUnparseable => {
                "`dialpass lookup` explains how it is read; have the phone system send E.164."
            }
            Self::NumberTwoReadings => {
                "Set `[tenants.calls] numbers`, or have the phone system send E.164 with its plus."
            }
            Self::NumberUnknown => {
                "Add the number to the user's entry; `dialpass lookup` shows how stored numbers are read."
            }
            Self::NumberAmbiguous => {
                "Leave it with one of them; `dialpass check-directory` lists shared numbers."
            }
            Self::AttestationTooLow => {
                "Check what the phone system sends, or lower `[tenants.calls] minimum_attestation`."
            }
            Self::CountryNotAccepted => {
                "Add the country to `[tenants.calls] accepted_countries` if its users may call."
            }
            Self::CallDiverted => {
                "Ask the user to call from their own line, or unset `[tenants.calls] refuse_diverted`."
            }
            Self::CalledNumberNotListed => {
                "Add the number to the endpoint's `called_numbers` if it is yours."
            }
            Self::CallReplayed => {
                "Repeated: someone sends a captured request again; replace the endpoint's secret."
            }
            Self::CallOver => {
                "Nothing: a call hears one code. Repeated: someone sends captured requests again."
            }
            Self::NameMalformed | Self::CodeMalformed => "Check what the login service sends.",
            Self::UserUnknown => "Check the name and the tenant's base DN and filters.",
            Self::UserAmbiguous => "Make the name unique, or narrow the base DN.",
            Self::NotInRequiredGroup => "Add the user to the group if they may log in.",
            Self::InExcludedGroup => "Remove the user from the group if they may log in.",
            Self::GroupsTooNested => "Name a group that the user is in more directly.",
            Self::Disabled => "Enable the account.",
            Self::SmartCardRequired => "Clear that option of the account, or exclude the user.",
            Self::AccountExpired => "Extend the account.",
            Self::LockedOut => "Unlock the account, or wait until the lockout ends.",
            Self::NotNow => "Check the account's logon hours.",
            Self::NotFromHere => "Check the account's permitted workstations.",
            Self::PasswordExpired | Self::MustChangePassword => "Let the user set a new password.",
            Self::PasswordMissing => "Have the login service send the password.",
            Self::WrongPassword => {
                "Repeated for one user: someone is guessing, or a program has an old password."
            }
            Self::NoLiveCode => "The user has to call first; codes expire after their lifetime.",
            Self::CodeWrong => "Have the user check the code, or call again.",
            Self::CodeGuessed | Self::CodeGone => "The user has to call again.",
            Self::OperationNeedsPassword => {
                "Have the login service send the password too, or set `password = \"not-asked\"`."
            }
            Self::Flood => "Find out who sends them; raise `[server.limits]` if they are honest.",
            Self::CodesPerUser | Self::WrongPasswordsPerUser | Self::WrongCodesPerUser => {
                "Wait, or run `dialpass counts clear`; the limit is in `[tenants.limits]`."
            }
            Self::CallsPerNumber => {
                "Wait, or run `dialpass counts clear --number`; the limit is in `[tenants.limits]`."
            }
            Self::WrongRecoveryCodesPerUser
            | Self::TextsPerUser
            | Self::TextsPerPhone
            | Self::PushesPerUser => "Wait; the user can use another channel.",
            Self::AppApprovalsPerUser => "Wait; check whether the backend repeats itself.",
            Self::TooManyPhones | Self::TooManyAuthenticators => "Delete one.",
            Self::NoCredential => {
                "Check that the caller's credential is set up and reaches the gateway."
            }
            Self::CredentialWrong => "Compare the caller's secret with the client's entry.",
            Self::CredentialExpired => "Give the client a new secret.",
            Self::CredentialIncomplete => "Set up the other at the caller.",
            Self::CredentialsDisagree => "Use the certificate and the secret of the same client.",
            Self::CredentialAmbiguous => "Give each client a credential of its own.",
            Self::CertificateUnreadable => "Issue a new X.509 v3 certificate.",
            Self::CertificateExpired => "Issue a new one.",
            Self::CertificateNotYetValid | Self::TokenNotYetValid => "Check the clocks.",
            Self::CertificateUntrusted => "Check `client_ca` and the certificate's key usage.",
            Self::CertificateRevoked => "Issue a new one if the client is honest.",
            Self::CertificateUnlisted => {
                "Add a name that the log line shows to the client's entry."
            }
            Self::ForwardedCertificateMalformed => {
                "Compare `[server.proxy]` with what the proxy sends."
            }
            Self::ProxyUnproven => "Give the proxy its secret or certificate.",
            Self::TokenMalformed | Self::BodyTooLarge => "Check what the client sends.",
            Self::TokenIssuerUnknown => "Compare `iss` with the client's `issuer`.",
            Self::TokenAlgorithmNotAllowed => "Have the issuer sign with an allowed one.",
            Self::TokenKeyUnknown => "Check `jwks_url`, and that the issuer publishes its key.",
            Self::TokenSignatureWrong => "Check `jwks_url`; if it is right, the token is forged.",
            Self::TokenExpired => "Check the clocks, and that the client renews its token.",
            Self::TokenKindWrong => "Have the client send an access token.",
            Self::TokenAudienceWrong => "Compare `aud` with the client's `audience`.",
            Self::TokenClientWrong => "Compare `client_id` with the client's entry.",
            Self::TokenSubjectWrong => "Compare `sub` with the client's entry.",
            Self::TokenScopeMissing => "Grant the client the scope at the issuer.",
            Self::TokenKeysUnavailable | Self::TokenKeysTimedOut => {
                "Check that `jwks_url` is reachable from the gateway."
            }
            Self::TokenRefused => {
                "Use a valid access key (`dialpass access-key create` makes one), or create a new intent."
            }
            Self::TenantUnknown => "Compare it with the ids in the configuration.",
            Self::TenantMismatch => "Use the header or the credential of one tenant.",
            Self::TenantNotChosen => "Send a `tenant` header.",
            Self::TenantHeaderUnusable => "Send it once.",
            Self::OperationNotAllowed => "Add it to the client's `operations` if it may.",
            Self::SignatureInvalid => {
                "Check the endpoint's `secrets` or `client`, `server.public_url`, and the URL at the platform."
            }
            Self::AddressNotListed => {
                "Add the address to the script's `addresses` if it is your Asterisk server."
            }
            Self::ScriptUnknown => "Check the last part of `AGI(agi://…/SCRIPT)` in the dialplan.",
            Self::AgiHeaderMalformed => {
                "Callers can put line breaks into a number: repeated, find the trunk that lets them."
            }
            Self::AgiHeaderTooSlow => "Check the network to the Asterisk server.",
            Self::BodyMalformed => "The response's `message` says what is wrong.",
            Self::BodyTooSlow => "Check the network to the client.",
            Self::MediaType => "Send JSON, or a form where the operation takes one.",
            Self::NotFound => "Check the path.",
            Self::MethodNotAllowed => "Check the method.",
            Self::Forbidden
            | Self::Unavailable
            | Self::NotSent
            | Self::NotNotified
            | Self::TextNotSent => "See the log for that time.",
            Self::Conflict | Self::MessageRefused => "The response's `message` says why.",
            Self::DirectoryUnavailable => {
                "See `/readyz` and the log; run `dialpass check-directory`."
            }
            Self::DirectoryTimedOut => "Check the server's load and indexes.",
            Self::StoreUnavailable => "See `/readyz` and the log; check the disk or the database.",
            Self::StoreOutcomeUnknown => "Check the database; the user tries again.",
            Self::AuditUnwritable => "Check the disk and the permissions of `audit.file`.",
            Self::NoRandomness => "Check the operating system.",
            Self::DeadlinePassed => "The log shows which part was slow.",
            Self::Changing => "Try again.",
            Self::Declined | Self::MatchNumberWrong => {
                "If the user did not expect the request, someone else made it."
            }
            Self::PhoneUnknown => "Check the id; the phone may have been deleted.",
            Self::AuthenticatorUnknown => "Check the id; the authenticator may have been deleted.",
            Self::TransactionUnknown => {
                "Check that the backend sends this transaction's own token; transactions are kept for 24 hours after they end."
            }
            Self::TransactionEnded => "Start a new one.",
            Self::CountryRefused => "Add the country to the tenant's SMS section.",
            Self::NumberKindRefused => "Use a mobile number, or add the kind to `number_kinds`.",
            Self::NoSmsProvider => "Configure one in `[tenants.sms]`.",
            Self::NoPasskeys => "Give `public_url` a host name.",
            Self::NoPush => "Set up `[push]`.",
            Self::NoVerifiedPhone => "Enroll a phone first.",
            Self::NoAuthenticator => "Enroll an authenticator first.",
            Self::NoSubscription => "Have the user turn them on, on the phone's page.",
            Self::PasskeyRefused => "Enroll the phone again.",
            Self::NotByCode => "Check what the backend sends.",
            Self::RecoveryCodeWrong => "Use another code, or enroll new ones.",
            Self::SubscriptionRefused => "Add its host to `[push]` if it should be.",
            Self::DeviceTokenExpired => "Open the page again.",
            Self::IntentUsed | Self::IntentExpired => "Create a new one.",
            Self::IntentForOther => "Create one for this operation, channel and user.",
            Self::IntentNameTaken => "Create one for that user, or choose another name.",
            Self::IntentKeyRevoked => "Create a new one with a valid key.",
            Self::KeyNotShown | Self::NotShown => {
                "Run it again, with its output going to a terminal or a writable file."
            }
            Self::Issued
            | Self::Repeated
            | Self::LoggedIn
            | Self::CallerAsked
            | Self::HungUp
            | Self::PinAsked
            | Self::NoSuchUser
            | Self::Pong
            | Self::UserFound
            | Self::Active
            | Self::Inactive
            | Self::Looked
            | Self::Pending
            | Self::Succeeded
            | Self::Failed
            | Self::Unknown
            | Self::EnrollmentBegun
            | Self::ApprovalBegun
            | Self::IntentMade
            | Self::CodeRight
            | Self::RecoveryCodeRight
            | Self::AuthenticatorEnrolled
            | Self::Approved
            | Self::ApprovedPasskeyNowSynced
            | Self::Subscribed
            | Self::Unsubscribed
            | Self::UserDeleted
            | Self::PhoneDeleted
            | Self::AuthenticatorDeleted
            | Self::AuthenticatorRenamed
            | Self::Created
            | Self::Revoked
            | Self::NoSuchKey
            | Self::Cleared
            | Self::NothingCounted
            | Self::Listed
            | Self::Shown
            | Self::Exported
            | Self::Deleted
            | Self::NothingHeld => "",
        }
    }
}
