//! What a reload keeps: parts built from unchanged settings stay, with everything they have learnt
//! and all their connections.

/// A part of the gateway, and what it was built from.
pub(super) struct Made<F, P> {
    /// What it was built from: every setting that it depends on, and the contents of files.
    pub from: F,
    /// The part.
    pub part: P,
}

impl<F: PartialEq, P: Clone> Made<F, P> {
    /// The previous part if it was built from the same, else this one.
    pub(super) fn or_as_before(self, before: Option<&Self>) -> Self {
        match before {
            Some(before) if before.from == self.from => {
                Self { from: self.from, part: before.part.clone() }
            }
            _ => self,
        }
    }
}
