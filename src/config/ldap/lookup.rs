//! How people are looked up by number.

use std::time::Duration;

use super::profile::ProfileConfig;
use crate::config::check::Problems;
use crate::config::raw::{RawConfirm, RawDirectory, RawLookup};
use crate::config::values::Span;

/// How people are looked up by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupConfig {
    /// A search at each call.
    Search,
    /// An index in memory.
    Index {
        /// How long the index serves calls after it was last in sync.
        max_age: Duration,
        /// Interval between queries for changes, if servers do not report them.
        poll: Duration,
        /// Interval between full reads of all people.
        full_read: Duration,
        /// Whether the matched caller's entry is read again at the call.
        confirm: bool,
    },
}

/// The index's keys as written.
#[derive(Clone, Copy)]
pub(super) struct RawIndex {
    max_age: Option<Span>,
    poll: Option<Span>,
    full_read: Option<Span>,
    confirm: Option<RawConfirm>,
}

impl RawIndex {
    pub(super) fn of(raw: &RawDirectory) -> Self {
        Self {
            max_age: raw.index_max_age,
            poll: raw.index_poll,
            full_read: raw.index_full_read,
            confirm: raw.index_confirm,
        }
    }
}

pub(super) fn checked(
    key: &str,
    lookup: Option<RawLookup>,
    raw: RawIndex,
    profile: ProfileConfig,
    problems: &mut Problems,
) -> LookupConfig {
    let index = lookup == Some(RawLookup::Index);
    for (name, given) in [
        ("index_max_age", raw.max_age.is_some()),
        ("index_poll", raw.poll.is_some()),
        ("index_full_read", raw.full_read.is_some()),
        ("index_confirm", raw.confirm.is_some()),
    ] {
        if given && !index {
            problems.add(
                &format!("{key}.{name}"),
                "a value without lookup = \"index\"",
                "lookup = \"index\" beside it, or no value",
            );
        }
    }
    if raw.poll.is_some() && profile == ProfileConfig::OpenLdap {
        problems.add(
            &format!("{key}.index_poll"),
            "a value where profile is \"openldap\"",
            "nothing: such servers report changes by themselves (RFC 4533)",
        );
    }
    let max_age = problems.span(
        &format!("{key}.index_max_age"),
        raw.max_age,
        Duration::from_mins(15),
        Duration::from_secs(1),
        Duration::from_hours(24),
    );
    let poll = problems.span(
        &format!("{key}.index_poll"),
        raw.poll,
        Duration::from_secs(2),
        Duration::from_millis(200),
        Duration::from_mins(5),
    );
    let full_read = problems.span(
        &format!("{key}.index_full_read"),
        raw.full_read,
        Duration::from_hours(1),
        Duration::from_secs(10),
        Duration::from_hours(24),
    );
    let confirm = match raw.confirm {
        Some(RawConfirm::Entry) | None => true,
        Some(RawConfirm::None) => false,
    };
    if !index {
        return LookupConfig::Search;
    }
    LookupConfig::Index { max_age, poll, full_read, confirm }
}
