//! The whole report on a directory: servers, people, rights, and the highest severity.

use serde::Serialize;

use super::finding::{Counts, Example, Finding};
use crate::directory::inspection::{SelfWrite, ServerReport, Severity, Step};

/// The report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The tenant.
    pub tenant: String,
    /// The highest severity in it.
    pub severity: Severity,
    /// The checks of each server.
    pub servers: Vec<ServerReport>,
    /// Counts of people; absent if none could be read.
    pub people: Option<Counts>,
    /// Everything else, worst first.
    pub findings: Vec<Finding>,
}

/// Assembles a report. `notes` describe how the people were read.
#[must_use]
pub fn assemble(
    tenant: String,
    servers: Vec<ServerReport>,
    people: Option<Counts>,
    notes: &[Step],
    people_findings: Vec<Finding>,
    self_write: Option<SelfWrite>,
) -> Report {
    let mut findings: Vec<Finding> = servers_finding(&servers).into_iter().collect();
    findings.extend(notes.iter().filter(|note| note.severity > Severity::Good).map(|note| {
        Finding {
            check: note.step,
            severity: note.severity,
            count: 1,
            message: note.detail.clone(),
            hint: note.hint.clone(),
            examples: Vec::new(),
        }
    }));
    findings.extend(people_findings);
    findings.extend(self_write.map(self_write_finding));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let severity = findings.iter().map(|finding| finding.severity).max();
    Report { tenant, severity: severity.unwrap_or(Severity::Good), servers, people, findings }
}

/// A failed server next to a working one is a warning: calls are served.
fn servers_finding(servers: &[ServerReport]) -> Option<Finding> {
    let worst = servers.iter().map(ServerReport::severity).max()?;
    if worst <= Severity::Good {
        return None;
    }
    let one_works = servers.iter().any(|server| server.severity() < Severity::Error);
    let severity = if one_works { worst.min(Severity::Warning) } else { worst };
    let troubled = servers.iter().filter(|server| server.severity() > Severity::Good);
    let examples: Vec<Example> = troubled
        .flat_map(|server| {
            let bad = server.steps.iter().filter(|step| step.severity > Severity::Good);
            bad.map(|step| Example::of(&server.name, "", step.step, &step.detail))
        })
        .collect();
    Some(Finding {
        check: "servers",
        severity,
        count: examples.len(),
        message: if one_works {
            "steps that failed or need attention on a server".to_owned()
        } else {
            "no server works".to_owned()
        },
        hint: "see the steps listed for each server".to_owned(),
        examples,
    })
}

fn self_write_finding(self_write: SelfWrite) -> Finding {
    let finding = |severity, count, message: String, hint: String, examples| Finding {
        check: "self_writable_numbers",
        severity,
        count,
        message,
        hint,
        examples,
    };
    match self_write {
        SelfWrite::NotPossible => finding(
            Severity::Good,
            0,
            "people cannot change their own numbers: only those who may edit the file can"
                .to_owned(),
            String::new(),
            Vec::new(),
        ),
        SelfWrite::Checked { people, unreadable, groups_unreadable, writable, hint }
            if writable.is_empty() =>
        {
            let all = unreadable == 0 && groups_unreadable == 0 && people > 0;
            let severity = if all { Severity::Good } else { Severity::Warning };
            let but = |count: usize, what: &str| match count {
                0 => String::new(),
                _ => format!("; of {count} people {what}"),
            };
            let message = format!(
                "{} people's rights were read, and none may write their own phone attributes{}{}",
                people - unreadable,
                but(unreadable, "the rights could not be read"),
                but(groups_unreadable, "the groups (tokenGroups) could not be read"),
            );
            finding(
                severity,
                unreadable.max(groups_unreadable),
                message,
                if all { String::new() } else { hint.join("\n") },
                Vec::new(),
            )
        }
        SelfWrite::Checked { people, writable, hint, .. } => {
            let names: Vec<&str> = writable.iter().map(|found| found.attribute.as_str()).collect();
            let message = format!(
                "people may change their own {} ({people} checked): anyone who steals a password can \
                 replace the number with their own",
                names.join(", ")
            );
            let count = writable.iter().map(|found| found.people).max().unwrap_or_default();
            let examples = writable
                .into_iter()
                .map(|found| Example {
                    usernames: found.examples,
                    attribute: found.attribute,
                    value: String::new(),
                    detail: format!("{} of them, by {}", found.people, found.by.join("; ")),
                })
                .collect();
            finding(Severity::Error, count, message, hint.join("\n"), examples)
        }
        SelfWrite::NotChecked { why, rules, hint } => {
            let examples: Vec<Example> = rules
                .into_iter()
                .map(|rule| Example::of("", "", rule, "may let people write"))
                .collect();
            let message = format!(
                "whether people may write their own phone attributes was not checked: {why}"
            );
            finding(Severity::Warning, examples.len(), message, hint.join("\n"), examples)
        }
    }
}
