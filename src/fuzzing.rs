//! Tries what reads strangers' bytes on bytes that nobody would send: real inputs, changed at random.
//! No input may end in a panic, or take long. docs/fuzzing.md says how to run it for longer.
//!
//! Each [`Target`] stands beside the code that it tries. An input that has an outcome not seen
//! before becomes one to start from, so that changes add up.

mod domain;
mod mutation;
mod tests;
mod wire;

use std::hash::{DefaultHasher, Hash, Hasher};

/// Reads an input, and gives back what tells its outcome from another. It panics if the reader it
/// tries does, or breaks a promise.
pub(crate) type Reader = Box<dyn Fn(&[u8]) -> u64>;

/// Something that reads strangers' bytes.
pub(crate) struct Target {
    /// What it reads.
    pub kind: &'static str,
    /// How large its part of all inputs is, against the other targets'.
    pub share: u64,
    /// Real inputs.
    pub seeds: Vec<Vec<u8>>,
    /// Words that mean something in them.
    pub words: &'static [&'static str],
    /// Reads one.
    pub read: Reader,
}

/// Real inputs as a target has them.
pub(crate) fn seeds<T: AsRef<[u8]>>(texts: impl IntoIterator<Item = T>) -> Vec<Vec<u8>> {
    texts.into_iter().map(|text| text.as_ref().to_vec()).collect()
}

/// What tells one outcome from another.
pub(crate) fn outcome(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
