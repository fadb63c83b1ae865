//! What calls and logins ask of the store, and its answers.

use std::time::Duration;

use crate::domain::client_address::ClientAddress;
use crate::domain::clock::Timestamp;
use crate::domain::grant::{Grant, KeyId, Subject};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::Limits;
use crate::domain::reported_call::ReportIds;

/// A call's request to the store.
#[derive(Debug, Clone)]
pub struct IssueRequest {
    /// The user who called.
    pub subject: Subject,
    /// The number they called from.
    pub number: PhoneNumber,
    /// The grant to record if a new code is issued.
    pub grant: NewGrant,
    /// The keys that can redeem: a live code of another key is replaced, not repeated.
    pub usable_keys: Vec<KeyId>,
    /// Wrong codes with a right password that burn the new code.
    pub max_attempts: u32,
    /// The tenant's quotas.
    pub limits: Limits,
    /// The ids of the call that asks, if a platform reported one: the same call hears its code
    /// again or none, and it is remembered along with the grant.
    pub report: ReportIds,
}

/// A grant to be made; the store sets its times.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// The server key that its code derives from.
    pub key_id: KeyId,
    /// 128 random bits.
    pub nonce: [u8; 16],
    /// Number of digits, 6 to 8.
    pub digits: u8,
    /// Its lifetime; only whole seconds count.
    pub lifetime: Duration,
}

/// A grant that can be redeemed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveGrant {
    /// The grant.
    pub grant: Grant,
    /// Its remaining lifetime, in whole seconds.
    pub left: Duration,
}

/// The outcome of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issue {
    /// The new grant was recorded, replacing any other.
    Issued(LiveGrant),
    /// A live, untried code with at least half its lifetime left is repeated; nothing was counted.
    Repeat(LiveGrant),
    /// The report is a replay.
    CallReplayed,
    /// The call heard a code that is used, replaced or burnt.
    CallOver,
    /// Too many new codes for the user; the next is allowed after this time.
    CodesPerUser(Duration),
    /// Too many calls from the number; the next is allowed after this time.
    CallsPerNumber(Duration),
}

impl Issue {
    /// The grant whose code the caller hears, if any.
    #[must_use]
    pub const fn told(&self) -> Option<&Grant> {
        match self {
            Self::Issued(live) | Self::Repeat(live) => Some(&live.grant),
            Self::CallReplayed
            | Self::CallOver
            | Self::CodesPerUser(_)
            | Self::CallsPerNumber(_) => None,
        }
    }
}

/// A login's reservation, made before the directory checks the password.
#[derive(Debug, Clone)]
pub struct ReserveRequest {
    /// The user.
    pub subject: Subject,
    /// The nonce of the grant that the typed code was compared with.
    pub nonce: [u8; 16],
    /// Whether the typed code was right.
    pub code_right: bool,
    /// The address the login comes from, if the login service sends it.
    pub from: Option<ClientAddress>,
    /// The tenant's quotas.
    pub limits: Limits,
}

/// Whether a login may ask the directory to check the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reservation {
    /// It may; a wrong password is already counted, at this time by the store's clock.
    Reserved(Timestamp),
    /// The grant is used, replaced, burnt or expired.
    NoGrant,
    /// The budget for wrong passwords, or the address's half of it, is spent for this long.
    PasswordsSpent(Duration),
    /// The budget for wrong codes, or the address's half of it, is spent for this long.
    CodesSpent(Duration),
}

/// A try of a code after its password has been checked.
#[derive(Debug, Clone)]
pub struct CodeTry {
    /// The user.
    pub subject: Subject,
    /// The nonce of the grant that the typed code was compared with.
    pub nonce: [u8; 16],
    /// The reserved password try to return; `None` if no password is required.
    pub reserved: Option<Timestamp>,
    /// The address the login comes from, as in the reservation.
    pub from: Option<ClientAddress>,
    /// The tenant's quotas.
    pub limits: Limits,
}

/// Whether a right code was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redemption {
    /// Accepted, for this request only; the user's failure budgets are cleared.
    Redeemed,
    /// The grant is used, replaced, burnt or expired.
    NoGrant,
    /// The budget for wrong codes is spent for this long; only if a password is required.
    CodesSpent(Duration),
}

/// The last part of the budget for wrong passwords, kept for tries with the right code.
pub const SPARE_TRIES: u32 = 2;
