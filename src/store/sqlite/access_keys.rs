//! The rows of access keys: a gateway looks one up by its hash; an administrator creates, lists and
//! revokes them.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use uuid::Uuid;

use super::SqliteAdministration;
use super::columns::{parsed, text_of, time, uuid};
use crate::domain::access_key::{AccessKey, AccessKeyHash};
use crate::domain::tenant::TenantId;
use crate::store::StoreError;
use crate::store::registry::{AccessKeys, NewAccessKey};

#[async_trait]
impl AccessKeys for SqliteAdministration {
    async fn create_access_key(&self, key: &NewAccessKey) -> Result<AccessKey, StoreError> {
        const SQL: &str = "INSERT INTO access_keys (hash, tenant, key_id, name, created_at) \
            VALUES (:hash, :tenant, :key_id, :name, :created_at)";
        let NewAccessKey { id, tenant, name, hash } = key.clone();
        self.change(move |connection, now| {
            let key = AccessKey { id, tenant, name, created_at: now };
            connection.prepare_cached(SQL)?.execute(named_params! {
                ":hash": hash.as_bytes(),
                ":tenant": key.tenant.as_str(),
                ":key_id": text_of(&key.id),
                ":name": key.name,
                ":created_at": now.as_millis(),
            })?;
            Ok(key)
        })
        .await
    }

    async fn access_keys(&self, tenant: &TenantId) -> Result<Vec<AccessKey>, StoreError> {
        const SQL: &str = "SELECT key_id, tenant, name, created_at FROM access_keys \
            WHERE tenant = :tenant ORDER BY created_at, key_id";
        let tenant = tenant.clone();
        let listed = self.read(move |connection, _| {
            let mut statement = connection.prepare_cached(SQL)?;
            statement.query_map(named_params! {":tenant": tenant.as_str()}, access_key)?.collect()
        });
        Ok(listed.await?.value)
    }

    async fn revoke_access_key(&self, tenant: &TenantId, id: Uuid) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM access_keys WHERE tenant = :tenant AND key_id = :key_id";
        let tenant = tenant.clone();
        self.change(move |connection, _| {
            let key = named_params! {":tenant": tenant.as_str(), ":key_id": text_of(&id)};
            Ok(connection.prepare_cached(SQL)?.execute(key)? > 0)
        })
        .await
    }
}

/// The key with this hash.
pub(super) fn find(
    connection: &Connection,
    hash: &AccessKeyHash,
) -> rusqlite::Result<Option<AccessKey>> {
    const SQL: &str = "SELECT key_id, tenant, name, created_at FROM access_keys WHERE hash = :hash";
    let key = named_params! {":hash": hash.as_bytes()};
    connection.prepare_cached(SQL)?.query_row(key, access_key).optional()
}

/// Whether the tenant has a key with this id.
pub(super) fn is_there(
    connection: &Connection,
    tenant: &TenantId,
    id: Uuid,
) -> rusqlite::Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM access_keys \
        WHERE tenant = :tenant AND key_id = :key_id) AS is_there";
    let key = named_params! {":tenant": tenant.as_str(), ":key_id": text_of(&id)};
    connection.prepare_cached(SQL)?.query_row(key, |row| row.get("is_there"))
}

fn access_key(row: &Row<'_>) -> rusqlite::Result<AccessKey> {
    Ok(AccessKey {
        id: uuid(row, "key_id")?,
        tenant: parsed(row, "tenant", TenantId::parse, "a tenant's id")?,
        name: row.get("name")?,
        created_at: time(row, "created_at")?,
    })
}
