//! `reasons`: explains the audit trail's reasons.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::output;
use crate::domain::reason::AuditReason;

#[derive(Args)]
pub(super) struct Arguments {
    /// Only these reasons, as the audit trail and the metrics name them.
    #[arg(value_name = "REASON", value_parser = reason)]
    reasons: Vec<AuditReason>,
    /// Print one object per line: `reason`, `group`, `meaning`, `advice`.
    #[arg(long)]
    json: bool,
}

/// A reason as JSON.
#[derive(Serialize)]
struct ReasonJson {
    reason: &'static str,
    group: &'static str,
    meaning: &'static str,
    /// Empty if there is nothing to do.
    advice: &'static str,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let chosen = match &arguments.reasons[..] {
        [] => AuditReason::ALL,
        some => some,
    };
    let mut group = "";
    for reason in chosen {
        let is_read = if arguments.json {
            let object = ReasonJson {
                reason: reason.as_str(),
                group: reason.group(),
                meaning: reason.meaning(),
                advice: reason.advice(),
            };
            output::print(&serde_json::to_string(&object).expect("texts always serialise"))
        } else {
            let is_new_group = reason.group() != group && arguments.reasons.is_empty();
            group = reason.group();
            (!is_new_group || output::print(&format!("# {group}"))) && explain(*reason)
        };
        if !is_read {
            break;
        }
    }
    ExitCode::SUCCESS
}

/// Prints a reason with its meaning and advice; returns whether the reader is still there.
fn explain(reason: AuditReason) -> bool {
    let space = if reason.advice().is_empty() { "" } else { " " };
    output::print(&format!(
        "{}\n    {}{space}{}",
        reason.as_str(),
        reason.meaning(),
        reason.advice()
    ))
}

/// Parses a reason's name.
fn reason(text: &str) -> Result<AuditReason, String> {
    AuditReason::ALL
        .iter()
        .copied()
        .find(|reason| reason.as_str() == text)
        .ok_or_else(|| "not a reason of the audit trail; `dialpass reasons` lists all".to_owned())
}
