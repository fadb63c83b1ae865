//! Changes of entries, and how numbers are written in them.

use std::collections::BTreeSet;
use std::fmt;

use super::oracle::{Entry, Groups, Number, PersonId};

/// A change of one entry, as a server takes it.
#[derive(Clone)]
pub enum Change {
    Add { dn: String, attributes: Vec<(&'static str, Vec<Vec<u8>>)> },
    Replace { dn: String, attributes: Vec<(&'static str, Vec<Vec<u8>>)> },
    Delete { dn: String },
    Rename { dn: String, rdn: String, parent: Option<String> },
}

impl Action {
    /// A change after which people and groups are as before.
    pub fn of(change: Change) -> Self {
        Self { change, people: Vec::new(), groups: None }
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, dn, attributes) = match self {
            Self::Add { dn, attributes } => ("add", dn, attributes),
            Self::Replace { dn, attributes } => ("set", dn, attributes),
            Self::Delete { dn } => return write!(f, "delete {dn}"),
            Self::Rename { dn, rdn, parent } => {
                return write!(f, "rename {dn} to {rdn} below {parent:?}");
            }
        };
        write!(f, "{what} {dn}")?;
        for (name, values) in attributes {
            let values: Vec<_> =
                values.iter().map(|value| String::from_utf8_lossy(value)).collect();
            let told = match values.len() {
                0..=4 => values.join(", "),
                many => format!("{many} values"),
            };
            write!(f, "; {name}: {told}")?;
        }
        Ok(())
    }
}

/// A change, and what is so after it.
pub struct Action {
    pub change: Change,
    pub people: Vec<(PersonId, Option<Entry>)>,
    pub groups: Option<Groups>,
}

/// How many forms numbers are stored in.
pub const FORMS: usize = 6;

/// A number as it is stored in one of [`FORMS`] that every search finds, and as callers send it.
pub fn written(number: Number, form: usize) -> String {
    let digits = format!("{number:06}");
    let (one, two) = digits.split_at(2);
    match form {
        0 => format!("+46701{digits}"),
        1 => format!("+46 70-1{one} {two}"),
        2 => format!("0701{digits}"),
        3 => format!("070-1{one} {two}"),
        4 => format!("0046701{digits}"),
        _ => format!("+46 70 1 {digits}"),
    }
}

/// The numbers of all whom this changes.
pub fn numbers_of(action: &Action) -> BTreeSet<Number> {
    let entries = action.people.iter().filter_map(|(_, entry)| entry.as_ref());
    entries.flat_map(|entry| &entry.numbers).copied().collect()
}
