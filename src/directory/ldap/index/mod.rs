//! The optional in-memory index of a tenant's numbers. A background task keeps it fresh, and calls
//! use it instead of the servers while it is fresh enough. The fallback lookup lives elsewhere.
//!
//! The task ([`keeper`]) has its own connection to one server. It reads all people in pages
//! ([`paging`]), then receives each change ([`sync`], RFC 4533), or polls for changes every few
//! seconds ([`poll`], Active Directory), or repeats the full read (389-ds). It continually checks
//! that it can still read its source data ([`proof`]). After switching servers, at regular
//! intervals, and whenever it may have missed a change, it reads everything again: rows are updated
//! in place, and those no longer found are removed at the end ([`table`]).

mod above;
mod arena;
mod bits;
mod closures;
mod keeper;
mod members;
mod numbers;
mod paging;
mod person;
mod poll;
mod proof;
mod record;
mod state;
mod sync;
mod table;
mod varint;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use ldap3::SearchEntry;
use tokio::runtime::Handle;
use tokio::time::Instant;

pub(super) use self::person::filter;
pub(super) use self::record::Key;
use self::state::{Reading, State};
use self::table::Table;
use super::connection::AbortOnDrop;
use super::servers::Servers;
use super::settings::{AccountChecks, Confirm, IndexSettings, LdapSettings};
use super::{changes, entry};
use crate::directory::{DependencyState, IndexFigures};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::user::User;

/// The people with a number, as the index knows them.
pub(super) struct Indexed {
    /// By base and key.
    pub people: Vec<(usize, Key, User)>,
    /// Whether there are more matches, or matches that yield no user.
    pub truncated: bool,
}

/// A tenant's index.
pub(super) struct Index {
    content: Arc<Content>,
    most: usize,
    _keeper: AbortOnDrop,
}

/// The index's data, shared by lookups and the task that keeps it.
struct Content {
    settings: Arc<LdapSettings>,
    how: IndexSettings,
    /// The attributes read from an entry.
    attributes: Arc<[String]>,
    /// The people below each base, in the order of the settings. Each base has its own table
    /// because each is read and swept separately.
    tables: Vec<RwLock<Table>>,
    state: Mutex<State>,
    /// People found to differ from the index at a call, by base and key.
    doubts: Mutex<HashSet<(usize, Key)>>,
}

impl Index {
    /// An index kept by a task on `runtime`, from the first server in order that supports it.
    pub(super) fn new(servers: &Servers, how: IndexSettings, runtime: &Handle) -> Self {
        let settings = servers.settings();
        let content = Arc::new(Content::new(settings, how));
        let keeper = runtime.spawn(keeper::keep(Arc::clone(&content), Arc::clone(servers.hosts())));
        let most = usize::try_from(settings.size_limit).unwrap_or(usize::MAX).max(1);
        Self { content, most, _keeper: AbortOnDrop(keeper.abort_handle()) }
    }

    /// Whether calls are answered from it now.
    pub(super) fn is_usable(&self) -> bool {
        self.content.state().is_usable(self.content.how.max_age, Instant::now())
    }

    /// All people with `number`, if the index is fresh enough.
    pub(super) fn find(&self, number: &PhoneNumber) -> Option<Indexed> {
        if !self.is_usable() {
            return None;
        }
        let mut found = Indexed { people: Vec::new(), truncated: false };
        for (base, table) in self.content.tables.iter().enumerate() {
            let (people, truncated) = table.read().ok()?.find(number, self.most);
            found.truncated |= truncated;
            found.people.extend(people.into_iter().map(|(key, user)| (base, key, user)));
        }
        Some(found)
    }

    /// The server it follows, if any.
    pub(super) fn followed(&self) -> Option<String> {
        self.content.state().followed().map(str::to_owned)
    }

    /// Whether a caller's entry is read at each call.
    pub(super) fn confirms(&self) -> bool {
        let how = &self.content.how;
        // Change notifications are neither complete nor immediate: they omit locks set by
        // OpenLDAP's password policy, and anything that depends on time or on a policy.
        how.confirm == Confirm::Entry
            || self.content.settings.account_checks == AccountChecks::FromTheEntry
    }

    /// Whether a person still matches the index.
    pub(super) fn agrees(&self, base: usize, key: Key, now: &User) -> bool {
        let person = person::of(key, now.clone(), &self.content.settings);
        self.content.look(base, |table| table.agrees(&person))
    }

    /// Records that the directory contradicts the index about a person.
    pub(super) fn doubt(&self, base: usize, key: Key) {
        self.content.state().missed();
        let mut doubts = self.content.doubts();
        if doubts.len() < proof::MOST_DOUBTS {
            doubts.insert((base, key));
        }
    }

    /// The figures for metrics.
    pub(super) fn figures(&self) -> IndexFigures {
        let people = self.content.people();
        self.content.state().figures(people)
    }

    /// Whether the index is fresh enough to confirm that `user`, found in it, may use the gateway
    /// by the tenant's groups. False means unknown, not denied.
    pub(super) fn knows_as_allowed(&self, user: &User) -> bool {
        let content = &self.content;
        let (max_age, now) = (content.how.max_age, Instant::now());
        let is_fresh = {
            let state = content.state();
            state.is_usable(max_age, now) && state.knows_groups(max_age, now)
        };
        is_fresh
            && user.numbers.iter().any(|value| {
                let number = content.settings.plan.read_stored(&value.text);
                number.is_some_and(|number| {
                    let may = |table: &RwLock<Table>| {
                        table.read().is_ok_and(|table| table.is_allowed(&number, user))
                    };
                    content.tables.iter().any(may)
                })
            })
    }

    /// The state for operators.
    pub(super) fn state(&self) -> DependencyState {
        let name = match self.content.settings.servers.first() {
            Some(url) => format!("index of {url}"),
            None => "index".to_owned(),
        };
        let people = self.content.people();
        self.content.state().dependency_state(name, people, self.content.how.max_age)
    }
}

impl Content {
    /// Empty content.
    fn new(settings: &Arc<LdapSettings>, how: IndexSettings) -> Self {
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// People to check again, because the directory contradicted the index about them.
    fn doubts(&self) -> MutexGuard<'_, HashSet<(usize, Key)>> {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a full read, below one base or all.
    fn has_read(&self, begun: Instant) {
        let ended = Instant::now();
        self.state().has_read(Reading { ended, took: ended - begun });
    }

    /// Number of people.
    fn people(&self) -> usize {
        self.tables.iter().map(|table| table.read().map_or(0, |table| table.len())).sum()
    }

    /// Reads the table of one base.
    fn look<T>(&self, base: usize, look: impl FnOnce(&Table) -> T) -> T {
        look(&self.tables[base].read().expect("no panic with the lock held"))
    }

    /// Changes the table of one base.
    fn change<T>(&self, base: usize, change: impl FnOnce(&mut Table) -> T) -> T {
        // The keeper contains a panic and rebuilds everything.
        change(&mut self.tables[base].write().expect("no panic with the lock held"))
    }

    /// Stores a person's entry in a base's table.
    fn put(&self, base: usize, key: Key, entry: &SearchEntry) {
        let person = person::read(key, entry, &self.settings);
        if person.user.is_none() && !person.numbers.is_empty() {
            self.state().unusable(&self.settings);
        }
        self.change(base, |table| table.upsert(&person));
    }

    /// Removes the people of one base that were not seen since the read began, a part at a time, so
    /// that calls and changes wait for one part at most.
    fn sweep(&self, base: usize) {
        let mut from = Some(0);
        while let Some(at) = from {
            from = self.change(base, |table| table.sweep(at));
            std::thread::yield_now();
        }
    }

    /// All people below a base are in, as of `now`, and changes will be received.
    fn completed(&self, base: usize, now: Instant) {
        let people = self.people();
        self.state().completed(base, people, now);
    }

    /// Discards tables that a panic may have left inconsistent; nothing is known then.
    fn mend(&self) {
        let bad = self.tables.iter().filter(|table| table.is_poisoned());
        for table in bad {
            *table.write().unwrap_or_else(PoisonError::into_inner) = Table::default();
            table.clear_poison();
            self.state().forget();
        }
    }
}
