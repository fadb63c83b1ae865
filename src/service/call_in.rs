//! getOTP: resolves a caller ID to exactly one user, and issues that user a code.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::flood::FloodLimit;
use super::{KnownUser, TenantParts};
use crate::directory::Occasion;
use crate::domain::call_trust::{CallTrust, Vouching};
use crate::domain::caller_id::CallerIdPlan;
use crate::domain::grant::{Purpose, Subject};
use crate::domain::otp::Otp;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::reason::Reason;
use crate::domain::reported_call::ReportIds;
use crate::domain::user::{Ambiguity, NotUnique, Pin, User};
use crate::store::{Issue, IssueRequest, NewGrant};

/// The phone system's data about a call.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The caller ID as the phone system sent it.
    pub caller_id: &'a str,
    /// What the network says of the call.
    pub vouching: Vouching,
    /// The PIN the caller keyed to identify themselves among several people, if any.
    pub pin: Option<&'a str>,
    /// The ids under which the store remembers the call; none if it need not.
    pub report: &'a ReportIds,
}

/// A code to read to the caller.
#[derive(Debug)]
pub struct SpokenCode {
    /// The code.
    pub otp: Otp,
    /// Its remaining lifetime.
    pub expires_in: Duration,
    /// The languages that the user prefers, if the directory has them.
    pub language: Option<String>,
}

/// The decision on a call, and the reason.
#[derive(Debug)]
pub struct CallDecision {
    /// The code, or the true reason for the refusal.
    pub outcome: Result<SpokenCode, Reason>,
    /// [`Reason::Issued`] or [`Reason::Repeated`], or the reason of the refusal.
    pub reason: Reason,
    /// The parsed number.
    pub number: Option<PhoneNumber>,
    /// The user it belongs to.
    pub user: Option<KnownUser>,
}

/// Issues codes to the callers of one tenant.
pub struct CallIn {
    /// The tenant's directory, store and policies.
    pub parts: TenantParts,
    /// How caller IDs are parsed.
    pub caller_ids: CallerIdPlan,
    /// What to do if several users have the number.
    pub ambiguity: Ambiguity,
    /// Which calls are accepted.
    pub trust: CallTrust,
    /// The node's limit per caller, which also applies to numbers without a user.
    pub calls_per_caller: Arc<FloodLimit<String>>,
}

impl CallIn {
    /// Decides one call. Ends by `deadline`, plus at most the store's own timeout.
    pub async fn decide(&self, call: Call<'_>, deadline: Instant) -> CallDecision {
        let mut decision = CallDecision {
            outcome: Err(Reason::NumberUnparseable),
            reason: Reason::NumberUnparseable,
            number: None,
            user: None,
        };
        match self.issue(call, deadline, &mut decision).await {
            Ok((code, reason)) => {
                decision.outcome = Ok(code);
                decision.reason = reason;
            }
            Err(reason) => {
                decision.outcome = Err(reason);
                decision.reason = reason;
            }
        }
        decision
    }

    async fn issue(
        &self,
        call: Call<'_>,
        deadline: Instant,
        known: &mut CallDecision,
    ) -> Result<(SpokenCode, Reason), Reason> {
        let number = self.caller_ids.read(call.caller_id)?;
        known.number = Some(number.clone());
        if let Some(reason) = self.trust.refusal(&number, call.vouching) {
            return Err(reason);
        }
        self.calls_per_caller.admit(&number.key()).map_err(Reason::Flood)?;

        let directory_deadline = deadline.min(Instant::now() + self.parts.directory_deadline);
        let pin = call.pin.and_then(Pin::parse);
        let user = self.owner(&number, pin.as_ref(), directory_deadline).await?;
        known.user = Some(KnownUser::from(&user));
        self.parts.admit(&user, Occasion::Call, directory_deadline).await?;
        self.grant(&user, number, call.report).await
    }

    /// The one user with `number`.
    async fn owner(
        &self,
        number: &PhoneNumber,
        pin: Option<&Pin>,
        deadline: Instant,
    ) -> Result<User, Reason> {
        let candidates = self.parts.directory.find_by_number(number, deadline).await?;
        candidates.exactly_one(number, &self.caller_ids.numbering, self.ambiguity, pin).map_err(
            |not_unique| match not_unique {
                NotUnique::NoUser => Reason::NumberUnknown,
                NotUnique::SeveralUsers => Reason::NumberAmbiguous,
            },
        )
    }

    /// Records a grant for `user`, or finds the live one, and derives its code.
    async fn grant(
        &self,
        user: &User,
        number: PhoneNumber,
        report: &ReportIds,
    ) -> Result<(SpokenCode, Reason), Reason> {
        let parts = &self.parts;
        let subject = Subject {
            tenant: parts.tenant.clone(),
            purpose: Purpose::Call,
            id: user.id.as_str().to_owned(),
        };
        let request = IssueRequest {
            subject: subject.clone(),
            number,
            grant: NewGrant {
                key_id: parts.keys.issuing(),
                nonce: parts.random.nonce().ok_or(Reason::NoRandomness)?,
                digits: parts.otp.digits,
                lifetime: parts.otp.lifetime,
            },
            usable_keys: parts.keys.ids(),
            max_attempts: parts.otp.max_attempts,
            limits: parts.limits,
            report: report.clone(),
        };
        let (live, reason) = match parts.grants.issue(request).await? {
            Issue::Issued(live) => (live, Reason::Issued),
            Issue::Repeat(live) => (live, Reason::Repeated),
            Issue::CallReplayed => return Err(Reason::CallReplayed),
            Issue::CallOver => return Err(Reason::CallOver),
            Issue::CodesPerUser(wait) => return Err(Reason::CodesPerUser(wait)),
            Issue::CallsPerNumber(wait) => return Err(Reason::CallsPerNumber(wait)),
        };
        // If no server key can derive the row's code, the store cannot be trusted.
        let otp = parts.keys.code(&subject, &live.grant).ok_or(Reason::StoreUnavailable)?;
        Ok((SpokenCode { otp, expires_in: live.left, language: user.language.clone() }, reason))
    }
}
