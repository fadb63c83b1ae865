//! The calls that voice platforms report. Some platforms' signatures carry no time, so a request that
//! someone captured would be valid for ever: a call that was first reported long ago is refused.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

use crate::domain::clock::Timestamp;
use crate::domain::tenant::TenantId;
use crate::store::StoreError;
use crate::store::registry::{Records, Registry, Scope, transact};

/// How long after its first report a call may be reported again: platforms repeat a request whose
/// answer was lost, and send what the caller keyed.
const SAME_CALL: Duration = Duration::from_mins(10);
/// How long a call is remembered.
const REMEMBERED: Duration = Duration::from_hours(24);

/// The reported calls of one tenant, on all nodes.
#[derive(Clone)]
pub struct ReportedCalls {
    /// Where they are remembered, hashed.
    pub registry: Arc<dyn Registry>,
    /// The tenant.
    pub tenant: TenantId,
}

/// Whether a call goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// It was first reported now, or a short while ago.
    Current,
    /// It was first reported so long ago that this is a replay.
    Replayed,
}

impl ReportedCalls {
    /// Remembers a call of the endpoint `endpoint` by the platform's id.
    ///
    /// # Errors
    /// [`StoreError`]; the call must then be refused.
    pub async fn report(&self, endpoint: &str, call: &str) -> Result<Report, StoreError> {
        let scope = Scope {
            tenant: self.tenant.clone(),
            user: None,
            transaction: None,
            number: None,
            intent: Some(key(endpoint, call)),
        };
        transact(&*self.registry, scope, reported).await
    }
}

/// The id under which a call is remembered: a hash, whose version sets it apart from the random ids
/// of intents.
fn key(endpoint: &str, call: &str) -> Uuid {
    let hash = Sha256::new_with_prefix(b"voice call\0").chain_update(endpoint).chain_update([0]);
    let hash: [u8; 32] = hash.chain_update(call).finalize().into();
    let (first, _) = hash.split_first_chunk::<16>().expect("32 bytes have 16");
    Builder::from_custom_bytes(*first).into_uuid()
}

fn reported(records: &mut Records, now: Timestamp) -> Report {
    match records.intent_used_until {
        None => {
            records.intent_used_until = Some(now.plus(REMEMBERED));
            Report::Current
        }
        Some(until) if until.since(now) + SAME_CALL >= REMEMBERED => Report::Current,
        Some(_) => Report::Replayed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_may_be_reported_again_for_ten_minutes() {
        let first = Timestamp::from_millis(1_000_000);
        let mut records = Records::default();
        assert_eq!(reported(&mut records, first), Report::Current);
        let until = records.intent_used_until;
        for (later, expected) in [
            (Duration::ZERO, Report::Current),
            (SAME_CALL, Report::Current),
            (SAME_CALL + Duration::from_millis(1), Report::Replayed),
            (REMEMBERED + SAME_CALL, Report::Replayed),
        ] {
            assert_eq!(reported(&mut records, first.plus(later)), expected, "{later:?}");
            assert_eq!(records.intent_used_until, until, "it counts from the first report");
        }
    }

    #[test]
    fn calls_of_other_endpoints_and_ids_are_other_calls() {
        let all = [key("a", "b"), key("a", "c"), key("b", "b"), key("ab", ""), key("", "ab")];
        let distinct: std::collections::HashSet<Uuid> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(all.iter().all(|key| key.get_version_num() == 8));
    }
}
