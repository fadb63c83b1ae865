//! That the documentation's one table of reasons has each reason that the code gives, and no other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where reasons are named: a file, and what stands before a name there.
const NAMED: [(&str, &[&str]); 11] = [
    ("src/domain/reason.rs", &["=> "]),
    ("src/domain/user.rs", &["=> "]),
    ("src/http/certificate.rs", &["=> "]),
    ("src/http/refusal.rs", &["=> "]),
    ("src/http/oauth2.rs", &["=> "]),
    ("src/http/called_in_otp/admission.rs", &["=> "]),
    ("src/service/authentication_cloud/refusal.rs", &["=> "]),
    (
        "src/http/authentication_cloud",
        &["Granted::json(StatusCode::", "Granted::nothing(StatusCode::", "Granted::text("],
    ),
    ("src/http/authentication_cloud/failure.rs", &["=> "]),
    (
        "src/http/authentication_cloud/status.rs",
        &["(StatusCode::OK, ", "(StatusCode::PRECONDITION_FAILED, "],
    ),
    ("src/cli", &["reason: "]),
];

fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| sources(&path))
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect()
}

/// The name in quotes that follows, if a name is what follows.
fn name(rest: &str) -> Option<&str> {
    // A status may stand before it.
    let rest = rest
        .trim_start_matches(|c: char| c.is_ascii_uppercase() || c == '_' || c == ',' || c == ' ');
    let (name, _) = rest.strip_prefix('"')?.split_once('"')?;
    let is_name = name.chars().all(|c| c.is_ascii_lowercase() || c == '_') && !name.is_empty();
    is_name.then_some(name)
}

#[test]
fn the_table_of_reasons_has_all_that_the_code_gives_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut given = BTreeSet::new();
    for (place, before) in NAMED {
        let found = given.len();
        for file in sources(&root.join(place)) {
            let text = std::fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for before in before {
                let names = code.split(before).skip(1).filter_map(name);
                given.extend(names.map(str::to_owned));
            }
        }
        assert!(given.len() > found || place == "src/http/called_in_otp/admission.rs", "{place}");
    }
    let docs = include_str!("../../docs/reasons.md");
    let rows = docs.lines().filter(|line| line.starts_with("| `"));
    let first = |row: &'static str| row.split(" | ").next().expect("a cell");
    let named: Vec<String> =
        rows.flat_map(|row| first(row).split('`').skip(1).step_by(2).map(str::to_owned)).collect();
    let table: BTreeSet<String> = named.iter().cloned().collect();
    assert_eq!(named.len(), table.len(), "each stands there once");
    assert_eq!(table.difference(&given).collect::<Vec<_>>(), Vec::<&String>::new(), "not given");
    assert_eq!(given.difference(&table).collect::<Vec<_>>(), Vec::<&String>::new(), "missing");
}
