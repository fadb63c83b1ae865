//! Steps on reported calls.

use async_trait::async_trait;
use tokio_postgres::Error;
use tokio_postgres::types::ToSql;

use super::PostgresStore;
use super::reported_call_rows::write;
use super::rows::{RowError, reported_call, time};
use super::session::PreparedSession;
use super::statements::Prepared;
use super::step::{Decision, Look, Step};
use crate::domain::clock::Timestamp;
use crate::domain::reported_call::{ReportId, Sighting};
use crate::domain::tenant::TenantId;
use crate::store::{ReportedCalls, StoreError};

/// Looks up a call.
struct FindCall {
    tenant: TenantId,
    reports: Vec<ReportId>,
}

impl Look for FindCall {
    type Seen = Sighting;

    async fn look(&self, prepared: &PreparedSession) -> Result<Sighting, RowError> {
        let find = &prepared.statements.find_reported;
        prepared.prepare(vec![find]).await?;
        let key: [&(dyn ToSql + Sync); 2] = [&self.tenant.as_str(), &self.reports];
        let rows = prepared.session.client.query(find.get(), &key).await?;
        let Some(first) = rows.first() else { return Ok(Sighting::First) };
        let now = time(first, "now")?;
        let known: Vec<_> = rows.iter().map(reported_call).collect::<Result<_, _>>()?;
        Ok(Sighting::of(&known, now))
    }
}

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
        write(prepared, (&self.tenant, &self.reports), None, *now).await
    }
}

#[async_trait]
impl ReportedCalls for PostgresStore {
    async fn sighting(
        &self,
        tenant: &TenantId,
        reports: &[ReportId],
    ) -> Result<Sighting, StoreError> {
        let (tenant, reports) = (tenant.clone(), reports.to_vec());
        self.database.see(FindCall { tenant, reports }).await
    }

    async fn remember(&self, tenant: &TenantId, reports: &[ReportId]) -> Result<(), StoreError> {
        let (tenant, reports) = (tenant.clone(), reports.to_vec());
        self.database.run(RememberCall { tenant, reports }).await
    }
}
