//! Reads and writes the rows of users' authenticators.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::rows::{known, text_of, time, uuid};
use crate::domain::authenticator::{
    Authenticator, AuthenticatorId, AuthenticatorName, Credential, Platform, Subscription,
};
use crate::domain::registered_user::RegisteredId;
use crate::domain::tenant::TenantId;
use crate::store::registry::Changes;

/// A user's authenticators, in the order they were created.
pub(super) fn authenticators(
    connection: &Connection,
    tenant: &TenantId,
    user: RegisteredId,
) -> rusqlite::Result<Vec<Authenticator>> {
    const SQL: &str = "SELECT authenticator_id, name, platform, credential_id, record, counter, \
        endpoint, push_key, push_auth, enrolled_at, updated_at FROM authenticators \
        WHERE tenant = ?1 AND user_id = ?2 ORDER BY enrolled_at, authenticator_id";
    let read = |row: &Row<'_>| {
        let text = |column: usize| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
        Ok(Authenticator {
            id: AuthenticatorId::from_uuid(uuid(row, 0)?),
            name: known(1, AuthenticatorName::parse(text(1)?), "an authenticator's name")?,
            platform: known(2, Platform::parse(text(2)?), "a platform")?,
            credential: Credential { id: row.get(3)?, record: row.get(4)?, counter: row.get(5)? },
            subscription: subscription(row)?,
            enrolled_at: time(row, 9)?,
            updated_at: time(row, 10)?,
        })
    };
    let mut statement = connection.prepare_cached(SQL)?;
    statement.query_map(params![tenant.as_str(), user.to_string()], read)?.collect()
}

/// The columns of a subscription; the table has all of them or none.
fn subscription(row: &Row<'_>) -> rusqlite::Result<Option<Subscription>> {
    let Some(endpoint) = row.get::<_, Option<String>>(6)? else { return Ok(None) };
    Ok(Some(Subscription { endpoint, key: row.get(7)?, auth: row.get(8)? }))
}

/// The user who has an authenticator.
pub(super) fn owner(
    connection: &Connection,
    tenant: &TenantId,
    id: AuthenticatorId,
) -> rusqlite::Result<Option<RegisteredId>> {
    const SQL: &str =
        "SELECT user_id FROM authenticators WHERE tenant = ?1 AND authenticator_id = ?2";
    let read = |row: &Row<'_>| Ok(RegisteredId::from_uuid(uuid(row, 0)?));
    let key = params![tenant.as_str(), id.to_string()];
    connection.prepare_cached(SQL)?.query_row(key, read).optional()
}

/// Writes the changes to a user's authenticators.
pub(super) fn write_authenticators(
    connection: &Connection,
    tenant: &TenantId,
    user: RegisteredId,
    changes: &Changes<'_, Authenticator>,
) -> rusqlite::Result<()> {
    const WRITE: &str = "INSERT OR REPLACE INTO authenticators (tenant, user_id, \
        authenticator_id, name, platform, credential_id, record, counter, endpoint, push_key, \
        push_auth, enrolled_at, updated_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    const DELETE: &str = "DELETE FROM authenticators \
        WHERE tenant = ?1 AND user_id = ?2 AND authenticator_id = ?3";
    let (tenant, user) = (tenant.as_str(), user.to_string());
    for gone in &changes.gone {
        let key = params![tenant, user, text_of(gone.id.as_uuid())];
        connection.prepare_cached(DELETE)?.execute(key)?;
    }
    for one in changes.made.iter().chain(&changes.changed) {
        let subscription = one.subscription.as_ref();
        connection.prepare_cached(WRITE)?.execute(params![
            tenant,
            user,
            text_of(one.id.as_uuid()),
            one.name.as_str(),
            one.platform.as_str(),
            one.credential.id,
            one.credential.record,
            one.credential.counter,
            subscription.map(|one| &one.endpoint),
            subscription.map(|one| one.key),
            subscription.map(|one| one.auth),
            one.enrolled_at.as_millis(),
            one.updated_at.as_millis(),
        ])?;
    }
    Ok(())
}
