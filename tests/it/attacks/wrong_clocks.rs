//! The machine's clock is wrong: a code lives no longer for it, and nobody is locked out.

use std::sync::Arc;

use super::{ANNA, config, people};
use crate::support::gateway::Gateway;

/// Starts a gateway whose clock is wrong by so much.
fn with_clock(folder: &Arc<tempfile::TempDir>, wrong_by: &str) -> Gateway {
    let limits = "[tenants.limits]\ncodes_per_user = { burst = 2, per = \"1h\" }\n";
    let config = config("", "").replace("[tenants.login]", &format!("{limits}[tenants.login]"));
    let environment = [
        ("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1"),
        ("FAKETIME", wrong_by),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    Gateway::start_with(Arc::clone(folder), &config, &environment)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_a_clock_that_was_an_hour_ahead_is_dead_when_that_is_right() {
    let folder = people();
    let ahead = with_clock(&folder, "+1h");
    let code = ahead.code(ANNA).await;
    drop(ahead);
    let right = with_clock(&folder, "+0s");
    let refused = right.login("anna", "correct horse", &code).await;
    assert_eq!(refused.status, 403);
    assert_eq!(right.audit_of(refused.header("x-request-id"))["reason"], "no_live_code");
    let new = right.code(ANNA).await;
    assert_eq!(right.login("anna", "correct horse", &new).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_a_day_ahead_locks_no_one_out_once_it_is_right() {
    let folder = people();
    let ahead = with_clock(&folder, "+1d");
    for _ in 0..2 {
        let code = ahead.code(ANNA).await;
        assert_eq!(ahead.login("anna", "correct horse", &code).await.status, 200);
    }
    assert_eq!(ahead.call(ANNA).await.status, 403, "both codes of the hour are used");
    drop(ahead);
    let right = with_clock(&folder, "+0s");
    let code = right.code(ANNA).await;
    assert_eq!(right.login("anna", "correct horse", &code).await.status, 200);
}
