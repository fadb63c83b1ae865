//! Steps on registered users. The writer reads the records, lets the step decide, and writes the
//! changes, before it runs anything else.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use uuid::Uuid;

use super::authenticator_rows::{owner, write_authenticators};
use super::columns::{event_log, padded, text_of, time, unreadable, unwritable};
use super::registry_rows::{
    UserRow, delete_person, find_named, find_person, owners, phone_owner, write_person,
    write_phones,
};
use super::transaction_rows::{delete_transaction, find_transaction, write_transaction};
use super::written_row::written_row;
use super::{SqliteStore, access_keys};
use crate::domain::access_key::{AccessKey, AccessKeyHash};
use crate::domain::authenticator::AuthenticatorId;
use crate::domain::clock::Timestamp;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::registered_user::{PhoneId, RegisteredId, RegisteredUser, UserRef};
use crate::domain::tenant::TenantId;
use crate::store::registry::{Changes, Records, Registry, Scope, Texts, Transition, UserRecord};
use crate::store::{Snapshot, StoreError};

/// How long texts are kept if no limit says how long they count.
const TEXTS_KEPT: Duration = Duration::from_hours(24);

#[async_trait]
impl Registry for SqliteStore {
    async fn transact(&self, scope: Scope, decide: Transition) -> Result<(), StoreError> {
        self.step(move |tables, now| take(tables.connection(), &scope, &decide, now)).await
    }

    async fn read_records(&self, scope: Scope) -> Result<Snapshot<Records>, StoreError> {
        let look = move |connection: &Connection, now| {
            let snapshot = connection.unchecked_transaction()?;
            Ok(Snapshot { value: records(&snapshot, &scope, now)?, now })
        };
        self.running().readers.ask(look).await
    }

    async fn owners(
        &self,
        tenant: &TenantId,
        number: &PhoneNumber,
        most: u32,
    ) -> Result<Vec<RegisteredUser>, StoreError> {
        let (tenant, number) = (tenant.clone(), number.clone());
        let look = move |connection: &Connection, _| {
            let snapshot = connection.unchecked_transaction()?;
            let ids = owners(&snapshot, &tenant, &number, most)?;
            let user = |id| {
                let found = find_person(&snapshot, &tenant, id)?;
                // Skipping one could make another look like the only owner.
                found.map(|person| person.user).ok_or_else(|| unreadable(0, "a phone has no user"))
            };
            ids.into_iter().map(user).collect()
        };
        self.running().readers.ask(look).await
    }

    async fn authenticator_owner(
        &self,
        tenant: &TenantId,
        id: AuthenticatorId,
    ) -> Result<Option<RegisteredId>, StoreError> {
        let tenant = tenant.clone();
        self.running().readers.ask(move |connection, _| owner(connection, &tenant, id)).await
    }

    async fn phone_owner(
        &self,
        tenant: &TenantId,
        id: PhoneId,
    ) -> Result<Option<RegisteredId>, StoreError> {
        let tenant = tenant.clone();
        self.running().readers.ask(move |connection, _| phone_owner(connection, &tenant, id)).await
    }

    async fn has_access_key(&self, tenant: &TenantId, id: Uuid) -> Result<bool, StoreError> {
        let tenant = tenant.clone();
        let look = move |connection: &Connection, _| access_keys::is_there(connection, &tenant, id);
        self.running().readers.ask(look).await
    }

    async fn access_key(&self, hash: &AccessKeyHash) -> Result<Option<AccessKey>, StoreError> {
        let hash = *hash;
        self.running().readers.ask(move |connection, _| access_keys::find(connection, &hash)).await
    }
}

/// Runs a step within the caller's transaction.
fn take(
    connection: &Connection,
    scope: &Scope,
    decide: &Transition,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let before = records(connection, scope, now)?;
    let mut after = before.clone();
    decide(&mut after, now);
    // Deleting a user also deletes the user's transactions, including this one: so it comes last.
    transaction(connection, scope, &before, &after)?;
    texts(connection, scope, &before.texts, &after.texts, now)?;
    intent(connection, scope, before.intent_used_until, after.intent_used_until)?;
    person(connection, &scope.tenant, before.person.as_ref(), after.person.as_ref())
}

/// Reads the records that a step is scope.
fn records(connection: &Connection, scope: &Scope, now: Timestamp) -> rusqlite::Result<Records> {
    let Scope { tenant, user, transaction, number, intent } = scope;
    let (person, namesakes) = match user {
        None => (None, 0),
        Some(UserRef::Id(id)) => (find_person(connection, tenant, *id)?, 0),
        Some(UserRef::Name(name)) => find_named(connection, tenant, name)?,
    };
    let transaction = transaction.map(|id| find_transaction(connection, tenant, id)).transpose()?;
    let texts = number.as_ref().map(|number| find_texts(connection, tenant, number)).transpose()?;
    let intent = intent.map(|intent| find_intent(connection, tenant, &intent)).transpose()?;
    Ok(Records {
        person,
        namesakes,
        transaction: transaction.flatten().filter(|found| now < found.retained_until()),
        texts: texts.unwrap_or_default(),
        intent_used_until: intent.flatten(),
    })
}

fn person(
    connection: &Connection,
    tenant: &TenantId,
    before: Option<&UserRecord>,
    after: Option<&UserRecord>,
) -> rusqlite::Result<()> {
    let (was, is) = match (before, after) {
        (None, None) => return Ok(()),
        (Some(before), None) => return delete_person(connection, tenant, before.user.id),
        (None, Some(after)) => {
            write_person(connection, &UserRow::sql().insert, tenant, after)?;
            (None, after)
        }
        (Some(before), Some(after)) if before.user.id != after.user.id => {
            return Err(unwritable("a user in the place of another"));
        }
        (Some(before), Some(after)) => {
            if before != after {
                write_person(connection, &UserRow::sql().update, tenant, after)?;
            }
            (Some(&before.user), after)
        }
    };
    let id = is.user.id;
    let (phones, authenticators) =
        was.map_or((&[][..], &[][..]), |was| (&was.phones[..], &was.authenticators[..]));
    let changes = Changes::between(phones, &is.user.phones);
    write_phones(connection, tenant, id, &changes)?;
    let changes = Changes::between(authenticators, &is.user.authenticators);
    write_authenticators(connection, tenant, id, &changes)
}

fn transaction(
    connection: &Connection,
    scope: &Scope,
    before: &Records,
    after: &Records,
) -> rusqlite::Result<()> {
    match (&before.transaction, &after.transaction) {
        (before, after) if before == after => Ok(()),
        (Some(before), None) => delete_transaction(connection, &scope.tenant, before.id),
        (_, Some(after)) if scope.transaction == Some(after.id) => {
            write_transaction(connection, &scope.tenant, after)
        }
        _ => Err(unwritable("a transaction that the step is not about")),
    }
}

written_row! {
    /// The row of a phone's texts.
    TextsRow in "texted" (tenant: &TenantId, number: &PhoneNumber, texts: &Texts, now: Timestamp);
    columns {
        sent: padded(&texts.sent),
        enrolling: padded(&texts.enrolling),
        idle_from: texts.idle_from.unwrap_or(now.plus(TEXTS_KEPT)).as_millis(),
    }
    key {
        tenant: tenant.as_str(),
        number: number.key(),
    }
}

fn texts(
    connection: &Connection,
    scope: &Scope,
    before: &Texts,
    after: &Texts,
    now: Timestamp,
) -> rusqlite::Result<()> {
    if before == after {
        return Ok(());
    }
    let Some(number) = &scope.number else {
        return Err(unwritable("texts to a phone that the step is not about"));
    };
    let mut statement = connection.prepare_cached(&TextsRow::sql().upsert)?;
    TextsRow::execute(&mut statement, &scope.tenant, number, after, now)
}

pub(super) fn find_texts(
    connection: &Connection,
    tenant: &TenantId,
    number: &PhoneNumber,
) -> rusqlite::Result<Texts> {
    const SQL: &str = "SELECT sent, idle_from, enrolling FROM texted \
        WHERE tenant = :tenant AND number = :number";
    let key = named_params! {":tenant": tenant.as_str(), ":number": number.key()};
    let read = |row: &Row<'_>| {
        Ok(Texts {
            sent: event_log(row, "sent")?,
            enrolling: event_log(row, "enrolling")?,
            idle_from: Some(time(row, "idle_from")?),
        })
    };
    let found = connection.prepare_cached(SQL)?.query_row(key, read).optional()?;
    Ok(found.unwrap_or_default())
}

fn intent(
    connection: &Connection,
    scope: &Scope,
    before: Option<Timestamp>,
    after: Option<Timestamp>,
) -> rusqlite::Result<()> {
    const USE: &str = "INSERT INTO used_intents (tenant, intent_id, idle_from) \
        VALUES (:tenant, :intent_id, :idle_from) ON CONFLICT (tenant, intent_id) \
        DO UPDATE SET idle_from = excluded.idle_from";
    const FORGET: &str =
        "DELETE FROM used_intents WHERE tenant = :tenant AND intent_id = :intent_id";
    if before == after {
        return Ok(());
    }
    let Some(intent) = &scope.intent else {
        return Err(unwritable("an intent that the step is not about"));
    };
    let (tenant, intent) = (scope.tenant.as_str(), text_of(intent));
    let changed = match after {
        Some(until) => connection.prepare_cached(USE)?.execute(named_params! {
            ":tenant": tenant,
            ":intent_id": intent,
            ":idle_from": until.as_millis(),
        }),
        None => connection
            .prepare_cached(FORGET)?
            .execute(named_params! {":tenant": tenant, ":intent_id": intent}),
    };
    changed.map(|_| ())
}

fn find_intent(
    connection: &Connection,
    tenant: &TenantId,
    intent: &Uuid,
) -> rusqlite::Result<Option<Timestamp>> {
    const SQL: &str =
        "SELECT idle_from FROM used_intents WHERE tenant = :tenant AND intent_id = :intent_id";
    let key = named_params! {":tenant": tenant.as_str(), ":intent_id": text_of(intent)};
    connection.prepare_cached(SQL)?.query_row(key, |row| time(row, "idle_from")).optional()
}
