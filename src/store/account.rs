//! What each step decides: on a subject's account, which is its grant with the budgets beside it,
//! and on the calls counted against a number. No I/O: an adapter reads both, lets a step decide,
//! and writes what it changed before anyone else can read them.

use std::time::Duration;

use super::{
    CodeTry, Issue, IssueRequest, LiveGrant, MAX_WRONG_CODES, Redemption, Reservation,
    ReserveRequest, SPARE_TRIES,
};
use crate::domain::clock::Timestamp;
use crate::domain::grant::Grant;
use crate::domain::policy::{EventLog, Limits};

/// A grant with what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredGrant {
    /// The grant.
    pub grant: Grant,
    /// Whether any login has tried it.
    pub tried: bool,
    /// Wrong codes with a right password that it still takes.
    pub tries_left: u32,
    /// Wrong codes that it still takes, whatever the password.
    pub wrong_codes_left: u32,
}

impl StoredGrant {
    /// Whether it is neither burnt nor expired at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.tries_left > 0 && self.wrong_codes_left > 0 && self.grant.expires_at > now.as_secs()
    }

    /// Whether the caller is told this code again: live, untried, made as a new one would be, and
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

/// A subject's live grant, and beside it the budgets that a new code does not reset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The grant, if there is one; it may have expired.
    pub grant: Option<StoredGrant>,
    /// New codes, against the user's quota.
    pub codes_issued: EventLog,
    /// Wrong passwords, those reserved included.
    pub wrong_passwords: EventLog,
    /// Wrong codes with a right password (or, where none is asked, all wrong codes).
    pub wrong_codes: EventLog,
    /// From then on nothing in the account counts, and it may be deleted.
    pub idle_from: Timestamp,
}

impl Default for Account {
    /// The account of a subject that has none.
    fn default() -> Self {
        Self {
            grant: None,
            codes_issued: EventLog::default(),
            wrong_passwords: EventLog::default(),
            wrong_codes: EventLog::default(),
            idle_from: Timestamp::from_millis(i64::MIN),
        }
    }
}

/// What a step answers, and whether the account has to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided<T> {
    /// The answer, once what has to be written is.
    pub answer: T,
    /// Whether the account changed.
    pub changed: bool,
}

impl<T> Decided<T> {
    const fn changed(answer: T) -> Self {
        Self { answer, changed: true }
    }

    const fn unchanged(answer: T) -> Self {
        Self { answer, changed: false }
    }
}

impl Account {
    /// The live grant.
    #[must_use]
    pub fn live(&self, now: Timestamp) -> Option<&StoredGrant> {
        self.grant.as_ref().filter(|stored| stored.is_live(now))
    }

    /// [`Grants::issue`](super::Grants::issue). `calls` reads what is counted against the number,
    /// and is asked only where it matters; where a code is [issued](Issue::Issued), the account
    /// and the calls that come back have to be written, else neither.
    ///
    /// # Errors
    /// Those of `calls`.
    pub fn issue<E>(
        &mut self,
        request: &IssueRequest,
        now: Timestamp,
        calls: impl FnOnce() -> Result<EventLog, E>,
    ) -> Result<(Issue, Option<EventLog>), E> {
        let limits = &request.limits;
        if let Some(told) = self.grant.as_ref().filter(|one| one.may_be_told_again(request, now)) {
            return Ok((Issue::Repeat(living(told.grant.clone(), now)), None));
        }
        self.expire(limits, now);
        if self.codes_issued.len() >= limits.codes_per_user.burst {
            let wait = self.codes_issued.wait(limits.codes_per_user, now);
            return Ok((Issue::CodesPerUser(wait), None));
        }
        let mut calls = calls()?;
        calls.expire(limits.calls_per_number, now);
        if calls.len() >= limits.calls_per_number.burst {
            let wait = calls.wait(limits.calls_per_number, now);
            return Ok((Issue::CallsPerNumber(wait), None));
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
            wrong_codes_left: MAX_WRONG_CODES,
        });
        self.codes_issued.push(now);
        self.settle_idle_from(limits);
        calls.push(now);
        Ok((Issue::Issued(living(grant, now)), Some(calls)))
    }

    /// [`Tries::reserve`](super::Tries::reserve).
    pub fn reserve(&mut self, request: &ReserveRequest, now: Timestamp) -> Decided<Reservation> {
        let ReserveRequest { nonce, code_right, limits, .. } = request;
        self.expire(limits, now);
        let Some(stored) = self.live_with(*nonce, now) else {
            return Decided::unchanged(Reservation::NoGrant);
        };
        stored.tried = true;
        if !code_right {
            stored.wrong_codes_left -= 1;
        }
        self.burn_if_spent();
        let reservation = self.reserve_password(*code_right, limits, now);
        self.settle_idle_from(limits);
        Decided::changed(reservation)
    }

    /// The part of a reservation that is about budgets. The wrong code that burnt the grant
    /// reserves nothing: no grant, no bind.
    fn reserve_password(
        &mut self,
        code_right: bool,
        limits: &Limits,
        now: Timestamp,
    ) -> Reservation {
        if self.grant.is_none() {
            return Reservation::NoGrant;
        }
        if self.wrong_codes.len() >= limits.wrong_codes_per_user.burst {
            return Reservation::CodesSpent(
                self.wrong_codes.wait(limits.wrong_codes_per_user, now),
            );
        }
        let quota = limits.wrong_passwords_per_user;
        let spare = if code_right { SPARE_TRIES } else { 0 };
        if self.wrong_passwords.len() >= quota.burst.saturating_add(spare) {
            return Reservation::PasswordsSpent(self.wrong_passwords.wait(quota, now));
        }
        self.wrong_passwords.push(now);
        Reservation::Reserved(now)
    }

    /// [`Tries::give_back`](super::Tries::give_back).
    pub fn give_back(&mut self, reserved: Timestamp) -> Decided<()> {
        let before = self.wrong_passwords.len();
        self.wrong_passwords.take_back(reserved);
        Decided { answer: (), changed: self.wrong_passwords.len() != before }
    }

    /// [`Tries::redeem`](super::Tries::redeem). A refused one still gives the reserved try back,
    /// because the password was right.
    pub fn redeem(&mut self, attempt: &CodeTry, now: Timestamp) -> Decided<Redemption> {
        let CodeTry { nonce, reserved, limits, .. } = attempt;
        if let Some(reserved) = reserved {
            self.wrong_passwords.take_back(*reserved);
        }
        self.expire(limits, now);
        let redemption = if self.live_with(*nonce, now).is_none() {
            Redemption::NoGrant
        } else if self.wrong_codes.len() >= limits.wrong_codes_per_user.burst {
            Redemption::CodesSpent(self.wrong_codes.wait(limits.wrong_codes_per_user, now))
        } else {
            self.grant = None;
            self.wrong_passwords = EventLog::default();
            self.wrong_codes = EventLog::default();
            Redemption::Redeemed
        };
        self.settle_idle_from(limits);
        let changed = redemption == Redemption::Redeemed || reserved.is_some();
        Decided { answer: redemption, changed }
    }

    /// [`Tries::wrong_code`](super::Tries::wrong_code).
    ///
    /// A try that comes when the user's budget is already spent is not added to it: it could not
    /// have been accepted, and counting it would let a stranger prolong the refusal at will.
    pub fn wrong_code(&mut self, attempt: &CodeTry, now: Timestamp) -> Decided<()> {
        let CodeTry { nonce, reserved, limits, .. } = attempt;
        if let Some(reserved) = reserved {
            self.wrong_passwords.take_back(*reserved);
        }
        self.expire(limits, now);
        if self.wrong_codes.len() < limits.wrong_codes_per_user.burst {
            self.wrong_codes.push(now);
        }
        if let Some(stored) = self.live_with(*nonce, now) {
            stored.tried = true;
            stored.tries_left -= 1;
            if reserved.is_none() {
                // Where a password is asked for, the reservation has counted this wrong code.
                stored.wrong_codes_left -= 1;
            }
            self.burn_if_spent();
        }
        self.settle_idle_from(limits);
        Decided::changed(())
    }

    /// [`Administration::revoke`](super::Administration::revoke).
    pub fn revoke(&mut self, now: Timestamp) -> Decided<bool> {
        if self.live(now).is_none() {
            return Decided::unchanged(false);
        }
        self.grant = None;
        Decided::changed(true)
    }

    /// [`Administration::clear_counts`](super::Administration::clear_counts).
    pub fn clear_counts(&mut self) -> Decided<bool> {
        let logs = [&mut self.codes_issued, &mut self.wrong_passwords, &mut self.wrong_codes];
        if logs.iter().all(|log| log.is_empty()) {
            return Decided::unchanged(false);
        }
        for log in logs {
            *log = EventLog::default();
        }
        self.idle_from = self.grant_expiry().unwrap_or(Timestamp::from_millis(i64::MIN));
        Decided::changed(true)
    }

    /// Forgets the events that no longer count at `now`.
    fn expire(&mut self, limits: &Limits, now: Timestamp) {
        self.codes_issued.expire(limits.codes_per_user, now);
        self.wrong_passwords.expire(limits.wrong_passwords_per_user, now);
        self.wrong_codes.expire(limits.wrong_codes_per_user, now);
    }

    /// The live grant, if it is the one with this nonce.
    fn live_with(&mut self, nonce: [u8; 16], now: Timestamp) -> Option<&mut StoredGrant> {
        self.grant.as_mut().filter(|stored| stored.grant.nonce == nonce && stored.is_live(now))
    }

    /// Clears the grant if it takes no more wrong codes.
    fn burn_if_spent(&mut self) {
        self.grant = self.grant.take().filter(|g| g.tries_left > 0 && g.wrong_codes_left > 0);
    }

    /// Works out from when on nothing counts.
    fn settle_idle_from(&mut self, limits: &Limits) {
        let ends = [
            self.grant_expiry(),
            self.codes_issued.idle_from(limits.codes_per_user),
            self.wrong_passwords.idle_from(limits.wrong_passwords_per_user),
            self.wrong_codes.idle_from(limits.wrong_codes_per_user),
        ];
        let latest = ends.into_iter().flatten().max();
        self.idle_from = latest.unwrap_or(Timestamp::from_millis(i64::MIN));
    }

    fn grant_expiry(&self) -> Option<Timestamp> {
        let expires_at = self.grant.as_ref()?.grant.expires_at;
        Some(Timestamp::from_millis(expires_at.saturating_mul(1000)))
    }
}

/// A grant with what it has left at `now`.
#[must_use]
pub fn living(grant: Grant, now: Timestamp) -> LiveGrant {
    let left = grant.expires_at.saturating_sub(now.as_secs());
    LiveGrant { grant, left: Duration::from_secs(u64::try_from(left).unwrap_or(0)) }
}
