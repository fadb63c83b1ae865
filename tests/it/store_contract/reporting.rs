//! The rules of calls that a platform reports: what the same call hears again.

use std::collections::HashSet;

use uuid::Uuid;

use super::*;
use dialpass::domain::otp::ServerKeys;
use dialpass::domain::reported_call::SAME_CALL;

const MINUTE: u64 = 60_000;

fn report(call: u128) -> ReportIds {
    ReportIds { call: Some(Uuid::from_u128(call)), token: None }
}

/// The call `id` of `u`, as a platform reports it.
fn reported(id: u128, mark: u64, now: Timestamp) -> At<IssueRequest> {
    let mut call = call("u", mark, now);
    call.report = report(id);
    call
}

pub async fn a_reported_call_hears_its_code_again_for_all_of_its_life(store: Store) {
    assert_eq!(store.issue(reported(1, 1, START)).await, Ok(issued(1, START)));
    // Another call gets a new code in the second half of the first one's life, and this one not.
    let late = after(2 * MINUTE);
    let repeat = Ok(Issue::Repeat(living(grant(1, START), late)));
    assert_eq!(store.issue(reported(1, 2, late)).await, repeat);
    assert!(matches!(wrong_code(&store, 1, late).await, Reservation::Reserved(_)));
    assert_eq!(store.issue(reported(1, 3, late)).await, repeat, "a login tried it");
    // Nothing was counted: five of six codes are left.
    for i in 0..5 {
        let now = after(4 * MINUTE * (i + 1));
        let other = reported(100 + u128::from(i), i, now);
        assert_eq!(store.issue(other).await, Ok(issued(i, now)));
    }
}

pub async fn a_reported_call_hears_no_second_code(store: Store) {
    assert_eq!(store.issue(reported(1, 1, START)).await, Ok(issued(1, START)));
    assert_eq!(store.redeem(code(1, None, after(1))).await, Ok(Redemption::Redeemed));
    assert_eq!(store.issue(reported(1, 2, after(2))).await, Ok(Issue::CallOver), "it is used");
    assert_eq!(store.issue(reported(2, 3, after(3))).await, Ok(issued(3, after(3))));
    assert_eq!(store.issue(reported(1, 4, after(4))).await, Ok(Issue::CallOver), "replaced");
    let expired = after(4 * MINUTE);
    assert_eq!(store.issue(reported(2, 5, expired)).await, Ok(Issue::CallOver), "expired");
    issue(&store, 6, expired).await;
    let told = Ok(Issue::Repeat(living(grant(6, expired), expired)));
    assert_eq!(store.issue(reported(3, 7, expired)).await, told, "another call's code");
    let mut rotated = reported(3, 8, expired);
    rotated.usable_keys = ServerKeys::new(vec![ServerKey::new([8; 32])]).expect("a key").ids();
    assert_eq!(store.issue(rotated).await, Ok(Issue::CallOver), "of a key that is gone");
}

pub async fn a_call_counts_from_its_first_report_told_or_not(store: Store) {
    let tenant = subject("u").tenant;
    let remember = async |id, now| {
        store.at(now).await;
        store.ports.remember(&tenant, &report(id)).await.expect("it is");
    };
    for id in [1, 2] {
        remember(id, START).await;
    }
    let soon = after(MINUTE);
    assert_eq!(store.issue(reported(1, 1, soon)).await, Ok(issued(1, soon)));
    remember(1, after(2 * MINUTE)).await;
    let late = START.plus(SAME_CALL);
    let replayed = late.plus(Duration::from_millis(1));
    assert_eq!(store.issue(reported(1, 2, late)).await, Ok(Issue::CallOver), "it heard a code");
    assert_eq!(store.issue(reported(2, 3, late)).await, Ok(issued(3, late)));
    for id in [1, 2] {
        assert_eq!(store.issue(reported(id, 4, replayed)).await, Ok(Issue::CallReplayed));
    }
    let mut elsewhere = reported(1, 5, replayed);
    elsewhere.subject = subject_of("t2", "u");
    assert_eq!(store.issue(elsewhere).await, Ok(issued(5, replayed)), "tenants do not mix");
}

pub async fn a_token_serves_one_report(store: Store) {
    let with_token = |token: u128, mark, now| {
        let mut call = reported(1, mark, now);
        call.report.token = Some(Uuid::from_u128(token));
        call
    };
    assert_eq!(store.issue(with_token(10, 1, START)).await, Ok(issued(1, START)));
    let same = store.issue(with_token(10, 2, after(1))).await;
    assert_eq!(same, Ok(Issue::CallReplayed));
    let other = store.issue(with_token(11, 3, after(2))).await;
    assert_eq!(other, Ok(Issue::Repeat(living(grant(1, START), after(2)))));
}

pub async fn simultaneous_reports_of_a_call_get_one_code(store: Store) {
    let mut calls = JoinSet::new();
    for i in 0..20 {
        let store = store.clone();
        calls.spawn(async move { store.issue(reported(1, i, START)).await });
    }
    let answers = calls.join_all().await.into_iter().map(|answer| answer.expect("it answers"));
    let nonces: HashSet<_> = answers.map(|answer| answer.told().expect("a code").nonce).collect();
    assert_eq!(nonces.len(), 1);
}
