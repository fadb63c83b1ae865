//! The rows of reported calls.

use async_trait::async_trait;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::PostgresStore;
use super::rows::{RowError, required, time};
use super::session::PreparedSession;
use super::statements::Prepared;
use super::step::{Decision, Look, Step};
use crate::domain::clock::Timestamp;
use crate::domain::tenant::TenantId;
use crate::store::reported_call::{REMEMBERED, ReportId, ReportedCall, Sighting};
use crate::store::{ReportedCalls, StoreError};

/// Reads what is remembered under a call's ids; `$rest` follows.
macro_rules! reported {
    ($rest:literal) => {
        concat!(
            "SELECT first_reported, nonce, dialpass.now_ms() AS now FROM dialpass.reported_calls \
             WHERE tenant = $1 AND call_id = ANY ($2)",
            $rest
        )
    };
}

/// Reads what is remembered under a call's ids.
pub(super) const FIND: &str = reported!("");
/// The same, locked, in the order of the ids.
pub(super) const LOCK: &str = reported!(" ORDER BY call_id FOR UPDATE");
/// Remembers a call under each of its ids, and the grant whose code it heard.
pub(super) const WRITE: &str = "INSERT INTO dialpass.reported_calls AS known \
    (tenant, call_id, first_reported, nonce, idle_from) \
    SELECT $1, call_id, $3, $4, $5 FROM unnest($2::uuid[]) AS call_id ORDER BY call_id \
    ON CONFLICT (tenant, call_id) DO UPDATE SET nonce = coalesce(excluded.nonce, known.nonce)";

/// A row of [`FIND`].
pub(super) fn reported_call(row: &Row) -> Result<ReportedCall, RowError> {
    let nonce: Option<&[u8]> = row.try_get("nonce")?;
    let nonce = nonce.map(|nonce| required(nonce.try_into().ok(), "a nonce's length"));
    Ok(ReportedCall { first_reported: time(row, "first_reported")?, nonce: nonce.transpose()? })
}

/// Sends [`WRITE`], which must be prepared.
pub(super) async fn write(
    prepared: &PreparedSession,
    (tenant, reports): (&TenantId, &[ReportId]),
    nonce: Option<&[u8; 16]>,
    now: Timestamp,
) -> Result<(), Error> {
    let (tenant, nonce) = (tenant.as_str(), nonce.map(<[u8; 16]>::as_slice));
    let (first_reported, idle_from) = (now.as_millis(), now.plus(REMEMBERED).as_millis());
    let row: [&(dyn ToSql + Sync); 5] = [&tenant, &reports, &first_reported, &nonce, &idle_from];
    let statement = prepared.statements.write_reported.get();
    prepared.session.client.execute(statement, &row).await.map(|_| ())
}

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
