//! Feeds randomly mutated real inputs to everything that reads strangers' bytes. No input may cause
//! a panic or take long. docs/fuzzing.md says how to run it for longer.
//!
//! Each [`Target`] is defined beside the code that it tests. An input with an outcome not seen
//! before becomes a new seed, so that mutations add up.

mod domain;
mod mutation;
mod tests;
mod wire;

use std::hash::{DefaultHasher, Hash, Hasher};

/// Reads an input and returns a hash that distinguishes outcomes. Panics if the tested reader does,
/// or breaks a promise.
pub(crate) type Reader = Box<dyn Fn(&[u8]) -> u64>;

/// Something that reads strangers' bytes.
pub(crate) struct Target {
    /// What it reads.
    pub kind: &'static str,
    /// Its share of all inputs, relative to the other targets.
    pub share: u64,
    /// Real inputs.
    pub seeds: Vec<Vec<u8>>,
    /// Words with a meaning in these inputs.
    pub words: &'static [&'static str],
    /// Reads one input.
    pub read: Reader,
}

/// Real inputs in the form that a target takes.
pub(crate) fn seeds<T: AsRef<[u8]>>(texts: impl IntoIterator<Item = T>) -> Vec<Vec<u8>> {
    texts.into_iter().map(|text| text.as_ref().to_vec()).collect()
}

/// A hash that distinguishes outcomes.
pub(crate) fn outcome(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
