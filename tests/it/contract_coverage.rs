//! The list of what the interfaces promise, and of the tests that show it.

mod listed;

use listed::{PROMISES, names, rows, tests};

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

#[test]
fn all_that_plugs_in_is_shown_by_tests_that_are_there() {
    let (readme, logins) = (include_str!("../../README.md"), include_str!("../../docs/logins.md"));
    let section = readme.split("\n## ").find(|section| section.starts_with("What plugs in\n"));
    let plugged = rows(section.expect("the README has it"));
    assert!(plugged.len() > 10, "the table is read: {}", plugged.len());
    let no_test: Vec<_> = plugged.iter().filter(|(_, cell)| names(cell).next().is_none()).collect();
    assert!(no_test.is_empty(), "shown by nothing: {no_test:?}");
    let logins = rows(logins.split("\n## ").next().expect("what is before the first section"));
    assert!(logins.len() > 10, "the table is read: {}", logins.len());

    let tests = tests();
    let is_there = |name: &str| tests.iter().any(|test| test.starts_with(&format!("{name}::")));
    for (what, cell) in plugged.into_iter().chain(logins) {
        for name in names(cell) {
            assert!(is_there(name), "no test in {name}, for: {what}");
        }
    }
}
