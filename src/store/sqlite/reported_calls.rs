//! Steps on reported calls.

use async_trait::async_trait;
use rusqlite::Connection;

use super::SqliteStore;
use super::reported_call_rows::{find_reported, write_reported};
use crate::domain::reported_call::{ReportId, Sighting};
use crate::domain::tenant::TenantId;
use crate::store::{ReportedCalls, StoreError};

#[async_trait]
impl ReportedCalls for SqliteStore {
    async fn sighting(
        &self,
        tenant: &TenantId,
        reports: &[ReportId],
    ) -> Result<Sighting, StoreError> {
        let (tenant, reports) = (tenant.clone(), reports.to_vec());
        let look = move |connection: &Connection, now| {
            Ok(Sighting::of(&find_reported(connection, &tenant, &reports)?, now))
        };
        self.running().readers.ask(look).await
    }

    async fn remember(&self, tenant: &TenantId, reports: &[ReportId]) -> Result<(), StoreError> {
        let (tenant, reports) = (tenant.clone(), reports.to_vec());
        self.step(move |tables, now| {
            write_reported(tables.connection(), &tenant, &reports, None, now)
        })
        .await
    }
}
