//! The calls that voice platforms report. The store remembers them, and decides on each report
//! together with its grant. Each node also remembers those it saw lately, and refuses their replays
//! without asking anyone.

use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use sha2::{Digest as _, Sha256};
use uuid::Builder;

use crate::domain::clock::{Clock, Timestamp};
use crate::domain::reason::Reason;
use crate::domain::reported_call::{ReportId, ReportIds, ReportedCall, Sighting};
use crate::domain::tenant::TenantId;
use crate::store::{self, StoreError};

/// How many ids a node remembers, the latest first; about 100 bytes each.
const REMEMBERED: usize = 20_000;

/// The ids that this node saw lately, of all tenants, with the time when each was first seen.
pub struct RecentReports(Mutex<LruCache<(TenantId, ReportId), Timestamp>>);

impl Default for RecentReports {
    fn default() -> Self {
        Self(Mutex::new(LruCache::unbounded()))
    }
}

impl RecentReports {
    /// Remembers the ids; returns those that were known.
    fn see(&self, tenant: &TenantId, report: &ReportIds, now: Timestamp) -> Vec<ReportedCall> {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = Vec::new();
        for id in report.all() {
            let key = (tenant.clone(), id);
            match recent.get(&key) {
                Some(first) => known.push(ReportedCall { id, first_reported: *first, nonce: None }),
                None => {
                    recent.put(key, now);
                }
            }
        }
        while recent.len() > REMEMBERED {
            recent.pop_lru();
        }
        known
    }
}

/// The reported calls of one tenant.
#[derive(Clone)]
pub struct ReportedCalls {
    /// Where they are remembered for all nodes.
    pub store: Arc<dyn store::ReportedCalls>,
    /// What this node remembers.
    pub recent: Arc<RecentReports>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The tenant.
    pub tenant: TenantId,
}

impl ReportedCalls {
    /// The ids of a report to the endpoint `endpoint`: of the call, as the platform names it, and of
    /// its token, if one serves once.
    ///
    /// # Errors
    /// [`Reason::CallReplayed`] if this node knows it for a replay.
    pub fn admit(
        &self,
        endpoint: &str,
        call: &str,
        token: Option<&str>,
    ) -> Result<ReportIds, Reason> {
        let report = ReportIds {
            call: Some(report_id(endpoint, "call", call)),
            token: token.map(|token| report_id(endpoint, "token", token)),
        };
        let now = self.clock.now();
        let known = self.recent.see(&self.tenant, &report, now);
        match Sighting::of(&report, &known, now) {
            Sighting::Replayed => Err(Reason::CallReplayed),
            Sighting::HeardNone | Sighting::Heard(_) => Ok(report),
        }
    }

    /// Remembers a call that heard no code, so that its report is worth nothing later.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remember(&self, report: &ReportIds) -> Result<(), StoreError> {
        self.store.remember(&self.tenant, report).await
    }
}

/// The id under which a call or a token of the endpoint `endpoint` is remembered.
fn report_id(endpoint: &str, kind: &str, id: &str) -> ReportId {
    let mut hash = Sha256::new();
    for part in ["voice", kind, endpoint, id] {
        hash.update(part);
        hash.update([0]);
    }
    let hash: [u8; 32] = hash.finalize().into();
    let mut first = [0; 16];
    first.copy_from_slice(&hash[..16]);
    Builder::from_custom_bytes(first).into_uuid()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;
    use crate::domain::reported_call::SAME_CALL;

    #[test]
    fn calls_of_other_endpoints_and_ids_are_other_calls() {
        let of = |endpoint, call| report_id(endpoint, "call", call);
        let token = report_id("a", "token", "b");
        let all = [of("a", "b"), of("a", "c"), of("b", "b"), of("ab", ""), of("", "ab"), token];
        let distinct: HashSet<ReportId> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(all.iter().all(|id| id.get_version_num() == 8));
    }

    #[test]
    fn a_node_knows_the_replays_of_what_it_saw_itself() {
        let recent = RecentReports::default();
        let tenant = TenantId::parse("t1").expect("legal");
        let other = TenantId::parse("t2").expect("legal");
        let report = ReportIds { call: Some(report_id("a", "call", "1")), token: None };
        let first = Timestamp::from_millis(1_000_000);
        let sighting = |tenant, later: Duration| {
            let now = first.plus(later);
            Sighting::of(&report, &recent.see(tenant, &report, now), now)
        };
        assert_eq!(sighting(&tenant, Duration::ZERO), Sighting::HeardNone);
        assert_eq!(sighting(&tenant, SAME_CALL), Sighting::HeardNone);
        assert_eq!(sighting(&tenant, SAME_CALL + Duration::from_secs(1)), Sighting::Replayed);
        assert_eq!(sighting(&other, SAME_CALL), Sighting::HeardNone, "tenants do not mix");
        for call in 0..=REMEMBERED {
            let call = Some(report_id("b", "call", &call.to_string()));
            recent.see(&tenant, &ReportIds { call, token: None }, first);
        }
        assert_eq!(sighting(&tenant, SAME_CALL * 2), Sighting::HeardNone, "room is bounded");
    }
}
