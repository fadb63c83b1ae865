//! Writes the rows of reported calls.

use tokio_postgres::Error;
use tokio_postgres::types::ToSql;

use super::session::PreparedSession;
use crate::domain::clock::Timestamp;
use crate::domain::reported_call::{REMEMBERED, ReportId};
use crate::domain::tenant::TenantId;

/// Remembers a call under each of its ids, and the grant whose code it heard. The statement must be
/// prepared.
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
