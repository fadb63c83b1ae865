//! How far a transaction is, for whoever has its status token; and whether a token vouches for
//! something, for a backend.

use uuid::Uuid;

use super::Cloud;
use super::refusal::Refusal;
use super::tokens::Pointer;
use crate::domain::access_key::{AccessKey, AccessKeyHash};
use crate::domain::clock::Timestamp;
use crate::domain::registered_user::{RegisteredId, RegisteredName};
use crate::domain::transaction::{Stage, Transaction, TransactionId, Undertaking};
use crate::store::registry::{About, Whom};

/// How far a transaction is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The transaction.
    pub transaction: TransactionId,
    /// How far it is.
    pub stage: Stage,
    /// Its user.
    pub user: RegisteredId,
    /// The user's name.
    pub name: Option<RegisteredName>,
    /// A token that vouches for the transaction once it has succeeded, and for a while.
    pub token: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its stage last changed.
    pub updated_at: Timestamp,
}

/// What a token vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vouched {
    /// It is an access key of the tenant.
    AccessKey(AccessKey),
    /// It is the token of a transaction that succeeded a while ago at most.
    Transaction {
        /// The transaction.
        transaction: TransactionId,
        /// What for.
        undertaking: Undertaking,
        /// Its user.
        user: RegisteredId,
        /// What was approved, as the asker said it.
        message: Option<String>,
        /// The intent by which it was begun.
        intent: Option<Uuid>,
        /// When the token was made.
        issued_at: Timestamp,
        /// Until when it vouches.
        expires_at: Timestamp,
    },
}

impl Vouched {
    /// The id of the access key, or of the user.
    #[must_use]
    pub const fn subject(&self) -> Uuid {
        match self {
            Self::AccessKey(key) => key.id,
            Self::Transaction { user, .. } => *user.as_uuid(),
        }
    }
}

impl Cloud {
    /// How far the transaction of a status token is.
    ///
    /// # Errors
    /// [`Refusal::TransactionUnknown`], or that the store cannot be asked.
    pub async fn status(&self, pointer: &Pointer) -> Result<Status, Refusal> {
        let (transaction, name, now) = self.find(pointer).await?;
        let (stage, updated_at) = transaction.at(now);
        Ok(Status {
            transaction: transaction.id,
            stage,
            user: transaction.user,
            name,
            token: self.tokens.transaction(&self.tenant, &transaction, now),
            created_at: transaction.created_at,
            updated_at,
        })
    }

    /// What a token vouches for; `None` if for nothing.
    ///
    /// # Errors
    /// That the store cannot be asked.
    pub async fn introspect(&self, token: &str) -> Result<Option<Vouched>, Refusal> {
        if let Some(hash) = AccessKeyHash::of(token) {
            let key = self.registry.access_key(&hash).await?;
            return Ok(key.filter(|key| key.tenant == self.tenant).map(Vouched::AccessKey));
        }
        let pointer = self.tokens.read_transaction(token);
        let Some(pointer) = pointer.filter(|pointer| pointer.tenant == self.tenant) else {
            return Ok(None);
        };
        let (transaction, _, now) = match self.find(&pointer).await {
            Err(Refusal::TransactionUnknown) => return Ok(None),
            found => found?,
        };
        let until = transaction.vouched_until().filter(|until| now < *until);
        Ok(until.map(|expires_at| Vouched::Transaction {
            transaction: transaction.id,
            undertaking: transaction.undertaking,
            user: transaction.user,
            message: transaction.message().map(str::to_owned),
            intent: transaction.intent,
            issued_at: pointer.issued_at,
            expires_at,
        }))
    }

    async fn find(
        &self,
        pointer: &Pointer,
    ) -> Result<(Transaction, Option<RegisteredName>, Timestamp), Refusal> {
        let about = About {
            transaction: Some(pointer.transaction),
            ..About::user(&self.tenant, Whom::Id(pointer.user))
        };
        let seen = self.look_to_tell(about).await?;
        let transaction = seen.held.transaction.filter(|one| one.user == pointer.user);
        match (transaction, seen.held.person) {
            (Some(transaction), Some(person)) => Ok((transaction, person.user.name, seen.now)),
            _ => Err(Refusal::TransactionUnknown),
        }
    }
}
