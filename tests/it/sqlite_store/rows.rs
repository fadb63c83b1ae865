//! What is in the file: rows edited by others, rows that are swept, rows that are never made.

use dialpass::domain::otp::{Otp, ServerKey, ServerKeys};
use dialpass::store::{Issue, Redemption};

use super::*;
use crate::store_contract::{SPAN, after, call, code, issue, live, subject, wrong_code};

fn code_of(grant: &dialpass::domain::grant::Grant) -> Otp {
    let keys = ServerKeys::new(vec![ServerKey::new([7; 32])]).expect("a key");
    keys.code(&subject("u"), grant).expect("a known key")
}

#[tokio::test]
async fn a_row_edited_to_live_longer_has_another_code() {
    let (_folder, path) = folder();
    let store = open(&path);
    let eight = |mark| {
        let mut request = call("u", mark, START);
        request.grant.digits = 8;
        request
    };
    store.issue(eight(1)).await.expect("it answers");
    let told = code_of(&live(&store, START).await.expect("a code"));
    for edit in
        ["expires_at = expires_at + 60", "issued_at = issued_at - 1", "nonce = zeroblob(16)"]
    {
        let edited = intruder(&path).execute(&format!("UPDATE subjects SET {edit}"), []);
        assert_eq!(edited, Ok(1));
        let found = code_of(&live(&store, START).await.expect("a code"));
        assert!(!told.matches(&found), "{edit}");
    }
    let attempt = code(1, None, START);
    assert_eq!(store.redeem(attempt).await, Ok(Redemption::NoGrant), "its nonce is another");
}

#[test]
fn a_row_that_makes_no_sense_cannot_be_written() {
    let (_folder, path) = folder();
    let store = open(&path);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(issue(&store, 1, START));
    for edit in ["nonce = x'00'", "nonce = NULL", "digits = 5", "wrong_codes = x'0102'"] {
        let edited = intruder(&path).execute(&format!("UPDATE subjects SET {edit}"), []);
        assert!(edited.is_err(), "{edit}");
    }
}

#[tokio::test]
async fn events_kept_without_room_for_more_count_as_ever() {
    let (_folder, path) = folder();
    let store = open(&path);
    for i in 0..6 {
        // As releases wrote them that gave a log no more room than its `i` events needed.
        let cut = format!("UPDATE subjects SET codes_issued = substr(codes_issued, -8 * {i})");
        let edited = intruder(&path).execute(&cut, []);
        assert_eq!(edited, Ok(usize::from(i > 0)), "a row from the first call on");
        issue(&store, i, after(200_000 * i)).await;
    }
    let refused = store.issue(call("u", 9, after(1_100_000))).await;
    assert!(matches!(refused, Ok(Issue::CodesPerUser(_))), "{refused:?}");
}

#[tokio::test]
async fn only_a_call_makes_rows() {
    let (_folder, path) = folder();
    let store = open(&path);
    wrong_code(&store, 1, START).await;
    store.wrong_code(code(1, None, START)).await.expect("it answers");
    store.redeem(code(1, Some(START), START)).await.expect("it answers");
    store.give_back(&subject("u"), START).await.expect("it answers");
    assert_eq!((count_rows(&path, "subjects"), count_rows(&path, "callers")), (0, 0));
    issue(&store, 1, START).await;
    assert_eq!((count_rows(&path, "subjects"), count_rows(&path, "callers")), (1, 1));
}

#[tokio::test]
async fn rows_in_which_nothing_counts_are_swept_and_no_others() {
    let (_folder, path) = folder();
    let store = open(&path);
    for i in 0..1_200 {
        let at = if i % 3 == 0 { after(2) } else { START };
        let mut request = call(&format!("user {i}"), i, at);
        request.number = crate::store_contract::number(u32::try_from(i).expect("small"));
        store.issue(request).await.expect("it answers");
    }
    drop(store);
    // What was issued at `START` counts no more; what was issued 2 ms later still does.
    let later = START.plus(SPAN).plus(Duration::from_millis(1));
    let sweeping = open_at(&path, TIMEOUT, later).expect("it opens");
    let left = || (count_rows(&path, "subjects"), count_rows(&path, "callers"));
    until("they are swept", async || left() == (400, 400)).await;
    walk_again(&sweeping, &path, later).await;
    until("no others", async || left() == (400, 400)).await;
}
