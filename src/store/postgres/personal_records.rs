//! One person's data in the database: reading all of it, and deleting it.

use async_trait::async_trait;
use futures_util::future::{join, try_join_all};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};
use uuid::Uuid;

use super::PostgresAdministration;
use super::registry_rows;
use super::rows::{self, RowError};
use super::session::PreparedSession;
use super::statements::Prepared;
use super::step::{Decision, Look, Step};
use super::{text_rows, transaction_rows, user_rows};
use crate::domain::clock::Timestamp;
use crate::domain::grant::Purpose;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::registered_user::{RegisteredId, RegisteredName};
use crate::domain::tenant::TenantId;
use crate::store::personal_records::{Individual, PersonRecords, PersonalRecords};
use crate::store::{Snapshot, StoreError};

const TRANSACTIONS: &str = "SELECT transaction_id FROM dialpass.transactions \
    WHERE tenant = $1 AND user_id = $2 ORDER BY created_at, transaction_id";

/// Data keyed by a called-in user's id or by a number.
const DELETE: &str = "WITH calls AS (DELETE FROM dialpass.callers \
        WHERE tenant = $1 AND number = ANY($2)), \
    texts AS (DELETE FROM dialpass.texted WHERE tenant = $1 AND number = ANY($2)) \
    DELETE FROM dialpass.subjects WHERE tenant = $1 AND purpose = $3 AND subject = ANY($4)";

#[async_trait]
impl PersonalRecords for PostgresAdministration {
    async fn registered(
        &self,
        tenant: &TenantId,
        name: &RegisteredName,
    ) -> Result<Vec<(RegisteredId, RegisteredName)>, StoreError> {
        let key: [&(dyn ToSql + Sync); 2] = [&tenant.as_str(), &name.as_str()];
        let found = self.rows(registry_rows::NAMESAKES, &key).await?.value;
        super::administration::read(found.iter().map(user_rows::namesake).collect())
    }

    async fn records(&self, whose: &Individual) -> Result<Snapshot<PersonRecords>, StoreError> {
        self.see(PersonLook(whose.clone())).await
    }

    async fn delete_records(
        &self,
        whose: &Individual,
    ) -> Result<Snapshot<PersonRecords>, StoreError> {
        self.take(Deletion(whose.clone())).await
    }
}

/// A look at all of a person's records, as of one moment.
struct PersonLook(Individual);

impl Look for PersonLook {
    type Seen = Snapshot<PersonRecords>;

    async fn look(&self, prepared: &PreparedSession) -> Result<Self::Seen, RowError> {
        let client = &prepared.session.client;
        let mut needed = sent(prepared, Lock::No);
        needed.push(&prepared.statements.now);
        prepared.prepare(needed).await?;
        client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
        let value = records(prepared, &self.0, Lock::No).await;
        let now = client.query_one(prepared.statements.now.get(), &[]).await;
        // After an error this ends the transaction as well.
        client.batch_execute("COMMIT").await?;
        Ok(Snapshot { value: value?, now: Timestamp::from_millis(now?.try_get("now")?) })
    }
}

/// A step that deletes a person's records.
struct Deletion(Individual);

/// What is to be deleted.
struct ToDelete {
    records: PersonRecords,
    /// Prepared in advance: a step's writes are sent with its commit, which leaves no time to
    /// prepare.
    delete: Statement,
}

/// The numbers and the statement of a deletion.
struct DeletionChange {
    numbers: Vec<String>,
    delete: Statement,
}

impl Step for Deletion {
    type Held = ToDelete;
    type Change = DeletionChange;
    type Answer = Snapshot<PersonRecords>;

    fn reads<'a>(&self, prepared: &'a PreparedSession) -> Vec<&'a Prepared> {
        sent(prepared, Lock::Yes)
    }

    fn writes<'a>(&self, prepared: &'a PreparedSession, _: &DeletionChange) -> Vec<&'a Prepared> {
        vec![&prepared.registry.delete_user]
    }

    async fn read(&self, prepared: &PreparedSession) -> Result<ToDelete, RowError> {
        // Sent after the transaction's BEGIN, so a failure of that surfaces here.
        let records = records(prepared, &self.0, Lock::Yes).await?;
        Ok(ToDelete { records, delete: prepared.session.client.prepare(DELETE).await? })
    }

    fn decide(
        &self,
        value: ToDelete,
        now: Timestamp,
    ) -> Decision<Snapshot<PersonRecords>, DeletionChange> {
        let ToDelete { records, delete } = value;
        let numbers = self.0.all_numbers(records.person.as_ref());
        let numbers = numbers.iter().map(PhoneNumber::key).collect();
        let change = Some(DeletionChange { numbers, delete });
        Decision { answer: Snapshot { value: records, now }, change, reveals: true }
    }

    async fn write(
        &self,
        prepared: &PreparedSession,
        change: &DeletionChange,
    ) -> Result<(), Error> {
        let Individual { tenant, .. } = &self.0;
        let client = &prepared.session.client;
        let (tenant, purpose, ids) =
            (tenant.as_str(), Purpose::Call.as_str(), self.0.account_ids());
        let by_key: [&(dyn ToSql + Sync); 4] = [&tenant, &change.numbers, &purpose, &ids];
        let by_key = client.execute(&change.delete, &by_key);
        let registered = async {
            // Runs even without a user row: a deleted user may have left a transaction behind.
            let Some(id) = self.0.registered_id() else { return Ok(0) };
            let key: [&(dyn ToSql + Sync); 3] = [&tenant, id.as_uuid(), &purpose];
            client.execute(prepared.registry.delete_user.get(), &key).await
        };
        let (registered, by_key) = join(registered, by_key).await;
        registered.and(by_key).map(|_| ())
    }
}

/// Whether rows are locked as they are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lock {
    Yes,
    No,
}

/// The statements that [`records`] sends.
fn sent(prepared: &PreparedSession, lock: Lock) -> Vec<&Prepared> {
    let all = &prepared.registry;
    let mut sent = vec![&all.phones_by_id, &all.authenticators_by_id];
    sent.extend(match lock {
        Lock::Yes => [&all.lock_user_by_id, &all.lock_transaction, &all.lock_texted],
        Lock::No => [&all.user_by_id, &all.transaction, &all.texted],
    });
    sent
}

/// Reads a person's records. Locks follow the order of steps on a registered user: the user, then
/// the transactions, the texts, and finally the called-in data.
async fn records(
    prepared: &PreparedSession,
    whose: &Individual,
    lock: Lock,
) -> Result<PersonRecords, RowError> {
    let (client, all) = (&prepared.session.client, &prepared.registry);
    let tenant = whose.tenant.as_str();
    let mut records = PersonRecords::default();
    if let Some(id) = whose.registered_id() {
        let key: [&(dyn ToSql + Sync); 2] = [&tenant, id.as_uuid()];
        let user = if lock == Lock::Yes { &all.lock_user_by_id } else { &all.user_by_id };
        if let Some(user) = client.query_opt(user.get(), &key).await? {
            let phones = client.query(all.phones_by_id.get(), &key).await?;
            let authenticators = client.query(all.authenticators_by_id.get(), &key).await?;
            records.person = Some(user_rows::person(&user, &phones, &authenticators)?);
        }
        let statement = if lock == Lock::Yes { &all.lock_transaction } else { &all.transaction };
        for id in client.query(TRANSACTIONS, &key).await? {
            let id: Uuid = id.try_get("transaction_id")?;
            // Missing if it was swept meanwhile.
            let found = client.query_opt(statement.get(), &[&tenant, &id]).await?;
            records
                .transactions
                .extend(found.as_ref().map(transaction_rows::transaction).transpose()?);
        }
    }
    let numbers = whose.all_numbers(records.person.as_ref());
    let texted = if lock == Lock::Yes { &all.lock_texted } else { &all.texted };
    for number in &numbers {
        if let Some(row) = client.query_opt(texted.get(), &[&tenant, &number.key()]).await? {
            records.texts.push((number.clone(), text_rows::texts(&row)?));
        }
    }
    records.accounts = accounts(client, whose, lock).await?;
    let calls = client.prepare(&locking(rows::CALLS, lock)).await?;
    for number in numbers {
        if let Some(row) = client.query_opt(&calls, &[&tenant, &number.key()]).await? {
            records.calls.push((number, rows::calls(&row)?));
        }
    }
    Ok(records)
}

/// The accounts of called-in codes.
async fn accounts(
    client: &Client,
    whose: &Individual,
    lock: Lock,
) -> Result<Vec<(String, crate::store::account::Account)>, RowError> {
    let (tenant, purpose) = (whose.tenant.as_str(), Purpose::Call.as_str());
    let account = client.prepare(&locking(rows::ACCOUNT, lock)).await?;
    let read = whose.account_ids().into_iter().map(async |id| {
        let found = client.query_opt(&account, &[&tenant, &purpose, &id]).await?;
        let account = found.as_ref().map(rows::account).transpose()?;
        Ok::<_, RowError>(account.map(|account| (id, account)))
    });
    Ok(try_join_all(read).await?.into_iter().flatten().collect())
}

fn locking(sql: &str, lock: Lock) -> String {
    format!("{sql}{}", if lock == Lock::Yes { " FOR UPDATE" } else { "" })
}
