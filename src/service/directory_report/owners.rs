//! Who has which number, stored compactly: about 60 MB for a million people with two numbers each.

use std::collections::HashMap;

use super::finding::Example;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::user::Ambiguity;

/// Maximum number of names shown for a shared number.
const MOST_NAMES: usize = 10;

/// One person's number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    /// The E.164 digits.
    number: u64,
    /// 0, or the 1-based index in [`Owners::extensions`].
    extension: u32,
    person: u32,
    rank: u32,
    /// Whether a call's search misses it.
    unseen: bool,
}

/// Numbers and people as they stream by.
#[derive(Default)]
pub(super) struct Owners {
    entries: Vec<Entry>,
    extensions: HashMap<String, u32>,
    /// All names concatenated; `ends` holds where each one ends.
    names: String,
    ends: Vec<usize>,
    /// PIN hashes by person; people without a PIN are absent.
    pins: HashMap<u32, Vec<u64>>,
}

/// The outcome for each number.
pub(super) struct Verdicts {
    /// By person: whether any number leads to them.
    pub winners: Vec<bool>,
    /// Shared numbers that give a code to no one.
    pub refused: usize,
    /// Some of those.
    pub examples: Vec<Example>,
    /// Shared numbers that still lead to one person.
    pub decided: usize,
    /// Numbers that lead to a person only because the search misses their other owners.
    pub misdirected: usize,
    /// Some of those.
    pub misdirected_examples: Vec<Example>,
}

impl Owners {
    /// Adds a person and returns their index.
    pub(super) fn person(&mut self, name: &str) -> u32 {
        let person = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        self.names.push_str(name);
        self.ends.push(self.names.len());
        person
    }

    /// Adds the hashes of a person's PINs.
    pub(super) fn pins(&mut self, person: u32, mut pins: Vec<u64>) {
        pins.sort_unstable();
        pins.dedup();
        if !pins.is_empty() {
            self.pins.insert(person, pins);
        }
    }

    /// Adds a person's number; `unseen` if a call's search misses it.
    pub(super) fn add(&mut self, number: &PhoneNumber, person: u32, rank: usize, unseen: bool) {
        let next = u32::try_from(self.extensions.len() + 1).unwrap_or(u32::MAX);
        let extension = number
            .extension()
            .map_or(0, |extension| *self.extensions.entry(extension.to_owned()).or_insert(next));
        // The longest possible number has 18 digits.
        let number = number.as_str()[1..].parse().unwrap_or(u64::MAX);
        self.entries.push(Entry {
            number,
            extension,
            person,
            rank: u32::try_from(rank).unwrap_or(u32::MAX),
            unseen,
        });
    }

    /// Decides whom each number leads to, with up to `examples` numbers that lead to no one.
    pub(super) fn judge(&mut self, ambiguity: Ambiguity, examples: usize) -> Verdicts {
        self.entries.sort_unstable();
        let mut verdicts = Verdicts {
            winners: vec![false; self.ends.len()],
            refused: 0,
            examples: Vec::new(),
            decided: 0,
            misdirected: 0,
            misdirected_examples: Vec::new(),
        };
        for group in
            self.entries.chunk_by(|a, b| (a.number, a.extension) == (b.number, b.extension))
        {
            let owners = one_per_person(group.iter().filter(|entry| !entry.unseen));
            if owners.is_empty() {
                continue;
            }
            let winners = self.winners(&owners, ambiguity);
            for person in &winners {
                if let Some(wins) = verdicts.winners.get_mut(*person as usize) {
                    *wins = true;
                }
            }
            // With PINs every owner must be distinguishable; otherwise one is chosen.
            let all = if ambiguity == Ambiguity::Pin { owners.len() } else { 1 };
            if winners.len() < all {
                verdicts.refused += 1;
                if verdicts.examples.len() < examples {
                    verdicts.examples.push(self.example(&owners, &winners, ambiguity));
                }
            } else if owners.len() > 1 {
                verdicts.decided += 1;
            }
            let all_owners = one_per_person(group);
            if self.is_misdirected(&owners, &winners, &all_owners, ambiguity) {
                verdicts.misdirected += 1;
                if verdicts.misdirected_examples.len() < examples {
                    verdicts
                        .misdirected_examples
                        .push(self.misdirected_example(&owners, &all_owners));
                }
            }
        }
        verdicts
    }

    /// Whether someone gets a code by this number who would not if the search found all its owners.
    fn is_misdirected(
        &self,
        owners: &[Entry],
        winners: &[u32],
        all_owners: &[Entry],
        ambiguity: Ambiguity,
    ) -> bool {
        if all_owners.len() == owners.len() || winners.is_empty() {
            return false;
        }
        // A sole owner is not asked for a PIN.
        let unasked = ambiguity == Ambiguity::Pin && owners.len() == 1;
        let rightful = self.winners(all_owners, ambiguity);
        unasked || winners.iter().any(|winner| !rightful.contains(winner))
    }

    /// The owners who get a code when they call from this number.
    fn winners(&self, owners: &[Entry], ambiguity: Ambiguity) -> Vec<u32> {
        match (owners, ambiguity) {
            ([only], _) => vec![only.person],
            (_, Ambiguity::Refuse) => Vec::new(),
            (_, Ambiguity::PreferAttributeOrder) => first_by_rank(owners).into_iter().collect(),
            (_, Ambiguity::Pin) => {
                let mut had: HashMap<u64, usize> = HashMap::new();
                let pins = |owner: &Entry| self.pins.get(&owner.person).into_iter().flatten();
                owners.iter().flat_map(pins).for_each(|pin| *had.entry(*pin).or_default() += 1);
                let alone = |owner: &&Entry| pins(owner).any(|pin| had.get(pin) == Some(&1));
                owners.iter().filter(alone).map(|owner| owner.person).collect()
            }
        }
    }

    fn example(&self, owners: &[Entry], winners: &[u32], ambiguity: Ambiguity) -> Example {
        let first = owners[0];
        let extension = self.extensions.iter().find(|(_, place)| **place == first.extension);
        let extension = extension.map_or(String::new(), |(digits, _)| format!(";ext={digits}"));
        let usernames =
            owners.iter().take(MOST_NAMES).map(|entry| self.name(entry.person).to_owned());
        let mut detail = format!("{} people", owners.len());
        if ambiguity == Ambiguity::Pin {
            let without = owners.iter().filter(|owner| !winners.contains(&owner.person));
            let without: Vec<_> =
                without.take(MOST_NAMES).map(|owner| self.name(owner.person)).collect();
            detail.push_str("; without a PIN that no other has: ");
            detail.push_str(&without.join(", "));
        }
        Example {
            usernames: usernames.collect(),
            attribute: String::new(),
            value: format!("+{}{extension}", first.number),
            detail,
        }
    }

    fn misdirected_example(&self, owners: &[Entry], all_owners: &[Entry]) -> Example {
        let found = |entry: &&Entry| owners.iter().any(|owner| owner.person == entry.person);
        let names = |people: Vec<&Entry>| {
            let names = people.iter().take(MOST_NAMES).map(|entry| self.name(entry.person));
            names.collect::<Vec<_>>().join(", ")
        };
        let seen = names(all_owners.iter().filter(found).collect());
        let unseen = names(all_owners.iter().filter(|entry| !found(entry)).collect());
        let mut example = self.example(all_owners, &[], Ambiguity::Refuse);
        example.detail = format!("the search finds {seen} but not {unseen}");
        example
    }

    fn name(&self, person: u32) -> &str {
        let at = person as usize;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        let end = self.ends.get(at).copied().unwrap_or_default();
        self.names.get(start.unwrap_or(0)..end).unwrap_or_default()
    }
}

/// The first entry of each person, from entries sorted by person, then by rank.
fn one_per_person<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<Entry> {
    let mut owners: Vec<Entry> = entries.into_iter().copied().collect();
    owners.dedup_by_key(|entry| entry.person);
    owners
}

/// The only owner with the number in the earliest attribute; `None` if several share it.
fn first_by_rank(owners: &[Entry]) -> Option<u32> {
    let best = owners.iter().map(|entry| entry.rank).min()?;
    let mut first = owners.iter().filter(|entry| entry.rank == best);
    match (first.next(), first.next()) {
        (Some(only), None) => Some(only.person),
        _ => None,
    }
}
