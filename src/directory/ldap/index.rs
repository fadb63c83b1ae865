//! The optional in-memory index of a tenant's numbers. A background task keeps it fresh, and calls
//! use it instead of the servers while it is fresh enough. The fallback lookup lives elsewhere.
//!
//! The task ([`sync_task`]) has its own connection to one server. It reads all people in pages
//! ([`paging`]), then receives each change ([`sync`], RFC 4533), or polls for changes every few
//! seconds ([`poll`], Active Directory), or repeats the full read (389-ds). It continually checks
//! that it can still read its source data ([`proof`]). After switching servers, at regular
//! intervals, and whenever it may have missed a change, it reads everything again: rows are updated
//! in place, and those no longer found are removed at the end ([`table`]).

mod above;
mod arena;
mod bits;
mod closures;
mod content;
mod members;
mod numbers;
mod paging;
mod person;
mod poll;
mod proof;
mod record;
mod state;
mod sync;
mod sync_task;
mod table;
mod varint;

use std::sync::{Arc, RwLock};

use tokio::runtime::Handle;
use tokio::time::Instant;

use self::content::Content;
pub(super) use self::person::filter;
pub(super) use self::record::Key;
use self::table::Table;
use super::connection::AbortOnDrop;
use super::servers::Servers;
use super::settings::{AccountChecks, Confirm, IndexSettings};
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

impl Index {
    /// An index kept by a task on `runtime`, from the first server in order that supports it.
    pub(super) fn new(servers: &Servers, how: IndexSettings, runtime: &Handle) -> Self {
        let settings = servers.settings();
        let content = Arc::new(Content::new(settings, how));
        let sync_task =
            runtime.spawn(sync_task::keep(Arc::clone(&content), Arc::clone(servers.hosts())));
        let most = usize::try_from(settings.size_limit).unwrap_or(usize::MAX).max(1);
        Self { content, most, _keeper: AbortOnDrop(sync_task.abort_handle()) }
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
