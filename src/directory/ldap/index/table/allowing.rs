//! Who may use the gateway, noted of a whole table in parts, so that nobody waits while a million
//! people are judged: what is noted is in force all at once, at the end.

use super::Table;
use crate::directory::ldap::index::record::{self, Key};

/// How many slots one part has.
const PART: u32 = 256;

/// Who of one part may, as the table was when that was judged.
pub(in crate::directory::ldap::index) struct Part {
    slots: Vec<u32>,
    changes: u64,
    next: u32,
}

impl Part {
    /// Where the next part begins.
    pub(in crate::directory::ldap::index) fn next(&self) -> u32 {
        self.next
    }
}

impl Table {
    /// Begins to note anew who may.
    pub(in crate::directory::ldap::index) fn begin_allowing(&mut self) {
        self.to_be_allowed.clear();
    }

    /// Judges those in the part that begins at slot `from`, by their key and DN; `None` after the
    /// last one.
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

    /// Notes what was judged of a part. Not if the table has changed since: who was judged might be
    /// somebody else.
    pub(in crate::directory::ldap::index) fn note(&mut self, part: &Part) -> bool {
        if part.changes != self.changes {
            return false;
        }
        part.slots.iter().for_each(|slot| self.to_be_allowed.set(*slot));
        true
    }

    /// Has what was noted be in force. How many may.
    pub(in crate::directory::ldap::index) fn finish_allowing(&mut self) -> usize {
        std::mem::swap(&mut self.allowed, &mut self.to_be_allowed);
        self.to_be_allowed.clear();
        self.allowed.count()
    }

    /// Has nobody be known as one who may.
    pub(in crate::directory::ldap::index) fn allow_nobody(&mut self) {
        self.allowed.clear();
        self.to_be_allowed.clear();
    }

    /// Somebody came, went or changed: what is known or was noted of the slot is not theirs.
    pub(super) fn forget_allowed(&mut self, slot: u32) {
        self.allowed.unset(slot);
        self.to_be_allowed.unset(slot);
    }
}
