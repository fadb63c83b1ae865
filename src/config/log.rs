//! `[log]`.

use serde::Deserialize;

use crate::telemetry::logs::Format;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    pub level: Option<RawLevel>,
    pub format: Option<Format>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// `[log]`.
#[derive(Debug, Clone, Copy)]
pub struct LogConfig {
    /// The least level that is logged.
    pub level: tracing::Level,
    /// The format of lines.
    pub format: Format,
}

/// Reads the section.
pub(super) fn check(raw: &RawLog) -> LogConfig {
    LogConfig {
        level: match raw.level {
            Some(RawLevel::Error) => tracing::Level::ERROR,
            Some(RawLevel::Warn) => tracing::Level::WARN,
            None | Some(RawLevel::Info) => tracing::Level::INFO,
            Some(RawLevel::Debug) => tracing::Level::DEBUG,
            Some(RawLevel::Trace) => tracing::Level::TRACE,
        },
        format: raw.format.unwrap_or_default(),
    }
}
