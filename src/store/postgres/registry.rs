//! Steps on registered users, their transactions, phones and intents, and reads of them.

use async_trait::async_trait;
use futures_util::future::{join, join3};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error};
use uuid::Uuid;

use super::PostgresStore;
use super::registry_reads::{read_records, records_statements};
use super::registry_writes::{self, RecordsChange};
use super::rows::RowError;
use super::session::PreparedSession;
use super::statements::Prepared;
use super::step::{self, Decision, Look, Step};
use super::user_rows;
use crate::domain::access_key::{AccessKey, AccessKeyHash};
use crate::domain::authenticator::AuthenticatorId;
use crate::domain::clock::Timestamp;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::registered_user::{PhoneId, RegisteredId, RegisteredUser};
use crate::domain::tenant::TenantId;
use crate::domain::transaction::Transaction;
use crate::store::registry::{Records, Registry, Scope, Transition};
use crate::store::{Snapshot, StoreError};

/// A step on the records.
struct RecordsStep {
    scope: Scope,
    decide: Transition,
}

impl Step for RecordsStep {
    type Held = Records;
    type Change = RecordsChange;
    type Answer = ();

    fn reads<'a>(&self, prepared: &'a PreparedSession) -> Vec<&'a Prepared> {
        records_statements(&prepared.registry, &self.scope, true)
    }

    async fn read(&self, prepared: &PreparedSession) -> Result<Records, RowError> {
        read_records(prepared, &self.scope, true).await.records()
    }

    /// A step may reveal what it read, and a row may be visible before a standby has it: if the
    /// server restarts while a commit waits for its standby, the wait is cut short. So a step that
    /// read anything commits even without changes: its row lock is later in the log, so the answer
    /// waits for the standby. Phones have no lock of their own; only the holder of their user's lock
    /// writes them.
    fn decide(&self, before: Records, now: Timestamp) -> Decision<(), RecordsChange> {
        let reveals = before != Records::default();
        let before = Records { transaction: unless_forgotten(before.transaction, now), ..before };
        let mut after = before.clone();
        (self.decide)(&mut after, now);
        let change = (before != after).then_some(RecordsChange { before, after, now });
        Decision { answer: (), change, reveals }
    }

    fn writes<'a>(
        &self,
        prepared: &'a PreparedSession,
        change: &RecordsChange,
    ) -> Vec<&'a Prepared> {
        registry_writes::statements(&prepared.registry, &self.scope, change)
    }

    async fn write(&self, prepared: &PreparedSession, change: &RecordsChange) -> Result<(), Error> {
        registry_writes::write(&prepared.session.client, &prepared.registry, &self.scope, change)
            .await
    }
}

/// The transaction, unless it is due to be forgotten.
fn unless_forgotten(transaction: Option<Transaction>, now: Timestamp) -> Option<Transaction> {
    transaction.filter(|transaction| now < transaction.retained_until())
}

/// Runs `reading` on one snapshot, in a single round trip.
async fn snapshot<T>(client: &Client, reading: impl Future<Output = T>) -> Result<T, Error> {
    let begin = client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
    let (started, read, ended) = join3(begin, reading, client.batch_execute("COMMIT")).await;
    started.and(ended).map(|()| read)
}

/// Like [`snapshot`], but answers only once everything it saw is as durable as a commit: this
/// transaction's own commit is later in the log.
async fn durable_snapshot<T>(
    client: &Client,
    reading: impl Future<Output = T>,
) -> Result<T, Error> {
    let begin = client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ WRITE");
    let commit = async {
        let (written, ended) =
            join(client.batch_execute(step::TEST_COMMIT), client.batch_execute("COMMIT")).await;
        written.and(ended)
    };
    let (started, read, ended) = join3(begin, reading, commit).await;
    started.and(ended).map(|()| read)
}

/// Reads the records.
struct RecordsLook {
    scope: Scope,
    is_durable: bool,
}

impl Look for RecordsLook {
    type Seen = Snapshot<Records>;

    fn commits(&self) -> bool {
        self.is_durable
    }

    /// Unless `is_durable`, a standby may not have what this sees yet, see [`RecordsStep`].
    async fn look(&self, prepared: &PreparedSession) -> Result<Self::Seen, RowError> {
        let (client, now) = (&prepared.session.client, &prepared.statements.now);
        let mut needed = records_statements(&prepared.registry, &self.scope, false);
        needed.push(now);
        prepared.prepare(needed).await?;
        let now = client.query_one(now.get(), &[]);
        let reading = Box::pin(join(now, read_records(prepared, &self.scope, false)));
        let (now, rows) = if self.is_durable {
            durable_snapshot(client, reading).await?
        } else {
            snapshot(client, reading).await?
        };
        let records = rows.records()?;
        let now = Timestamp::from_millis(now?.try_get("now")?);
        Ok(Snapshot {
            value: Records { transaction: unless_forgotten(records.transaction, now), ..records },
            now,
        })
    }
}

/// Finds the users who have a phone number.
struct OwnersLook {
    tenant: TenantId,
    number: PhoneNumber,
    most: u32,
}

impl Look for OwnersLook {
    type Seen = Vec<RegisteredUser>;

    async fn look(&self, prepared: &PreparedSession) -> Result<Self::Seen, RowError> {
        let (client, all) = (&prepared.session.client, &prepared.registry);
        let (tenant, number, most) =
            (self.tenant.as_str(), self.number.key(), i64::from(self.most));
        let key: [&(dyn ToSql + Sync); 3] = [&tenant, &number, &most];
        let (phones, authenticators) = (&all.phones_of_owners, &all.authenticators_of_owners);
        prepared.prepare(vec![&all.owners, phones, authenticators]).await?;
        let all = join3(
            client.query(all.owners.get(), &key),
            client.query(phones.get(), &key),
            client.query(authenticators.get(), &key),
        );
        let (users, phones, authenticators) = snapshot(client, all).await?;
        let (users, phones, authenticators) = (users?, phones?, authenticators?);
        let person =
            |row| user_rows::person(row, &phones, &authenticators).map(|person| person.user);
        users.iter().map(person).collect()
    }
}

/// Finds the user who has an authenticator or a phone.
struct OwnerLook {
    tenant: TenantId,
    owned: Owned,
}

enum Owned {
    Authenticator(AuthenticatorId),
    Phone(PhoneId),
}

impl Look for OwnerLook {
    type Seen = Option<RegisteredId>;

    async fn look(&self, prepared: &PreparedSession) -> Result<Self::Seen, RowError> {
        let (statement, id) = match &self.owned {
            Owned::Authenticator(id) => (&prepared.registry.authenticator_owner, id.as_uuid()),
            Owned::Phone(id) => (&prepared.registry.phone_owner, id.as_uuid()),
        };
        prepared.prepare(vec![statement]).await?;
        let key: [&(dyn ToSql + Sync); 2] = [&self.tenant.as_str(), id];
        let found = prepared.session.client.query_opt(statement.get(), &key).await?;
        Ok(found.map(|row| row.try_get("user_id")).transpose()?.map(RegisteredId::from_uuid))
    }
}

/// Finds out whether a tenant has an access key with this id.
struct HasAccessKeyLook(TenantId, Uuid);

impl Look for HasAccessKeyLook {
    type Seen = bool;

    async fn look(&self, prepared: &PreparedSession) -> Result<Self::Seen, RowError> {
        let Self(tenant, id) = self;
        let (statement, tenant) = (&prepared.registry.has_access_key, tenant.as_str());
        prepared.prepare(vec![statement]).await?;
        let found = prepared.session.client.query_one(statement.get(), &[&tenant, id]).await?;
        Ok(found.try_get("is_there")?)
    }
}

/// Finds an access key by its hash.
struct AccessKeyLook(AccessKeyHash);

impl Look for AccessKeyLook {
    type Seen = Option<AccessKey>;

    async fn look(&self, prepared: &PreparedSession) -> Result<Self::Seen, RowError> {
        let hash: &[u8] = self.0.as_bytes();
        let (client, statement) = (&prepared.session.client, &prepared.registry.access_key);
        prepared.prepare(vec![statement]).await?;
        let found = client.query_opt(statement.get(), &[&hash]).await?;
        found.as_ref().map(user_rows::access_key).transpose()
    }
}

#[async_trait]
impl Registry for PostgresStore {
    async fn transact(&self, scope: Scope, decide: Transition) -> Result<(), StoreError> {
        self.database.run(RecordsStep { scope, decide }).await
    }

    async fn read_records(&self, scope: Scope) -> Result<Snapshot<Records>, StoreError> {
        self.database.see(RecordsLook { scope, is_durable: false }).await
    }

    async fn read_durable_records(&self, scope: Scope) -> Result<Snapshot<Records>, StoreError> {
        self.database.see(RecordsLook { scope, is_durable: true }).await
    }

    async fn owners(
        &self,
        tenant: &TenantId,
        number: &PhoneNumber,
        most: u32,
    ) -> Result<Vec<RegisteredUser>, StoreError> {
        let (tenant, number) = (tenant.clone(), number.clone());
        self.database.see(OwnersLook { tenant, number, most }).await
    }

    async fn authenticator_owner(
        &self,
        tenant: &TenantId,
        id: AuthenticatorId,
    ) -> Result<Option<RegisteredId>, StoreError> {
        let owned = Owned::Authenticator(id);
        self.database.see(OwnerLook { tenant: tenant.clone(), owned }).await
    }

    async fn phone_owner(
        &self,
        tenant: &TenantId,
        id: PhoneId,
    ) -> Result<Option<RegisteredId>, StoreError> {
        let owned = Owned::Phone(id);
        self.database.see(OwnerLook { tenant: tenant.clone(), owned }).await
    }

    async fn has_access_key(&self, tenant: &TenantId, id: Uuid) -> Result<bool, StoreError> {
        self.database.see(HasAccessKeyLook(tenant.clone(), id)).await
    }

    async fn access_key(&self, hash: &AccessKeyHash) -> Result<Option<AccessKey>, StoreError> {
        self.database.see(AccessKeyLook(*hash)).await
    }
}
