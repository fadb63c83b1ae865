//! The list of all reasons in the audit trail and the metrics, and what each means. What to do about
//! them is in `advice`. Only reasons in this list can be written, and docs/reasons.md is this list.

mod advice;

/// Defines [`AuditReason`] from its names and meanings, by group.
macro_rules! reasons {
    ($($group:literal { $($variant:ident $name:literal $meaning:literal;)+ })+) => {
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
        }
    };
}

reasons! {
    "Calls and logins" {
        Issued "issued"
            "A call was answered with a new code.";
        Repeated "repeated"
            "A call was answered with the live, untried code again.";
        LoggedIn "logged_in"
            "Name, password and code were right.";
        NumberWithheld "number_withheld"
            "The caller ID is hidden.";
        NumberUnparseable "number_unparseable"
            "The caller ID is not a telephone number.";
        NumberTwoReadings "number_two_readings"
            "The caller ID could be two different numbers.";
        NumberUnknown "number_unknown"
            "No user in the directory has the number.";
        NumberAmbiguous "number_ambiguous"
            "Several users have the number.";
        AttestationTooLow "attestation_too_low"
            "The call's attestation is below the tenant's minimum, or absent.";
        CountryNotAccepted "country_not_accepted"
            "The caller's number is of a country that the tenant does not accept.";
        CallDiverted "call_diverted"
            "The call was forwarded on its way, and the tenant refuses forwarded calls.";
        CalledNumberNotListed "called_number_not_listed"
            "A voice platform reported a call to a number that its endpoint does not list.";
        CallReplayed "call_replayed"
            "A voice platform's call was first reported more than 10 minutes ago.";
        CallOver "call_over"
            "A voice platform reported a call again whose code is used, replaced or expired.";
        CallerAsked "caller_asked"
            "A voice browser is asked who calls: it got its first page. In the metrics alone.";
        HungUp "hung_up"
            "The caller hung up, or Asterisk ended the FastAGI session, before the decision.";
        PinAsked "pin_asked"
            "The caller is asked to key the PIN. In the metrics alone: what follows is audited.";
        NameMalformed "name_malformed"
            "The typed name is empty, too long or has control characters.";
        UserUnknown "user_unknown"
            "No user has the typed name.";
        UserAmbiguous "user_ambiguous"
            "Several users have the typed name.";
        NotInRequiredGroup "not_in_required_group"
            "The user is not in the tenant's required group.";
        InExcludedGroup "in_excluded_group"
            "The user is in the tenant's excluded group.";
        GroupsTooNested "groups_too_nested"
            "The user is in more groups, or more deeply nested ones, than are followed.";
        Disabled "disabled"
            "The directory says that the account is disabled.";
        SmartCardRequired "smart_card_required"
            "The directory says that the user must log in with a smart card.";
        AccountExpired "account_expired"
            "The directory says that the account has expired.";
        LockedOut "locked_out"
            "The directory says that the account is locked.";
        NotNow "not_now"
            "The directory says that the user may not log in at this time.";
        NotFromHere "not_from_here"
            "The directory says that the user may not log in from here.";
        PasswordExpired "password_expired"
            "The directory says that the password has expired.";
        MustChangePassword "must_change_password"
            "The directory says that the user must set a new password first.";
        NoSuchUser "no_such_user"
            "The user was deleted from the directory during the request.";
        PasswordMissing "password_missing"
            "The tenant requires a password, and the request has none.";
        WrongPassword "wrong_password"
            "The directory refused the password.";
        NoLiveCode "no_live_code"
            "The user has no live code.";
        CodeWrong "code_wrong"
            "The code differs from the live one.";
        CodeMalformed "code_malformed"
            "The code is not 6 to 8 digits.";
        CodeGuessed "code_guessed"
            "The code is right, but came after too many wrong ones.";
        CodeGone "code_gone"
            "The code was used or replaced in the meantime.";
        OperationNeedsPassword "operation_needs_password"
            "The operation has no password, and the tenant requires one.";
    }
    "Limits" {
        Flood "flood"
            "Too many requests from one client, address or caller.";
        CodesPerUser "codes_per_user"
            "Too many new codes for the user.";
        CallsPerNumber "calls_per_number"
            "Too many calls from the number.";
        WrongPasswordsPerUser "wrong_passwords_per_user"
            "Too many wrong passwords for the user.";
        WrongCodesPerUser "wrong_codes_per_user"
            "Too many wrong codes for the user.";
        WrongRecoveryCodesPerUser "wrong_recovery_codes_per_user"
            "Too many wrong recovery codes for the user.";
        TextsPerUser "texts_per_user"
            "Too many texts to the user.";
        TextsPerPhone "texts_per_phone"
            "Too many texts to the phone.";
        PushesPerUser "pushes_per_user"
            "Too many notifications to the user.";
        AppApprovalsPerUser "app_approvals_per_user"
            "Too many approvals by link for the user.";
        TooManyPhones "too_many_phones"
            "The user has the maximum number of phones.";
        TooManyAuthenticators "too_many_authenticators"
            "The user has the maximum number of authenticators.";
    }
    "Who asks" {
        NoCredential "no_credential"
            "The request has no credential.";
        CredentialWrong "credential_wrong"
            "The `Authorization` header is malformed or belongs to no client.";
        CredentialExpired "credential_expired"
            "The client's secret is past its `valid_until`.";
        CredentialIncomplete "credential_incomplete"
            "The client has to show its certificate and its secret, and showed one.";
        CredentialsDisagree "credentials_disagree"
            "The certificate and the `Authorization` header belong to different clients.";
        CredentialAmbiguous "credential_ambiguous"
            "The credential belongs to several clients of the tenant.";
        CertificateUnreadable "certificate_unreadable"
            "The client's certificate cannot be read.";
        CertificateExpired "certificate_expired"
            "The client's certificate has expired.";
        CertificateNotYetValid "certificate_not_yet_valid"
            "The client's certificate is not valid yet.";
        CertificateUntrusted "certificate_untrusted"
            "The client's certificate does not come from a CA trusted for clients, or is not for client use.";
        CertificateRevoked "certificate_revoked"
            "The client's certificate is revoked.";
        CertificateUnlisted "certificate_unlisted"
            "The client's certificate is valid but belongs to no client.";
        ForwardedCertificateMalformed "forwarded_certificate_malformed"
            "A trusted proxy forwarded something that is not a certificate.";
        ProxyUnproven "proxy_unproven"
            "A proxy lacks the proof that `[server.proxy]` requires.";
        TokenMalformed "token_malformed"
            "The signed token is malformed.";
        TokenIssuerUnknown "token_issuer_unknown"
            "The token's issuer belongs to no client.";
        TokenAlgorithmNotAllowed "token_algorithm_not_allowed"
            "The token's algorithm is not allowed.";
        TokenKeyUnknown "token_key_unknown"
            "The issuer has no key with the token's id.";
        TokenSignatureWrong "token_signature_wrong"
            "The token's signature is wrong.";
        TokenExpired "token_expired"
            "The token has expired.";
        TokenNotYetValid "token_not_yet_valid"
            "The token is not valid yet.";
        TokenKindWrong "token_kind_wrong"
            "The token's `typ` is not that of an access token.";
        TokenAudienceWrong "token_audience_wrong"
            "The token is for another audience.";
        TokenClientWrong "token_client_wrong"
            "The token belongs to another client.";
        TokenSubjectWrong "token_subject_wrong"
            "The token has another subject.";
        TokenScopeMissing "token_scope_missing"
            "The token lacks the required scope.";
        TokenKeysUnavailable "token_keys_unavailable"
            "The issuer's keys cannot be fetched.";
        TokenKeysTimedOut "token_keys_timed_out"
            "The issuer's keys did not arrive in time.";
        TokenRefused "token_refused"
            "The access key or intent is invalid, or not valid for this.";
        TenantUnknown "tenant_unknown"
            "The `tenant` header names an unknown tenant.";
        TenantMismatch "tenant_mismatch"
            "The `tenant` header names a tenant that is not the credential's.";
        TenantNotChosen "tenant_not_chosen"
            "The credential belongs to several tenants, and no header chooses one.";
        TenantHeaderUnusable "tenant_header_unusable"
            "The `tenant` header is not text, or appears several times with different values.";
        OperationNotAllowed "operation_not_allowed"
            "The client may not call this operation.";
    }
    "Requests" {
        SignatureInvalid "signature_invalid"
            "A voice platform's request has no signature by the endpoint's secrets or no credential of its client, or names no endpoint.";
        AddressNotListed "address_not_listed"
            "A FastAGI session came from an address that its script does not list.";
        ScriptUnknown "script_unknown"
            "A FastAGI session named a script that does not exist.";
        AgiHeaderMalformed "agi_header_malformed"
            "A FastAGI header has a name twice, a line without a name, or more than Asterisk writes.";
        AgiHeaderTooSlow "agi_header_too_slow"
            "A FastAGI header did not arrive within 5 seconds.";
        BodyMalformed "body_malformed"
            "The body is malformed.";
        BodyTooLarge "body_too_large"
            "The body is too large.";
        BodyTooSlow "body_too_slow"
            "The body did not arrive in time.";
        MediaType "media_type"
            "The body has an unsupported media type.";
        NotFound "not_found"
            "The path, or what it names, does not exist.";
        MethodNotAllowed "method_not_allowed"
            "The path does not support this method.";
        Forbidden "forbidden"
            "The request is refused.";
        Conflict "conflict"
            "The request conflicts with what is stored.";
        Unavailable "unavailable"
            "A component failed.";
        NotSent "not_sent"
            "A provider did not accept the message.";
    }
    "Parts that failed" {
        DirectoryUnavailable "directory_unavailable"
            "No directory server was reachable, or all refused.";
        DirectoryTimedOut "directory_timed_out"
            "A directory server did not answer in time.";
        StoreUnavailable "store_unavailable"
            "The store is unavailable.";
        StoreOutcomeUnknown "store_outcome_unknown"
            "The store did not answer, so the outcome is unknown.";
        AuditUnwritable "audit_unwritable"
            "The audit trail cannot be written.";
        NoRandomness "no_randomness"
            "The machine provides no random bits.";
        DeadlinePassed "deadline_passed"
            "`server.request_deadline` passed.";
        Changing "changing"
            "Other requests kept changing the user.";
    }
    "The authentication cloud: done" {
        Pong "pong"
            "A ping was answered.";
        UserFound "user_found"
            "A user was returned.";
        Active "active"
            "Introspection: the token proves a confirmation.";
        Inactive "inactive"
            "Introspection: the token proves nothing.";
        Looked "looked"
            "The phone's page read its transaction.";
        Pending "pending"
            "A transaction's status was returned: it waits for the user. Counted in the metrics only.";
        Succeeded "succeeded"
            "A transaction's status was returned: the user confirmed. Counted in the metrics only.";
        Failed "failed"
            "A transaction's status was returned: it failed. Counted in the metrics only.";
        Unknown "unknown"
            "The status of an unknown transaction was requested. Counted in the metrics only.";
        EnrollmentBegun "enrollment_begun"
            "An enrollment was started.";
        ApprovalBegun "approval_begun"
            "An approval was started.";
        IntentMade "intent_made"
            "An intent was created.";
        CodeRight "code_right"
            "The texted code was right.";
        RecoveryCodeRight "recovery_code_right"
            "The recovery code was right.";
        AuthenticatorEnrolled "authenticator_enrolled"
            "A phone registered a passkey.";
        Approved "approved"
            "A phone confirmed an approval with its passkey.";
        ApprovedPasskeyNowSynced "approved_passkey_now_synced"
            "As `approved`, with a passkey that the phone has begun to sync since it was registered.";
        Declined "declined"
            "The user declined on the phone.";
        Subscribed "subscribed"
            "A phone turned notifications on.";
        Unsubscribed "unsubscribed"
            "A phone turned notifications off.";
        UserDeleted "user_deleted"
            "A user was deleted.";
        PhoneDeleted "phone_deleted"
            "A phone was deleted.";
        AuthenticatorDeleted "authenticator_deleted"
            "An authenticator was deleted.";
        AuthenticatorRenamed "authenticator_renamed"
            "An authenticator was renamed.";
    }
    "The authentication cloud: refused" {
        PhoneUnknown "phone_unknown"
            "The user has no such phone.";
        AuthenticatorUnknown "authenticator_unknown"
            "The user has no such authenticator.";
        TransactionUnknown "transaction_unknown"
            "The transaction does not exist, is no longer stored, or belongs to another user.";
        TransactionEnded "transaction_ended"
            "The transaction has ended: it was confirmed, declined, expired or failed.";
        MessageRefused "message_refused"
            "The message cannot be sent or shown.";
        CountryRefused "country_refused"
            "Texts to the phone's country are not allowed.";
        NumberKindRefused "number_kind_refused"
            "Texts to this kind of number are not allowed.";
        NoSmsProvider "no_sms_provider"
            "The tenant has no SMS provider.";
        NoPasskeys "no_passkeys"
            "The public URL's host is an IP address, so there are no passkeys.";
        NoPush "no_push"
            "The tenant has no push notifications.";
        NoVerifiedPhone "no_verified_phone"
            "The user has no verified phone.";
        NoAuthenticator "no_authenticator"
            "The user has no authenticator, or not this one.";
        NoSubscription "no_subscription"
            "None of the user's phones has notifications turned on.";
        NotNotified "not_notified"
            "No push service accepted the notification.";
        TextNotSent "text_not_sent"
            "No SMS provider accepted the text.";
        PasskeyRefused "passkey_refused"
            "The passkey or its signature is invalid.";
        MatchNumberWrong "match_number_wrong"
            "The number typed differs from the one on the requesting page.";
        NotByCode "not_by_code"
            "The transaction is confirmed by a passkey, not by a code.";
        RecoveryCodeWrong "recovery_code_wrong"
            "The recovery code is wrong, or was already used.";
        SubscriptionRefused "subscription_refused"
            "The browser's push service is not allowed.";
        DeviceTokenExpired "device_token_expired"
            "The phone's page took too long to turn notifications on.";
        IntentUsed "intent_used"
            "The intent was already used.";
        IntentExpired "intent_expired"
            "The intent has expired.";
        IntentForOther "intent_for_other"
            "The intent is for another operation, channel or user.";
        IntentNameTaken "intent_name_taken"
            "The intent is for a new user, but the name has been taken since.";
        IntentKeyRevoked "intent_key_revoked"
            "The access key that requested the intent was revoked.";
    }
    "Commands" {
        KeyNotShown "key_not_shown"
            "A command could not print a new access key, so it revoked the key.";
        NotShown "not_shown"
            "A command could not print its result.";
        Created "created"
            "A command created an access key.";
        Revoked "revoked"
            "A command revoked a code or an access key.";
        NoSuchKey "no_such_key"
            "A command to revoke an access key found no such key.";
        Cleared "cleared"
            "A command cleared counts.";
        NothingCounted "nothing_counted"
            "A command to clear counts found none.";
        Listed "listed"
            "A command listed codes or access keys.";
        Shown "shown"
            "A command showed counts.";
        Exported "exported"
            "A command printed what is stored about a person.";
        Deleted "deleted"
            "A command deleted what is stored about a person.";
        NothingHeld "nothing_held"
            "A command found nothing stored about a person.";
    }
}
