//! What commands print.

use std::time::Duration;

use crate::cli::output::{self, replace_controls};

/// Prints a line; returns whether the reader is still there.
pub(super) fn print(line: &str) -> bool {
    output::print(&replace_controls(line.trim_end()))
}

/// Prints an object as one line of JSON; returns whether the reader is still there.
pub(super) fn print_json(object: &impl serde::Serialize) -> bool {
    output::print(&serde_json::to_string(object).expect("texts and numbers always serialise"))
}

/// A duration for people, in whole seconds, rounded up.
pub(super) fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}

/// A time in whole seconds since the Unix epoch, for people and programs (RFC 3339, UTC).
pub(super) fn format_time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| seconds.to_string(), |time| time.to_string())
}
