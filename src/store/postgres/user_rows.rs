//! Reads and writes the rows of registered users and their phones, and reads access keys.

use tokio_postgres::Row;
use uuid::Uuid;

use super::authenticator_rows::of_user;
use super::rows::{RowError, event_log, parsed, parsed_or_null, required, time};
use super::written_row::written_row;
use crate::domain::access_key::AccessKey;
use crate::domain::registered_user::{
    RecoveryHash, RegisteredId, RegisteredName, RegisteredUser, VerifiedPhone,
};
use crate::domain::stored_number::NumberingPlan;
use crate::domain::tenant::TenantId;
use crate::store::event_log_codec::encode;
use crate::store::registry::UserRecord;

/// The columns that [`person`] reads.
macro_rules! user_columns {
    () => {
        "user_id, name, created_at, updated_at, recovery, texts, wrong_codes, wrong_recovery, \
         pushes, enrolling_texts, app_approvals"
    };
}
pub(super) use user_columns;

/// The columns that [`phone`] reads, and whose phone it is.
macro_rules! phone_columns {
    () => {
        "user_id, phone_id, number, created_at, updated_at"
    };
}
pub(super) use phone_columns;

/// The row of a user whose phones and authenticators are among these rows, which may hold others'
/// as well.
pub(super) fn person(
    row: &Row,
    phones: &[Row],
    authenticators: &[Row],
) -> Result<UserRecord, RowError> {
    let id: Uuid = row.try_get("user_id")?;
    let (recovery, rest) = row.try_get::<_, &[u8]>("recovery")?.as_chunks::<32>();
    required(rest.is_empty().then_some(()), "the length of recovery codes' hashes")?;
    let mut theirs = Vec::new();
    for row in phones {
        if row.try_get::<_, Uuid>("user_id")? == id {
            theirs.push(phone(row)?);
        }
    }
    let user = RegisteredUser {
        id: RegisteredId::from_uuid(id),
        name: parsed_or_null(row, "name", RegisteredName::from_stored, "a user's name")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        phones: theirs,
        authenticators: of_user(authenticators, id)?,
        recovery: recovery.iter().copied().map(RecoveryHash::from_stored).collect(),
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
    UserRow in "users" (tenant: &str, person: &UserRecord);
    let user = &person.user;
    key {
        tenant: tenant.to_owned(),
        user_id: *user.id.as_uuid(),
    }
    columns {
        name: user.name.as_ref().map(|name| name.as_str().to_owned()),
        created_at: user.created_at.as_millis(),
        updated_at: user.updated_at.as_millis(),
        recovery: user.recovery.iter().flat_map(|hash| *hash.as_bytes()).collect::<Vec<u8>>(),
        texts: encode(&person.texts),
        wrong_codes: encode(&person.wrong_codes),
        wrong_recovery: encode(&person.wrong_recovery),
        pushes: encode(&person.pushes),
        enrolling_texts: encode(&person.enrolling_texts),
        app_approvals: encode(&person.app_approvals),
    }
}

/// A user's id and name.
pub(super) fn namesake(row: &Row) -> Result<(RegisteredId, RegisteredName), RowError> {
    let name = parsed(row, "name", RegisteredName::from_stored, "a user's name")?;
    Ok((RegisteredId::from_uuid(row.try_get("user_id")?), name))
}

fn phone(row: &Row) -> Result<VerifiedPhone, RowError> {
    Ok(VerifiedPhone {
        id: row.try_get("phone_id")?,
        number: parsed(row, "number", NumberingPlan::read_e164, "a phone's number")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

written_row! {
    /// The row of a user's phone.
    PhoneRow in "phones" (tenant: &str, user: RegisteredId, phone: &VerifiedPhone);
    key {
        tenant: tenant.to_owned(),
        user_id: *user.as_uuid(),
        phone_id: phone.id,
    }
    columns {
        number: phone.number.key(),
        created_at: phone.created_at.as_millis(),
        updated_at: phone.updated_at.as_millis(),
    }
}

/// The row of an access key.
pub(super) fn access_key(row: &Row) -> Result<AccessKey, RowError> {
    Ok(AccessKey {
        id: row.try_get("key_id")?,
        tenant: parsed(row, "tenant", TenantId::parse, "a tenant's id")?,
        name: row.try_get("name")?,
        created_at: time(row, "created_at")?,
    })
}
