//! How fresh the index is, and which problems have been logged. No I/O.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::breaker;
use crate::directory::ldap::settings::LdapSettings;
use crate::directory::{DependencyState, IndexFigures};

/// The index's age and progress.
#[expect(clippy::struct_excessive_bools, reason = "each has its own meaning")]
pub(super) struct State {
    /// The time as of which the content is known to be complete; `None` before the first full read.
    as_of: Option<Instant>,
    /// Whether changes are being received, or a planned full read is running.
    live: bool,
    /// For each base, whether its people are complete since the connection was opened.
    complete: Vec<bool>,
    /// The server the index currently follows, if any.
    server: Option<String>,
    /// The preferred server, while another one is followed.
    preferred: Option<String>,
    groups: Groups,
    /// Why it is not live.
    failure: Option<SyncFailure>,
    /// Whether an entry that yields no user was found since the connection was opened.
    unusable: bool,
    /// Whether the log already says that deleted entries are invisible.
    blind: bool,
    /// Whether the log already says that the entries above people cannot be watched.
    unwatched: bool,
    /// The last full read.
    read: Option<Reading>,
    /// Number of full reads.
    full_reads: u64,
    /// Number of times the directory contradicted the index about a person.
    misses: u64,
}

/// One full read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub ended: Instant,
    pub took: Duration,
}

/// What is known of the tenant's groups.
#[derive(Debug, Clone, Copy)]
pub(super) enum Groups {
    /// Not read yet, or the tenant has none.
    Unread,
    /// Read successfully.
    Read {
        /// Number of people allowed.
        members: usize,
        /// When the reading started.
        as_of: Instant,
    },
    /// The groups cannot be read.
    Unreadable,
}

/// Why the index is not live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SyncFailure {
    /// A passing failure.
    Lost(String),
    /// A failure that persists until a setting is changed, here or on the server.
    Refused(String),
    /// The directory contradicts the index, which missed the change.
    Missed(String),
    /// A full read is about to start, for this reason.
    Planned(&'static str),
}

impl SyncFailure {
    /// What is wrong, for an operator.
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Lost(reason) | Self::Refused(reason) | Self::Missed(reason) => reason,
            Self::Planned(reason) => reason,
        }
    }
}

impl From<breaker::DownReason> for SyncFailure {
    fn from(failure: breaker::DownReason) -> Self {
        if failure.needs_operator {
            Self::Refused(failure.reason)
        } else {
            Self::Lost(failure.reason)
        }
    }
}

impl State {
    /// The state of an index with this many bases, none of them read.
    pub(super) fn new(bases: usize) -> Self {
        Self {
            as_of: None,
            live: false,
            complete: vec![false; bases],
            server: None,
            preferred: None,
            groups: Groups::Unread,
            failure: None,
            unusable: false,
            blind: false,
            unwatched: false,
            read: None,
            full_reads: 0,
            misses: 0,
        }
    }

    /// Whether the content may be used: until it reaches `max_age`, live or not.
    pub(super) fn is_usable(&self, max_age: Duration, now: Instant) -> bool {
        self.as_of.is_some_and(|as_of| now.saturating_duration_since(as_of) <= max_age)
    }

    /// Whether the index has everything the followed server has and receives its changes.
    pub(super) fn is_live(&self) -> bool {
        self.live && self.complete.iter().all(|complete| *complete)
    }

    /// The server the index follows, if any.
    pub(super) fn followed(&self) -> Option<&str> {
        self.server.as_deref()
    }

    /// The last full read, if there was one.
    pub(super) fn read(&self) -> Option<Reading> {
        self.read
    }

    /// Records a full read.
    pub(super) fn has_read(&mut self, reading: Reading) {
        self.read = Some(reading);
        self.full_reads += 1;
    }

    /// Records that the directory contradicted the index about a person.
    pub(super) fn missed(&mut self) {
        self.misses += 1;
    }

    /// The figures for metrics.
    pub(super) fn figures(&self, people: usize) -> IndexFigures {
        IndexFigures {
            people,
            age: self.as_of.map(|as_of| as_of.elapsed()),
            full_reads: self.full_reads,
            misses: self.misses,
        }
    }

    /// Whether the group data may be used. It ages separately: the people may be in step while the
    /// groups, possibly on another server, cannot be read.
    pub(super) fn knows_groups(&self, max_age: Duration, now: Instant) -> bool {
        match self.groups {
            Groups::Read { as_of, .. } => now.saturating_duration_since(as_of) <= max_age,
            Groups::Unread | Groups::Unreadable => false,
        }
    }

    /// Sets what is known of the groups.
    pub(super) fn groups(&mut self, groups: Groups) {
        self.groups = groups;
    }

    /// A connection to `server` is open, and nothing has arrived over it yet. `preferred` is the
    /// server that ranks above it, if any.
    pub(super) fn begin(&mut self, server: &str, preferred: Option<String>) {
        self.complete.fill(false);
        self.unusable = false;
        self.server = Some(server.to_owned());
        self.preferred = preferred;
    }

    /// All people below one base are in, as of `now`, and their changes will be received.
    pub(super) fn completed(&mut self, base: usize, people: usize, now: Instant) {
        let known = self.is_live();
        self.complete[base] = true;
        if known || !self.complete.iter().all(|complete| *complete) {
            return;
        }
        (self.live, self.as_of, self.failure) = (true, Some(now), None);
        let server = self.server.as_deref().unwrap_or_default();
        if people == 0 {
            warn!(
                server,
                "the directory's index is live but has no people; check user_filter, the phone attributes and what the service account may read"
            );
        } else {
            info!(server, people, "the directory's index is live");
        }
    }

    /// An entry with a number yields no user; logged once per connection.
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

    /// The entries above people cannot be watched; logged once.
    pub(super) fn unwatched(&mut self) {
        if !std::mem::replace(&mut self.unwatched, true) {
            warn!(
                "the directory's index cannot watch the entries above people; that one has another \
                 name it knows when everybody is read again"
            );
        }
    }

    /// Deleted entries cannot be seen, if there are any; logged once.
    pub(super) fn blind(&mut self) {
        if !std::mem::replace(&mut self.blind, true) {
            warn!(
                "the directory's index sees no deleted entries, so that it knows only after up to \
                 some minutes who was deleted; let the service account list what is in the \
                 container Deleted Objects"
            );
        }
    }

    /// Every change before `then` has been received.
    pub(super) fn confirm(&mut self, then: Instant) {
        if self.is_live() {
            self.as_of = self.as_of.max(Some(then));
        }
    }

    /// The index is no longer kept. Returns whether it was live until now.
    pub(super) fn lost(&mut self, failure: SyncFailure) -> bool {
        let was_live = self.live;
        let server = self.server.take().unwrap_or_default();
        let known = !self.live
            && self.failure.as_ref().is_some_and(|old| match failure {
                SyncFailure::Lost(_) | SyncFailure::Missed(_) | SyncFailure::Planned(_) => true,
                SyncFailure::Refused(_) => *old == failure,
            });
        self.complete.fill(false);
        match &failure {
            SyncFailure::Planned(reason) => {
                info!(server, reason, "the directory's index is being read again");
                self.failure = Some(failure);
                return was_live;
            }
            SyncFailure::Missed(reason) => {
                self.misses += 1;
                warn!(server, reason, "the directory's index has missed changes; it is read again");
                self.as_of = None;
            }
            SyncFailure::Lost(_) | SyncFailure::Refused(_) if known => {}
            SyncFailure::Lost(reason) => {
                warn!(server, reason, "the directory's index is not kept up to date");
            }
            SyncFailure::Refused(reason) => {
                error!(server, reason, "the directory's index cannot be kept; calls are searched");
            }
        }
        self.live = false;
        // A passing failure must not hide one that an operator has to fix.
        if !(known && matches!(self.failure, Some(SyncFailure::Refused(_)))) {
            self.failure = Some(failure);
        }
        was_live
    }

    /// Discards the freshness: nothing is known.
    pub(super) fn forget(&mut self) {
        (self.as_of, self.live) = (None, false);
    }

    /// The state for operators.
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
            // The content may still come from another server.
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
        if let Some(failure) = &self.failure {
            detail = format!("{detail}; {}", failure.reason());
        }
        DependencyState { name, up: self.live, detail, is_optional: true }
    }
}
