//! Steps on reported calls.

use async_trait::async_trait;
use tokio_postgres::Error;
use tokio_postgres::types::ToSql;

use super::PostgresStore;
use super::rows::RowError;
use super::session::PreparedSession;
use super::statements::Prepared;
use super::step::{Decision, Step};
use crate::domain::clock::Timestamp;
use crate::domain::reported_call::{REMEMBERED, ReportId, ReportIds};
use crate::domain::tenant::TenantId;
use crate::store::{ReportedCalls, StoreError};

/// Remembers a call that heard no code.
struct RememberCall {
    tenant: TenantId,
    reports: Vec<ReportId>,
}

impl Step for RememberCall {
    type Held = ();
    type Change = Timestamp;
    type Answer = ();

    fn reads<'a>(&self, _: &'a PreparedSession) -> Vec<&'a Prepared> {
        Vec::new()
    }

    async fn read(&self, _: &PreparedSession) -> Result<(), RowError> {
        Ok(())
    }

    fn decide(&self, (): (), now: Timestamp) -> Decision<(), Timestamp> {
        Decision { answer: (), change: Some(now), reveals: false }
    }

    fn writes<'a>(&self, prepared: &'a PreparedSession, _: &Timestamp) -> Vec<&'a Prepared> {
        vec![&prepared.statements.write_reported]
    }

    async fn write(&self, prepared: &PreparedSession, now: &Timestamp) -> Result<(), Error> {
        let tenant = self.tenant.as_str();
        let (first_reported, idle_from) = (now.as_millis(), now.plus(REMEMBERED).as_millis());
        let row: [&(dyn ToSql + Sync); 4] = [&tenant, &self.reports, &first_reported, &idle_from];
        let statement = prepared.statements.write_reported.get();
        prepared.session.client.execute(statement, &row).await.map(|_| ())
    }
}

#[async_trait]
impl ReportedCalls for PostgresStore {
    async fn remember(&self, tenant: &TenantId, report: &ReportIds) -> Result<(), StoreError> {
        let (tenant, reports) = (tenant.clone(), report.all());
        self.database.run(RememberCall { tenant, reports }).await
    }
}
