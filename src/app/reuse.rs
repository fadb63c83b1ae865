//! Keeps components across a reload: one whose settings are unchanged stays, with its state and
//! connections.

/// A component, and what it was built from.
pub(super) struct Reusable<F, P> {
    /// What it was built from: every setting that it depends on, and the contents of files.
    pub from: F,
    /// The component.
    pub part: P,
}

impl<F: PartialEq, P: Clone> Reusable<F, P> {
    /// The previous component if it was built from the same, else this one.
    pub(super) fn or_previous(self, before: Option<&Self>) -> Self {
        match before {
            Some(before) if before.from == self.from => {
                Self { from: self.from, part: before.part.clone() }
            }
            _ => self,
        }
    }
}
