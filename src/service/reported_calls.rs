//! The calls that voice platforms report, as the service remembers them.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use uuid::Builder;

use crate::domain::reason::Reason;
use crate::domain::reported_call::{ReportId, Sighting};
use crate::domain::tenant::TenantId;
use crate::store::{self, StoreError};

/// The reported calls of one tenant, on all nodes.
#[derive(Clone)]
pub struct ReportedCalls {
    /// Where they are remembered.
    pub store: Arc<dyn store::ReportedCalls>,
    /// The tenant.
    pub tenant: TenantId,
}

/// A call as a platform's request reports it.
#[derive(Debug)]
pub struct Report {
    /// The call's ids.
    ids: Vec<ReportId>,
    /// The id of a token that serves once.
    token: Option<ReportId>,
}

/// A report that is no replay.
#[derive(Debug)]
pub struct AdmittedReport {
    ids: Vec<ReportId>,
    is_new: bool,
}

impl Report {
    /// The report of a call to the endpoint `endpoint` by the platform's id of it, by a hash of what
    /// was signed if that carries no time, and by the id of a token if one serves once.
    #[must_use]
    pub fn new(endpoint: &str, call: &str, signed: Option<&[u8; 32]>, token: Option<&str>) -> Self {
        let signed = signed.map(<[u8; 32]>::as_slice);
        let ids = std::iter::once(call.as_bytes()).chain(signed);
        Self {
            ids: ids.map(|id| report_id(endpoint, b"call", id)).collect(),
            token: token.map(|token| report_id(endpoint, b"token", token.as_bytes())),
        }
    }
}

impl AdmittedReport {
    /// The ids under which the call is remembered.
    #[must_use]
    pub fn ids(&self) -> &[ReportId] {
        &self.ids
    }
}

impl ReportedCalls {
    /// Refuses a replay.
    ///
    /// # Errors
    /// [`Reason::CallReplayed`], or that of the store.
    pub async fn admit(&self, report: Report) -> Result<AdmittedReport, Reason> {
        let Report { mut ids, token } = report;
        let known = self.store.sighting(&self.tenant, &ids).await?;
        if known == Sighting::Replayed {
            return Err(Reason::CallReplayed);
        }
        let mut is_new = known == Sighting::First;
        if let Some(token) = token {
            if self.store.sighting(&self.tenant, &[token]).await? != Sighting::First {
                return Err(Reason::CallReplayed);
            }
            ids.push(token);
            is_new = true;
        }
        Ok(AdmittedReport { ids, is_new })
    }

    /// Remembers a call that heard no code, so that its report is worth nothing later.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remember(&self, report: &AdmittedReport) -> Result<(), StoreError> {
        if report.is_new { self.store.remember(&self.tenant, &report.ids).await } else { Ok(()) }
    }
}

/// The id under which a call or a token of the endpoint `endpoint` is remembered.
fn report_id(endpoint: &str, kind: &[u8], id: &[u8]) -> ReportId {
    let hash = Sha256::new_with_prefix(b"voice ").chain_update(kind).chain_update([0]);
    let hash = hash.chain_update(endpoint).chain_update([0]).chain_update(id);
    let hash: [u8; 32] = hash.finalize().into();
    let mut first = [0; 16];
    first.copy_from_slice(&hash[..16]);
    Builder::from_custom_bytes(first).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_other_endpoints_and_ids_are_other_calls() {
        let of = |endpoint, call: &str| report_id(endpoint, b"call", call.as_bytes());
        let all = [of("a", "b"), of("a", "c"), of("b", "b"), of("ab", ""), of("", "ab")];
        let token = report_id("a", b"token", b"b");
        assert!(!all.contains(&token));
        let distinct: std::collections::HashSet<ReportId> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(all.iter().all(|id| id.get_version_num() == 8));
    }
}
