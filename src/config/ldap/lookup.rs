//! How people are looked up by number: `lookup` and the keys of the index.

use std::time::Duration;

use super::raw::{RawLdap, RawLookup};
use crate::config::check::Problems;
use crate::directory::ldap::settings::{IndexSettings, Lookup, Profile};
use crate::domain::human_duration::HumanDuration;

pub(super) fn check(key: &str, raw: &RawLdap, profile: Profile, problems: &mut Problems) -> Lookup {
    let index = raw.lookup == Some(RawLookup::Index);
    for (name, given) in [
        ("index_max_age", raw.index_max_age.is_some()),
        ("index_poll", raw.index_poll.is_some()),
        ("index_full_read", raw.index_full_read.is_some()),
        ("index_confirm", raw.index_confirm.is_some()),
    ] {
        if given && !index {
            problems.add(
                &format!("{key}.{name}"),
                "a value without lookup = \"index\"",
                "lookup = \"index\" beside it, or no value",
            );
        }
    }
    if raw.index_poll.is_some() && profile == Profile::OpenLdap {
        problems.add(
            &format!("{key}.index_poll"),
            "a value where profile is \"openldap\"",
            "nothing: such servers report changes by themselves (RFC 4533)",
        );
    }
    let usual = IndexSettings::default();
    let day = Duration::from_hours(24);
    let mut span = |name: &str, value: Option<HumanDuration>, default, least, most| {
        problems.span(&format!("{key}.{name}"), value, default, least, most)
    };
    let secs = Duration::from_secs;
    let settings = IndexSettings {
        max_age: span("index_max_age", raw.index_max_age, usual.max_age, secs(1), day),
        poll: span(
            "index_poll",
            raw.index_poll,
            usual.poll,
            Duration::from_millis(200),
            Duration::from_mins(5),
        ),
        full_read: span("index_full_read", raw.index_full_read, usual.full_read, secs(10), day),
        confirm: raw.index_confirm.unwrap_or(usual.confirm),
    };
    if index { Lookup::Index(settings) } else { Lookup::Search }
}
