//! Reads and writes the rows of registered users and their phones. What cannot be read is an error,
//! and what could not be read back is not written.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::authenticator_rows::authenticators;
use super::rows::{even, event_log, known, number, readable, text_of, time, uuid};
use crate::domain::grant::Purpose;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::registered_user::{
    PhoneId, RecoveryHash, RegisteredId, RegisteredName, RegisteredUser, VerifiedPhone,
};
use crate::domain::tenant::TenantId;
use crate::store::registry::{Changes, UserRecord};

/// The user with the budgets beside; `None` if there is none.
pub(super) fn find_person(
    connection: &Connection,
    tenant: &TenantId,
    id: RegisteredId,
) -> rusqlite::Result<Option<UserRecord>> {
    const SQL: &str = "SELECT user_id, name, created_at, updated_at, recovery, texts, \
        wrong_codes, wrong_recovery, pushes, enrolling_texts, app_approvals FROM users \
        WHERE tenant = ?1 AND user_id = ?2";
    let key = params![tenant.as_str(), id.to_string()];
    let found = connection.prepare_cached(SQL)?.query_row(key, person).optional()?;
    let Some(mut person) = found else { return Ok(None) };
    person.user.phones = phones(connection, tenant, person.user.id)?;
    person.user.authenticators = authenticators(connection, tenant, person.user.id)?;
    Ok(Some(person))
}

/// The user whom a name means, see [`UserRef::Name`](crate::domain::registered_user::UserRef::Name), and how many
/// have it in any case.
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

/// The users who have this name in any case, with their names as they were made.
pub(super) fn namesakes(
    connection: &Connection,
    tenant: &TenantId,
    name: &RegisteredName,
) -> rusqlite::Result<Vec<(RegisteredId, RegisteredName)>> {
    const SQL: &str = "SELECT user_id, name FROM users \
        WHERE tenant = ?1 AND name = ?2 COLLATE NOCASE ORDER BY namesake";
    let read = |row: &Row<'_>| {
        let id = known(0, RegisteredId::parse(row.get_ref(0)?.as_str()?), "a user's id")?;
        let name = RegisteredName::from_stored(row.get_ref(1)?.as_str()?);
        Ok((id, known(1, name, "a user's name")?))
    };
    let mut statement = connection.prepare_cached(SQL)?;
    statement.query_map(params![tenant.as_str(), name.as_str()], read)?.collect()
}

/// A user's row, without the phones and authenticators.
fn person(row: &Row<'_>) -> rusqlite::Result<UserRecord> {
    let name = row.get_ref(1)?.as_str_or_null()?;
    let name = name
        .map(|text| known(1, RegisteredName::from_stored(text), "a user's name"))
        .transpose()?;
    let (hashes, rest) = row.get_ref(4)?.as_blob()?.as_chunks::<32>();
    let recovery = hashes.iter().copied().map(RecoveryHash::from_stored).collect();
    known(4, rest.is_empty().then_some(()), "a set of recovery codes")?;
    let user = RegisteredUser {
        id: known(0, RegisteredId::parse(row.get_ref(0)?.as_str()?), "a user's id")?,
        name,
        created_at: time(row, 2)?,
        updated_at: time(row, 3)?,
        phones: Vec::new(),
        authenticators: Vec::new(),
        recovery,
    };
    Ok(UserRecord {
        user,
        texts: event_log(row, 5)?,
        wrong_codes: event_log(row, 6)?,
        wrong_recovery: event_log(row, 7)?,
        pushes: event_log(row, 8)?,
        enrolling_texts: event_log(row, 9)?,
        app_approvals: event_log(row, 10)?,
    })
}

fn phones(
    connection: &Connection,
    tenant: &TenantId,
    user: RegisteredId,
) -> rusqlite::Result<Vec<VerifiedPhone>> {
    const SQL: &str = "SELECT phone_id, number, created_at, updated_at FROM phones \
        WHERE tenant = ?1 AND user_id = ?2 ORDER BY created_at, phone_id";
    let read = |row: &Row<'_>| {
        Ok(VerifiedPhone {
            id: uuid(row, 0)?,
            number: number(row, 1)?,
            created_at: time(row, 2)?,
            updated_at: time(row, 3)?,
        })
    };
    let mut statement = connection.prepare_cached(SQL)?;
    statement.query_map(params![tenant.as_str(), user.to_string()], read)?.collect()
}

/// The ids of at most `most` users who have a phone with this number.
pub(super) fn owners(
    connection: &Connection,
    tenant: &TenantId,
    number: &PhoneNumber,
    most: u32,
) -> rusqlite::Result<Vec<RegisteredId>> {
    const SQL: &str =
        "SELECT DISTINCT user_id FROM phones WHERE tenant = ?1 AND number = ?2 LIMIT ?3";
    let read =
        |row: &Row<'_>| known(0, RegisteredId::parse(row.get_ref(0)?.as_str()?), "a phone's user");
    let mut statement = connection.prepare_cached(SQL)?;
    statement.query_map(params![tenant.as_str(), number.key(), most], read)?.collect()
}

/// The user who has a phone.
pub(super) fn phone_owner(
    connection: &Connection,
    tenant: &TenantId,
    id: PhoneId,
) -> rusqlite::Result<Option<RegisteredId>> {
    const SQL: &str = "SELECT user_id FROM phones WHERE tenant = ?1 AND phone_id = ?2 LIMIT 1";
    let read = |row: &Row<'_>| Ok(RegisteredId::from_uuid(uuid(row, 0)?));
    let key = params![tenant.as_str(), id.to_string()];
    connection.prepare_cached(SQL)?.query_row(key, read).optional()
}

/// Writes a user's row anew.
pub(super) fn insert_person(
    connection: &Connection,
    tenant: &TenantId,
    person: &UserRecord,
) -> rusqlite::Result<()> {
    const SQL: &str = "INSERT INTO users (tenant, user_id, name, created_at, updated_at, \
        recovery, texts, wrong_codes, wrong_recovery, pushes, enrolling_texts, app_approvals) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    write_person(connection, SQL, tenant, person)
}

/// Writes a user's row that [`find_person`] found.
pub(super) fn update_person(
    connection: &Connection,
    tenant: &TenantId,
    person: &UserRecord,
) -> rusqlite::Result<()> {
    const SQL: &str = "UPDATE users SET name = ?3, created_at = ?4, updated_at = ?5, \
        recovery = ?6, texts = ?7, wrong_codes = ?8, wrong_recovery = ?9, \
        pushes = ?10, enrolling_texts = ?11, app_approvals = ?12 \
        WHERE tenant = ?1 AND user_id = ?2";
    write_person(connection, SQL, tenant, person)
}

fn write_person(
    connection: &Connection,
    sql: &str,
    tenant: &TenantId,
    person: &UserRecord,
) -> rusqlite::Result<()> {
    let user = &person.user;
    let recovery: Vec<u8> = user.recovery.iter().flat_map(|hash| *hash.as_bytes()).collect();
    let row = params![
        tenant.as_str(),
        user.id.to_string(),
        user.name.as_ref().map(RegisteredName::as_str),
        user.created_at.as_millis(),
        user.updated_at.as_millis(),
        recovery,
        even(&person.texts),
        even(&person.wrong_codes),
        even(&person.wrong_recovery),
        even(&person.pushes),
        even(&person.enrolling_texts),
        even(&person.app_approvals),
    ];
    connection.prepare_cached(sql)?.execute(row).map(|_| ())
}

/// Writes what changed of a user's phones. With one that is gone goes the code that the user was
/// told, perhaps by a call from it.
pub(super) fn write_phones(
    connection: &Connection,
    tenant: &TenantId,
    user: RegisteredId,
    changes: &Changes<'_, VerifiedPhone>,
) -> rusqlite::Result<()> {
    const INSERT: &str = "INSERT INTO phones (tenant, user_id, phone_id, number, created_at, \
        updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    const UPDATE: &str = "UPDATE phones SET number = ?4, created_at = ?5, updated_at = ?6 \
        WHERE tenant = ?1 AND user_id = ?2 AND phone_id = ?3";
    const DELETE: &str = "DELETE FROM phones WHERE tenant = ?1 AND user_id = ?2 AND phone_id = ?3";
    const END_CODE: &str = "UPDATE subjects SET nonce = NULL, key_id = NULL, issued_at = NULL, \
        expires_at = NULL, digits = NULL, tried = NULL, tries_left = NULL, wrong_codes_left = NULL \
        WHERE tenant = ?1 AND purpose = ?2 AND subject = ?3";
    let (tenant, user) = (tenant.as_str(), user.to_string());
    for phone in &changes.gone {
        connection.prepare_cached(DELETE)?.execute(params![tenant, user, text_of(&phone.id)])?;
    }
    if !changes.gone.is_empty() {
        let account = params![tenant, Purpose::Call.as_str(), user];
        connection.prepare_cached(END_CODE)?.execute(account)?;
    }
    let written = changes.made.iter().map(|phone| (INSERT, *phone));
    for (sql, phone) in written.chain(changes.changed.iter().map(|phone| (UPDATE, *phone))) {
        let VerifiedPhone { id, number, created_at, updated_at } = phone;
        connection.prepare_cached(sql)?.execute(params![
            tenant,
            user,
            text_of(id),
            readable(number)?,
            created_at.as_millis(),
            updated_at.as_millis(),
        ])?;
    }
    Ok(())
}

/// Deletes a user with all that is theirs: phones, authenticators, transactions, and the account of called-in
/// codes.
pub(super) fn delete_person(
    connection: &Connection,
    tenant: &TenantId,
    user: RegisteredId,
) -> rusqlite::Result<()> {
    const THEIRS: [&str; 4] = [
        "DELETE FROM users WHERE tenant = ?1 AND user_id = ?2",
        "DELETE FROM phones WHERE tenant = ?1 AND user_id = ?2",
        "DELETE FROM authenticators WHERE tenant = ?1 AND user_id = ?2",
        "DELETE FROM transactions WHERE tenant = ?1 AND user_id = ?2",
    ];
    const ACCOUNT: &str =
        "DELETE FROM subjects WHERE tenant = ?1 AND purpose = ?2 AND subject = ?3";
    let user = user.to_string();
    for sql in THEIRS {
        connection.prepare_cached(sql)?.execute(params![tenant.as_str(), user])?;
    }
    let account = params![tenant.as_str(), Purpose::Call.as_str(), user];
    connection.prepare_cached(ACCOUNT)?.execute(account).map(|_| ())
}
