//! The authentication cloud: registered users, the transactions they confirm, and the tokens for
//! those. No HTTP, no SQL.

pub mod access;
pub mod approval;
pub mod authenticators;
pub mod confirmation;
pub mod enrollment;
#[cfg(test)]
pub(crate) mod fuzz;
pub mod intent;
pub mod passkey_request;
pub mod passkeys;
pub mod phones;
mod push;
pub mod refusal;
pub mod sms_code;
pub mod status;
pub mod tokens;
pub mod users;
pub mod verification;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use self::passkeys::Passkeys;
pub use self::refusal::CloudRefusal;
use self::tokens::Tokens;
use crate::domain::number_kind::NumberKind;
use crate::domain::otp::ServerKeys;
use crate::domain::policy::Quota;
use crate::domain::random::Random;
use crate::domain::tenant::TenantId;
use crate::domain::transaction::TransactionStatus;
use crate::messenger::{Messenger, Notifier};
use crate::store::Snapshot;
use crate::store::registry::{Records, Registry, Scope};

/// Limits on texted codes, recovery codes and notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Number of digits in a code.
    pub digits: u8,
    /// How long a code can be confirmed, in whole seconds.
    pub lifetime: Duration,
    /// Number of wrong codes that ends a transaction.
    pub tries: u32,
    /// Texts per user and per phone, counted separately for phone registrations and for approvals.
    pub texts: Quota,
    /// Wrong codes per user, across all transactions.
    pub wrong_codes: Quota,
    /// Wrong recovery codes per user.
    pub wrong_recovery: Quota,
    /// Notifications per user.
    pub pushes: Quota,
    /// Approvals by link per user.
    pub app_approvals: Quota,
}

impl Default for Policy {
    fn default() -> Self {
        let hour = Duration::from_hours(1);
        Self {
            digits: 6,
            lifetime: Duration::from_mins(5),
            tries: 5,
            texts: Quota { burst: 5, per: Duration::from_mins(10) },
            wrong_codes: Quota { burst: 10, per: hour },
            wrong_recovery: Quota { burst: 10, per: hour },
            pushes: Quota { burst: 10, per: Duration::from_mins(10) },
            app_approvals: Quota { burst: 60, per: Duration::from_mins(10) },
        }
    }
}

/// One tenant's authentication cloud.
#[derive(Clone)]
pub struct Cloud {
    /// The tenant.
    pub tenant: TenantId,
    /// Its users.
    pub registry: Arc<dyn Registry>,
    /// How texts are sent; `None` if they cannot be.
    pub messenger: Option<Arc<dyn Messenger>>,
    /// How phones are notified; `None` if they are not.
    pub notifier: Option<Arc<dyn Notifier>>,
    /// How passkeys are made and checked; `None` if there are none.
    pub passkeys: Option<Arc<Passkeys>>,
    /// Whether an approval on a phone asks for a number that the requesting page shows.
    pub match_number: bool,
    /// The server's keys, for codes.
    pub keys: Arc<ServerKeys>,
    /// The tokens of all tenants.
    pub tokens: Arc<Tokens>,
    /// Source of random bits.
    pub random: Arc<dyn Random>,
    /// The kinds of numbers that texts may be sent to.
    pub texted_kinds: Arc<BTreeSet<NumberKind>>,
    /// Whether verifying a number takes it away from its previous user.
    pub one_user_per_number: bool,
    /// The limits.
    pub policy: Policy,
}

impl Cloud {
    /// The public key by which browsers subscribe to notifications; `None` if there are none.
    #[must_use]
    pub fn push_key(&self) -> Option<&str> {
        self.notifier.as_deref().map(Notifier::public_key)
    }

    fn random_bits(&self) -> Result<[u8; 16], CloudRefusal> {
        self.random.nonce().ok_or(CloudRefusal::NoRandomness)
    }

    /// Reads the records for a response, waiting until the loss of a machine cannot undo what it says.
    /// A pending or unknown transaction has no result that could be undone, so polling it does not
    /// wait.
    async fn read_for_client(&self, scope: Scope) -> Result<Snapshot<Records>, CloudRefusal> {
        let seen = self.registry.read_records(scope.clone()).await?;
        let status = seen.value.transaction.as_ref().map(|one| one.status_at(seen.now).0);
        if status == Some(TransactionStatus::Pending) || seen.value == Records::default() {
            return Ok(seen);
        }
        Ok(self.registry.read_durable_records(scope).await?)
    }
}

/// Time reserved for the last step of a request, after a part that may take any time.
const FOR_THE_LAST_STEP: Duration = Duration::from_millis(250);

/// The deadline for that part.
fn before_the_last_step(deadline: Instant) -> Instant {
    deadline.checked_sub(FOR_THE_LAST_STEP).unwrap_or(deadline)
}

/// Why the records have no user.
const fn why_no_user(records: &Records) -> CloudRefusal {
    if records.is_ambiguous() { CloudRefusal::UserAmbiguous } else { CloudRefusal::UserUnknown }
}

/// Changes the records by `decide`, or leaves them as they were if `decide` refuses.
fn all_or_nothing<T>(
    records: &mut Records,
    decide: impl FnOnce(&mut Records) -> Result<T, CloudRefusal>,
) -> Result<T, CloudRefusal> {
    let mut changed = records.clone();
    let decided = decide(&mut changed);
    if decided.is_ok() {
        *records = changed;
    }
    decided
}
