//! Reads and writes the rows of users' authenticators.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::columns::{parsed, text_of, time, uuid};
use super::written_row::written_row;
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
        WHERE tenant = :tenant AND user_id = :user_id ORDER BY enrolled_at, authenticator_id";
    let read = |row: &Row<'_>| {
        Ok(Authenticator {
            id: AuthenticatorId::from_uuid(uuid(row, "authenticator_id")?),
            name: parsed(row, "name", AuthenticatorName::parse, "an authenticator's name")?,
            platform: parsed(row, "platform", Platform::parse, "a platform")?,
            credential: Credential {
                id: row.get("credential_id")?,
                record: row.get("record")?,
                counter: row.get("counter")?,
            },
            subscription: subscription(row)?,
            enrolled_at: time(row, "enrolled_at")?,
            updated_at: time(row, "updated_at")?,
        })
    };
    let key = named_params! {":tenant": tenant.as_str(), ":user_id": user.to_string()};
    connection.prepare_cached(SQL)?.query_map(key, read)?.collect()
}

/// The columns of a subscription; the table has all of them or none.
fn subscription(row: &Row<'_>) -> rusqlite::Result<Option<Subscription>> {
    let Some(endpoint) = row.get("endpoint")? else { return Ok(None) };
    Ok(Some(Subscription { endpoint, key: row.get("push_key")?, auth: row.get("push_auth")? }))
}

/// The user who has an authenticator.
pub(super) fn owner(
    connection: &Connection,
    tenant: &TenantId,
    id: AuthenticatorId,
) -> rusqlite::Result<Option<RegisteredId>> {
    const SQL: &str = "SELECT user_id FROM authenticators \
        WHERE tenant = :tenant AND authenticator_id = :authenticator_id";
    let key = named_params! {":tenant": tenant.as_str(), ":authenticator_id": id.to_string()};
    let read = |row: &Row<'_>| Ok(RegisteredId::from_uuid(uuid(row, "user_id")?));
    connection.prepare_cached(SQL)?.query_row(key, read).optional()
}

written_row! {
    /// The row of a user's authenticator.
    AuthenticatorRow in "authenticators" (tenant: &TenantId, user: RegisteredId, one: &Authenticator);
    let subscription = one.subscription.as_ref();
    columns {
        name: one.name.as_str(),
        platform: one.platform.as_str(),
        credential_id: one.credential.id,
        record: one.credential.record,
        counter: one.credential.counter,
        endpoint: subscription.map(|one| &one.endpoint),
        push_key: subscription.map(|one| one.key),
        push_auth: subscription.map(|one| one.auth),
        enrolled_at: one.enrolled_at.as_millis(),
        updated_at: one.updated_at.as_millis(),
    }
    key {
        tenant: tenant.as_str(),
        user_id: user.to_string(),
        authenticator_id: text_of(one.id.as_uuid()),
    }
}

/// Writes the changes to a user's authenticators.
pub(super) fn write_authenticators(
    connection: &Connection,
    tenant: &TenantId,
    user: RegisteredId,
    changes: &Changes<'_, Authenticator>,
) -> rusqlite::Result<()> {
    const DELETE: &str = "DELETE FROM authenticators WHERE tenant = :tenant \
        AND user_id = :user_id AND authenticator_id = :authenticator_id";
    for gone in &changes.gone {
        connection.prepare_cached(DELETE)?.execute(named_params! {
            ":tenant": tenant.as_str(),
            ":user_id": user.to_string(),
            ":authenticator_id": text_of(gone.id.as_uuid()),
        })?;
    }
    for one in changes.made.iter().chain(&changes.changed) {
        let mut statement = connection.prepare_cached(&AuthenticatorRow::sql().upsert)?;
        AuthenticatorRow::execute(&mut statement, tenant, user, one)?;
    }
    Ok(())
}
