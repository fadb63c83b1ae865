//! The documentation's table of reasons is the program's own list, which `dialpass reasons` prints.

use std::fmt::Write as _;
use std::process::Command;

use dialpass::domain::reason::AuditReason;

/// The table as the list has it.
fn table() -> String {
    let mut table = "| reason | what happened | what to do |\n|---|---|---|\n".to_owned();
    let mut group = "";
    for reason in AuditReason::ALL {
        if reason.group() != group {
            group = reason.group();
            writeln!(table, "| **{group}** | | |").expect("a string takes all");
        }
        let advice = match reason.advice() {
            "" => String::new(),
            advice => format!(" {advice}"),
        };
        let (name, meaning) = (reason.as_str(), reason.meaning());
        writeln!(table, "| `{name}` | {meaning} |{advice} |").expect("a string takes all");
    }
    table
}

#[test]
fn the_documents_table_of_reasons_is_the_programs_list() {
    let docs = include_str!("../../docs/reasons.md");
    let start = docs.find("| reason |").expect("the table");
    let (found, wanted) = (&docs[start..], table());
    for (found, wanted) in found.lines().zip(wanted.lines()) {
        assert_eq!(found, wanted, "docs/reasons.md");
    }
    assert_eq!(found, wanted, "docs/reasons.md ends with the table, which has to be:\n{wanted}");
}

#[test]
fn each_reason_has_a_name_of_its_own_and_says_what_happened() {
    let mut names: Vec<_> = AuditReason::ALL.iter().map(|reason| reason.as_str()).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "a name stands twice");
    for reason in AuditReason::ALL {
        let name = reason.as_str();
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        for text in [reason.meaning(), reason.advice()] {
            assert!(text.is_empty() || text.ends_with('.'), "{name}: {text}");
        }
        assert!(!reason.meaning().is_empty(), "{name}");
    }
}

#[test]
fn reasons_explains_all_or_those_that_are_named() {
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dialpass"));
        let output = command.arg("reasons").args(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text, String::from_utf8(output.stderr).unwrap())
    };
    let (status, all, _) = run(&[]);
    assert_eq!(status, Some(0));
    for reason in AuditReason::ALL {
        assert!(all.contains(reason.meaning()) && all.contains(reason.advice()), "{reason:?}");
    }
    let (status, one, _) = run(&["locked_out", "--json"]);
    let object: serde_json::Value = serde_json::from_str(&one).unwrap();
    assert_eq!((status, &object["reason"]), (Some(0), &"locked_out".into()));
    assert_eq!(object["advice"], AuditReason::LockedOut.advice());
    let (status, _, said) = run(&["locked"]);
    assert_eq!(status, Some(2));
    assert!(said.contains("`dialpass reasons` lists all"), "{said}");
}
