//! A report's results: counts and findings, their severity, and what to do about them.

use serde::Serialize;

use crate::directory::inspection::Severity;

/// Number of people of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Entries that match the users' filter.
    pub people: usize,
    /// People the directory lets log in.
    pub enabled: usize,
    /// People whose account is disabled.
    pub disabled: usize,
    /// People refused for another reason: locked out, account or password expired, or a new
    /// password required.
    pub locked_or_expired: usize,
    /// People without a number that a caller can have.
    pub without_number: usize,
    /// People who would get a code when they call: enabled, and the only one with the number.
    pub would_get_a_code: usize,
    /// Values of the phone attributes.
    pub values: usize,
    /// Whether all people were read.
    pub complete: bool,
}

/// A person or value that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The people, by username (or DN, if there is none).
    pub usernames: Vec<String>,
    /// The attribute, if it is about one.
    pub attribute: String,
    /// The value as stored; or the number, if several people have it.
    pub value: String,
    /// What to say about it.
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

/// One finding about a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its kind: stable, `snake_case`.
    pub check: &'static str,
    /// Its severity.
    pub severity: Severity,
    /// How often it was found.
    pub count: usize,
    /// What was found.
    pub message: String,
    /// What to do about it; empty if nothing.
    pub hint: String,
    /// Some examples.
    pub examples: Vec<Example>,
}

/// A kind of finding about people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    Nobody,
    NobodyGetsACode,
    SharedNumberUnseen,
    SharedNumber,
    Unreadable,
    FormerNumber,
    TwoReadings,
    NotFoundBySearch,
    CallerTwoReadings,
    SharedId,
    SharedName,
    UnusableEntry,
    SharedNumberDecided,
    NoCountry,
    ExtensionOnly,
    NoNumber,
    Disabled,
    LockedOrExpired,
}

impl Check {
    const ALL: [Self; 18] = [
        Self::Nobody,
        Self::NobodyGetsACode,
        Self::SharedNumberUnseen,
        Self::SharedNumber,
        Self::Unreadable,
        Self::FormerNumber,
        Self::TwoReadings,
        Self::NotFoundBySearch,
        Self::CallerTwoReadings,
        Self::SharedId,
        Self::SharedName,
        Self::UnusableEntry,
        Self::SharedNumberDecided,
        Self::NoCountry,
        Self::ExtensionOnly,
        Self::NoNumber,
        Self::Disabled,
        Self::LockedOrExpired,
    ];

    /// Its name, its severity, what it means, and what to do about it.
    #[expect(clippy::too_many_lines, reason = "a table, a few lines for each")]
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
            Self::SharedNumberUnseen => (
                "shared_number_unseen",
                Error,
                "numbers that give one person a code although someone else has them as well, \
                 in a form that the search of a call does not find",
                "give each person a number of their own",
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
                "correct them, or move the text elsewhere",
            ),
            Self::FormerNumber => (
                "former_number",
                Warning,
                "numbers from before their country's numbering plan changed: nobody calls from them",
                "store the number that these people call from today",
            ),
            Self::TwoReadings => (
                "two_readings",
                Warning,
                "numbers that begin with a country code, but have no plus: they could be two \
                 numbers, and are nobody's",
                "write them with a plus",
            ),
            Self::NotFoundBySearch => (
                "not_found_by_search",
                Warning,
                "numbers stored in a form that the search of a call does not find",
                "write them with a plus",
            ),
            Self::CallerTwoReadings => (
                "caller_two_readings",
                Warning,
                "numbers whose callers are refused where the phone system sends them without a \
                 plus: they could be two numbers",
                "say in [tenants.calls] how the phone system writes numbers: numbers = \"e164\", \
                 \"e164-without-plus\" or \"national\"",
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
            Self::LockedOrExpired => (
                "locked_or_expired",
                Information,
                "people who may not log in now, for the reason beside each: they get no code",
                "",
            ),
        }
    }
}

/// The findings so far, by kind.
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

    /// How often this kind was found so far.
    pub(super) fn count(&self, check: Check) -> usize {
        self.found[check as usize].0
    }

    pub(super) fn add_counted(&mut self, check: Check, count: usize, examples: Vec<Example>) {
        self.found[check as usize] = (count, examples);
    }

    /// All findings, worst first, with `advice` appended to each hint.
    pub(super) fn into_list(self, advice: impl Fn(Check) -> String) -> Vec<Finding> {
        let both = Check::ALL.into_iter().zip(self.found);
        let found = both.filter(|(_, (count, _))| *count > 0);
        found
            .map(|(check, (count, examples))| {
                let (name, severity, message, hint) = check.says();
                Finding {
                    check: name,
                    severity,
                    count,
                    message: message.to_owned(),
                    hint: format!("{hint}{}", advice(check)),
                    examples,
                }
            })
            .collect()
    }
}
