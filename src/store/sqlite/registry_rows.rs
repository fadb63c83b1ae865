//! Reads and writes the rows of registered users and their phones. An unreadable row is an error,
//! and a value that could not be read back is not written.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::authenticator_rows::authenticators;
use super::columns::{
    event_log, number, padded, parsed, parsed_or_null, readable, required, text_of, time, uuid,
};
use super::rows::delete_account;
use super::written_row::written_row;
use crate::domain::grant::Purpose;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::registered_user::{
    PhoneId, RecoveryHash, RegisteredId, RegisteredName, RegisteredUser, VerifiedPhone,
};
use crate::domain::tenant::TenantId;
use crate::store::registry::{Changes, UserRecord};

/// The user with their budgets; `None` if the user does not exist.
pub(super) fn find_person(
    connection: &Connection,
    tenant: &TenantId,
    id: RegisteredId,
) -> rusqlite::Result<Option<UserRecord>> {
    const SQL: &str = "SELECT user_id, name, created_at, updated_at, recovery, texts, \
        wrong_codes, wrong_recovery, pushes, enrolling_texts, app_approvals FROM users \
        WHERE tenant = :tenant AND user_id = :user_id";
    let key = named_params! {":tenant": tenant.as_str(), ":user_id": id.to_string()};
    let found = connection.prepare_cached(SQL)?.query_row(key, person).optional()?;
    let Some(mut person) = found else { return Ok(None) };
    person.user.phones = phones(connection, tenant, person.user.id)?;
    person.user.authenticators = authenticators(connection, tenant, person.user.id)?;
    Ok(Some(person))
}

/// The user that a name refers to, see
/// [`UserRef::Name`](crate::domain::registered_user::UserRef::Name), and how many users have the
/// name in any case.
pub(super) fn find_named(
    connection: &Connection,
    tenant: &TenantId,
    name: &RegisteredName,
) -> rusqlite::Result<(Option<UserRecord>, u32)> {
    let found = namesakes(connection, tenant, name)?;
    let meant = match &found[..] {
        [(only, _)] => Some(*only),
        several => several.iter().find(|(_, own)| own == name).map(|(id, _)| *id),
    };
    let person = meant.map(|id| find_person(connection, tenant, id)).transpose()?;
    Ok((person.flatten(), u32::try_from(found.len()).unwrap_or(u32::MAX)))
}

/// The users who have this name in any case, each with the name as it was first written.
pub(super) fn namesakes(
    connection: &Connection,
    tenant: &TenantId,
    name: &RegisteredName,
) -> rusqlite::Result<Vec<(RegisteredId, RegisteredName)>> {
    const SQL: &str = "SELECT user_id, name FROM users \
        WHERE tenant = :tenant AND name = :name COLLATE NOCASE ORDER BY namesake";
    let read = |row: &Row<'_>| {
        let id = user_id(row)?;
        Ok((id, parsed(row, "name", RegisteredName::from_stored, "a user's name")?))
    };
    let key = named_params! {":tenant": tenant.as_str(), ":name": name.as_str()};
    connection.prepare_cached(SQL)?.query_map(key, read)?.collect()
}

fn user_id(row: &Row<'_>) -> rusqlite::Result<RegisteredId> {
    parsed(row, "user_id", RegisteredId::parse, "a user's id")
}

/// A user's row, without the phones and authenticators.
fn person(row: &Row<'_>) -> rusqlite::Result<UserRecord> {
    let (hashes, rest) = row.get_ref("recovery")?.as_blob()?.as_chunks::<32>();
    let is_whole = rest.is_empty().then_some(());
    required(row, "recovery", is_whole, "hashes of 32 bytes each")?;
    let user = RegisteredUser {
        id: user_id(row)?,
        name: parsed_or_null(row, "name", RegisteredName::from_stored, "a user's name")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        phones: Vec::new(),
        authenticators: Vec::new(),
        recovery: hashes.iter().copied().map(RecoveryHash::from_stored).collect(),
    };
    Ok(UserRecord {
        user,
        texts: event_log(row, "texts")?,
        wrong_codes: event_log(row, "wrong_codes")?,
        wrong_recovery: event_log(row, "wrong_recovery")?,
        pushes: event_log(row, "pushes")?,
        enrolling_texts: event_log(row, "enrolling_texts")?,
        app_approvals: event_log(row, "app_approvals")?,
    })
}

written_row! {
    /// A user's row, without the phones and authenticators.
    UserRow in "users" (tenant: &TenantId, person: &UserRecord);
    let user = &person.user;
    columns {
        name: user.name.as_ref().map(RegisteredName::as_str),
        created_at: user.created_at.as_millis(),
        updated_at: user.updated_at.as_millis(),
        recovery: user.recovery.iter().flat_map(|hash| *hash.as_bytes()).collect::<Vec<u8>>(),
        texts: padded(&person.texts),
        wrong_codes: padded(&person.wrong_codes),
        wrong_recovery: padded(&person.wrong_recovery),
        pushes: padded(&person.pushes),
        enrolling_texts: padded(&person.enrolling_texts),
        app_approvals: padded(&person.app_approvals),
    }
    key {
        tenant: tenant.as_str(),
        user_id: user.id.to_string(),
    }
}

/// Writes a user's row by a statement of [`UserRow::sql`].
pub(super) fn write_person(
    connection: &Connection,
    sql: &str,
    tenant: &TenantId,
    person: &UserRecord,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(sql)?;
    UserRow::execute(&mut statement, tenant, person)
}

fn phones(
    connection: &Connection,
    tenant: &TenantId,
    user: RegisteredId,
) -> rusqlite::Result<Vec<VerifiedPhone>> {
    const SQL: &str = "SELECT phone_id, number, created_at, updated_at FROM phones \
        WHERE tenant = :tenant AND user_id = :user_id ORDER BY created_at, phone_id";
    let read = |row: &Row<'_>| {
        Ok(VerifiedPhone {
            id: uuid(row, "phone_id")?,
            number: number(row, "number")?,
            created_at: time(row, "created_at")?,
            updated_at: time(row, "updated_at")?,
        })
    };
    let key = named_params! {":tenant": tenant.as_str(), ":user_id": user.to_string()};
    connection.prepare_cached(SQL)?.query_map(key, read)?.collect()
}

/// The ids of at most `most` users who have a phone with this number.
pub(super) fn owners(
    connection: &Connection,
    tenant: &TenantId,
    number: &PhoneNumber,
    most: u32,
) -> rusqlite::Result<Vec<RegisteredId>> {
    const SQL: &str = "SELECT DISTINCT user_id FROM phones \
        WHERE tenant = :tenant AND number = :number LIMIT :most";
    let key = named_params! {":tenant": tenant.as_str(), ":number": number.key(), ":most": most};
    connection.prepare_cached(SQL)?.query_map(key, user_id)?.collect()
}

/// The user who has a phone.
pub(super) fn phone_owner(
    connection: &Connection,
    tenant: &TenantId,
    id: PhoneId,
) -> rusqlite::Result<Option<RegisteredId>> {
    const SQL: &str =
        "SELECT user_id FROM phones WHERE tenant = :tenant AND phone_id = :phone_id LIMIT 1";
    let key = named_params! {":tenant": tenant.as_str(), ":phone_id": id.to_string()};
    connection.prepare_cached(SQL)?.query_row(key, user_id).optional()
}

written_row! {
    /// The row of a user's phone.
    PhoneRow in "phones" (tenant: &TenantId, user: RegisteredId, phone: &VerifiedPhone);
    columns {
        number: readable(&phone.number)?,
        created_at: phone.created_at.as_millis(),
        updated_at: phone.updated_at.as_millis(),
    }
    key {
        tenant: tenant.as_str(),
        user_id: user.to_string(),
        phone_id: text_of(&phone.id),
    }
}

/// Writes the changes to a user's phones. Removing a phone also ends the user's live called-in
/// code, which a call from that phone may have obtained.
pub(super) fn write_phones(
    connection: &Connection,
    tenant: &TenantId,
    user: RegisteredId,
    changes: &Changes<'_, VerifiedPhone>,
) -> rusqlite::Result<()> {
    const DELETE: &str = "DELETE FROM phones \
        WHERE tenant = :tenant AND user_id = :user_id AND phone_id = :phone_id";
    const END_CODE: &str = "UPDATE subjects SET nonce = NULL, key_id = NULL, issued_at = NULL, \
        expires_at = NULL, digits = NULL, tried = NULL, tries_left = NULL, wrong_codes_left = NULL \
        WHERE tenant = :tenant AND purpose = :purpose AND subject = :subject";
    for phone in &changes.gone {
        connection.prepare_cached(DELETE)?.execute(named_params! {
            ":tenant": tenant.as_str(),
            ":user_id": user.to_string(),
            ":phone_id": text_of(&phone.id),
        })?;
    }
    if !changes.gone.is_empty() {
        connection.prepare_cached(END_CODE)?.execute(named_params! {
            ":tenant": tenant.as_str(),
            ":purpose": Purpose::Call.as_str(),
            ":subject": user.to_string(),
        })?;
    }
    for phone in changes.made.iter().chain(&changes.changed) {
        let mut statement = connection.prepare_cached(&PhoneRow::sql().upsert)?;
        PhoneRow::execute(&mut statement, tenant, user, phone)?;
    }
    Ok(())
}

/// Deletes a user and everything the user owns: phones, authenticators, transactions, and the
/// account of called-in codes.
pub(super) fn delete_person(
    connection: &Connection,
    tenant: &TenantId,
    user: RegisteredId,
) -> rusqlite::Result<()> {
    const OWNED: [&str; 4] = [
        "DELETE FROM users WHERE tenant = :tenant AND user_id = :user_id",
        "DELETE FROM phones WHERE tenant = :tenant AND user_id = :user_id",
        "DELETE FROM authenticators WHERE tenant = :tenant AND user_id = :user_id",
        "DELETE FROM transactions WHERE tenant = :tenant AND user_id = :user_id",
    ];
    let user = user.to_string();
    for sql in OWNED {
        let key = named_params! {":tenant": tenant.as_str(), ":user_id": user};
        connection.prepare_cached(sql)?.execute(key)?;
    }
    delete_account(connection, tenant, &user)
}
