//! One person's data in the file: reading all of it, and deleting it.

use async_trait::async_trait;
use rusqlite::{Connection, named_params};

use super::SqliteAdministration;
use super::columns::{parsed, unreadable};
use super::registry::find_texts;
use super::registry_rows::{delete_person, find_person, namesakes};
use super::rows::{Tables, delete_account, delete_calls};
use super::transaction_rows::find_transaction;
use crate::domain::grant::{Purpose, Subject};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::registered_user::{RegisteredId, RegisteredName};
use crate::domain::tenant::TenantId;
use crate::domain::transaction::{Transaction, TransactionId};
use crate::store::personal_records::{Individual, PersonRecords, PersonalRecords};
use crate::store::registry::Texts;
use crate::store::{Snapshot, StoreError};

#[async_trait]
impl PersonalRecords for SqliteAdministration {
    async fn registered(
        &self,
        tenant: &TenantId,
        name: &RegisteredName,
    ) -> Result<Vec<(RegisteredId, RegisteredName)>, StoreError> {
        let (tenant, name) = (tenant.clone(), name.clone());
        let found = self.read(move |connection, _| namesakes(connection, &tenant, &name));
        Ok(found.await?.value)
    }

    async fn records(&self, whose: &Individual) -> Result<Snapshot<PersonRecords>, StoreError> {
        let whose = whose.clone();
        self.read(move |connection, _| records(connection, &whose)).await
    }

    async fn delete_records(
        &self,
        whose: &Individual,
    ) -> Result<Snapshot<PersonRecords>, StoreError> {
        let whose = whose.clone();
        self.change(move |connection, now| {
            let held = records(connection, &whose)?;
            delete(connection, &whose, &held)?;
            Ok(Snapshot { value: held, now })
        })
        .await
    }
}

fn records(connection: &Connection, whose: &Individual) -> rusqlite::Result<PersonRecords> {
    let tenant = &whose.tenant;
    let mut tables = Tables::new(connection)?;
    let mut records = PersonRecords::default();
    for id in whose.account_ids() {
        let subject = Subject { tenant: tenant.clone(), purpose: Purpose::Call, id };
        if let Some(account) = tables.find_account(&subject)? {
            records.accounts.push((subject.id, account));
        }
    }
    if let Some(id) = whose.registered_id() {
        records.person = find_person(connection, tenant, id)?;
        records.transactions = transactions(connection, tenant, id)?;
    }
    for number in whose.all_numbers(records.person.as_ref()) {
        if let Some(calls) = tables.find_calls(tenant, &number.key())? {
            records.calls.push((number.clone(), calls));
        }
        let texts = find_texts(connection, tenant, &number)?;
        if texts != Texts::default() {
            records.texts.push((number, texts));
        }
    }
    Ok(records)
}

fn transactions(
    connection: &Connection,
    tenant: &TenantId,
    user: RegisteredId,
) -> rusqlite::Result<Vec<Transaction>> {
    const SQL: &str = "SELECT transaction_id FROM transactions \
        WHERE tenant = :tenant AND user_id = :user_id ORDER BY created_at, transaction_id";
    let key = named_params! {":tenant": tenant.as_str(), ":user_id": user.to_string()};
    let mut statement = connection.prepare_cached(SQL)?;
    let ids = statement.query_map(key, |row| {
        parsed(row, "transaction_id", TransactionId::parse, "a transaction's id")
    })?;
    let read = |id| {
        find_transaction(connection, tenant, id?)?
            .ok_or_else(|| unreadable(0, "a transaction has no row"))
    };
    ids.map(read).collect()
}

fn delete(
    connection: &Connection,
    whose: &Individual,
    held: &PersonRecords,
) -> rusqlite::Result<()> {
    let tenant = &whose.tenant;
    for (id, _) in &held.accounts {
        delete_account(connection, tenant, id)?;
    }
    // Runs even without a user row: a deleted user may have left a transaction behind.
    if let Some(id) = whose.registered_id() {
        delete_person(connection, tenant, id)?;
    }
    for number in whose.all_numbers(held.person.as_ref()) {
        delete_calls(connection, tenant, &number)?;
        delete_texts(connection, tenant, &number)?;
    }
    Ok(())
}

fn delete_texts(
    connection: &Connection,
    tenant: &TenantId,
    number: &PhoneNumber,
) -> rusqlite::Result<()> {
    const SQL: &str = "DELETE FROM texted WHERE tenant = :tenant AND number = :number";
    let key = named_params! {":tenant": tenant.as_str(), ":number": number.key()};
    connection.prepare_cached(SQL)?.execute(key).map(|_| ())
}
