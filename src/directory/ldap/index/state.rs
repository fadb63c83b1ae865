//! How fresh the index is, and what was said of it. No I/O.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::directory::ldap::breaker;
use crate::directory::ldap::settings::LdapSettings;
use crate::directory::{DependencyState, IndexFigures};

/// What is known of the content's age.
#[expect(clippy::struct_excessive_bools, reason = "each says a thing of its own")]
pub(super) struct State {
    /// Until when the content is known to be complete; `None` before it was read once.
    as_of: Option<Instant>,
    /// Whether each change is heard of, or everybody is being read again as planned.
    live: bool,
    /// Which bases' people are complete since the connection was opened.
    complete: Vec<bool>,
    /// The server it is kept from, while there is one.
    server: Option<String>,
    /// The server that comes first, while it is kept from another.
    preferred: Option<String>,
    groups: Groups,
    /// Why it is not live.
    trouble: Option<Trouble>,
    /// Whether an entry was met that names no user, since the connection was opened.
    unusable: bool,
    /// Whether it was said that deleted entries cannot be seen.
    blind: bool,
    /// Whether it was said that the entries above people cannot be watched.
    unwatched: bool,
    /// The last time that everybody was read.
    read: Option<Reading>,
    /// How often everybody was read.
    full_reads: u64,
    /// How often the directory was found to say something else of somebody.
    misses: u64,
}

/// One reading of everybody.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub ended: Instant,
    pub took: Duration,
}

/// What is known of the tenant's groups.
#[derive(Debug, Clone, Copy)]
pub(super) enum Groups {
    /// Nothing yet, or there are none.
    Unread,
    /// So many were let in.
    Read {
        /// How many.
        members: usize,
        /// When that began to be read.
        as_of: Instant,
    },
    /// They cannot be read.
    Unreadable,
}

/// Why the index is not live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Something that passes.
    Lost(String),
    /// Something that stays until somebody changes a setting, here or there.
    Refused(String),
    /// The directory says something else than the index, which has not heard of it.
    Missed(String),
    /// Everybody is about to be read again, for this reason.
    Planned(&'static str),
}

impl Trouble {
    /// What is wrong, for an operator.
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Lost(reason) | Self::Refused(reason) | Self::Missed(reason) => reason,
            Self::Planned(reason) => reason,
        }
    }
}

impl From<breaker::Trouble> for Trouble {
    fn from(trouble: breaker::Trouble) -> Self {
        if trouble.needs_operator {
            Self::Refused(trouble.reason)
        } else {
            Self::Lost(trouble.reason)
        }
    }
}

impl State {
    /// Of an index with so many bases, of which nothing was read.
    pub(super) fn new(bases: usize) -> Self {
        Self {
            as_of: None,
            live: false,
            complete: vec![false; bases],
            server: None,
            preferred: None,
            groups: Groups::Unread,
            trouble: None,
            unusable: false,
            blind: false,
            unwatched: false,
            read: None,
            full_reads: 0,
            misses: 0,
        }
    }

    /// Whether the content may be used: until it is too old, whatever it was thought to be.
    pub(super) fn is_usable(&self, max_age: Duration, now: Instant) -> bool {
        self.as_of.is_some_and(|as_of| now.saturating_duration_since(as_of) <= max_age)
    }

    /// Whether all is in that the server over there now has, and each change is heard of.
    pub(super) fn is_live(&self) -> bool {
        self.live && self.complete.iter().all(|complete| *complete)
    }

    /// The server that it is kept from, while there is one.
    pub(super) fn followed(&self) -> Option<&str> {
        self.server.as_deref()
    }

    /// The last time that everybody was read, if that was so.
    pub(super) fn read(&self) -> Option<Reading> {
        self.read
    }

    /// Everybody was read.
    pub(super) fn has_read(&mut self, reading: Reading) {
        self.read = Some(reading);
        self.full_reads += 1;
    }

    /// The directory said something else of somebody.
    pub(super) fn missed(&mut self) {
        self.misses += 1;
    }

    /// What is measured.
    pub(super) fn figures(&self, people: usize) -> IndexFigures {
        IndexFigures {
            people,
            age: self.as_of.map(|as_of| as_of.elapsed()),
            full_reads: self.full_reads,
            misses: self.misses,
        }
    }

    /// Whether what is known of the groups may be used. It has an age of its own: the people may
    /// be in step while the groups, which may be on another server, cannot be read.
    pub(super) fn knows_groups(&self, max_age: Duration, now: Instant) -> bool {
        match self.groups {
            Groups::Read { as_of, .. } => now.saturating_duration_since(as_of) <= max_age,
            Groups::Unread | Groups::Unreadable => false,
        }
    }

    /// What is known of the groups now.
    pub(super) fn groups(&mut self, groups: Groups) {
        self.groups = groups;
    }

    /// A connection to `server` is open, and nothing was heard over it. `preferred` comes before
    /// it, if any does.
    pub(super) fn begin(&mut self, server: &str, preferred: Option<String>) {
        self.complete.fill(false);
        self.unusable = false;
        self.server = Some(server.to_owned());
        self.preferred = preferred;
    }

    /// All people below one base are in, as of now, and whatever changes there will be heard of.
    pub(super) fn completed(&mut self, base: usize, people: usize, now: Instant) {
        let known = self.is_live();
        self.complete[base] = true;
        if known || !self.complete.iter().all(|complete| *complete) {
            return;
        }
        (self.live, self.as_of, self.trouble) = (true, Some(now), None);
        let server = self.server.as_deref().unwrap_or_default();
        if people == 0 {
            warn!(
                server,
                "the directory's index is live and holds nobody; check user_filter, the phone attributes and what the service account may read"
            );
        } else {
            info!(server, people, "the directory's index is live");
        }
    }

    /// An entry with a number names no user: said once for each connection.
    pub(super) fn unusable(&mut self, settings: &LdapSettings) {
        if !std::mem::replace(&mut self.unusable, true) {
            warn!(
                id_attribute = settings.id_attribute,
                username_attribute = settings.username_attribute,
                "directory entries with numbers are unusable, and so are their numbers; check \
                 these settings and what the service account may read"
            );
        }
    }

    /// The entries above people cannot be watched: said once.
    pub(super) fn unwatched(&mut self) {
        if !std::mem::replace(&mut self.unwatched, true) {
            warn!(
                "the directory's index cannot watch the entries above people; that one has another \
                 name it knows when everybody is read again"
            );
        }
    }

    /// Deleted entries cannot be seen, if there are any: said once.
    pub(super) fn blind(&mut self) {
        if !std::mem::replace(&mut self.blind, true) {
            warn!(
                "the directory's index sees no deleted entries, so that it knows only after up to \
                 some minutes who was deleted; let the service account list what is in the \
                 container Deleted Objects"
            );
        }
    }

    /// Whatever changed before `then` has been heard of.
    pub(super) fn confirm(&mut self, then: Instant) {
        if self.is_live() {
            self.as_of = self.as_of.max(Some(then));
        }
    }

    /// The index is not kept any more. Whether it was live until now.
    pub(super) fn lost(&mut self, trouble: Trouble) -> bool {
        let was_live = self.live;
        let server = self.server.take().unwrap_or_default();
        let known = !self.live
            && self.trouble.as_ref().is_some_and(|old| match trouble {
                Trouble::Lost(_) | Trouble::Missed(_) | Trouble::Planned(_) => true,
                Trouble::Refused(_) => *old == trouble,
            });
        self.complete.fill(false);
        match &trouble {
            Trouble::Planned(reason) => {
                info!(server, reason, "the directory's index is being read again");
                self.trouble = Some(trouble);
                return was_live;
            }
            Trouble::Missed(reason) => {
                self.misses += 1;
                warn!(server, reason, "the directory's index has missed changes; it is read again");
                self.as_of = None;
            }
            Trouble::Lost(_) | Trouble::Refused(_) if known => {}
            Trouble::Lost(reason) => {
                warn!(server, reason, "the directory's index is not kept up to date");
            }
            Trouble::Refused(reason) => {
                error!(server, reason, "the directory's index cannot be kept; calls are searched");
            }
        }
        self.live = false;
        // What an operator has to mend is not to be hidden by what passes.
        if !(known && matches!(self.trouble, Some(Trouble::Refused(_)))) {
            self.trouble = Some(trouble);
        }
        was_live
    }

    /// Nothing is known.
    pub(super) fn forget(&mut self) {
        (self.as_of, self.live) = (None, false);
    }

    /// As operators see it.
    pub(super) fn dependency_state(
        &self,
        name: String,
        people: usize,
        max_age: Duration,
    ) -> DependencyState {
        let server = self.server.as_deref().unwrap_or("no server");
        let mut detail = match self.as_of {
            None => format!("building from {server}, {people} people so far; calls are searched"),
            Some(_) if self.is_live() => format!("live from {server}, {people} people"),
            // What is known may still be another server's.
            Some(_) if self.live => {
                format!(
                    "being read again from {server}, {people} people; calls are served meanwhile"
                )
            }
            Some(as_of) => {
                let age = as_of.elapsed().as_secs();
                let used = if self.is_usable(max_age, Instant::now()) {
                    "calls are served from it"
                } else {
                    "calls are searched"
                };
                format!("stale for {age} s, {people} people; {used}")
            }
        };
        match self.groups {
            Groups::Unread => {}
            Groups::Read { members, .. } if self.knows_groups(max_age, Instant::now()) => {
                detail = format!("{detail}; {members} are let in by the groups");
            }
            Groups::Read { as_of, .. } => {
                let age = as_of.elapsed().as_secs();
                detail = format!(
                    "{detail}; the groups were read {age} s ago, so they are asked for at each call"
                );
            }
            Groups::Unreadable => detail += "; the groups cannot be read",
        }
        if let Some(preferred) = &self.preferred {
            detail = format!("{detail}; {preferred} comes first and is followed once it is fit");
        }
        if let Some(trouble) = &self.trouble {
            detail = format!("{detail}; {}", trouble.reason());
        }
        DependencyState { name, up: self.live, detail, is_aid: true }
    }
}
