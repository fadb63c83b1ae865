//! The rules of calls that a platform reports: what the same call hears again.

use uuid::Uuid;

use super::*;
use dialpass::domain::otp::ServerKeys;
use dialpass::domain::reported_call::{ReportId, SAME_CALL, Sighting};

/// A call of `u` reported under these ids.
fn reported(ids: &[u128], mark: u64, now: Timestamp) -> At<IssueRequest> {
    let mut call = call("u", mark, now);
    call.reports = ids.iter().map(|id| Uuid::from_u128(*id)).collect();
    call
}

fn tenant() -> TenantId {
    subject("u").tenant
}

const MINUTE: u64 = 60_000;

pub async fn a_reported_call_hears_its_code_again_for_all_of_its_life(store: Store) {
    assert_eq!(store.issue(reported(&[1, 2], 1, START)).await, Ok(issued(1, START)));
    // Another call gets a new code in the second half of the first one's life, and this one not.
    let late = after(2 * MINUTE);
    let again = store.issue(reported(&[1, 3], 2, late)).await;
    assert_eq!(again, Ok(Issue::Repeat(living(grant(1, START), late))));
    assert!(matches!(wrong_code(&store, 1, late).await, Reservation::Reserved(_)));
    let tried = store.issue(reported(&[3], 4, late)).await;
    assert_eq!(tried, Ok(Issue::Repeat(living(grant(1, START), late))), "an id of the same call");
    // Nothing was counted: five of six codes are left.
    for i in 0..5 {
        let now = after(4 * MINUTE * (i + 1));
        assert_eq!(store.issue(reported(&[100 + u128::from(i)], i, now)).await, Ok(issued(i, now)));
    }
}

pub async fn a_reported_call_hears_no_second_code(store: Store) {
    assert_eq!(store.issue(reported(&[1], 1, START)).await, Ok(issued(1, START)));
    assert_eq!(store.redeem(code(1, None, after(1))).await, Ok(Redemption::Redeemed));
    assert_eq!(store.issue(reported(&[1], 2, after(2))).await, Ok(Issue::CallOver), "it is used");
    assert_eq!(store.issue(reported(&[2], 3, after(3))).await, Ok(issued(3, after(3))));
    assert_eq!(store.issue(reported(&[1], 4, after(4))).await, Ok(Issue::CallOver), "replaced");
    let expired = after(4 * MINUTE);
    assert_eq!(store.issue(reported(&[2], 5, expired)).await, Ok(Issue::CallOver), "expired");
    let other = ServerKeys::new(vec![ServerKey::new([8; 32])]).expect("a key");
    issue(&store, 6, expired).await;
    assert_eq!(store.issue(reported(&[4], 7, expired)).await, {
        Ok(Issue::Repeat(living(grant(6, expired), expired)))
    });
    let mut rotated = reported(&[4], 8, expired);
    rotated.usable_keys = other.ids();
    assert_eq!(store.issue(rotated).await, Ok(Issue::CallOver), "of a key that is gone");
}

pub async fn a_call_is_sighted_as_it_was_reported(store: Store) {
    let tenant = tenant();
    let ids: Vec<ReportId> = [1, 2, 3].map(Uuid::from_u128).to_vec();
    store.at(START).await;
    let sighting = |ids: &[ReportId]| {
        let (store, tenant, ids) = (store.clone(), tenant.clone(), ids.to_vec());
        async move { store.ports.sighting(&tenant, &ids).await.expect("it answers") }
    };
    assert_eq!(sighting(&ids).await, Sighting::First);
    store.ports.remember(&tenant, &ids[..2]).await.expect("it is");
    assert_eq!(sighting(&ids).await, Sighting::Again);
    assert_eq!(sighting(&ids[2..]).await, Sighting::First);
    let elsewhere = TenantId::parse("t2").expect("legal");
    let seen = store.ports.sighting(&elsewhere, &ids).await;
    assert_eq!(seen, Ok(Sighting::First), "tenants do not mix");

    let soon = after(MINUTE);
    assert_eq!(store.issue(reported(&[1], 1, soon)).await, Ok(issued(1, soon)));
    assert_eq!(sighting(&ids).await, Sighting::Told(grant(1, soon).nonce));
    store.ports.remember(&tenant, &ids).await.expect("it is");
    assert_eq!(sighting(&ids).await, Sighting::Told(grant(1, soon).nonce), "it heard a code");

    let still = START.plus(SAME_CALL);
    store.at(still).await;
    assert!(matches!(sighting(&ids).await, Sighting::Told(_)), "it counts from the first report");
    let late = still.plus(Duration::from_millis(1));
    store.at(late).await;
    assert_eq!(sighting(&ids).await, Sighting::Replayed);
    assert_eq!(store.issue(reported(&[1], 2, late)).await, Ok(Issue::CallOver));
}

pub async fn simultaneous_reports_of_a_call_get_one_code(store: Store) {
    let mut calls = JoinSet::new();
    for i in 0..20 {
        let store = store.clone();
        calls.spawn(
            async move { store.issue(reported(&[1, 2 + u128::from(i % 2)], i, START)).await },
        );
    }
    let answers: Vec<_> =
        calls.join_all().await.into_iter().map(|answer| answer.expect("it answers")).collect();
    let nonces: std::collections::HashSet<_> =
        answers.iter().map(|answer| answer.told().expect("a code").nonce).collect();
    assert_eq!(nonces.len(), 1, "{answers:?}");
}
