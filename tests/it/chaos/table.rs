//! The table of the documentation: what was seen of each fault.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

const BEGIN: &str = "<!-- chaos: written by a test -->\n";
const END: &str = "<!-- chaos: end -->\n";

static ROWS: Mutex<BTreeMap<&str, String>> = Mutex::new(BTreeMap::new());

/// The faults, in the table's order.
pub const FAULTS: &[&str] = &[
    "a row that no request writes is held for 4 s",
    "sessions ended, and access_keys held for 3 s",
    "live sessions fall silent six times, new ones work",
    "of ten answers to a commit one is lost, for 4 s",
    "a node hangs for 6 s",
    "synchronous_commit switched off by a reload, the server killed",
    "the server hangs for 3 s",
    "each node killed and started again",
    "the synchronous standby is away for 4 s",
    "the standby away, the primary restarted, then lost, the standby promoted",
    "the primary hangs for 1.8 s, the standby is promoted, the old one goes on",
    "behind a pooler: commits wait, the primary hangs, the standby is promoted",
    "the server killed and restarted twice",
    "the server hangs for 8 s",
    "all sessions ended every 200 ms for 8 s",
    "a table that every call needs is held for 8 s",
    "all rows held for 8 s",
    "VACUUM FULL twelve times",
    "default_transaction_read_only by a reload, for 6 s",
    "each node hangs for 8 s, one after another",
    "SIGHUP 300 times a second for 8 s",
    "a new server key added, then moved to the top",
    "the synchronous standby hangs for 8 s",
    "the primary killed, the standby promoted",
    "the disk of the tables is full for 4 s",
    "the disk of the log is full, the server panics",
    "the nodes' clocks are two minutes apart",
    "the nodes' clocks are two days apart",
];

/// Notes what was seen of a fault, and writes the table if `WRITE_DOCS` is set: other rows stay as
/// they are. It is never the same twice.
pub fn note(fault: &'static str, row: String) {
    let mut rows = ROWS.lock().unwrap();
    rows.insert(fault, row);
    if std::env::var_os("WRITE_DOCS").is_none() {
        return;
    }
    let (path, before, held, after) = document();
    let mut table = "\n| fault | operations | refused | longest | back after | accepted twice | \
        lost | undone |\n|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for fault in FAULTS {
        let kept = held.lines().find(|line| line.starts_with(&format!("| {fault} |")));
        if let Some(row) = rows.get(fault).map(String::as_str).or(kept) {
            table.extend([row, "\n"]);
        }
    }
    std::fs::write(path, format!("{before}{BEGIN}{table}\n{END}{after}")).unwrap();
}

fn document() -> (PathBuf, String, String, String) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/cluster.md");
    let text = std::fs::read_to_string(&path).expect("the document is there");
    let (before, rest) = text.split_once(BEGIN).expect("it has a begin");
    let (held, after) = rest.split_once(END).expect("it has an end");
    (path, before.to_owned(), held.to_owned(), after.to_owned())
}

#[test]
fn the_documentation_has_what_was_seen_of_faults_and_that_nothing_was_lost() {
    let (_, _, held, _) = document();
    let rows: Vec<_> = held.lines().skip(3).filter(|line| line.starts_with("| ")).collect();
    assert!(!rows.is_empty(), "WRITE_DOCS=1");
    for row in rows {
        let is_known = FAULTS.iter().any(|fault| row.starts_with(&format!("| {fault} |")));
        assert!(is_known && row.ends_with("| 0 | 0 | 0 |"), "{row}");
    }
}
