//! From a number to the slots of those who have it.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::arena::Arena;
use super::record::{self, MOST_NUMBERS, Number};

/// Most owners of one number that are kept by slot. Of a number that more have (a switchboard's)
/// only how many they are is kept: they would all be in one place of the table, and make it slow.
const CROWD: usize = 64;

/// One number of one person: the slot, and which of the numbers in its record it is. The second
/// is what lets the table find an entry's hash again when it grows.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Owned(u32);

impl Owned {
    /// The lowest six bits are the position.
    fn new(slot: u32, position: usize) -> Self {
        debug_assert!(position < MOST_NUMBERS);
        let wide = (slot as usize) << 6 | position;
        Self(u32::try_from(wide).expect("fewer than 67 million people"))
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
    /// How many have each of the numbers that too many have.
    crowds: HashMap<(u128, Box<[u8]>), usize>,
    hasher: RandomState,
}

impl Numbers {
    /// Whether too many have the number.
    pub(super) fn is_crowded(&self, number: Number) -> bool {
        // Almost always there are none, and a key would be an allocation.
        !self.crowds.is_empty() && self.crowds.contains_key(&key(number))
    }

    /// The slots of those who have the number, if it is not crowded.
    pub(super) fn owners<'a>(
        &'a self,
        number: Number<'a>,
        arena: &'a Arena,
    ) -> impl Iterator<Item = u32> + 'a {
        self.owned
            .iter_hash(self.hasher.hash_one(number))
            .filter(move |owned| owned.number(arena) == number)
            .map(|owned| owned.slot())
    }

    /// Enters the numbers of a record that is in the arena.
    pub(super) fn add(&mut self, slot: u32, record: &[u8], arena: &Arena) {
        for (position, (_, number)) in record::numbers(record).enumerate() {
            self.enter(Owned::new(slot, position), number, arena);
        }
    }

    fn enter(&mut self, owned: Owned, number: Number, arena: &Arena) {
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
        if others.len() < CROWD {
            let hasher = &self.hasher;
            self.owned.insert_unique(hash, owned, |owned| hasher.hash_one(owned.number(arena)));
            return;
        }
        for other in &others {
            self.forget(hash, *other);
        }
        self.crowds.insert(key(number), others.len() + 1);
    }

    /// Takes the numbers of a record out. [`Self::disperse`] has to follow.
    pub(super) fn remove(&mut self, slot: u32, record: &[u8]) {
        for (position, (_, number)) in record::numbers(record).enumerate() {
            if self.is_crowded(number) {
                let count = self.crowds.entry(key(number)).or_default();
                *count = count.saturating_sub(1);
            } else {
                self.forget(self.hasher.hash_one(number), Owned::new(slot, position));
            }
        }
    }

    /// Enters the owners of those numbers of a record that are no longer crowded, once what was
    /// removed is out of the arena.
    pub(super) fn disperse(&mut self, record: &[u8], arena: &Arena) {
        for (_, number) in record::numbers(record) {
            if !self.is_crowded(number) || self.crowds[&key(number)] > CROWD / 2 {
                continue;
            }
            self.crowds.remove(&key(number));
            for slot in (0..arena.slots()).filter(|slot| arena.holds(*slot)) {
                let mut numbers = record::numbers(arena.get(slot));
                if let Some(position) = numbers.position(|(_, other)| other == number) {
                    self.enter(Owned::new(slot, position), number, arena);
                }
            }
        }
    }

    fn forget(&mut self, hash: u64, owned: Owned) {
        if let Ok(entry) = self.owned.find_entry(hash, |other| *other == owned) {
            entry.remove();
        }
    }
}

fn key(number: Number) -> (u128, Box<[u8]>) {
    (number.digits, number.extension.into())
}
