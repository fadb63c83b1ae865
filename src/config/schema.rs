//! Lists the sections and their keys, by giving the parser a key that no section has: its error names
//! those that exist.

use toml::{Table, Value};

use super::directory::KINDS;
use super::mistake::{Mistake, joined_lines};
use super::sections::RawConfig;

/// A key that no section has.
const NONSENSE: &str = "no such key";

/// The sections that have a key with this name, written as in a file: `[tenants.otp]`. None if
/// there are too many to be helpful.
pub(super) fn sections_with(name: &str) -> Vec<String> {
    let mut found = Vec::new();
    look_below(&[], name, &mut found);
    if found.len() > 3 { Vec::new() } else { found }
}

/// Whether there may be several of a section: `[[tenants.clients]]`.
pub(super) fn is_list_of_sections(section: &[Part]) -> bool {
    let Some(((name, _), above)) = section.split_last() else { return false };
    keys_of(&[above, &[(name.clone(), true)]].concat()).is_some()
}

/// Whether there is one of a section: `[server.tls]`.
pub(super) fn is_one_section(section: &[Part]) -> bool {
    keys_of(section).is_some()
}

/// A section's name, and whether it is an array element.
pub(super) type Part = (String, bool);

fn look_below(section: &[Part], name: &str, found: &mut Vec<String>) {
    for key in keys_of(section).unwrap_or_default() {
        if key == name && !section.is_empty() {
            found.push(written(section));
        }
        for is_array in [false, true] {
            let below = [section, &[(key.clone(), is_array)]].concat();
            if keys_of(&below).is_some() {
                look_below(&below, name, found);
            }
        }
    }
}

fn written(section: &[Part]) -> String {
    let names: Vec<&str> = section.iter().map(|(name, _)| name.as_str()).collect();
    let is_array = section.last().is_some_and(|(_, is_array)| *is_array);
    let (open, close) = if is_array { ("[[", "]]") } else { ("[", "]") };
    format!("{open}{}{close}", names.join("."))
}

/// The kinds of directory that have a key.
pub(super) fn kinds_with(key: &str) -> Vec<&'static str> {
    let directory = [("tenants".to_owned(), true), ("directory".to_owned(), false)];
    let has = |kind: &&str| {
        keys_of_kind(&directory, kind).is_some_and(|keys| keys.iter().any(|known| known == key))
    };
    KINDS.into_iter().filter(has).collect()
}

/// The names of all sections.
pub(super) fn section_names() -> Vec<String> {
    keys_of(&[]).unwrap_or_default()
}

/// The keys of a section, of whichever kind; `None` if this is not a section.
fn keys_of(section: &[Part]) -> Option<Vec<String>> {
    let names: Vec<&str> = section.iter().map(|(name, _)| name.as_str()).collect();
    if names != ["tenants", "directory"] {
        return keys_below(section, one(NONSENSE, Value::Integer(1)));
    }
    let kinds = KINDS.into_iter().filter_map(|kind| keys_of_kind(section, kind));
    let mut keys: Vec<String> = kinds.flatten().collect();
    keys.sort_unstable();
    keys.dedup();
    (!keys.is_empty()).then(|| [vec!["kind".to_owned()], keys].concat())
}

/// The keys of a directory of this kind.
fn keys_of_kind(section: &[Part], kind: &str) -> Option<Vec<String>> {
    keys_below(section, one(kind, one(NONSENSE, Value::Integer(1))))
}

fn one(name: &str, value: Value) -> Value {
    Value::Table(Table::from_iter([(name.to_owned(), value)]))
}

fn keys_below(section: &[Part], innermost: Value) -> Option<Vec<String>> {
    let file = section.iter().rev().fold(innermost, |inner, (name, is_array)| {
        one(name, if *is_array { Value::Array(vec![inner]) } else { inner })
    });
    let error = file.try_into::<RawConfig>().err()?;
    match Mistake::of(&joined_lines(error.message())) {
        Mistake::UnknownKey { name, known, .. } if name == NONSENSE => Some(known),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{section_names, sections_with};

    #[test]
    fn a_key_is_found_in_the_sections_that_have_it() {
        assert_eq!(sections_with("lifetime"), ["[tenants.otp]"]);
        assert_eq!(sections_with("country"), ["[[tenants]]"]);
        assert_eq!(
            sections_with("san"),
            ["[server.proxy.certificate]", "[tenants.clients.certificate]"]
        );
        assert_eq!(sections_with("client_ca"), ["[server.tls]"]);
        assert_eq!(sections_with("allow_plain_ldap"), ["[tenants.directory]"]);
        assert!(sections_with("ca_file").is_empty(), "too many");
        assert!(sections_with("nonsense").is_empty());
        let sections =
            ["server", "ops", "store", "keys", "log", "audit", "push", "fastagi", "tenants"];
        assert_eq!(section_names(), sections);
    }
}
