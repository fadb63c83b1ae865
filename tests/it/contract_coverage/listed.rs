//! The tests that the documents name are there, by the compiler's own list of them. The library's
//! unit tests hold this file, too: each of the two programs looks for its own.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// What the interfaces promise, and the tests.
pub(super) const PROMISES: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/contract-coverage.md"));
/// What attackers try, and the tests.
const ATTACKS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/security.md"));

/// The rows of a document's tables: what is promised, and the tests.
pub(super) fn rows(document: &str) -> Vec<(&str, &str)> {
    let rows = document.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = rows.filter_map(|row| row.rsplit_once(" | "));
    rows.filter(|(promise, _)| !promise.starts_with("what")).collect()
}

/// The names of tests in a cell.
pub(super) fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The tests of this program.
pub(super) fn tests() -> BTreeSet<String> {
    let this = std::env::current_exe().expect("a path");
    let listed = Command::new(this).args(["--list", "--format", "terse"]).output();
    let listed = listed.expect("it runs");
    assert!(listed.status.success());
    let listed = String::from_utf8(listed.stdout).expect("UTF-8");
    listed.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

/// Whether a test of this name belongs to this program.
fn is_of_this_program(name: &str) -> bool {
    let module = name.split("::").next().unwrap_or(name);
    let outside = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(module);
    (outside.is_dir() || outside.with_extension("rs").exists())
        == (env!("CARGO_CRATE_NAME") == "it")
}

#[test]
fn every_test_that_the_documents_name_is_there() {
    let tests = tests();
    let (promises, attacks) = (rows(PROMISES), rows(ATTACKS));
    assert!(promises.len() > 50 && attacks.len() > 50, "both documents are read");
    let mut named = 0;
    let mut missing = Vec::new();
    for (promise, cell) in promises.into_iter().chain(attacks) {
        // Keys and commands are in code too; only tests have a path.
        let paths = names(cell).filter(|name| name.contains("::"));
        for name in paths.filter(|name| is_of_this_program(name)) {
            named += 1;
            if !tests.contains(name) {
                missing.push(format!("{name}, for: {promise}"));
            }
        }
    }
    assert!(named > 20, "the documents name tests: {named}");
    assert!(missing.is_empty(), "no such test:\n{}", missing.join("\n"));
}
