//! The gateway's operations, built on the domain and the ports: a call becomes a code, a code
//! becomes a login. No HTTP, no LDAP, no SQL.

pub mod administration;
pub mod authentication_cloud;
pub mod call_in;
mod code_settlement;
pub mod deadline;
pub mod dependencies;
pub mod directory_report;
pub mod flood;
pub mod guesses;
pub mod latency;
pub mod login;
pub mod registered_directory;
pub mod reported_calls;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::directory::{Directory, DirectoryError, Occasion};
use crate::domain::clock::Clock;
use crate::domain::otp::ServerKeys;
use crate::domain::policy::{Limits, OtpPolicy};
use crate::domain::random::Random;
use crate::domain::reason::Reason;
use crate::domain::tenant::TenantId;
use crate::domain::user::{Membership, TypedName, User};
use crate::store::{Grants, StoreError, Tries};

/// What both operations of a tenant need.
#[derive(Clone)]
pub struct TenantParts {
    /// The tenant.
    pub tenant: TenantId,
    /// Its directory.
    pub directory: Arc<dyn Directory>,
    /// Time limit for all directory work of one request.
    pub directory_deadline: Duration,
    /// The codes in the store.
    pub grants: Arc<dyn Grants>,
    /// The tries in the store.
    pub tries: Arc<dyn Tries>,
    /// The server's keys.
    pub keys: Arc<ServerKeys>,
    /// How codes are made.
    pub otp: OtpPolicy,
    /// The store's quotas.
    pub limits: Limits,
    /// Source of random bits.
    pub random: Arc<dyn Random>,
    /// The clock, for accounts that are closed from or until some time.
    pub clock: Arc<dyn Clock>,
}

impl TenantParts {
    /// Refuses a user whom the directory or the tenant's groups do not allow.
    ///
    /// # Errors
    /// The reason for the refusal.
    async fn admit(
        &self,
        user: &User,
        occasion: Occasion,
        deadline: Instant,
    ) -> Result<(), Reason> {
        if let Some(why) = user.account.refusal(self.clock.now()) {
            return Err(Reason::AccountClosed(why));
        }
        match self.directory.membership(user, occasion, deadline).await? {
            Membership::Allowed => Ok(()),
            Membership::NotInRequiredGroup => Err(Reason::NotInRequiredGroup),
            Membership::InExcludedGroup => Err(Reason::InExcludedGroup),
            Membership::TooNested => Err(Reason::GroupsTooNested),
            Membership::Gone => Err(Reason::UserGone),
        }
    }
}

/// The one entry that `directory` has under `name`.
///
/// # Errors
/// Why there is not exactly one.
async fn find_unique(
    directory: &dyn Directory,
    name: &TypedName,
    deadline: Instant,
) -> Result<User, Reason> {
    let found = directory.find_by_name(name, deadline).await?;
    if found.truncated || found.users.len() > 1 {
        return Err(Reason::UserAmbiguous);
    }
    found.users.into_iter().next().ok_or(Reason::UserUnknown)
}

/// The user a decision was about, as the directory knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownUser {
    /// The stable id.
    pub id: String,
    /// The user's name in the directory.
    pub username: String,
}

impl From<&User> for KnownUser {
    fn from(user: &User) -> Self {
        Self { id: user.id.as_str().to_owned(), username: user.username.clone() }
    }
}

impl From<DirectoryError> for Reason {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Unavailable => Self::DirectoryUnavailable,
            DirectoryError::TimedOut => Self::DirectoryTimedOut,
        }
    }
}

impl From<StoreError> for Reason {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable => Self::StoreUnavailable,
            StoreError::OutcomeUnknown => Self::StoreOutcomeUnknown,
        }
    }
}
