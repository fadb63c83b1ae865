//! Steps on reported calls.

use async_trait::async_trait;

use super::SqliteStore;
use super::reported_call_rows::write_reported;
use crate::domain::reported_call::ReportIds;
use crate::domain::tenant::TenantId;
use crate::store::{ReportedCalls, StoreError};

#[async_trait]
impl ReportedCalls for SqliteStore {
    async fn remember(&self, tenant: &TenantId, report: &ReportIds) -> Result<(), StoreError> {
        let (tenant, reports) = (tenant.clone(), report.all());
        self.step(move |tables, now| write_reported(tables.connection(), &tenant, &reports, now))
            .await
    }
}
