//! The ports to registered users, their transactions and the access keys to them.
//!
//! Every decision is made on [`Records`]: the store's data about one user, one transaction and one
//! phone. An adapter locks and reads the records, lets a step change them, and writes the
//! difference before anyone else can read them, so one implementation of the decisions serves every
//! store.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use super::{Snapshot, StoreError};
use crate::domain::access_key::{AccessKey, AccessKeyHash};
use crate::domain::authenticator::{Authenticator, AuthenticatorId};
use crate::domain::clock::Timestamp;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::EventLog;
use crate::domain::registered_user::{
    PhoneId, RegisteredId, RegisteredUser, UserRef, VerifiedPhone,
};
use crate::domain::tenant::TenantId;
use crate::domain::transaction::{Transaction, TransactionId};

/// What a step is about. It reads and writes nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The tenant.
    pub tenant: TenantId,
    /// The user; `None` if there cannot be one yet.
    pub user: Option<UserRef>,
    /// The transaction.
    pub transaction: Option<TransactionId>,
    /// The phone whose texts are counted.
    pub number: Option<PhoneNumber>,
    /// The intent that is used up.
    pub intent: Option<Uuid>,
}

impl Scope {
    /// A step about a user alone.
    #[must_use]
    pub fn user(tenant: &TenantId, user: UserRef) -> Self {
        let tenant = tenant.clone();
        Self { tenant, user: Some(user), transaction: None, number: None, intent: None }
    }
}

/// A registered user with their budgets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// The user.
    pub user: RegisteredUser,
    /// Texts that asked the user for an approval.
    pub texts: EventLog,
    /// Texts that register one of the user's phones.
    pub enrolling_texts: EventLog,
    /// Wrong tries of codes sent by text.
    pub wrong_codes: EventLog,
    /// Wrong recovery codes.
    pub wrong_recovery: EventLog,
    /// Notifications sent to the user's phones.
    pub pushes: EventLog,
    /// Approvals requested by a link.
    pub app_approvals: EventLog,
}

impl UserRecord {
    /// A user without events.
    #[must_use]
    pub fn new(user: RegisteredUser) -> Self {
        let none = EventLog::default;
        Self {
            user,
            texts: none(),
            enrolling_texts: none(),
            wrong_codes: none(),
            wrong_recovery: none(),
            pushes: none(),
            app_approvals: none(),
        }
    }
}

/// Texts sent to one phone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    /// When texts asked its verified owner for an approval.
    pub sent: EventLog,
    /// When texts to register it were sent, for any user.
    pub enrolling: EventLog,
    /// From then on none of them counts and the row may be deleted. Set whenever one is added.
    pub idle_from: Option<Timestamp>,
}

/// The store's data about a step's subject, which the step changes to what it should become.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    /// The user. Setting it on empty records creates the user; clearing it deletes the user and
    /// everything the user owns: phones, authenticators, transactions, called-in codes. Removing a
    /// phone ends the user's live called-in code.
    pub person: Option<UserRecord>,
    /// How many users have the name by which the step refers to its user, in any case; 0 if it does
    /// not use a name. More than one only if they got their names before dialpass began to ignore
    /// case. A step does not change it.
    pub namesakes: u32,
    /// The transaction, if it belongs to the tenant; the caller checks its user.
    pub transaction: Option<Transaction>,
    /// Texts sent to the phone.
    pub texts: Texts,
    /// Until when the used intent is remembered; `None` if it is unused.
    pub intent_used_until: Option<Timestamp>,
}

impl Records {
    /// Whether the step's name could refer to several users. Then there is no
    /// [`person`](Self::person), and none may be created.
    #[must_use]
    pub const fn is_ambiguous(&self) -> bool {
        self.person.is_none() && self.namesakes > 1
    }
}

/// Something that a user can have several of.
pub trait Possession: PartialEq {
    /// Its id.
    fn id(&self) -> Uuid;
}

impl Possession for VerifiedPhone {
    fn id(&self) -> Uuid {
        self.id
    }
}

impl Possession for Authenticator {
    fn id(&self) -> Uuid {
        *self.id.as_uuid()
    }
}

/// The difference between two states of a user's phones or authenticators.
#[derive(Debug, PartialEq, Eq)]
pub struct Changes<'a, T> {
    /// New ones.
    pub made: Vec<&'a T>,
    /// Those that differ from before.
    pub changed: Vec<&'a T>,
    /// Removed ones.
    pub gone: Vec<&'a T>,
}

impl<'a, T: Possession> Changes<'a, T> {
    /// Compares the two states.
    #[must_use]
    pub fn between(before: &'a [T], after: &'a [T]) -> Self {
        let kept: HashSet<Uuid> = after.iter().map(T::id).collect();
        let (mut made, mut changed) = (Vec::new(), Vec::new());
        for now in after {
            match before.iter().find(|was| was.id() == now.id()) {
                None => made.push(now),
                Some(was) if was != now => changed.push(now),
                Some(_) => {}
            }
        }
        let gone = before.iter().filter(|was| !kept.contains(&was.id())).collect();
        Self { made, changed, gone }
    }
}

/// What a step does to its records. It may run again on newer records; only the last run counts.
pub type Transition = Arc<dyn Fn(&mut Records, Timestamp) + Send + Sync>;

/// Registered users and their transactions.
#[async_trait]
pub trait Registry: Send + Sync {
    /// Runs a transaction: writes what `decide` changes in the records, all of it or nothing. No other
    /// step on the same user, transaction, phone or intent runs meanwhile.
    ///
    /// Use it through [`transact`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn transact(&self, scope: Scope, decide: Transition) -> Result<(), StoreError>;

    /// Reads the records.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn read_records(&self, scope: Scope) -> Result<Snapshot<Records>, StoreError>;

    /// Reads records whose state will be shown to others: if the store has several machines, losing
    /// one cannot undo what this returns.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn read_durable_records(&self, scope: Scope) -> Result<Snapshot<Records>, StoreError> {
        self.read_records(scope).await
    }

    /// At most `most` users who have a verified phone with this number, in any order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn owners(
        &self,
        tenant: &TenantId,
        number: &PhoneNumber,
        most: u32,
    ) -> Result<Vec<RegisteredUser>, StoreError>;

    /// The user who has this authenticator; `None` if no one has.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn authenticator_owner(
        &self,
        tenant: &TenantId,
        id: AuthenticatorId,
    ) -> Result<Option<RegisteredId>, StoreError>;

    /// The user who has this verified phone; `None` if no one has.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn phone_owner(
        &self,
        tenant: &TenantId,
        id: PhoneId,
    ) -> Result<Option<RegisteredId>, StoreError>;

    /// Whether the tenant has an access key with this id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn has_access_key(&self, tenant: &TenantId, id: Uuid) -> Result<bool, StoreError>;

    /// The access key with this hash; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn access_key(&self, hash: &AccessKeyHash) -> Result<Option<AccessKey>, StoreError>;
}

/// Runs a transaction on the registry and returns what `decide` returned.
///
/// # Errors
/// [`StoreError`].
pub async fn transact<T: Send + 'static>(
    registry: &dyn Registry,
    scope: Scope,
    decide: impl Fn(&mut Records, Timestamp) -> T + Send + Sync + 'static,
) -> Result<T, StoreError> {
    let decided = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&decided);
    let decide: Transition = Arc::new(move |records: &mut Records, now| {
        let answer = decide(records, now);
        *keep.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    });
    registry.transact(scope, decide).await?;
    let answer = decided.lock().unwrap_or_else(PoisonError::into_inner).take();
    answer.ok_or(StoreError::OutcomeUnknown)
}

/// Access keys, as administrators see and change them while gateways run.
#[async_trait]
pub trait AccessKeys: Send + Sync {
    /// Creates a key, whose `created_at` the store sets. Once it answers, every gateway accepts the
    /// key.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn create_access_key(&self, key: &NewAccessKey) -> Result<AccessKey, StoreError>;

    /// A tenant's keys, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn access_keys(&self, tenant: &TenantId) -> Result<Vec<AccessKey>, StoreError>;

    /// Deletes a key, and returns whether it existed. Once it answers, no gateway accepts the key.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn revoke_access_key(&self, tenant: &TenantId, id: Uuid) -> Result<bool, StoreError>;
}

/// An access key to create.
#[derive(Clone)]
pub struct NewAccessKey {
    /// Its id.
    pub id: Uuid,
    /// The tenant whose users it gives access to.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// The hash that identifies it.
    pub hash: AccessKeyHash,
}

impl fmt::Debug for NewAccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewAccessKey({} of {})", self.id, self.tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stored_number::NumberingPlan;

    #[test]
    fn the_difference_between_two_states_of_the_phones() {
        let at = Timestamp::from_millis;
        let phone = |id: u128, updated: i64| VerifiedPhone {
            id: Uuid::from_u128(id),
            number: NumberingPlan::read_e164("+46701234567").expect("a number"),
            created_at: at(1),
            updated_at: at(updated),
        };
        let before = [phone(1, 1), phone(2, 1), phone(3, 1)];
        let after = [phone(2, 1), phone(3, 5), phone(4, 5)];
        let changes = Changes::between(&before, &after);
        assert_eq!(changes.made, [&after[2]]);
        assert_eq!(changes.changed, [&after[1]]);
        assert_eq!(changes.gone, [&before[0]]);
    }
}
