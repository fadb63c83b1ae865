//! `[tenants.directory]` has the keys of its `kind`, so that is read first: each such section is
//! put below its kind, as the parser has them. In the file and in messages, it has no such level.

use toml::{Table, Value};

use super::check::Problems;
use super::directory::KINDS;

/// Puts the sections below their kinds. One whose kind is missing or wrong is put below the kind that
/// its keys suggest, or left out.
pub(super) fn put_below(root: &mut Value, problems: &mut Problems) {
    let tenants = root.get_mut("tenants").and_then(Value::as_array_mut);
    for (index, tenant) in tenants.into_iter().flatten().enumerate() {
        let Some(tenant) = tenant.as_table_mut() else { continue };
        let key = format!("tenants[{index}].directory");
        let section = match tenant.get_mut("directory") {
            Some(Value::Table(section)) => section,
            Some(other) => {
                let found = match other {
                    Value::Array(_) => "a list, or a section in double brackets",
                    _ => "a value that is not a section",
                };
                problems.unread(&key, found, None, "[tenants.directory] with keys of its own");
                tenant.remove("directory");
                continue;
            }
            None => continue,
        };
        let Some(kind) = kind(section, &key, problems) else {
            tenant.remove("directory");
            problems.expect_missing(&key);
            continue;
        };
        section.remove("kind");
        let keys = Value::Table(std::mem::take(section));
        section.insert(kind.to_owned(), keys);
    }
}

/// The section's kind, or the one that its keys suggest.
fn kind(section: &Table, key: &str, problems: &mut Problems) -> Option<&'static str> {
    let key = format!("{key}.kind");
    let known = KINDS.map(|kind| format!("{kind:?}")).join(", ");
    let accepted = format!("one of {known}");
    match section.get("kind") {
        Some(Value::String(kind)) => {
            if let Some(kind) = KINDS.into_iter().find(|known| known == kind) {
                return Some(kind);
            }
            problems.add_word(&key, kind, KINDS, &accepted);
        }
        Some(_) => problems.add(&key, "a value that is not text", &accepted),
        None => problems.add(&key, "nothing", &accepted),
    }
    if section.contains_key("servers") {
        Some("ldap")
    } else if section.contains_key("file") {
        Some("file")
    } else {
        None
    }
}
