//! The ports to the store of grants and budgets, and its adapters.
//!
//! Every method is one atomic step: two requests, on one node or on two, never both win. A step
//! with an unknown outcome is an error, and is not repeated.
//!
//! The store also provides the time: one clock decides lifetimes and budgets on every node that
//! issues or redeems a code, however wrong the node's own clock is. The decisions of each step are
//! in [`account`], the same for every adapter.

pub mod account;
pub mod address_log;
pub mod event_log_codec;
pub mod personal_records;
pub mod postgres;
pub mod registry;
mod requests;
mod row_sql;
pub mod sqlite;
pub mod told_calls_codec;

use async_trait::async_trait;

use self::account::{Account, StoredGrant};
pub use self::requests::{
    CodeTry, Issue, IssueRequest, LiveGrant, NewGrant, Redemption, Reservation, ReserveRequest,
    SPARE_TRIES,
};
use crate::domain::client_address::ClientAddress;
use crate::domain::clock::Timestamp;
use crate::domain::grant::{Grant, Purpose, Subject};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::EventLog;
use crate::domain::reported_call::ReportIds;
use crate::domain::tenant::TenantId;
use crate::telemetry::node_metrics::PoolUse;

/// Why the store did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The step certainly did not take effect.
    #[error("the store is unavailable, and nothing was changed")]
    Unavailable,
    /// The step may have taken effect.
    #[error("the store did not answer, and may have made the change")]
    OutcomeUnknown,
}

/// Codes issued to subjects.
#[async_trait]
pub trait Grants: Send + Sync {
    /// Records a new grant and counts it against both quotas, or returns the live one to be
    /// repeated.
    ///
    /// # Errors
    /// [`StoreError`]; the caller must then hear no code.
    async fn issue(&self, request: IssueRequest) -> Result<Issue, StoreError>;

    /// The subject's live grant: not used, not burnt, not expired.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn live(&self, subject: &Subject) -> Result<Option<Grant>, StoreError>;
}

/// Calls that voice platforms reported. [`Grants::issue`] remembers those that hear a code, with the
/// user whose code it is.
#[async_trait]
pub trait ReportedCalls: Send + Sync {
    /// Remembers a call that heard no code, unless it is remembered already.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remember(&self, tenant: &TenantId, report: &ReportIds) -> Result<(), StoreError>;
}

/// Tries of codes and passwords.
#[async_trait]
pub trait Tries: Send + Sync {
    /// Counts a wrong password before it is known to be wrong, so that many simultaneous tries
    /// cannot overrun the budget. The grant stays unchanged: nothing has been proved yet.
    ///
    /// The last [`SPARE_TRIES`] of the budget are kept for right codes, and one address may use at
    /// most half of a budget.
    ///
    /// # Errors
    /// [`StoreError`]; the directory must not be asked then.
    async fn reserve(&self, request: ReserveRequest) -> Result<Reservation, StoreError>;

    /// Returns a reserved try, because the password reached no server.
    ///
    /// # Errors
    /// [`StoreError`]; the try then stays counted.
    async fn give_back(
        &self,
        subject: &Subject,
        reserved: Timestamp,
        from: Option<ClientAddress>,
    ) -> Result<(), StoreError>;

    /// Uses up the grant for a right code with a right password (or with none required), and clears
    /// the user's failure budgets.
    ///
    /// # Errors
    /// [`StoreError`]; the login is refused then.
    async fn redeem(&self, attempt: CodeTry) -> Result<Redemption, StoreError>;

    /// Counts a wrong code given with a right password (or with none required) against the grant,
    /// which it may burn, and against the user's budget. Returns the reserved try.
    ///
    /// # Errors
    /// [`StoreError`]; it is then unknown what was counted.
    async fn wrong_code(&self, attempt: CodeTry) -> Result<(), StoreError>;
}

/// Whether the store works.
#[async_trait]
pub trait StoreHealth: Send + Sync {
    /// Runs a trivial request on the store.
    ///
    /// # Errors
    /// [`StoreError`] if it does not answer.
    async fn ready(&self) -> Result<(), StoreError>;

    /// What is wrong with it, for operators, as far as known; empty if nothing is.
    fn trouble(&self) -> String {
        String::new()
    }

    /// How its connections are used; `None` if it has no pool of them.
    fn pool(&self) -> Option<PoolUse> {
        None
    }

    /// The number of the tenant's live codes by call. May read every account, but holds up no
    /// request for long.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn live_codes(&self, tenant: &TenantId) -> Result<u64, StoreError>;
}

/// The store's content at a time by its own clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot<T> {
    /// The content.
    pub value: T,
    /// The time.
    pub now: Timestamp,
}

/// Some of a tenant's live codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveCodes {
    /// The codes, ordered by their subjects' ids.
    pub codes: Vec<(Subject, StoredGrant)>,
    /// The id to continue after; `None` at the end.
    pub next: Option<String>,
}

/// What administrators look up and change. It runs alongside requests, which wait for it no longer
/// than for one another.
#[async_trait]
pub trait Administration: Send + Sync {
    /// The live codes of one purpose among the next `rows` accounts whose subjects' ids follow
    /// `after`; `None` starts at the first id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn live_codes(
        &self,
        tenant: &TenantId,
        purpose: Purpose,
        after: Option<&str>,
        rows: u32,
    ) -> Result<Snapshot<LiveCodes>, StoreError>;

    /// A subject's account, including what no longer counts; `None` if it has none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn account(&self, subject: &Subject) -> Result<Snapshot<Option<Account>>, StoreError>;

    /// Removes the subject's live code, as if it had been used; counts stay. Returns whether there
    /// was one.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn revoke(&self, subject: &Subject) -> Result<bool, StoreError>;

    /// Forgets the codes issued to the subject and its failures; a live code stays. Returns whether
    /// anything was recorded.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn clear_counts(&self, subject: &Subject) -> Result<bool, StoreError>;

    /// The calls recorded for a number, including those that no longer count.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn calls(
        &self,
        tenant: &TenantId,
        number: &PhoneNumber,
    ) -> Result<Snapshot<EventLog>, StoreError>;

    /// Forgets the calls of a number. Returns whether any were recorded.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn clear_calls(
        &self,
        tenant: &TenantId,
        number: &PhoneNumber,
    ) -> Result<bool, StoreError>;
}
