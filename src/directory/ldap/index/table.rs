//! Who has which number: a table in memory, small enough for a million people. Where its rows
//! come from, and how fresh they are, is elsewhere.

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

/// How many slots are swept at a time.
const PART: u32 = 1024;

/// People by number.
#[derive(Default)]
pub(super) struct Table {
    arena: Arena,
    parents: Parents,
    by_key: HashTable<u32>,
    by_number: Numbers,
    hasher: RandomState,
    /// Who was seen since [`Self::begin`], by slot.
    seen: Bits,
    /// Who may use the gateway, by slot, as far as that is known.
    allowed: Bits,
    /// The same, while it is noted anew.
    to_be_allowed: Bits,
    /// How many times somebody came, went or changed.
    changes: u64,
    /// Reused from row to row.
    scratch: Vec<u8>,
}

impl Table {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Everybody who has `number`, up to `most`, and whether that list is truncated: there are
    /// more, or it is the number of an entry that names no user.
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

    /// Adds a person or replaces what is known of them. Whoever has no number is not kept.
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

    /// Removes a person, if they are there.
    pub(super) fn remove(&mut self, key: &Key) {
        if let Some(slot) = self.slot(key) {
            self.remove_slot(slot);
        }
    }

    /// Begins to note who is seen.
    pub(super) fn begin(&mut self) {
        self.seen.clear();
    }

    /// Notes that somebody is there, as they are.
    pub(super) fn see(&mut self, key: &Key) {
        if let Some(slot) = self.slot(key) {
            self.seen.set(slot);
        }
    }

    /// Removes those in the part that begins at slot `from` who were not seen since
    /// [`Self::begin`]. Where the next part begins, if there is one: who comes or changes between
    /// the two is seen.
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

    /// Whether the user with this number is known to be one who may use the gateway: the entry
    /// that groups name by this DN.
    pub(super) fn is_allowed(&self, number: &PhoneNumber, user: &User) -> bool {
        let Some(number) = Number::of(number) else { return false };
        self.by_number.owners(number, &self.arena).any(|slot| {
            self.allowed.get(slot)
                && record::user(self.arena.get(slot), &self.parents)
                    .is_some_and(|known| known.id == user.id && known.locator == user.locator)
        })
    }

    /// The keys of up to `most` people from slot `from` on, and where to go on: all come in turn.
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

    /// Where a person's entry is, as far as is known; `None` if nobody has that key, or the entry
    /// names no user.
    pub(super) fn dn(&self, key: &Key) -> Option<String> {
        record::dn(self.arena.get(self.slot(key)?), &self.parents)
    }

    /// Whether what is known of a person is this, leaving out the state of the account: a server
    /// need not tell of that.
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
