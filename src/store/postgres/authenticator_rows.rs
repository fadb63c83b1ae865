//! Reads and writes the rows of users' authenticators.

use tokio_postgres::Row;
use uuid::Uuid;

use super::rows::{RowError, sense, time};
use super::statements::{Parameter, parameters};
use crate::domain::authenticator::{
    Authenticator, AuthenticatorId, AuthenticatorName, Credential, Platform, Subscription,
};
use crate::domain::registered_user::RegisteredId;

/// Reads an authenticator from a row that starts with its user's id.
pub(super) fn authenticator(row: &Row) -> Result<Authenticator, RowError> {
    let name = AuthenticatorName::parse(row.try_get(2)?);
    let counter = u32::try_from(row.try_get::<_, i64>(6)?);
    Ok(Authenticator {
        id: AuthenticatorId::from_uuid(row.try_get(1)?),
        name: sense(name, "an authenticator's name")?,
        platform: sense(Platform::parse(row.try_get(3)?), "a platform")?,
        credential: Credential {
            id: row.try_get(4)?,
            record: row.try_get(5)?,
            counter: sense(counter.ok(), "a signature counter")?,
        },
        subscription: subscription(row)?,
        enrolled_at: time(row, 10)?,
        updated_at: time(row, 11)?,
    })
}

/// The columns of a subscription; the table has all of them or none.
fn subscription(row: &Row) -> Result<Option<Subscription>, RowError> {
    let Some(endpoint) = row.try_get::<_, Option<String>>(7)? else { return Ok(None) };
    let (key, auth): (&[u8], &[u8]) = (row.try_get(8)?, row.try_get(9)?);
    Ok(Some(Subscription {
        endpoint,
        key: sense(key.try_into().ok(), "the length of a browser's key")?,
        auth: sense(auth.try_into().ok(), "the length of a browser's secret")?,
    }))
}

/// The columns of an authenticator, following the tenant.
pub(super) fn columns(user: RegisteredId, one: &Authenticator) -> Vec<Parameter> {
    let subscription = one.subscription.as_ref();
    parameters![
        *user.as_uuid(),
        *one.id.as_uuid(),
        one.name.as_str().to_owned(),
        one.platform.as_str(),
        one.credential.id.clone(),
        one.credential.record.clone(),
        i64::from(one.credential.counter),
        subscription.map(|one| one.endpoint.clone()),
        subscription.map(|one| one.key.to_vec()),
        subscription.map(|one| one.auth.to_vec()),
        one.enrolled_at.as_millis(),
        one.updated_at.as_millis(),
    ]
}

/// The authenticators of one user among the rows.
pub(super) fn of_user(rows: &[Row], user: Uuid) -> Result<Vec<Authenticator>, RowError> {
    let mut theirs = Vec::new();
    for row in rows {
        if row.try_get::<_, Uuid>(0)? == user {
            theirs.push(authenticator(row)?);
        }
    }
    Ok(theirs)
}
