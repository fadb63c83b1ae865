//! Maps a number to the slots of its owners.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::arena::Arena;
use super::record::{self, Number};

/// Maximum number of owners per number that are stored by slot. For a number with more owners (a
/// switchboard's) only their count is stored: they would all collide in one place of the table and
/// make it slow.
const CROWD: usize = 64;

/// How many of a person's numbers have a place in the table. For the few people with more, the rest
/// goes into a separate map, which takes more room.
const PLACES: usize = 64;

/// One number of one person: the slot, and the number's position in its record. With the position
/// the table can recompute an entry's hash when it grows.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Owned(u32);

impl Owned {
    /// The lowest six bits hold the position; `None` if it does not fit.
    fn new(slot: u32, position: usize) -> Option<Self> {
        let wide = (slot as usize) << 6 | position;
        let fits = position < PLACES;
        fits.then(|| Self(u32::try_from(wide).expect("fewer than 67 million people")))
    }

    fn slot(self) -> u32 {
        self.0 >> 6
    }

    fn number(self, arena: &Arena) -> Number<'_> {
        let position = self.0 as usize & 63;
        let mut numbers = record::numbers(arena.get(self.slot()));
        numbers.nth(position).expect("an entry is removed with its number").1
    }
}

/// The owners of all numbers.
#[derive(Default)]
pub(super) struct Numbers {
    owned: HashTable<Owned>,
    /// The slots of people with a number whose position has no place in the table.
    beyond: HashMap<(u128, Box<[u8]>), Vec<u32>>,
    /// The count of owners for each crowded number.
    crowds: HashMap<(u128, Box<[u8]>), usize>,
    hasher: RandomState,
}

impl Numbers {
    /// Whether the number has too many owners.
    pub(super) fn is_crowded(&self, number: Number) -> bool {
        // There are almost never any, and building a key would allocate.
        !self.crowds.is_empty() && self.crowds.contains_key(&key(number))
    }

    /// The slots of the number's owners, unless it is crowded.
    pub(super) fn owners<'a>(
        &'a self,
        number: Number<'a>,
        arena: &'a Arena,
    ) -> impl Iterator<Item = u32> + 'a {
        // There are almost never any, and building a key would allocate.
        let beyond = if self.beyond.is_empty() { None } else { self.beyond.get(&key(number)) };
        self.owned
            .iter_hash(self.hasher.hash_one(number))
            .filter(move |owned| owned.number(arena) == number)
            .map(|owned| owned.slot())
            .chain(beyond.into_iter().flatten().copied())
    }

    /// Adds the numbers of a record that is in the arena.
    pub(super) fn add(&mut self, slot: u32, record: &[u8], arena: &Arena) {
        for (position, (_, number)) in record::numbers(record).enumerate() {
            self.enter(slot, position, number, arena);
        }
    }

    fn enter(&mut self, slot: u32, position: usize, number: Number, arena: &Arena) {
        if self.is_crowded(number) {
            *self.crowds.entry(key(number)).or_default() += 1;
            return;
        }
        let hash = self.hasher.hash_one(number);
        let others: Vec<Owned> = self
            .owned
            .iter_hash(hash)
            .filter(|other| other.number(arena) == number)
            .copied()
            .collect();
        let beyond = if self.beyond.is_empty() { None } else { self.beyond.get(&key(number)) };
        let count = others.len() + beyond.map_or(0, Vec::len);
        if count >= CROWD {
            for other in &others {
                self.forget(hash, *other);
            }
            self.beyond.remove(&key(number));
            self.crowds.insert(key(number), count + 1);
            return;
        }
        match Owned::new(slot, position) {
            Some(owned) => {
                let hasher = &self.hasher;
                self.owned.insert_unique(hash, owned, |owned| hasher.hash_one(owned.number(arena)));
            }
            None => self.beyond.entry(key(number)).or_default().push(slot),
        }
    }

    /// Removes a record's numbers. Call [`Self::disperse`] afterwards.
    pub(super) fn remove(&mut self, slot: u32, record: &[u8]) {
        for (position, (_, number)) in record::numbers(record).enumerate() {
            if self.is_crowded(number) {
                let count = self.crowds.entry(key(number)).or_default();
                *count = count.saturating_sub(1);
                continue;
            }
            match Owned::new(slot, position) {
                Some(owned) => self.forget(self.hasher.hash_one(number), owned),
                None => self.forget_beyond(slot, number),
            }
        }
    }

    /// Re-adds the owners of a removed record's numbers that are no longer crowded. Call it after
    /// the record has left the arena.
    pub(super) fn disperse(&mut self, record: &[u8], arena: &Arena) {
        for (_, number) in record::numbers(record) {
            if !self.is_crowded(number) || self.crowds[&key(number)] > CROWD / 2 {
                continue;
            }
            self.crowds.remove(&key(number));
            for slot in (0..arena.slots()).filter(|slot| arena.holds(*slot)) {
                let mut numbers = record::numbers(arena.get(slot));
                if let Some(position) = numbers.position(|(_, other)| other == number) {
                    self.enter(slot, position, number, arena);
                }
            }
        }
    }

    fn forget(&mut self, hash: u64, owned: Owned) {
        if let Ok(entry) = self.owned.find_entry(hash, |other| *other == owned) {
            entry.remove();
        }
    }

    fn forget_beyond(&mut self, slot: u32, number: Number) {
        let key = key(number);
        if let Some(slots) = self.beyond.get_mut(&key) {
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                self.beyond.remove(&key);
            }
        }
    }
}

fn key(number: Number) -> (u128, Box<[u8]>) {
    (number.digits, number.extension.into())
}
