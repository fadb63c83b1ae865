//! How people are looked up by number.

use std::time::Duration;

use super::{Problems, ProfileConfig};
use crate::config::raw::RawLookup;
use crate::config::values::Span;

/// How people are looked up by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupConfig {
    /// By a search at each call.
    Search,
    /// In memory.
    Index {
        /// How long it serves after it was last in step.
        max_age: Duration,
        /// How often changes are asked for where servers do not report them.
        poll: Duration,
    },
}

pub(super) fn checked(
    key: &str,
    lookup: Option<RawLookup>,
    max_age: Option<Span>,
    poll: Option<Span>,
    profile: ProfileConfig,
    problems: &mut Problems,
) -> LookupConfig {
    let index = lookup == Some(RawLookup::Index);
    for (name, given) in [("index_max_age", max_age.is_some()), ("index_poll", poll.is_some())] {
        if given && !index {
            problems.add(
                &format!("{key}.{name}"),
                "a value without lookup = \"index\"",
                "lookup = \"index\" beside it, or no value",
            );
        }
    }
    if poll.is_some() && profile == ProfileConfig::OpenLdap {
        problems.add(
            &format!("{key}.index_poll"),
            "a value where profile is \"openldap\"",
            "nothing: such servers report changes by themselves (RFC 4533)",
        );
    }
    let max_age = problems.span(
        &format!("{key}.index_max_age"),
        max_age,
        Duration::from_mins(15),
        Duration::from_secs(1),
        Duration::from_hours(24),
    );
    let poll = problems.span(
        &format!("{key}.index_poll"),
        poll,
        Duration::from_secs(2),
        Duration::from_millis(200),
        Duration::from_mins(5),
    );
    if index { LookupConfig::Index { max_age, poll } } else { LookupConfig::Search }
}
