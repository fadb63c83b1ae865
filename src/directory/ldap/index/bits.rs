//! A set of small numbers, one bit each.

/// The set.
#[derive(Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// Whether `number` is in the set.
    pub(super) fn get(&self, number: u32) -> bool {
        self.0.get(number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Adds `number`.
    pub(super) fn set(&mut self, number: u32) {
        let at = number as usize / 64;
        if at >= self.0.len() {
            self.0.resize(at + 1, 0);
        }
        self.0[at] |= 1 << (number % 64);
    }

    /// Removes `number`.
    pub(super) fn unset(&mut self, number: u32) {
        if let Some(word) = self.0.get_mut(number as usize / 64) {
            *word &= !(1 << (number % 64));
        }
    }

    /// Number of elements.
    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Empties the set.
    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }
}
