//! `[audit]`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::check::Problems;
use super::permissions;
use crate::domain::policy::Quota;
use crate::telemetry::audit::WhenUnwritable;
use crate::telemetry::logs::Format;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAudit {
    pub file: Option<PathBuf>,
    pub format: Option<RawFormat>,
    pub when_unwritable: Option<WhenUnwritable>,
    pub strangers_per_address: Option<Quota>,
    pub strangers: Option<Quota>,
}

/// The format of audit events.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawFormat {
    Json,
    Human,
    Ecs,
}

/// `[audit]`.
#[derive(Debug, Clone)]
pub struct AuditConfig {
    /// Where audit events go instead of standard output.
    pub file: Option<PathBuf>,
    /// The format of events.
    pub format: Format,
    /// What happens to calls and logins while the trail cannot be written.
    pub when_unwritable: WhenUnwritable,
    /// Most lines about callers without a credential, per address.
    pub strangers_per_address: Quota,
    /// The same, from all addresses.
    pub strangers: Quota,
}

/// Checks the section; `log_format` is that of log lines.
pub(super) fn check(raw: RawAudit, log_format: Format, problems: &mut Problems) -> AuditConfig {
    let (minute, most) = (Duration::from_mins(1), 1_000_000);
    // A line has some 300 bytes: 26 MB a day at most, however many ask.
    let (one, all) = (Quota { burst: 60, per: minute }, Quota { burst: 600, per: 10 * minute });
    // Below a second it would not limit; what is left out for days would be missed.
    let span = Duration::from_secs(1)..=Duration::from_hours(1);
    let file = raw.file.map(|path| problems.resolve("audit.file", &path));
    if let Some(path) = &file {
        permissions::of_audit("audit.file", path, problems);
    }
    let format = match raw.format {
        None => log_format,
        Some(RawFormat::Json) => Format::Json,
        Some(RawFormat::Human) => Format::Human,
        Some(RawFormat::Ecs) => Format::Ecs,
    };
    AuditConfig {
        file,
        format,
        when_unwritable: raw.when_unwritable.unwrap_or_default(),
        strangers_per_address: problems.quota_per(
            "audit.strangers_per_address",
            raw.strangers_per_address,
            (one, most),
            span.clone(),
        ),
        strangers: problems.quota_per("audit.strangers", raw.strangers, (all, most), span),
    }
}
