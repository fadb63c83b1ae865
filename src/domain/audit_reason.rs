//! The list of all reasons in the audit trail and the metrics: what each means, and what to do about
//! it. Only reasons in this list can be written, and docs/reasons.md is this list.
//!
//! It stays in one file, although it is long: it is one table.

/// Defines [`AuditReason`] from its names, meanings and advice, by group.
macro_rules! reasons {
    ($($group:literal { $($variant:ident $name:literal $meaning:literal $advice:literal;)+ })+) => {
        /// A reason as the audit trail and the metrics name it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum AuditReason {
            $($(#[doc = $meaning] $variant,)+)+
        }

        impl AuditReason {
            /// All reasons, in the order of the list.
            pub const ALL: &[Self] = &[$($(Self::$variant,)+)+];

            /// The name: stable, `snake_case`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($(Self::$variant => $name,)+)+
                }
            }

            /// The heading under which it is listed.
            #[must_use]
            pub const fn group(self) -> &'static str {
                match self {
                    $($(Self::$variant)|+ => $group,)+
                }
            }

            /// What happened, in one sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $($(Self::$variant => $meaning,)+)+
                }
            }

            /// What an administrator does about it; empty if there is nothing to do.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self {
                    $($(Self::$variant => $advice,)+)+
                }
            }
        }
    };
}

reasons! {
    "Calls and logins" {
        Issued "issued"
            "A call was answered with a new code."
            "";
        Repeated "repeated"
            "A call was answered with the live, untried code again."
            "";
        LoggedIn "logged_in"
            "Name, password and code were right."
            "";
        NumberWithheld "number_withheld"
            "The caller ID is hidden."
            "Ask the caller to show the number, or have the phone system pass it on.";
        NumberUnparseable "number_unparseable"
            "The caller ID is not a telephone number."
            "`dialpass lookup` explains how it is read; have the phone system send E.164.";
        NumberTwoReadings "number_two_readings"
            "The caller ID could be two different numbers."
            "Set `[tenants.calls] numbers`, or have the phone system send E.164 with its plus.";
        NumberUnknown "number_unknown"
            "No user in the directory has the number."
            "Add the number to the user's entry; `dialpass lookup` shows how stored numbers are read.";
        NumberAmbiguous "number_ambiguous"
            "Several users have the number."
            "Leave it with one of them; `dialpass check-directory` lists shared numbers.";
        AttestationTooLow "attestation_too_low"
            "The call's attestation is below the tenant's minimum, or absent."
            "Check what the phone system sends, or lower `[tenants.calls] minimum_attestation`.";
        CountryNotAccepted "country_not_accepted"
            "The caller's number is of a country that the tenant does not accept."
            "Add the country to `[tenants.calls] accepted_countries` if its users may call.";
        CallDiverted "call_diverted"
            "The call was forwarded on its way, and the tenant refuses forwarded calls."
            "Ask the user to call from their own line, or unset `[tenants.calls] refuse_diverted`.";
        CalledNumberNotListed "called_number_not_listed"
            "A voice platform reported a call to a number that its endpoint does not list."
            "Add the number to the endpoint's `called_numbers` if it is yours.";
        CallReplayed "call_replayed"
            "A voice platform's call was first reported more than 10 minutes ago."
            "Repeated: someone sends a captured request again; replace the endpoint's secret.";
        CallOver "call_over"
            "A voice platform reported a call again whose code is used, replaced or expired."
            "Nothing: a call hears one code. Repeated: someone sends captured requests again.";
        PinAsked "pin_asked"
            "The caller is asked to key the PIN."
            "";
        NameMalformed "name_malformed"
            "The typed name is empty, too long or has control characters."
            "Check what the login service sends.";
        UserUnknown "user_unknown"
            "No user has the typed name."
            "Check the name and the tenant's base DN and filters.";
        UserAmbiguous "user_ambiguous"
            "Several users have the typed name."
            "Make the name unique, or narrow the base DN.";
        NotInRequiredGroup "not_in_required_group"
            "The user is not in the tenant's required group."
            "Add the user to the group if they may log in.";
        InExcludedGroup "in_excluded_group"
            "The user is in the tenant's excluded group."
            "Remove the user from the group if they may log in.";
        GroupsTooNested "groups_too_nested"
            "The user is in more groups, or more deeply nested ones, than are followed."
            "Name a group that the user is in more directly.";
        Disabled "disabled"
            "The directory says that the account is disabled."
            "Enable the account.";
        SmartCardRequired "smart_card_required"
            "The directory says that the user must log in with a smart card."
            "Clear that option of the account, or exclude the user.";
        AccountExpired "account_expired"
            "The directory says that the account has expired."
            "Extend the account.";
        LockedOut "locked_out"
            "The directory says that the account is locked."
            "Unlock the account, or wait until the lockout ends.";
        NotNow "not_now"
            "The directory says that the user may not log in at this time."
            "Check the account's logon hours.";
        NotFromHere "not_from_here"
            "The directory says that the user may not log in from here."
            "Check the account's permitted workstations.";
        PasswordExpired "password_expired"
            "The directory says that the password has expired."
            "Let the user set a new password.";
        MustChangePassword "must_change_password"
            "The directory says that the user must set a new password first."
            "Let the user set a new password.";
        NoSuchUser "no_such_user"
            "The user was deleted from the directory during the request."
            "";
        PasswordMissing "password_missing"
            "The tenant requires a password, and the request has none."
            "Have the login service send the password.";
        WrongPassword "wrong_password"
            "The directory refused the password."
            "Repeated for one user: someone is guessing, or a program has an old password.";
        NoLiveCode "no_live_code"
            "The user has no live code."
            "The user has to call first; codes expire after their lifetime.";
        CodeWrong "code_wrong"
            "The code differs from the live one."
            "Have the user check the code, or call again.";
        CodeMalformed "code_malformed"
            "The code is not 6 to 8 digits."
            "Check what the login service sends.";
        CodeGuessed "code_guessed"
            "The code is right, but came after too many wrong ones."
            "The user has to call again.";
        CodeGone "code_gone"
            "The code was used or replaced in the meantime."
            "The user has to call again.";
        OperationNeedsPassword "operation_needs_password"
            "The operation has no password, and the tenant requires one."
            "Have the login service send the password too, or set `password = \"not-asked\"`.";
    }
    "Limits" {
        Flood "flood"
            "Too many requests from one client, address or caller."
            "Find out who sends them; raise `[server.limits]` if they are honest.";
        CodesPerUser "codes_per_user"
            "Too many new codes for the user."
            "Wait, or run `dialpass counts clear`; the limit is in `[tenants.limits]`.";
        CallsPerNumber "calls_per_number"
            "Too many calls from the number."
            "Wait, or run `dialpass counts clear --number`; the limit is in `[tenants.limits]`.";
        WrongPasswordsPerUser "wrong_passwords_per_user"
            "Too many wrong passwords for the user."
            "Wait, or run `dialpass counts clear`; the limit is in `[tenants.limits]`.";
        WrongCodesPerUser "wrong_codes_per_user"
            "Too many wrong codes for the user."
            "Wait, or run `dialpass counts clear`; the limit is in `[tenants.limits]`.";
        WrongRecoveryCodesPerUser "wrong_recovery_codes_per_user"
            "Too many wrong recovery codes for the user."
            "Wait; the user can use another channel.";
        TextsPerUser "texts_per_user"
            "Too many texts to the user."
            "Wait; the user can use another channel.";
        TextsPerPhone "texts_per_phone"
            "Too many texts to the phone."
            "Wait; the user can use another channel.";
        PushesPerUser "pushes_per_user"
            "Too many notifications to the user."
            "Wait; the user can use another channel.";
        AppApprovalsPerUser "app_approvals_per_user"
            "Too many approvals by link for the user."
            "Wait; check whether the backend repeats itself.";
        TooManyPhones "too_many_phones"
            "The user has the maximum number of phones."
            "Delete one.";
        TooManyAuthenticators "too_many_authenticators"
            "The user has the maximum number of authenticators."
            "Delete one.";
    }
    "Who asks" {
        NoCredential "no_credential"
            "The request has no credential."
            "Check that the caller's credential is set up and reaches the gateway.";
        CredentialWrong "credential_wrong"
            "The `Authorization` header is malformed or belongs to no client."
            "Compare the caller's secret with the client's entry.";
        CredentialExpired "credential_expired"
            "The client's secret is past its `valid_until`."
            "Give the client a new secret.";
        CredentialIncomplete "credential_incomplete"
            "The client has to show its certificate and its secret, and showed one."
            "Set up the other at the caller.";
        CredentialsDisagree "credentials_disagree"
            "The certificate and the `Authorization` header belong to different clients."
            "Use the certificate and the secret of the same client.";
        CredentialAmbiguous "credential_ambiguous"
            "The credential belongs to several clients of the tenant."
            "Give each client a credential of its own.";
        CertificateUnreadable "certificate_unreadable"
            "The client's certificate cannot be read."
            "Issue a new X.509 v3 certificate.";
        CertificateExpired "certificate_expired"
            "The client's certificate has expired."
            "Issue a new one.";
        CertificateNotYetValid "certificate_not_yet_valid"
            "The client's certificate is not valid yet."
            "Check the clocks.";
        CertificateUntrusted "certificate_untrusted"
            "The client's certificate does not come from a CA trusted for clients, or is not for client use."
            "Check `client_ca` and the certificate's key usage.";
        CertificateRevoked "certificate_revoked"
            "The client's certificate is revoked."
            "Issue a new one if the client is honest.";
        CertificateUnlisted "certificate_unlisted"
            "The client's certificate is valid but belongs to no client."
            "Add a name that the log line shows to the client's entry.";
        ForwardedCertificateMalformed "forwarded_certificate_malformed"
            "A trusted proxy forwarded something that is not a certificate."
            "Compare `[server.proxy]` with what the proxy sends.";
        ProxyUnproven "proxy_unproven"
            "A proxy lacks the proof that `[server.proxy]` requires."
            "Give the proxy its secret or certificate.";
        TokenMalformed "token_malformed"
            "The signed token is malformed."
            "Check what the client sends.";
        TokenIssuerUnknown "token_issuer_unknown"
            "The token's issuer belongs to no client."
            "Compare `iss` with the client's `issuer`.";
        TokenAlgorithmNotAllowed "token_algorithm_not_allowed"
            "The token's algorithm is not allowed."
            "Have the issuer sign with an allowed one.";
        TokenKeyUnknown "token_key_unknown"
            "The issuer has no key with the token's id."
            "Check `jwks_url`, and that the issuer publishes its key.";
        TokenSignatureWrong "token_signature_wrong"
            "The token's signature is wrong."
            "Check `jwks_url`; if it is right, the token is forged.";
        TokenExpired "token_expired"
            "The token has expired."
            "Check the clocks, and that the client renews its token.";
        TokenNotYetValid "token_not_yet_valid"
            "The token is not valid yet."
            "Check the clocks.";
        TokenKindWrong "token_kind_wrong"
            "The token's `typ` is not that of an access token."
            "Have the client send an access token.";
        TokenAudienceWrong "token_audience_wrong"
            "The token is for another audience."
            "Compare `aud` with the client's `audience`.";
        TokenClientWrong "token_client_wrong"
            "The token belongs to another client."
            "Compare `client_id` with the client's entry.";
        TokenSubjectWrong "token_subject_wrong"
            "The token has another subject."
            "Compare `sub` with the client's entry.";
        TokenScopeMissing "token_scope_missing"
            "The token lacks the required scope."
            "Grant the client the scope at the issuer.";
        TokenKeysUnavailable "token_keys_unavailable"
            "The issuer's keys cannot be fetched."
            "Check that `jwks_url` is reachable from the gateway.";
        TokenKeysTimedOut "token_keys_timed_out"
            "The issuer's keys did not arrive in time."
            "Check that `jwks_url` is reachable from the gateway.";
        TokenRefused "token_refused"
            "The access key or intent is invalid, or not valid for this."
            "Use a valid access key (`dialpass access-key create` makes one), or create a new intent.";
        TenantUnknown "tenant_unknown"
            "The `tenant` header names an unknown tenant."
            "Compare it with the ids in the configuration.";
        TenantMismatch "tenant_mismatch"
            "The `tenant` header names a tenant that is not the credential's."
            "Use the header or the credential of one tenant.";
        TenantNotChosen "tenant_not_chosen"
            "The credential belongs to several tenants, and no header chooses one."
            "Send a `tenant` header.";
        TenantHeaderUnusable "tenant_header_unusable"
            "The `tenant` header is not text, or appears several times with different values."
            "Send it once.";
        OperationNotAllowed "operation_not_allowed"
            "The client may not call this operation."
            "Add it to the client's `operations` if it may.";
    }
    "Requests" {
        SignatureInvalid "signature_invalid"
            "A voice platform's request has no signature by the endpoint's secrets, or names no endpoint."
            "Check the endpoint's `secrets` and `server.public_url`, and the URL at the platform.";
        BodyMalformed "body_malformed"
            "The body is malformed."
            "The response's `message` says what is wrong.";
        BodyTooLarge "body_too_large"
            "The body is too large."
            "Check what the client sends.";
        BodyTooSlow "body_too_slow"
            "The body did not arrive in time."
            "Check the network to the client.";
        MediaType "media_type"
            "The body has an unsupported media type."
            "Send JSON, or a form where the operation takes one.";
        NotFound "not_found"
            "The path, or what it names, does not exist."
            "Check the path.";
        MethodNotAllowed "method_not_allowed"
            "The path does not support this method."
            "Check the method.";
        Forbidden "forbidden"
            "The request is refused."
            "See the log for that time.";
        Conflict "conflict"
            "The request conflicts with what is stored."
            "The response's `message` says why.";
        Unavailable "unavailable"
            "A component failed."
            "See the log for that time.";
        NotSent "not_sent"
            "A provider did not accept the message."
            "See the log for that time.";
    }
    "Parts that failed" {
        DirectoryUnavailable "directory_unavailable"
            "No directory server was reachable, or all refused."
            "See `/readyz` and the log; run `dialpass check-directory`.";
        DirectoryTimedOut "directory_timed_out"
            "A directory server did not answer in time."
            "Check the server's load and indexes.";
        StoreUnavailable "store_unavailable"
            "The store is unavailable."
            "See `/readyz` and the log; check the disk or the database.";
        StoreOutcomeUnknown "store_outcome_unknown"
            "The store did not answer, so the outcome is unknown."
            "Check the database; the user tries again.";
        AuditUnwritable "audit_unwritable"
            "The audit trail cannot be written."
            "Check the disk and the permissions of `audit.file`.";
        NoRandomness "no_randomness"
            "The machine provides no random bits."
            "Check the operating system.";
        DeadlinePassed "deadline_passed"
            "`server.request_deadline` passed."
            "The log shows which part was slow.";
        Changing "changing"
            "Other requests kept changing the user."
            "Try again.";
    }
    "The authentication cloud: done" {
        Pong "pong"
            "A ping was answered."
            "";
        UserFound "user_found"
            "A user was returned."
            "";
        Active "active"
            "Introspection: the token proves a confirmation."
            "";
        Inactive "inactive"
            "Introspection: the token proves nothing."
            "";
        Looked "looked"
            "The phone's page read its transaction."
            "";
        Pending "pending"
            "A transaction's status was returned: it waits for the user. Counted in the metrics only."
            "";
        Succeeded "succeeded"
            "A transaction's status was returned: the user confirmed. Counted in the metrics only."
            "";
        Failed "failed"
            "A transaction's status was returned: it failed. Counted in the metrics only."
            "";
        Unknown "unknown"
            "The status of an unknown transaction was requested. Counted in the metrics only."
            "";
        EnrollmentBegun "enrollment_begun"
            "An enrollment was started."
            "";
        ApprovalBegun "approval_begun"
            "An approval was started."
            "";
        IntentMade "intent_made"
            "An intent was created."
            "";
        CodeRight "code_right"
            "The texted code was right."
            "";
        RecoveryCodeRight "recovery_code_right"
            "The recovery code was right."
            "";
        AuthenticatorEnrolled "authenticator_enrolled"
            "A phone registered a passkey."
            "";
        Approved "approved"
            "A phone confirmed an approval with its passkey."
            "";
        ApprovedPasskeyNowSynced "approved_passkey_now_synced"
            "As `approved`, with a passkey that the phone has begun to sync since it was registered."
            "";
        Declined "declined"
            "The user declined on the phone."
            "If the user did not expect the request, someone else made it.";
        Subscribed "subscribed"
            "A phone turned notifications on."
            "";
        Unsubscribed "unsubscribed"
            "A phone turned notifications off."
            "";
        UserDeleted "user_deleted"
            "A user was deleted."
            "";
        PhoneDeleted "phone_deleted"
            "A phone was deleted."
            "";
        AuthenticatorDeleted "authenticator_deleted"
            "An authenticator was deleted."
            "";
        AuthenticatorRenamed "authenticator_renamed"
            "An authenticator was renamed."
            "";
    }
    "The authentication cloud: refused" {
        PhoneUnknown "phone_unknown"
            "The user has no such phone."
            "Check the id; the phone may have been deleted.";
        AuthenticatorUnknown "authenticator_unknown"
            "The user has no such authenticator."
            "Check the id; the authenticator may have been deleted.";
        TransactionUnknown "transaction_unknown"
            "The transaction does not exist, is no longer stored, or belongs to another user."
            "Check that the backend sends this transaction's own token; transactions are kept for 24 hours after they end.";
        TransactionEnded "transaction_ended"
            "The transaction has ended: it was confirmed, declined, expired or failed."
            "Start a new one.";
        MessageRefused "message_refused"
            "The message cannot be sent or shown."
            "The response's `message` says why.";
        CountryRefused "country_refused"
            "Texts to the phone's country are not allowed."
            "Add the country to the tenant's SMS section.";
        NumberKindRefused "number_kind_refused"
            "Texts to this kind of number are not allowed."
            "Use a mobile number, or add the kind to `number_kinds`.";
        NoSmsProvider "no_sms_provider"
            "The tenant has no SMS provider."
            "Configure one in `[tenants.sms]`.";
        NoPasskeys "no_passkeys"
            "The public URL's host is an IP address, so there are no passkeys."
            "Give `public_url` a host name.";
        NoPush "no_push"
            "The tenant has no push notifications."
            "Set up `[push]`.";
        NoVerifiedPhone "no_verified_phone"
            "The user has no verified phone."
            "Enroll a phone first.";
        NoAuthenticator "no_authenticator"
            "The user has no authenticator, or not this one."
            "Enroll an authenticator first.";
        NoSubscription "no_subscription"
            "None of the user's phones has notifications turned on."
            "Have the user turn them on, on the phone's page.";
        NotNotified "not_notified"
            "No push service accepted the notification."
            "See the log for that time.";
        TextNotSent "text_not_sent"
            "No SMS provider accepted the text."
            "See the log for that time.";
        PasskeyRefused "passkey_refused"
            "The passkey or its signature is invalid."
            "Enroll the phone again.";
        MatchNumberWrong "match_number_wrong"
            "The number typed differs from the one on the requesting page."
            "If the user did not expect the request, someone else made it.";
        NotByCode "not_by_code"
            "The transaction is confirmed by a passkey, not by a code."
            "Check what the backend sends.";
        RecoveryCodeWrong "recovery_code_wrong"
            "The recovery code is wrong, or was already used."
            "Use another code, or enroll new ones.";
        SubscriptionRefused "subscription_refused"
            "The browser's push service is not allowed."
            "Add its host to `[push]` if it should be.";
        DeviceTokenExpired "device_token_expired"
            "The phone's page took too long to turn notifications on."
            "Open the page again.";
        IntentUsed "intent_used"
            "The intent was already used."
            "Create a new one.";
        IntentExpired "intent_expired"
            "The intent has expired."
            "Create a new one.";
        IntentForOther "intent_for_other"
            "The intent is for another operation, channel or user."
            "Create one for this operation, channel and user.";
        IntentNameTaken "intent_name_taken"
            "The intent is for a new user, but the name has been taken since."
            "Create one for that user, or choose another name.";
        IntentKeyRevoked "intent_key_revoked"
            "The access key that requested the intent was revoked."
            "Create a new one with a valid key.";
    }
    "Commands" {
        KeyNotShown "key_not_shown"
            "A command could not print a new access key, so it revoked the key."
            "Run it again, with its output going to a terminal or a writable file.";
        NotShown "not_shown"
            "A command could not print its result."
            "Run it again, with its output going to a terminal or a writable file.";
        Created "created"
            "A command created an access key."
            "";
        Revoked "revoked"
            "A command revoked a code or an access key."
            "";
        NoSuchKey "no_such_key"
            "A command to revoke an access key found no such key."
            "";
        Cleared "cleared"
            "A command cleared counts."
            "";
        NothingCounted "nothing_counted"
            "A command to clear counts found none."
            "";
        Listed "listed"
            "A command listed codes or access keys."
            "";
        Shown "shown"
            "A command showed counts."
            "";
        Exported "exported"
            "A command printed what is stored about a person."
            "";
        Deleted "deleted"
            "A command deleted what is stored about a person."
            "";
        NothingHeld "nothing_held"
            "A command found nothing stored about a person."
            "";
    }
}
