//! The calls that voice platforms report, as the service remembers them.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use uuid::Builder;

use crate::domain::tenant::TenantId;
use crate::store::reported_call::{ReportId, Sighting};
use crate::store::{self, StoreError};

/// The reported calls of one tenant, on all nodes.
#[derive(Clone)]
pub struct ReportedCalls {
    /// Where they are remembered.
    pub store: Arc<dyn store::ReportedCalls>,
    /// The tenant.
    pub tenant: TenantId,
}

impl ReportedCalls {
    /// What is known of a call.
    ///
    /// # Errors
    /// [`StoreError`]; the call must then hear no code.
    pub async fn sighting(&self, reports: &[ReportId]) -> Result<Sighting, StoreError> {
        self.store.sighting(&self.tenant, reports).await
    }

    /// Remembers a call that heard no code.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remember(&self, reports: &[ReportId]) -> Result<(), StoreError> {
        self.store.remember(&self.tenant, reports).await
    }
}

/// The id under which a call of the endpoint `endpoint` is remembered, by the platform's id of it or
/// by what the platform signed.
#[must_use]
pub fn report_id(endpoint: &str, call: &[u8]) -> ReportId {
    let hash = Sha256::new_with_prefix(b"voice call\0").chain_update(endpoint).chain_update([0]);
    let hash: [u8; 32] = hash.chain_update(call).finalize().into();
    let mut first = [0; 16];
    first.copy_from_slice(&hash[..16]);
    Builder::from_custom_bytes(first).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_other_endpoints_and_ids_are_other_calls() {
        let of = |endpoint, call: &str| report_id(endpoint, call.as_bytes());
        let all = [of("a", "b"), of("a", "c"), of("b", "b"), of("ab", ""), of("", "ab")];
        let distinct: std::collections::HashSet<ReportId> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(all.iter().all(|id| id.get_version_num() == 8));
    }
}
