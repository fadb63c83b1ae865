//! Who has which number: an in-memory table, small enough for a million people. Where its rows come
//! from and how fresh they are is decided elsewhere.

mod allowing;

use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::arena::Arena;
use super::bits::Bits;
use super::numbers::Numbers;
use super::record::{self, Key, Number, Parents, Person};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::user::User;

/// Slots swept at a time.
const PART: u32 = 1024;

/// People by number.
#[derive(Default)]
pub(super) struct Table {
    arena: Arena,
    parents: Parents,
    by_key: HashTable<u32>,
    by_number: Numbers,
    hasher: RandomState,
    /// People seen since [`Self::begin`], by slot.
    seen: Bits,
    /// People known to be allowed to use the gateway, by slot.
    allowed: Bits,
    /// The next version of `allowed`, while it is being built.
    to_be_allowed: Bits,
    /// Number of additions, removals and changes of people.
    changes: u64,
    /// Buffer reused for each row.
    scratch: Vec<u8>,
}

impl Table {
    /// Number of people.
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// The people with `number`, at most `most`, and whether the list is truncated: there are more,
    /// or an entry with this number yields no user.
    pub(super) fn find(&self, number: &PhoneNumber, most: usize) -> (Vec<(Key, User)>, bool) {
        let (mut found, mut truncated) = (Vec::new(), false);
        let Some(number) = Number::of(number) else { return (found, truncated) };
        if self.by_number.is_crowded(number) {
            return (found, true);
        }
        for slot in self.by_number.owners(number, &self.arena) {
            let record = self.arena.get(slot);
            match record::user(record, &self.parents) {
                Some(user) if found.len() < most => found.push((*record::key(record), user)),
                _ => truncated = true,
            }
        }
        (found, truncated)
    }

    /// Adds or replaces a person. People without a number are not kept.
    pub(super) fn upsert(&mut self, person: &Person) {
        if person.numbers.is_empty() {
            self.remove(&person.key);
            return;
        }
        let mut record = std::mem::take(&mut self.scratch);
        record.clear();
        record::write(&mut record, person, &mut self.parents);
        match self.slot(&person.key) {
            Some(slot) => {
                self.seen.set(slot);
                if !self.arena.get(slot).starts_with(&record) {
                    self.change(slot, &record);
                }
            }
            None => self.add(&record),
        }
        self.scratch = record;
    }

    /// Removes a person, if present.
    pub(super) fn remove(&mut self, key: &Key) {
        if let Some(slot) = self.slot(key) {
            self.remove_slot(slot);
        }
    }

    /// Starts recording who is seen.
    pub(super) fn begin(&mut self) {
        self.seen.clear();
    }

    /// Records that a person still exists, unchanged.
    pub(super) fn see(&mut self, key: &Key) {
        if let Some(slot) = self.slot(key) {
            self.seen.set(slot);
        }
    }

    /// Removes the people in the part starting at slot `from` who were not seen since
    /// [`Self::begin`]. Returns the start of the next part, if any. Entries added or changed
    /// between two parts count as seen.
    pub(super) fn sweep(&mut self, from: u32) -> Option<u32> {
        let end = self.arena.slots();
        let next = end.min(from.saturating_add(PART));
        for slot in from..next {
            if self.arena.holds(slot) && !self.seen.get(slot) {
                self.remove_slot(slot);
            }
        }
        (next < end).then_some(next)
    }

    /// Whether the user with this number and DN, by which groups name members, is known to be
    /// allowed to use the gateway.
    pub(super) fn is_allowed(&self, number: &PhoneNumber, user: &User) -> bool {
        let Some(number) = Number::of(number) else { return false };
        self.by_number.owners(number, &self.arena).any(|slot| {
            self.allowed.get(slot)
                && record::user(self.arena.get(slot), &self.parents)
                    .is_some_and(|known| known.id == user.id && known.locator == user.locator)
        })
    }

    /// The keys of up to `most` people from slot `from` on, and the slot to continue from, so that
    /// every person has a turn.
    pub(super) fn sample(&self, from: u32, most: usize) -> (Vec<Key>, u32) {
        let end = self.arena.slots();
        let mut next = if from >= end { 0 } else { from };
        let mut keys = Vec::new();
        while next < end && keys.len() < most {
            if self.arena.holds(next) {
                keys.push(*record::key(self.arena.get(next)));
            }
            next += 1;
        }
        (keys, next)
    }

    /// The DN of a person's entry as last known; `None` if the key is unknown or the entry yields
    /// no user.
    pub(super) fn dn(&self, key: &Key) -> Option<String> {
        record::dn(self.arena.get(self.slot(key)?), &self.parents)
    }

    /// Whether the table's record equals `person`, ignoring the account state, which servers need
    /// not report.
    pub(super) fn agrees(&self, person: &Person) -> bool {
        let Some(slot) = self.slot(&person.key) else { return person.numbers.is_empty() };
        let record = self.arena.get(slot);
        let known: HashSet<Number> = record::numbers(record).map(|(_, number)| number).collect();
        let now = person.numbers.iter().filter_map(|(_, number)| Number::of(number)).collect();
        let names = |user: User| {
            let pins: BTreeSet<_> = user.pins.iter().map(|pin| pin.expose().to_owned()).collect();
            (user.id, user.username, user.locator, pins)
        };
        known == now
            && record::user(record, &self.parents).map(names) == person.user.clone().map(names)
    }

    fn slot(&self, key: &Key) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        self.by_key.find(hash, |slot| record::key(self.arena.get(*slot)) == key).copied()
    }

    fn add(&mut self, record: &[u8]) {
        let slot = self.arena.insert(record);
        let (arena, hasher) = (&self.arena, &self.hasher);
        self.by_key.insert_unique(hasher.hash_one(record::key(record)), slot, |slot| {
            hasher.hash_one(record::key(arena.get(*slot)))
        });
        self.seen.set(slot);
        self.changes += 1;
        self.forget_allowed(slot);
        self.by_number.add(slot, record, &self.arena);
    }

    fn change(&mut self, slot: u32, record: &[u8]) {
        let old = self.arena.get(slot);
        // Groups may name their members by DN.
        if record::dn(old, &self.parents) != record::dn(record, &self.parents) {
            self.forget_allowed(slot);
        }
        self.changes += 1;
        let old = self.arena.get(slot);
        let numbers = |record| record::numbers(record).map(|(_, number)| number);
        if numbers(old).eq(numbers(record)) {
            self.arena.replace(slot, record);
            return;
        }
        let old = old.to_vec();
        self.by_number.remove(slot, &old);
        self.arena.replace(slot, record);
        self.by_number.add(slot, record, &self.arena);
        self.by_number.disperse(&old, &self.arena);
    }

    fn remove_slot(&mut self, slot: u32) {
        self.changes += 1;
        self.forget_allowed(slot);
        let old = self.arena.get(slot).to_vec();
        self.by_number.remove(slot, &old);
        let hash = self.hasher.hash_one(record::key(&old));
        if let Ok(entry) = self.by_key.find_entry(hash, |other| *other == slot) {
            entry.remove();
        }
        self.arena.remove(slot);
        self.by_number.disperse(&old, &self.arena);
    }
}

#[cfg(test)]
mod tests;
