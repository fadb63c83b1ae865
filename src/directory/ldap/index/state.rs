//! How fresh the index is, and what was said of it. No I/O.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::directory::DependencyState;
use crate::directory::ldap::breaker;
use crate::directory::ldap::settings::LdapSettings;

/// What is known of the content's age.
pub(super) struct State {
    /// Until when the content is known to be complete; `None` before it was read once.
    as_of: Option<Instant>,
    /// Whether each change is heard of.
    live: bool,
    /// Which bases' people are complete since the connection was opened.
    complete: Vec<bool>,
    /// The server it is kept from, while there is one.
    server: Option<String>,
    groups: Groups,
    /// Why it is not live.
    trouble: Option<Trouble>,
    /// Whether an entry was met that names no user, since the connection was opened.
    unusable: bool,
    /// Whether it was said that deleted entries cannot be seen.
    blind: bool,
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
    /// Everybody is about to be read again, as now and then.
    Planned,
}

impl Trouble {
    /// What is wrong, for an operator.
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Lost(reason) | Self::Refused(reason) => reason,
            Self::Planned => "everybody is being read again",
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
            groups: Groups::Unread,
            trouble: None,
            unusable: false,
            blind: false,
        }
    }

    /// Whether the content may be used: while it is live, and then until it is too old.
    pub(super) fn is_usable(&self, max_age: Duration, now: Instant) -> bool {
        self.as_of.is_some_and(|as_of| self.live || now.saturating_duration_since(as_of) <= max_age)
    }

    /// Whether each change is heard of.
    pub(super) fn is_live(&self) -> bool {
        self.live
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

    /// A connection to `server` is open, and nothing was heard over it.
    pub(super) fn begin(&mut self, server: &str) {
        self.complete.fill(false);
        self.unusable = false;
        self.server = Some(server.to_owned());
    }

    /// All people below one base are in, as of now, and whatever changes there will be heard of.
    pub(super) fn completed(&mut self, base: usize, people: usize, now: Instant) {
        self.complete[base] = true;
        if !self.complete.iter().all(|complete| *complete) || self.live {
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
        if self.live {
            self.as_of = Some(then);
        }
    }

    /// The index is not kept any more. Whether it was live until now.
    pub(super) fn lost(&mut self, trouble: Trouble) -> bool {
        let was_live = self.live;
        let server = self.server.take().unwrap_or_default();
        let known = !self.live
            && self.trouble.as_ref().is_some_and(|old| match trouble {
                Trouble::Lost(_) | Trouble::Planned => true,
                Trouble::Refused(_) => *old == trouble,
            });
        match &trouble {
            _ if known => {}
            Trouble::Planned => info!(server, "the directory's index is being read again"),
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
            Some(_) if self.live => format!("live from {server}, {people} people"),
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
        if let Some(trouble) = &self.trouble {
            detail = format!("{detail}; {}", trouble.reason());
        }
        DependencyState { name, up: self.live, detail, is_aid: true }
    }
}
