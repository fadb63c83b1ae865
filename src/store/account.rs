//! What each step decides about a subject's account (its grant and budgets) and about the calls
//! counted against a number. No I/O: an adapter reads both, lets a step decide, and writes the
//! changes before anyone else can read them.

mod issuing;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::issuing::IssueDecision;

use super::address_log::{AddressLog, Failure};
use super::requests::{CodeTry, LiveGrant, Redemption, Reservation, ReserveRequest, SPARE_TRIES};
use crate::domain::client_address::ClientAddress;
use crate::domain::clock::Timestamp;
use crate::domain::grant::Grant;
use crate::domain::policy::{EventLog, Limits, Quota};
use crate::domain::reported_call::{REMEMBERED, ReportedCall};

/// The initial [`StoredGrant::wrong_codes_left`] of a new grant.
const WRONG_CODES_LEFT: u32 = 20;

/// A grant with its remaining tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredGrant {
    /// The grant.
    pub grant: Grant,
    /// Whether a login has tried it with the right password, or with no password required.
    pub tried: bool,
    /// Wrong codes with a right password that it still accepts.
    pub tries_left: u32,
    /// Wrong codes that an older release on the same database still accepts, with any password.
    /// This release counts none: without the right password nothing here changes.
    pub wrong_codes_left: u32,
}

impl StoredGrant {
    /// Whether it is neither burnt, nor expired, nor issued in the future at `now`: setting the
    /// clock back must not extend a code's life.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        let issued_at = Timestamp::from_millis(self.grant.issued_at.saturating_mul(1000));
        self.tries_left > 0
            && self.wrong_codes_left > 0
            && self.grant.expires_at > now.as_secs()
            && !issued_at.is_in_the_future(now)
    }
}

/// A subject's live grant, and the budgets that a new code does not reset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The grant, if any; it may have expired.
    pub grant: Option<StoredGrant>,
    /// New codes, counted against the user's quota.
    pub codes_issued: EventLog,
    /// Wrong passwords, including reserved ones.
    pub wrong_passwords: EventLog,
    /// Wrong codes with a right password (or all wrong codes, if no password is required).
    pub wrong_codes: EventLog,
    /// Both of the above by the address they came from, where it is known.
    pub by_address: AddressLog,
    /// The reported calls that heard one of the subject's codes, while they are remembered.
    pub told_calls: Vec<ReportedCall>,
    /// From this time nothing in the account counts, and it may be deleted.
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
            by_address: AddressLog::default(),
            told_calls: Vec::new(),
            idle_from: Timestamp::from_millis(i64::MIN),
        }
    }
}

/// A step's answer, and whether the account must be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided<T> {
    /// The answer, valid once the change is written.
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

    /// [`Tries::reserve`](super::Tries::reserve).
    pub fn reserve(&mut self, request: &ReserveRequest, now: Timestamp) -> Decided<Reservation> {
        let ReserveRequest { nonce, code_right, from, limits, .. } = request;
        self.expire(limits, now);
        if self.live_with(*nonce, now).is_none() {
            return Decided::unchanged(Reservation::NoGrant);
        }
        if let Some(wait) = self.codes_spent(*from, limits, now) {
            return Decided::unchanged(Reservation::CodesSpent(wait));
        }
        if let Some(wait) = self.passwords_spent(*from, *code_right, limits, now) {
            return Decided::unchanged(Reservation::PasswordsSpent(wait));
        }
        self.wrong_passwords.push(now);
        if let Some(from) = from {
            self.by_address.push(Failure::Password, *from, now);
        }
        self.settle_idle_from(limits);
        Decided::changed(Reservation::Reserved(now))
    }

    /// How long until another wrong password is allowed; `None` if one is allowed now. The last
    /// tries are kept for right codes: [`SPARE_TRIES`] of the user's budget, so that a stranger who
    /// knows only a name cannot lock its user out, and one of each address's half, so that they
    /// cannot do so from the user's own network either.
    fn passwords_spent(
        &self,
        from: Option<ClientAddress>,
        code_right: bool,
        limits: &Limits,
        now: Timestamp,
    ) -> Option<Duration> {
        let quota = limits.wrong_passwords_per_user;
        let kept = |tries: u32| if code_right { 0 } else { tries };
        let whole = Quota { burst: quota.burst.saturating_sub(kept(SPARE_TRIES)), ..quota };
        if self.wrong_passwords.len() >= whole.burst {
            return Some(self.wrong_passwords.wait(whole, now));
        }
        let (from, failure) = (from?, Failure::Password);
        let spent = self.by_address.count(failure, from) >= half(quota) - kept(1);
        spent.then(|| self.by_address.wait(failure, from, quota, now))
    }

    /// How long until another wrong code is allowed; `None` if one is allowed now.
    fn codes_spent(
        &self,
        from: Option<ClientAddress>,
        limits: &Limits,
        now: Timestamp,
    ) -> Option<Duration> {
        let quota = limits.wrong_codes_per_user;
        if self.wrong_codes.len() >= quota.burst {
            return Some(self.wrong_codes.wait(quota, now));
        }
        let (from, failure) = (from?, Failure::Code);
        let spent = self.by_address.count(failure, from) >= half(quota);
        spent.then(|| self.by_address.wait(failure, from, quota, now))
    }

    /// [`Tries::give_back`](super::Tries::give_back).
    pub fn give_back(&mut self, reserved: Timestamp, from: Option<ClientAddress>) -> Decided<()> {
        let before = self.wrong_passwords.len();
        self.wrong_passwords.take_back(reserved);
        if let Some(from) = from {
            self.by_address.take_back(Failure::Password, from, reserved);
        }
        Decided { answer: (), changed: self.wrong_passwords.len() != before }
    }

    /// [`Tries::redeem`](super::Tries::redeem). A refused redemption still returns the reserved
    /// try, because the password was right.
    ///
    /// If no password is required, the code is the only secret. Anyone can then spend the budget
    /// with wrong codes, so a spent budget does not refuse the right code of a live grant.
    pub fn redeem(&mut self, attempt: &CodeTry, now: Timestamp) -> Decided<Redemption> {
        let CodeTry { nonce, reserved, from, limits, .. } = attempt;
        if let Some(reserved) = reserved {
            self.give_back(*reserved, *from);
        }
        self.expire(limits, now);
        let quota = limits.wrong_codes_per_user;
        let redemption = if self.live_with(*nonce, now).is_none() {
            Redemption::NoGrant
        } else if reserved.is_some() && self.wrong_codes.len() >= quota.burst {
            Redemption::CodesSpent(self.wrong_codes.wait(quota, now))
        } else {
            self.grant = None;
            self.forget_failures_before(reserved.unwrap_or(now));
            Redemption::Redeemed
        };
        self.settle_idle_from(limits);
        let changed = redemption == Redemption::Redeemed || reserved.is_some();
        Decided { answer: redemption, changed }
    }

    /// [`Tries::wrong_code`](super::Tries::wrong_code).
    ///
    /// A try that arrives after the user's budget is spent is not counted: it could not have been
    /// accepted, and counting it would let a stranger prolong the refusal at will.
    pub fn wrong_code(&mut self, attempt: &CodeTry, now: Timestamp) -> Decided<()> {
        let CodeTry { nonce, reserved, from, limits, .. } = attempt;
        if let Some(reserved) = reserved {
            self.give_back(*reserved, *from);
        }
        self.expire(limits, now);
        if self.wrong_codes.len() < limits.wrong_codes_per_user.burst {
            self.wrong_codes.push(now);
            if let Some(from) = from {
                self.by_address.push(Failure::Code, *from, now);
            }
        }
        if let Some(stored) = self.live_with(*nonce, now) {
            stored.tried = true;
            stored.tries_left -= 1;
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
        let logs = [&self.codes_issued, &self.wrong_passwords, &self.wrong_codes];
        if logs.iter().all(|log| log.is_empty()) {
            return Decided::unchanged(false);
        }
        self.codes_issued = EventLog::default();
        self.forget_failures();
        self.idle_from = self.grant_expiry().unwrap_or(Timestamp::from_millis(i64::MIN));
        Decided::changed(true)
    }

    /// Forgets the failures before `until`, when the try with the right password was reserved.
    /// Tries reserved later may reach the directory after it, and so count there too.
    fn forget_failures_before(&mut self, until: Timestamp) {
        let times = self.wrong_passwords.as_millis().iter().copied();
        let since = times.filter(|time| *time >= until.as_millis()).collect();
        self.wrong_passwords = EventLog::from_millis(since);
        self.wrong_codes = EventLog::default();
        self.by_address.forget_before(until);
    }

    fn forget_failures(&mut self) {
        self.wrong_passwords = EventLog::default();
        self.wrong_codes = EventLog::default();
        self.by_address = AddressLog::default();
    }

    /// Forgets the events that no longer count at `now`.
    fn expire(&mut self, limits: &Limits, now: Timestamp) {
        self.codes_issued.expire(limits.codes_per_user, now);
        self.wrong_passwords.expire(limits.wrong_passwords_per_user, now);
        self.wrong_codes.expire(limits.wrong_codes_per_user, now);
        self.by_address.expire(limits, now);
    }

    /// The live grant, if it is the one with this nonce.
    fn live_with(&mut self, nonce: [u8; 16], now: Timestamp) -> Option<&mut StoredGrant> {
        self.grant.as_mut().filter(|stored| stored.grant.nonce == nonce && stored.is_live(now))
    }

    /// Clears the grant if it takes no more wrong codes.
    fn burn_if_spent(&mut self) {
        self.grant = self.grant.take().filter(|g| g.tries_left > 0);
    }

    /// Computes the time from which nothing counts.
    fn settle_idle_from(&mut self, limits: &Limits) {
        let ends = [
            self.grant_expiry(),
            self.codes_issued.idle_from(limits.codes_per_user),
            self.wrong_passwords.idle_from(limits.wrong_passwords_per_user),
            self.wrong_codes.idle_from(limits.wrong_codes_per_user),
            self.told_calls.iter().map(|call| call.first_reported.plus(REMEMBERED)).max(),
        ];
        let latest = ends.into_iter().flatten().max();
        self.idle_from = latest.unwrap_or(Timestamp::from_millis(i64::MIN));
    }

    fn grant_expiry(&self) -> Option<Timestamp> {
        let expires_at = self.grant.as_ref()?.grant.expires_at;
        Some(Timestamp::from_millis(expires_at.saturating_mul(1000)))
    }
}

/// One address's share of a budget: half, and at least one try.
fn half(quota: Quota) -> u32 {
    (quota.burst / 2).max(1)
}

/// A grant with its lifetime left at `now`.
#[must_use]
pub fn living(grant: Grant, now: Timestamp) -> LiveGrant {
    let left = grant.expires_at.saturating_sub(now.as_secs());
    LiveGrant { grant, left: Duration::from_secs(u64::try_from(left).unwrap_or(0)) }
}
