//! What a call hears: a new code, the live one, or none.

use super::{Account, StoredGrant, WRONG_CODES_LEFT, living};
use crate::domain::clock::Timestamp;
use crate::domain::grant::Grant;
use crate::domain::policy::EventLog;
use crate::domain::reported_call::{REMEMBERED, ReportIds, ReportedCall, Sighting};
use crate::store::requests::{Issue, IssueRequest};

/// The decision on a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueDecision {
    /// The answer, valid once the changes are written.
    pub answer: Issue,
    /// Whether the account must be written.
    pub account_changed: bool,
    /// The calls counted against the number, if they must be written.
    pub calls: Option<EventLog>,
}

impl IssueDecision {
    const fn refusal(answer: Issue) -> Self {
        Self { answer, account_changed: false, calls: None }
    }
}

impl StoredGrant {
    /// Whether the caller hears this code again: live, untried, made as a new one would be, and
    /// with at least half its lifetime left.
    fn may_be_told_again(&self, request: &IssueRequest, now: Timestamp) -> bool {
        let Grant { key_id, issued_at, expires_at, digits, .. } = &self.grant;
        let lifetime = expires_at.saturating_sub(*issued_at).saturating_mul(1000);
        let left = expires_at.saturating_mul(1000).saturating_sub(now.as_millis());
        self.is_live(now)
            && !self.tried
            && request.usable_keys.contains(key_id)
            && *digits == request.grant.digits
            && left.saturating_mul(2) >= lifetime
    }
}

impl Account {
    /// [`Grants::issue`](crate::store::Grants::issue). `reported` is what is remembered of the call if it
    /// heard no code. `calls` reads the calls counted against the number and runs only if they matter.
    ///
    /// # Errors
    /// Those of `calls`.
    pub fn issue<E>(
        &mut self,
        request: &IssueRequest,
        now: Timestamp,
        reported: &[ReportedCall],
        calls: impl FnOnce() -> Result<EventLog, E>,
    ) -> Result<IssueDecision, E> {
        let ids = request.report.all();
        let told = self.told_calls.iter().filter(|call| ids.contains(&call.id));
        let known: Vec<ReportedCall> = reported.iter().chain(told).copied().collect();
        let repeated = match Sighting::of(&request.report, &known, now) {
            Sighting::Replayed => return Ok(IssueDecision::refusal(Issue::CallReplayed)),
            Sighting::Heard(nonce) => {
                let told = self.live(now).filter(|one| one.grant.nonce == nonce);
                let told = told.filter(|one| request.usable_keys.contains(&one.grant.key_id));
                let Some(told) = told else { return Ok(IssueDecision::refusal(Issue::CallOver)) };
                Some(told)
            }
            Sighting::HeardNone => {
                self.grant.as_ref().filter(|one| one.may_be_told_again(request, now))
            }
        };
        if let Some(grant) = repeated.map(|told| told.grant.clone()) {
            let account_changed = self.remember_told(&request.report, &known, grant.nonce, now);
            let answer = Issue::Repeat(living(grant, now));
            return Ok(IssueDecision { answer, account_changed, calls: None });
        }
        let decision = self.issue_new(request, now, calls)?;
        if let Issue::Issued(live) = &decision.answer {
            self.remember_told(&request.report, &known, live.grant.nonce, now);
        }
        Ok(decision)
    }

    /// Issues a new code, if the quotas allow it.
    fn issue_new<E>(
        &mut self,
        request: &IssueRequest,
        now: Timestamp,
        calls: impl FnOnce() -> Result<EventLog, E>,
    ) -> Result<IssueDecision, E> {
        let limits = &request.limits;
        self.expire(limits, now);
        if self.codes_issued.len() >= limits.codes_per_user.burst {
            let wait = self.codes_issued.wait(limits.codes_per_user, now);
            return Ok(IssueDecision::refusal(Issue::CodesPerUser(wait)));
        }
        let mut calls = calls()?;
        calls.expire(limits.calls_per_number, now);
        if calls.len() >= limits.calls_per_number.burst {
            let wait = calls.wait(limits.calls_per_number, now);
            return Ok(IssueDecision::refusal(Issue::CallsPerNumber(wait)));
        }

        let lifetime = i64::try_from(request.grant.lifetime.as_secs()).unwrap_or(i64::MAX);
        let grant = Grant {
            key_id: request.grant.key_id.clone(),
            nonce: request.grant.nonce,
            issued_at: now.as_secs(),
            expires_at: now.as_secs().saturating_add(lifetime),
            digits: request.grant.digits,
        };
        self.grant = Some(StoredGrant {
            grant: grant.clone(),
            tried: false,
            tries_left: request.max_attempts,
            wrong_codes_left: WRONG_CODES_LEFT,
        });
        self.codes_issued.push(now);
        self.settle_idle_from(limits);
        calls.push(now);
        let answer = Issue::Issued(living(grant, now));
        Ok(IssueDecision { answer, account_changed: true, calls: Some(calls) })
    }

    /// Remembers that a reported call heard the code of the grant with this nonce; `known` is what was
    /// remembered of it. Returns whether that is new.
    fn remember_told(
        &mut self,
        report: &ReportIds,
        known: &[ReportedCall],
        nonce: [u8; 16],
        now: Timestamp,
    ) -> bool {
        let ids = report.all();
        let is_new = ids.iter().any(|id| !self.told_calls.iter().any(|call| call.id == *id));
        if !is_new {
            return false;
        }
        self.told_calls
            .retain(|call| now.since(call.first_reported) < REMEMBERED && !ids.contains(&call.id));
        for id in ids {
            let first = known.iter().find(|call| call.id == id).map(|call| call.first_reported);
            let first_reported = first.unwrap_or(now);
            self.told_calls.push(ReportedCall { id, first_reported, nonce: Some(nonce) });
        }
        self.idle_from = self.idle_from.max(now.plus(REMEMBERED));
        true
    }
}
