//! Who has which number: a table in memory, small enough for a million people. Where its rows
//! come from, and how fresh they are, is elsewhere.

mod allowing;

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::arena::Arena;
use super::bits::Bits;
use super::numbers::Numbers;
use super::record::{self, Key, Number, Parents, Person};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::user::{Candidates, UserId};

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

    /// Everybody who has `number`, up to `most`. The list is truncated if there are more, and if
    /// it is the number of an entry that names no user.
    pub(super) fn find(&self, number: &PhoneNumber, most: usize) -> Candidates {
        let mut found = Candidates::default();
        let Some(number) = Number::of(number) else { return found };
        if self.by_number.is_crowded(number) {
            found.truncated = true;
            return found;
        }
        for slot in self.by_number.owners(number, &self.arena) {
            match record::user(self.arena.get(slot), &self.parents) {
                Some(user) if found.users.len() < most => found.users.push(user),
                _ => found.truncated = true,
            }
        }
        found
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

    /// Removes everybody who was not seen since [`Self::begin`].
    pub(super) fn sweep(&mut self) {
        for slot in 0..self.arena.slots() {
            if self.arena.holds(slot) && !self.seen.get(slot) {
                self.remove_slot(slot);
            }
        }
    }

    /// Whether the user with this number is known to be one who may use the gateway.
    pub(super) fn is_allowed(&self, number: &PhoneNumber, id: &UserId) -> bool {
        let Some(number) = Number::of(number) else { return false };
        self.by_number.owners(number, &self.arena).any(|slot| {
            self.allowed.get(slot)
                && record::user(self.arena.get(slot), &self.parents)
                    .is_some_and(|user| user.id == *id)
        })
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
