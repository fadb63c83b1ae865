//! The index's data: a table for each base, its state, and the people to check again.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use ldap3::SearchEntry;
use tokio::time::Instant;

use super::person;
use super::record::Key;
use super::state::{Reading, State};
use super::table::Table;
use crate::directory::ldap::settings::{IndexSettings, LdapSettings};
use crate::directory::ldap::{changes, entry};

/// The index's data, shared by lookups and the task that keeps it.
pub(super) struct Content {
    pub(super) settings: Arc<LdapSettings>,
    pub(super) how: IndexSettings,
    /// The attributes read from an entry.
    pub(super) attributes: Arc<[String]>,
    /// The people below each base, in the order of the settings. Each base has its own table
    /// because each is read and swept separately.
    pub(super) tables: Vec<RwLock<Table>>,
    pub(super) state: Mutex<State>,
    /// People found to differ from the index at a call, by base and key.
    pub(super) doubts: Mutex<HashSet<(usize, Key)>>,
}

impl Content {
    /// Empty content.
    pub(super) fn new(settings: &Arc<LdapSettings>, how: IndexSettings) -> Self {
        let mut attributes = entry::attributes(settings);
        attributes.push(person::key_attribute(settings).to_owned());
        attributes.push(changes::attribute(settings.profile).to_owned());
        Self {
            settings: Arc::clone(settings),
            how,
            attributes: attributes.into(),
            tables: settings.base_dns.iter().map(|_| RwLock::default()).collect(),
            state: Mutex::new(State::new(settings.base_dns.len())),
            doubts: Mutex::default(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// People to check again, because the directory contradicted the index about them.
    pub(super) fn doubts(&self) -> MutexGuard<'_, HashSet<(usize, Key)>> {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a full read, below one base or all.
    pub(super) fn has_read(&self, started: Instant) {
        let ended = Instant::now();
        self.state().has_read(Reading { ended, took: ended - started });
    }

    /// Number of people.
    pub(super) fn people(&self) -> usize {
        self.tables.iter().map(|table| table.read().map_or(0, |table| table.len())).sum()
    }

    /// Reads the table of one base.
    pub(super) fn look<T>(&self, base: usize, look: impl FnOnce(&Table) -> T) -> T {
        look(&self.tables[base].read().expect("no panic with the lock held"))
    }

    /// Changes the table of one base.
    pub(super) fn change<T>(&self, base: usize, change: impl FnOnce(&mut Table) -> T) -> T {
        // The task contains a panic and rebuilds everything.
        change(&mut self.tables[base].write().expect("no panic with the lock held"))
    }

    /// Stores a person's entry in a base's table.
    pub(super) fn put(&self, base: usize, key: Key, entry: &SearchEntry) {
        let person = person::read(key, entry, &self.settings);
        if person.user.is_none() && !person.numbers.is_empty() {
            self.state().unusable(&self.settings);
        }
        self.change(base, |table| table.upsert(&person));
    }

    /// Removes the people of one base that were not seen since the read began, a part at a time, so
    /// that calls and changes wait for one part at most.
    pub(super) fn sweep(&self, base: usize) {
        let mut from = Some(0);
        while let Some(at) = from {
            from = self.change(base, |table| table.sweep(at));
            std::thread::yield_now();
        }
    }

    /// All people below a base are in, as of `now`, and changes will be received.
    pub(super) fn completed(&self, base: usize, now: Instant) {
        let people = self.people();
        self.state().completed(base, people, now);
    }

    /// Discards tables that a panic may have left inconsistent; nothing is known then.
    pub(super) fn mend(&self) {
        let bad = self.tables.iter().filter(|table| table.is_poisoned());
        for table in bad {
            *table.write().unwrap_or_else(PoisonError::into_inner) = Table::default();
            table.clear_poison();
            self.state().forget();
        }
    }
}
