//! Records who may use the gateway, in parts, so that no one waits while a million people are
//! judged. The new record takes effect all at once, at the end.

use super::Table;
use crate::directory::ldap::index::record::{self, Key};

/// Number of slots in a part.
const PART: u32 = 256;

/// The people of one part who are allowed, as of the table's state at that time.
pub(in crate::directory::ldap::index) struct Part {
    slots: Vec<u32>,
    changes: u64,
    next: u32,
}

impl Part {
    /// The start of the next part.
    pub(in crate::directory::ldap::index) fn next(&self) -> u32 {
        self.next
    }
}

impl Table {
    /// Starts recording anew who is allowed.
    pub(in crate::directory::ldap::index) fn begin_allowing(&mut self) {
        self.to_be_allowed.clear();
    }

    /// Judges the people in the part that begins at slot `from`, by key and DN; `None` after the
    /// last part.
    pub(in crate::directory::ldap::index) fn judge(
        &self,
        from: u32,
        may: impl Fn(&Key, &str) -> bool,
    ) -> Option<Part> {
        let end = self.arena.slots();
        if from >= end {
            return None;
        }
        let next = end.min(from.saturating_add(PART));
        let judged = (from..next).filter(|slot| self.arena.holds(*slot)).filter(|slot| {
            let record = self.arena.get(*slot);
            record::dn(record, &self.parents).is_some_and(|dn| may(record::key(record), &dn))
        });
        Some(Part { slots: judged.collect(), changes: self.changes, next })
    }

    /// Records a judged part, unless the table has changed since: a slot may hold someone else now.
    pub(in crate::directory::ldap::index) fn note(&mut self, part: &Part) -> bool {
        if part.changes != self.changes {
            return false;
        }
        part.slots.iter().for_each(|slot| self.to_be_allowed.set(*slot));
        true
    }

    /// Puts the new record into effect. Returns how many people are allowed.
    pub(in crate::directory::ldap::index) fn finish_allowing(&mut self) -> usize {
        std::mem::swap(&mut self.allowed, &mut self.to_be_allowed);
        self.to_be_allowed.clear();
        self.allowed.count()
    }

    /// Marks no one as known to be allowed.
    pub(in crate::directory::ldap::index) fn allow_no_one(&mut self) {
        self.allowed.clear();
        self.to_be_allowed.clear();
    }

    /// The person in the slot came, went or changed: what was recorded for the slot no longer
    /// applies.
    pub(super) fn forget_allowed(&mut self, slot: u32) {
        self.allowed.unset(slot);
        self.to_be_allowed.unset(slot);
    }
}
