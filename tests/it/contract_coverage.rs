//! The list of what the interfaces promise and which tests show it names tests that there are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

const LIST: &str = include_str!("../../docs/contract-coverage.md");
const SECURITY: &str = include_str!("../../docs/security.md");

/// What a row says where there is nothing to show yet.
const NOT_YET: &str = "not served yet";

/// The rows of a list's tables: what is promised, and the tests.
fn rows(list: &str) -> Vec<(&str, &str)> {
    let rows = list.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = rows.filter_map(|row| row.rsplit_once(" | "));
    rows.filter(|(promise, _)| !promise.starts_with("what")).collect()
}

/// The names of tests in a cell.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The tests of this program, by its own list.
fn of_this_program() -> BTreeSet<String> {
    let this = std::env::current_exe().unwrap();
    let output = Command::new(this).args(["--list", "--format", "terse"]).output().unwrap();
    assert!(output.status.success());
    let listed = String::from_utf8(output.stdout).unwrap();
    listed.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

/// Whether a test beside the code is there: in a file of its module or of one above.
fn is_in_the_sources(name: &str) -> bool {
    let (module, function) = name.rsplit_once("::").expect("a path");
    let function = format!("fn {function}(");
    let mut place = PathBuf::from("src");
    let is_of_tests = |file: &Path| {
        file.ends_with("tests.rs") || file.parent().is_some_and(|folder| folder.ends_with("tests"))
    };
    let holds = |file: &Path| {
        std::fs::read_to_string(file)
            .is_ok_and(|text| text.contains("#[cfg(test)]") || is_of_tests(file))
            && std::fs::read_to_string(file).is_ok_and(|text| text.contains(&function))
    };
    module.split("::").any(|part| {
        place.push(part);
        holds(&place.with_extension("rs")) || holds(&place.join("mod.rs"))
    })
}

#[test]
fn every_test_that_the_list_names_is_there() {
    let ours = of_this_program();
    assert!(ours.contains("contract_coverage::every_test_that_the_list_names_is_there"));
    let mut named = 0;
    let mut missing = Vec::new();
    let attacks = rows(SECURITY);
    assert!(attacks.len() > 50, "the threat model is read: {}", attacks.len());
    for (promise, tests) in rows(LIST).into_iter().chain(attacks) {
        // Keys and commands are in code too; only tests have a path.
        for name in names(tests).filter(|name| name.contains("::")) {
            named += 1;
            if !ours.contains(name) && !is_in_the_sources(name) {
                missing.push(format!("{name}, for: {promise}"));
            }
        }
    }
    assert!(named > 100, "the list is read: {named}");
    assert!(missing.is_empty(), "no such test:\n{}", missing.join("\n"));
    assert!(!is_in_the_sources("domain::otp::tests::there_is_no_such_test"));
}

#[test]
fn every_promise_has_a_test_or_says_that_it_is_not_served_yet() {
    let rows = rows(LIST);
    assert!(rows.len() > 50, "the list is read: {}", rows.len());
    for (promise, tests) in rows {
        let is_shown = names(tests).next().is_some();
        assert!(is_shown || tests.contains(NOT_YET), "{promise}: {tests}");
    }
}
