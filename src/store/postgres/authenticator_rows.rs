//! Reads and writes the rows of users' authenticators.

use tokio_postgres::Row;
use uuid::Uuid;

use super::rows::{RowError, parsed, required, time};
use super::written_row::written_row;
use crate::domain::authenticator::{
    Authenticator, AuthenticatorId, AuthenticatorName, Credential, Platform, Subscription,
};
use crate::domain::registered_user::RegisteredId;

/// The columns that [`authenticator`] reads, and whose authenticator it is.
macro_rules! authenticator_columns {
    () => {
        "user_id, authenticator_id, name, platform, credential_id, record, counter, endpoint, \
         push_key, push_auth, enrolled_at, updated_at"
    };
}
pub(super) use authenticator_columns;

/// Reads an authenticator.
fn authenticator(row: &Row) -> Result<Authenticator, RowError> {
    let counter: i64 = row.try_get("counter")?;
    Ok(Authenticator {
        id: AuthenticatorId::from_uuid(row.try_get("authenticator_id")?),
        name: parsed(row, "name", AuthenticatorName::parse, "an authenticator's name")?,
        platform: parsed(row, "platform", Platform::parse, "a platform")?,
        credential: Credential {
            id: row.try_get("credential_id")?,
            record: row.try_get("record")?,
            counter: required(u32::try_from(counter).ok(), "a signature counter")?,
        },
        subscription: subscription(row)?,
        enrolled_at: time(row, "enrolled_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

/// The columns of a subscription; the table has all of them or none.
fn subscription(row: &Row) -> Result<Option<Subscription>, RowError> {
    let Some(endpoint) = row.try_get("endpoint")? else { return Ok(None) };
    let (key, auth): (&[u8], &[u8]) = (row.try_get("push_key")?, row.try_get("push_auth")?);
    Ok(Some(Subscription {
        endpoint,
        key: required(key.try_into().ok(), "the length of a browser's key")?,
        auth: required(auth.try_into().ok(), "the length of a browser's secret")?,
    }))
}

written_row! {
    /// The row of a user's authenticator.
    AuthenticatorRow in "authenticators" (tenant: &str, user: RegisteredId, one: &Authenticator);
    let subscription = one.subscription.as_ref();
    key {
        tenant: tenant.to_owned(),
        user_id: *user.as_uuid(),
        authenticator_id: *one.id.as_uuid(),
    }
    columns {
        name: one.name.as_str().to_owned(),
        platform: one.platform.as_str(),
        credential_id: one.credential.id.clone(),
        record: one.credential.record.clone(),
        counter: i64::from(one.credential.counter),
        endpoint: subscription.map(|one| one.endpoint.clone()),
        push_key: subscription.map(|one| one.key.to_vec()),
        push_auth: subscription.map(|one| one.auth.to_vec()),
        enrolled_at: one.enrolled_at.as_millis(),
        updated_at: one.updated_at.as_millis(),
    }
}

/// The authenticators of one user among the rows.
pub(super) fn of_user(rows: &[Row], user: Uuid) -> Result<Vec<Authenticator>, RowError> {
    let mut theirs = Vec::new();
    for row in rows {
        if row.try_get::<_, Uuid>("user_id")? == user {
            theirs.push(authenticator(row)?);
        }
    }
    Ok(theirs)
}
