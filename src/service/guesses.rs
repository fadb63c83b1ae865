//! Counts how often a code was guessed with the same password, right or wrong.
//!
//! The directory checks no more wrong passwords than the budget allows; beyond it a wrong code is
//! refused without a bind. Someone who knows the password could then guess codes endlessly, and the
//! right one would let them in. Counting guesses per password stops only them: a stranger who does
//! not know the password never counts against it.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use lru::LruCache;

use crate::domain::secret::Password;

/// Maximum number of code and password pairs remembered, most recent first; about 50 bytes each.
const REMEMBERED: usize = 100_000;

/// The guesses seen by this node. A password is stored only as 64 bits of a hash whose key is drawn
/// at each start.
pub struct Guesses {
    hasher: RandomState,
    wrong: Mutex<LruCache<u64, u32>>,
}

impl Default for Guesses {
    fn default() -> Self {
        Self { hasher: RandomState::new(), wrong: Mutex::new(LruCache::unbounded()) }
    }
}

impl Guesses {
    /// Counts a wrong code that came with `password`.
    pub(super) fn count(&self, nonce: [u8; 16], password: &Password) {
        let key = self.key(nonce, password);
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        *wrong.get_or_insert_mut(key, || 0) += 1;
        if wrong.len() > REMEMBERED {
            wrong.pop_lru();
        }
    }

    /// Whether `password` has come with as many wrong codes as burn a code.
    pub(super) fn are_spent(&self, nonce: [u8; 16], password: &Password, most: u32) -> bool {
        let key = self.key(nonce, password);
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.get(&key).is_some_and(|count| *count >= most)
    }

    fn key(&self, nonce: [u8; 16], password: &Password) -> u64 {
        self.hasher.hash_one((nonce, password.expose()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_count_for_their_code_and_password_alone_and_take_bounded_room() {
        let password = |text: &str| Password::parse(text.to_owned()).expect("a password");
        let guesses = Guesses::default();
        for n in 0..REMEMBERED + 10 {
            guesses.count([1; 16], &password(&format!("junk {n}")));
        }
        assert_eq!(guesses.wrong.lock().expect("no panic").len(), REMEMBERED);
        for _ in 0..3 {
            guesses.count([1; 16], &password("right"));
        }
        assert!(guesses.are_spent([1; 16], &password("right"), 3));
        assert!(!guesses.are_spent([1; 16], &password("right"), 4));
        assert!(!guesses.are_spent([2; 16], &password("right"), 3));
        assert!(!guesses.are_spent([1; 16], &password("other"), 3));
    }
}
