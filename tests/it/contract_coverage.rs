//! The list of what the interfaces promise, and of the tests that show it.

mod listed;

use listed::{PROMISES, names, rows};

/// What a row says where there is nothing to show yet.
const NOT_YET: &str = "not served yet";

#[test]
fn every_promise_has_a_test_or_says_that_it_is_not_served_yet() {
    let rows = rows(PROMISES);
    assert!(rows.len() > 50, "the list is read: {}", rows.len());
    for (promise, tests) in rows {
        let is_shown = names(tests).next().is_some();
        assert!(is_shown || tests.contains(NOT_YET), "{promise}: {tests}");
    }
}
