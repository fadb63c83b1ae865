//! The ports to the store of grants and budgets, and its adapters.
//!
//! Every method is one atomic step: there is no moment in which two requests, on one node or on
//! two, both win. A step whose outcome is not known is an error, and is not repeated.
//!
//! The store tells the time as well: lifetimes and budgets are decided by one clock, wherever a
//! code is told and wherever it is redeemed, however wrong a node's own clock is. What a step
//! decides is in [`account`], the same for every adapter.

pub mod account;
pub mod address_log;
pub mod event_log_codec;
pub mod personal_records;
pub mod postgres;
pub mod registry;
pub mod sqlite;

use std::time::Duration;

use async_trait::async_trait;

use self::account::{Account, StoredGrant};
use crate::domain::client_address::ClientAddress;
use crate::domain::clock::Timestamp;
use crate::domain::grant::{Grant, Purpose, Subject};
use crate::domain::otp::KeyId;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::{EventLog, Limits};
use crate::domain::tenant::TenantId;

/// Why the store gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The step was certainly not taken.
    #[error("the store could not be asked")]
    Unavailable,
    /// The step may have been taken.
    #[error("the store's answer did not come")]
    OutcomeUnknown,
}

/// What a call asks of the store.
#[derive(Debug, Clone)]
pub struct IssueRequest {
    /// The user who called.
    pub subject: Subject,
    /// The number they called from.
    pub number: PhoneNumber,
    /// The grant to record if a new code is made.
    pub grant: NewGrant,
    /// The keys that can redeem: a live code of another key is replaced, not told again.
    pub usable_keys: Vec<KeyId>,
    /// Wrong codes with a right password that burn the new code.
    pub max_attempts: u32,
    /// The tenant's quotas.
    pub limits: Limits,
}

/// A grant to be, whose times are the store's to say.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// The server key it derives from.
    pub key_id: KeyId,
    /// 128 random bits.
    pub nonce: [u8; 16],
    /// Number of digits, 6 to 8.
    pub digits: u8,
    /// How long it lives; whole seconds count.
    pub lifetime: Duration,
}

/// A grant that can be redeemed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveGrant {
    /// The grant.
    pub grant: Grant,
    /// How long it still lives, in whole seconds.
    pub left: Duration,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issue {
    /// The new grant stands; it replaced any other.
    Issued(LiveGrant),
    /// A live, untried code with at least half its lifetime left stands; nothing was counted.
    Repeat(LiveGrant),
    /// Too many new codes for the user; a new one fits after this time.
    CodesPerUser(Duration),
    /// Too many calls from the number; a new one fits after this time.
    CallsPerNumber(Duration),
}

/// What a login reserves before the directory is asked about the password.
#[derive(Debug, Clone)]
pub struct ReserveRequest {
    /// The user.
    pub subject: Subject,
    /// The nonce of the grant that the typed code was compared with.
    pub nonce: [u8; 16],
    /// Whether the typed code was right.
    pub code_right: bool,
    /// Where the login comes from, if the login service says.
    pub from: Option<ClientAddress>,
    /// The tenant's quotas.
    pub limits: Limits,
}

/// Whether a login may ask the directory about the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reservation {
    /// It may; a wrong password is already counted, at this time of the store's.
    Reserved(Timestamp),
    /// The grant is used, replaced, burnt or expired.
    NoGrant,
    /// The budget for wrong passwords, or the address's half of it, is spent, for this long.
    PasswordsSpent(Duration),
    /// The budget for wrong codes, or the address's half of it, is spent, for this long.
    CodesSpent(Duration),
}

/// One try of a code whose password part is decided.
#[derive(Debug, Clone)]
pub struct CodeTry {
    /// The user.
    pub subject: Subject,
    /// The nonce of the grant that the typed code was compared with.
    pub nonce: [u8; 16],
    /// The reserved password try to give back; `None` where no password is asked for.
    pub reserved: Option<Timestamp>,
    /// Where the login comes from, as at the reservation.
    pub from: Option<ClientAddress>,
    /// The tenant's quotas.
    pub limits: Limits,
}

/// Whether a right code was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redemption {
    /// It was, by this request and by no other; the user's failure budgets are cleared.
    Redeemed,
    /// The grant is used, replaced, burnt or expired.
    NoGrant,
    /// The budget for wrong codes is spent, for this long; only where a password is asked for.
    CodesSpent(Duration),
}

/// The last of the budget for wrong passwords, which are for tries with the right code.
pub const SPARE_TRIES: u32 = 2;

/// Codes issued to subjects.
#[async_trait]
pub trait Grants: Send + Sync {
    /// Records a new grant and counts it against both quotas, or finds the live one to be told
    /// again.
    ///
    /// # Errors
    /// [`StoreError`]; nothing may be told to the caller then.
    async fn issue(&self, request: IssueRequest) -> Result<Issue, StoreError>;

    /// The subject's live grant: not used, not burnt, not expired.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn live(&self, subject: &Subject) -> Result<Option<Grant>, StoreError>;
}

/// Tries at codes and passwords.
#[async_trait]
pub trait Tries: Send + Sync {
    /// Counts a wrong password before it is known to be one, so that many tries at once cannot
    /// overrun the budget. It changes nothing about the grant: nobody has proved anything yet.
    ///
    /// The last [`SPARE_TRIES`] of the budget are for right codes, and one address has at most half
    /// of a budget.
    ///
    /// # Errors
    /// [`StoreError`]; the directory may not be asked then.
    async fn reserve(&self, request: ReserveRequest) -> Result<Reservation, StoreError>;

    /// Gives a reserved try back: the password reached no server.
    ///
    /// # Errors
    /// [`StoreError`]; the try then stays counted.
    async fn give_back(
        &self,
        subject: &Subject,
        reserved: Timestamp,
        from: Option<ClientAddress>,
    ) -> Result<(), StoreError>;

    /// Uses the grant up, for a right code with a right password (or none asked), and clears the
    /// user's failure budgets.
    ///
    /// # Errors
    /// [`StoreError`]; the login is refused then.
    async fn redeem(&self, attempt: CodeTry) -> Result<Redemption, StoreError>;

    /// Counts a wrong code given with a right password (or where none is asked): against the
    /// grant, which it may burn, and against the user's budget. Gives the reserved try back.
    ///
    /// # Errors
    /// [`StoreError`]; what was counted is then not known.
    async fn wrong_code(&self, attempt: CodeTry) -> Result<(), StoreError>;
}

/// Whether the store works.
#[async_trait]
pub trait StoreHealth: Send + Sync {
    /// Asks the store a trivial question.
    ///
    /// # Errors
    /// [`StoreError`] if it does not answer.
    async fn ready(&self) -> Result<(), StoreError>;

    /// What is wrong with it, for operators, as far as it is known; empty if nothing is.
    fn trouble(&self) -> String {
        String::new()
    }
}

/// What the store held, at a time of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsOf<T> {
    /// What it held.
    pub held: T,
    /// When.
    pub now: Timestamp,
}

/// Some of a tenant's live codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveCodes {
    /// The codes, in the order of their subjects' ids.
    pub codes: Vec<(Subject, StoredGrant)>,
    /// The id after which the next ones are; `None` at the end.
    pub next: Option<String>,
}

/// What administrators look up and change. It goes on beside the requests, which wait no longer
/// for it than for one another.
#[async_trait]
pub trait Administration: Send + Sync {
    /// The live codes of one purpose among the `rows` accounts whose subjects' ids come after
    /// `after`; from the first id on if that is `None`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn live_codes(
        &self,
        tenant: &TenantId,
        purpose: Purpose,
        after: Option<&str>,
        rows: u32,
    ) -> Result<AsOf<LiveCodes>, StoreError>;

    /// A subject's account, with what no longer counts; `None` if it has none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn account(&self, subject: &Subject) -> Result<AsOf<Option<Account>>, StoreError>;

    /// Takes the subject's live code away, as if it had been used; counts stay. Says whether there
    /// was one.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn revoke(&self, subject: &Subject) -> Result<bool, StoreError>;

    /// Forgets the codes issued to the subject and its failures; a live code stays. Says whether
    /// anything was recorded.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn clear_counts(&self, subject: &Subject) -> Result<bool, StoreError>;

    /// The calls recorded of a number, with those that no longer count.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn calls(
        &self,
        tenant: &TenantId,
        number: &PhoneNumber,
    ) -> Result<AsOf<EventLog>, StoreError>;

    /// Forgets the calls of a number. Says whether any were recorded.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn clear_calls(
        &self,
        tenant: &TenantId,
        number: &PhoneNumber,
    ) -> Result<bool, StoreError>;
}
