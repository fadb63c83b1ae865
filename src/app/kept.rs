//! What a new reading of the configuration keeps of the one before: the parts that are made from the
//! same, with all they have learnt and all they have open.

/// A part of the gateway, and what it was made from.
pub(super) struct Made<F, P> {
    /// What it was made from: all settings that it depends on, and the contents of files.
    pub from: F,
    /// The part.
    pub part: P,
}

impl<F: PartialEq, P: Clone> Made<F, P> {
    /// The part that was made before, if it was made from the same, else this one.
    pub(super) fn or_as_before(self, before: Option<&Self>) -> Self {
        match before {
            Some(before) if before.from == self.from => {
                Self { from: self.from, part: before.part.clone() }
            }
            _ => self,
        }
    }
}
