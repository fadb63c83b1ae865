//! What administrators look up and change among a tenant's codes and counts: the port's results,
//! judged by the tenant's limits.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{KnownUser, find_unique};
use crate::directory::Directory;
use crate::domain::clock::Timestamp;
use crate::domain::grant::{Purpose, Subject};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::{EventLog, Limits, Quota};
use crate::domain::reason::Reason;
use crate::domain::tenant::TenantId;
use crate::domain::user::TypedName;
use crate::store::account::{StoredGrant, living};
use crate::store::{Administration, Snapshot, StoreError};

/// Accounts read in one step of a listing.
const PAGE: u32 = 1000;

/// A live code as an administrator sees it: never the code itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveCode {
    /// The user's stable id.
    pub user_id: String,
    /// When it was issued, in whole seconds since the Unix epoch.
    pub issued_at: i64,
    /// Its remaining lifetime, in whole seconds.
    pub expires_in: Duration,
    /// Wrong codes with a right password that it still accepts.
    pub tries_left: u32,
    /// Whether any login has tried it.
    pub tried: bool,
}

impl LiveCode {
    fn new(user_id: String, stored: StoredGrant, now: Timestamp) -> Self {
        let StoredGrant { grant, tried, tries_left, wrong_codes_left } = stored;
        Self {
            user_id,
            issued_at: grant.issued_at,
            expires_in: living(grant, now).left,
            tries_left: tries_left.min(wrong_codes_left),
            tried,
        }
    }
}

/// Some of a tenant's live codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodePage {
    /// The codes, ordered by the users' ids.
    pub codes: Vec<LiveCode>,
    /// The argument for the next page; `None` at the end.
    pub next: Option<String>,
}

/// The events that count against a quota now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// How many events count.
    pub counted: u32,
    /// The quota.
    pub quota: Quota,
    /// How long until the first of them expires; `None` if there are none.
    pub one_frees_in: Option<Duration>,
    /// How long until all have expired; `None` if there are none.
    pub all_free_in: Option<Duration>,
}

impl Count {
    fn new(mut log: EventLog, quota: Quota, now: Timestamp) -> Self {
        log.expire(quota, now);
        let frees = |time: Option<&i64>| {
            time.map(|time| Timestamp::from_millis(*time).plus(quota.per).since(now))
        };
        let times = log.as_millis();
        Self {
            counted: log.len(),
            quota,
            one_frees_in: frees(times.first()),
            all_free_in: frees(times.last()),
        }
    }

    /// Whether the quota is used up.
    #[must_use]
    pub const fn is_spent(&self) -> bool {
        self.counted >= self.quota.burst
    }
}

/// A user's counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserCounts {
    /// New codes.
    pub codes_issued: Count,
    /// Wrong passwords.
    pub wrong_passwords: Count,
    /// Wrong codes.
    pub wrong_codes: Count,
}

/// The user that `directory` has under a name, found as at a login, enabled or not.
///
/// # Errors
/// Why there is not exactly one.
pub async fn find_user(
    directory: &dyn Directory,
    name: &str,
    deadline: Instant,
) -> Result<KnownUser, Reason> {
    let name = TypedName::parse(name).ok_or(Reason::NameMalformed)?;
    Ok(KnownUser::from(&find_unique(directory, &name, deadline).await?))
}

/// One tenant's codes and counts.
pub struct TenantCodes {
    /// The tenant.
    pub tenant: TenantId,
    /// The store.
    pub store: Arc<dyn Administration>,
    /// The tenant's quotas.
    pub limits: Limits,
}

impl TenantCodes {
    fn subject(&self, user_id: &str) -> Subject {
        Subject { tenant: self.tenant.clone(), purpose: Purpose::Call, id: user_id.to_owned() }
    }

    /// The next live codes after `after`; `None` starts at the first. An empty page need not be the
    /// last.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self, after: Option<&str>) -> Result<CodePage, StoreError> {
        let listed = self.store.live_codes(&self.tenant, Purpose::Call, after, PAGE).await?;
        let Snapshot { value: page, now } = listed;
        let codes = page.codes.into_iter();
        Ok(CodePage {
            codes: codes.map(|(subject, stored)| LiveCode::new(subject.id, stored, now)).collect(),
            next: page.next,
        })
    }

    /// A user's live code.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find(&self, user_id: &str) -> Result<Option<LiveCode>, StoreError> {
        let Snapshot { value, now } = self.store.account(&self.subject(user_id)).await?;
        let live = value.as_ref().and_then(|account| account.live(now)).cloned();
        Ok(live.map(|stored| LiveCode::new(user_id.to_owned(), stored, now)))
    }

    /// Removes a user's live code; returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke(&self, user_id: &str) -> Result<bool, StoreError> {
        self.store.revoke(&self.subject(user_id)).await
    }

    /// A user's counts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn user_counts(&self, user_id: &str) -> Result<UserCounts, StoreError> {
        let Snapshot { value, now } = self.store.account(&self.subject(user_id)).await?;
        let account = value.unwrap_or_default();
        let limits = &self.limits;
        Ok(UserCounts {
            codes_issued: Count::new(account.codes_issued, limits.codes_per_user, now),
            wrong_passwords: Count::new(
                account.wrong_passwords,
                limits.wrong_passwords_per_user,
                now,
            ),
            wrong_codes: Count::new(account.wrong_codes, limits.wrong_codes_per_user, now),
        })
    }

    /// Forgets a user's counts but keeps a live code; returns whether anything was counted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear_user(&self, user_id: &str) -> Result<bool, StoreError> {
        self.store.clear_counts(&self.subject(user_id)).await
    }

    /// A number's calls.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn calls(&self, number: &PhoneNumber) -> Result<Count, StoreError> {
        let Snapshot { value, now } = self.store.calls(&self.tenant, number).await?;
        Ok(Count::new(value, self.limits.calls_per_number, now))
    }

    /// Forgets a number's calls; returns whether any were counted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear_number(&self, number: &PhoneNumber) -> Result<bool, StoreError> {
        self.store.clear_calls(&self.tenant, number).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_leaves_out_what_no_longer_counts_and_says_when_the_rest_frees() {
        let quota = Quota { burst: 2, per: Duration::from_secs(10) };
        let log = || EventLog::from_millis(vec![1_000, 12_000, 15_000]);
        let at = Timestamp::from_millis;
        let count = Count::new(log(), quota, at(16_000));
        assert_eq!((count.counted, count.is_spent()), (2, true));
        assert_eq!(count.one_frees_in, Some(Duration::from_secs(6)));
        assert_eq!(count.all_free_in, Some(Duration::from_secs(9)));
        let count = Count::new(log(), quota, at(22_000));
        assert_eq!((count.counted, count.is_spent()), (1, false));
        let count = Count::new(log(), quota, at(25_000));
        assert_eq!((count.counted, count.one_frees_in, count.all_free_in), (0, None, None));
    }
}
