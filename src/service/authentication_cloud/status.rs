//! A transaction's state, for holders of its status token; and token introspection, for backends.

use uuid::Uuid;

use super::Cloud;
use super::refusal::CloudRefusal;
use super::tokens::TransactionRef;
use crate::domain::access_key::{AccessKey, AccessKeyHash};
use crate::domain::clock::Timestamp;
use crate::domain::registered_user::{RegisteredId, RegisteredName, UserRef};
use crate::domain::transaction::{Transaction, TransactionId, TransactionKind, TransactionStatus};
use crate::store::registry::Scope;
/// A transaction's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The transaction.
    pub transaction: TransactionId,
    /// Its status.
    pub status: TransactionStatus,
    /// Its user.
    pub user: RegisteredId,
    /// The user's name.
    pub name: Option<RegisteredName>,
    /// A token that proves the transaction's success for a while.
    pub token: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its status last changed.
    pub updated_at: Timestamp,
}

/// What a valid token stands for (RFC 7662).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActiveToken {
    /// An access key of the tenant.
    AccessKey(AccessKey),
    /// A transaction that succeeded recently.
    Transaction {
        /// The transaction.
        transaction: TransactionId,
        /// Its kind.
        kind: TransactionKind,
        /// Its user.
        user: RegisteredId,
        /// What was approved, in the requester's words.
        message: Option<String>,
        /// The intent that started it.
        intent: Option<Uuid>,
        /// When the token was made.
        issued_at: Timestamp,
        /// When it expires.
        expires_at: Timestamp,
    },
}

impl ActiveToken {
    /// The id of the access key or the user.
    #[must_use]
    pub const fn subject(&self) -> Uuid {
        match self {
            Self::AccessKey(key) => key.id,
            Self::Transaction { user, .. } => *user.as_uuid(),
        }
    }
}

impl Cloud {
    /// The state of a status token's transaction.
    ///
    /// # Errors
    /// [`CloudRefusal::TransactionUnknown`], or a failure of the store.
    pub async fn status(&self, pointer: &TransactionRef) -> Result<Status, CloudRefusal> {
        let (transaction, name, now) = self.find(pointer).await?;
        let (status, updated_at) = transaction.status_at(now);
        Ok(Status {
            transaction: transaction.id,
            status,
            user: transaction.user,
            name,
            token: self.tokens.transaction(&self.tenant, &transaction, now),
            created_at: transaction.created_at,
            updated_at,
        })
    }

    /// What a token stands for; `None` if it is not valid.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn introspect(&self, token: &str) -> Result<Option<ActiveToken>, CloudRefusal> {
        if let Some(hash) = AccessKeyHash::of(token) {
            let key = self.registry.access_key(&hash).await?;
            return Ok(key.filter(|key| key.tenant == self.tenant).map(ActiveToken::AccessKey));
        }
        let pointer = self.tokens.read_transaction(token);
        let Some(pointer) = pointer.filter(|pointer| pointer.tenant == self.tenant) else {
            return Ok(None);
        };
        let (transaction, _, now) = match self.find(&pointer).await {
            Err(CloudRefusal::TransactionUnknown) => return Ok(None),
            found => found?,
        };
        let until = transaction.token_valid_until().filter(|until| now < *until);
        Ok(until.map(|expires_at| ActiveToken::Transaction {
            transaction: transaction.id,
            kind: transaction.kind,
            user: transaction.user,
            message: transaction.message().map(str::to_owned),
            intent: transaction.intent,
            issued_at: pointer.issued_at,
            expires_at,
        }))
    }

    async fn find(
        &self,
        pointer: &TransactionRef,
    ) -> Result<(Transaction, Option<RegisteredName>, Timestamp), CloudRefusal> {
        let scope = Scope {
            transaction: Some(pointer.transaction),
            ..Scope::user(&self.tenant, UserRef::Id(pointer.user))
        };
        let seen = self.read_for_client(scope).await?;
        let transaction = seen.value.transaction.filter(|one| one.user == pointer.user);
        match (transaction, seen.value.person) {
            (Some(transaction), Some(person)) => Ok((transaction, person.user.name, seen.now)),
            _ => Err(CloudRefusal::TransactionUnknown),
        }
    }
}
