//! Access keys, as administrators create, list and revoke them.

use async_trait::async_trait;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::PostgresAdministration;
use super::administration::read;
use super::user_rows;
use crate::domain::access_key::AccessKey;
use crate::domain::tenant::TenantId;
use crate::store::StoreError;
use crate::store::registry::{AccessKeys, NewAccessKey};

const CREATE: &str = "INSERT INTO dialpass.access_keys (hash, tenant, key_id, name, created_at) \
    VALUES ($1, $2, $3, $4, dialpass.now_ms()) RETURNING key_id, tenant, name, created_at";

const LIST: &str = "SELECT key_id, tenant, name, created_at FROM dialpass.access_keys \
    WHERE tenant = $1 ORDER BY created_at, key_id";

const REVOKE: &str =
    "DELETE FROM dialpass.access_keys WHERE tenant = $1 AND key_id = $2 RETURNING key_id";

#[async_trait]
impl AccessKeys for PostgresAdministration {
    async fn create_access_key(&self, key: &NewAccessKey) -> Result<AccessKey, StoreError> {
        let (hash, tenant): (&[u8], _) = (key.hash.as_bytes(), key.tenant.as_str());
        let row: [&(dyn ToSql + Sync); 4] = [&hash, &tenant, &key.id, &key.name];
        let made = self.change(CREATE, &row).await?;
        // The row exists, even if what was read back is invalid.
        let made = made.first().map(user_rows::access_key);
        made.and_then(Result::ok).ok_or(StoreError::OutcomeUnknown)
    }

    async fn access_keys(&self, tenant: &TenantId) -> Result<Vec<AccessKey>, StoreError> {
        let found = self.rows(LIST, &[&tenant.as_str()]).await?.value;
        found.iter().map(|row| read(user_rows::access_key(row))).collect()
    }

    async fn revoke_access_key(&self, tenant: &TenantId, id: Uuid) -> Result<bool, StoreError> {
        Ok(!self.change(REVOKE, &[&tenant.as_str(), &id]).await?.is_empty())
    }
}
