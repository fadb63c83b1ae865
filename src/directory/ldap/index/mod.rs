//! The optional index of a tenant's numbers: kept in memory, kept fresh by a task of its own, and
//! asked instead of the servers while it is fresh enough. Where a caller is looked up if it is
//! not, is elsewhere.
//!
//! The task ([`keeper`]) has a connection of its own to one server. It reads all people in pages
//! ([`paging`]) and from then on hears of each change ([`sync`], RFC 4533), or asks for changes
//! every few seconds ([`poll`], Active Directory), or reads all again and again (389-ds). That it
//! still reads what it is made of is proven all the time ([`proof`]). On another server, every now
//! and then, and wherever it may have missed something, it reads all again: rows are updated in
//! place, and those that were not there any more are removed at the end ([`table`]).

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

/// Everybody who has a number, as the index knows them.
pub(super) struct Indexed {
    /// By base and key.
    pub people: Vec<(usize, Key, User)>,
    /// Whether there are more, or others that are of no use.
    pub truncated: bool,
}

/// A tenant's index.
pub(super) struct Index {
    content: Arc<Content>,
    most: usize,
    _keeper: AbortOnDrop,
}

/// What the index holds, shared by whoever asks and the task that keeps it.
struct Content {
    settings: Arc<LdapSettings>,
    how: IndexSettings,
    /// What is read of an entry.
    attributes: Arc<[String]>,
    /// The people below each base, in the order of the settings. Each base has a table of its
    /// own, because each is read and swept by itself.
    tables: Vec<RwLock<Table>>,
    state: Mutex<State>,
    /// Who was found to be somebody else at a call, by base and key.
    doubts: Mutex<HashSet<(usize, Key)>>,
}

impl Index {
    /// An index that a task on `runtime` keeps, from the first of the servers that it can be kept
    /// from.
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

    /// Everybody who has `number`, if the index is fresh enough to say.
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

    /// The server that it is kept from, while there is one.
    pub(super) fn followed(&self) -> Option<String> {
        self.content.state().followed().map(str::to_owned)
    }

    /// Whether the entry of a caller is read at the call.
    pub(super) fn confirms(&self) -> bool {
        let how = &self.content.how;
        // An index is told neither of everything nor at once: not of a lock that OpenLDAP's
        // password policy sets, nor of what depends on the time or on a policy.
        how.confirm == Confirm::Entry
            || self.content.settings.account_checks == AccountChecks::FromTheEntry
    }

    /// Whether a person is now as the index has them.
    pub(super) fn agrees(&self, base: usize, key: Key, now: &User) -> bool {
        let person = person::of(key, now.clone(), &self.content.settings);
        self.content.look(base, |table| table.agrees(&person))
    }

    /// The directory says something else of a person than the index.
    pub(super) fn doubt(&self, base: usize, key: Key) {
        self.content.state().missed();
        let mut doubts = self.content.doubts();
        if doubts.len() < proof::MOST_DOUBTS {
            doubts.insert((base, key));
        }
    }

    /// What is measured.
    pub(super) fn figures(&self) -> IndexFigures {
        let people = self.content.people();
        self.content.state().figures(people)
    }

    /// Whether the index is fresh enough to say that `user`, whom it found, may use the gateway by
    /// the tenant's groups. A no is no answer.
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

    /// The state as operators see it.
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
    /// Nobody yet.
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

    /// Who is to be looked at, because the directory said something else of them.
    fn doubts(&self) -> MutexGuard<'_, HashSet<(usize, Key)>> {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everybody below one base, or below all, was read.
    fn has_read(&self, begun: Instant) {
        let ended = Instant::now();
        self.state().has_read(Reading { ended, took: ended - begun });
    }

    /// How many people there are.
    fn people(&self) -> usize {
        self.tables.iter().map(|table| table.read().map_or(0, |table| table.len())).sum()
    }

    /// Looks at the table of one base.
    fn look<T>(&self, base: usize, look: impl FnOnce(&Table) -> T) -> T {
        look(&self.tables[base].read().expect("no panic with the lock held"))
    }

    /// Does something with the table of one base.
    fn change<T>(&self, base: usize, change: impl FnOnce(&mut Table) -> T) -> T {
        // A panic is contained by the keeper, which has everything begin anew.
        change(&mut self.tables[base].write().expect("no panic with the lock held"))
    }

    /// Enters what an entry below a base says of a person.
    fn put(&self, base: usize, key: Key, entry: &SearchEntry) {
        let person = person::read(key, entry, &self.settings);
        if person.user.is_none() && !person.numbers.is_empty() {
            self.state().unusable(&self.settings);
        }
        self.change(base, |table| table.upsert(&person));
    }

    /// Removes whom the table of one base has not seen since it was begun, a part at a time: calls
    /// and changes wait for no more than one.
    fn sweep(&self, base: usize) {
        let mut from = Some(0);
        while let Some(at) = from {
            from = self.change(base, |table| table.sweep(at));
            std::thread::yield_now();
        }
    }

    /// All people below a base are in, as of `now`, and changes will be heard of.
    fn completed(&self, base: usize, now: Instant) {
        let people = self.people();
        self.state().completed(base, people, now);
    }

    /// Throws away tables that a panic may have left in a bad state; nothing is known then.
    fn mend(&self) {
        let bad = self.tables.iter().filter(|table| table.is_poisoned());
        for table in bad {
            *table.write().unwrap_or_else(PoisonError::into_inner) = Table::default();
            table.clear_poison();
            self.state().forget();
        }
    }
}
