//! The report of a check: its counts and findings, how bad each is, and what to do about it.

use serde::Serialize;

use crate::directory::inspection::{SelfWrite, ServerReport, Severity, Step};

/// How many people there are, of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Entries that match the users' filter.
    pub people: usize,
    /// Those the directory lets log in.
    pub enabled: usize,
    /// Those it does not.
    pub disabled: usize,
    /// Those without any number that a caller can have.
    pub without_number: usize,
    /// Those who would get a code when they call: enabled, and the only one with the number.
    pub would_get_a_code: usize,
    /// Values of the phone attributes.
    pub values: usize,
    /// Whether everybody was read.
    pub complete: bool,
}

/// Whom or what a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The people, by username (or DN, where there is none).
    pub usernames: Vec<String>,
    /// The attribute, where it is about one.
    pub attribute: String,
    /// The value as stored; the number, where several have it.
    pub value: String,
    /// What is to be said of it.
    pub detail: String,
}

impl Example {
    pub(super) fn of(
        username: impl Into<String>,
        attribute: impl Into<String>,
        value: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            usernames: vec![username.into()],
            attribute: attribute.into(),
            value: value.into(),
            detail: detail.into(),
        }
    }
}

/// One thing to know of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its kind: stable, `snake_case`.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// How often it was found.
    pub count: usize,
    /// What it is.
    pub message: String,
    /// What to do about it; empty if nothing.
    pub hint: String,
    /// Some of those it is about.
    pub examples: Vec<Example>,
}

/// A kind of finding about people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    Nobody,
    NobodyGetsACode,
    SharedNumber,
    Unreadable,
    NotFoundBySearch,
    SharedId,
    SharedName,
    UnusableEntry,
    SharedNumberDecided,
    NoCountry,
    ExtensionOnly,
    NoNumber,
    Disabled,
}

impl Check {
    const ALL: [Self; 13] = [
        Self::Nobody,
        Self::NobodyGetsACode,
        Self::SharedNumber,
        Self::Unreadable,
        Self::NotFoundBySearch,
        Self::SharedId,
        Self::SharedName,
        Self::UnusableEntry,
        Self::SharedNumberDecided,
        Self::NoCountry,
        Self::ExtensionOnly,
        Self::NoNumber,
        Self::Disabled,
    ];

    /// Its name, how bad it is, what it is, and what to do about it.
    const fn says(self) -> (&'static str, Severity, &'static str, &'static str) {
        use Severity::{Error, Information, Warning};
        match self {
            Self::Nobody => (
                "nobody",
                Error,
                "nobody was found below the base DNs",
                "check base_dn, user_filter and what the service account may see",
            ),
            Self::NobodyGetsACode => (
                "nobody_gets_a_code",
                Error,
                "not one person would get a code",
                "check phone_attributes, country and what the service account may read",
            ),
            Self::SharedNumber => (
                "shared_number",
                Warning,
                "numbers that several people have, so that some or all of them get no code by it",
                "give each person a number of their own in a phone attribute, or see `ambiguous`",
            ),
            Self::Unreadable => (
                "unreadable_number",
                Warning,
                "values that are no telephone number",
                "correct them, best to +country code and number, or move the text elsewhere",
            ),
            Self::NotFoundBySearch => (
                "not_found_by_search",
                Warning,
                "numbers stored in a form that the search of a call does not find",
                "write them as +46 70 123 45 67, or set number_match = \"patterns\"",
            ),
            Self::SharedId => (
                "shared_id",
                Warning,
                "people whose id another entry has as well: the two cannot be told apart",
                "check id_attribute: it must be different for each person, and never change",
            ),
            Self::SharedName => (
                "shared_username",
                Warning,
                "usernames that several entries have: nobody can log in by them",
                "check username_attribute and user_filter",
            ),
            Self::UnusableEntry => (
                "unusable_entry",
                Warning,
                "entries without a usable id or username: a number of theirs is refused for all",
                "check id_attribute, username_attribute, user_filter and what the service account \
                 may read",
            ),
            Self::SharedNumberDecided => (
                "shared_number_decided",
                Information,
                "numbers that several people have, who are told apart as `ambiguous` says",
                "",
            ),
            Self::NoCountry => (
                "no_country",
                Information,
                "numbers without a country code, read by the tenant's country",
                "if `country` is wrong, so are these; written with + they do not depend on it",
            ),
            Self::ExtensionOnly => (
                "extension_only",
                Information,
                "extensions alone: they match no caller",
                "store the whole number if these people are to call from there",
            ),
            Self::NoNumber => (
                "no_number",
                Information,
                "people without a number that a caller can have: they get no code",
                "",
            ),
            Self::Disabled => {
                ("disabled", Information, "people the directory has disabled: they get no code", "")
            }
        }
    }
}

/// What was found so far, by kind.
pub(super) struct Findings {
    most: usize,
    found: [(usize, Vec<Example>); Check::ALL.len()],
}

impl Findings {
    pub(super) fn new(most: usize) -> Self {
        Self { most, found: Default::default() }
    }

    pub(super) fn add(&mut self, check: Check, example: impl FnOnce() -> Example) {
        let (count, examples) = &mut self.found[check as usize];
        *count += 1;
        if examples.len() < self.most {
            examples.push(example());
        }
    }

    pub(super) fn add_counted(&mut self, check: Check, count: usize, examples: Vec<Example>) {
        self.found[check as usize] = (count, examples);
    }

    /// All there are, the worst first.
    pub(super) fn into_list(self) -> Vec<Finding> {
        let both = Check::ALL.into_iter().zip(self.found);
        let found = both.filter(|(_, (count, _))| *count > 0);
        found
            .map(|(check, (count, examples))| {
                let (check, severity, message, hint) = check.says();
                Finding {
                    check,
                    severity,
                    count,
                    message: message.to_owned(),
                    hint: hint.to_owned(),
                    examples,
                }
            })
            .collect()
    }
}

/// All that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The tenant.
    pub tenant: String,
    /// The worst of it.
    pub severity: Severity,
    /// What works on each server.
    pub servers: Vec<ServerReport>,
    /// How many people there are; absent if none could be read.
    pub people: Option<Counts>,
    /// Everything else, the worst first.
    pub findings: Vec<Finding>,
}

/// Puts a report together. `notes` are about how the people were read.
#[must_use]
pub fn report(
    tenant: String,
    servers: Vec<ServerReport>,
    people: Option<Counts>,
    notes: &[Step],
    survey: Vec<Finding>,
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
    findings.extend(survey);
    findings.extend(self_write.map(self_write_finding));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let severity = findings.iter().map(|finding| finding.severity).max();
    Report { tenant, severity: severity.unwrap_or(Severity::Good), servers, people, findings }
}

/// A server that fails beside one that works is a warning: calls are served.
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
            "steps that did not go well on a server".to_owned()
        } else {
            "no server works as it should".to_owned()
        },
        hint: "see what is said of each server".to_owned(),
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
            "nobody writes their own number: only who may change the file does".to_owned(),
            String::new(),
            Vec::new(),
        ),
        SelfWrite::Checked { people, unreadable, writable, hint } if writable.is_empty() => {
            let all = unreadable == 0 && people > 0;
            let severity = if all { Severity::Good } else { Severity::Warning };
            let message = format!(
                "{} people's rights were read, and none may write their own phone attributes\
                 {}",
                people - unreadable,
                if unreadable > 0 {
                    format!("; {unreadable} people's rights could not be read")
                } else {
                    String::new()
                }
            );
            finding(
                severity,
                unreadable,
                message,
                if all { String::new() } else { hint.join("\n") },
                Vec::new(),
            )
        }
        SelfWrite::Checked { people, writable, hint, .. } => {
            let names: Vec<&str> = writable.iter().map(|found| found.attribute.as_str()).collect();
            let message = format!(
                "people may write their own {} (of {people} looked at): whoever steals a password \
                 can point the number to a phone of their own",
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
