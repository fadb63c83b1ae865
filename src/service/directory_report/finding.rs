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
pub(super) enum FindingKind {
    NoPeople,
    NoCodes,
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

impl FindingKind {
    const ALL: [Self; 18] = [
        Self::NoPeople,
        Self::NoCodes,
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
    const fn properties(self) -> (&'static str, Severity, &'static str, &'static str) {
        use Severity::{Error, Information, Warning};
        match self {
            Self::NoPeople => (
                "nobody",
                Error,
                "no people were found below the base DNs",
                "check base_dn, user_filter and what the service account may see",
            ),
            Self::NoCodes => (
                "nobody_gets_a_code",
                Error,
                "no one would get a code",
                "check phone_attributes, country and what the service account may read",
            ),
            Self::SharedNumberUnseen => (
                "shared_number_unseen",
                Error,
                "numbers that give one person a code although someone else has them too, in a form \
                 that a call's search does not find",
                "give each person a number of their own",
            ),
            Self::SharedNumber => (
                "shared_number",
                Warning,
                "numbers shared by several people, some or all of whom get no code",
                "give each person a number of their own in a phone attribute, or see `ambiguous`",
            ),
            Self::Unreadable => (
                "unreadable_number",
                Warning,
                "values that are not telephone numbers",
                "correct them, or move the text elsewhere",
            ),
            Self::FormerNumber => (
                "former_number",
                Warning,
                "numbers from before their country's numbering plan changed: no one calls from them any more",
                "store the number that these people call from today",
            ),
            Self::TwoReadings => (
                "two_readings",
                Warning,
                "numbers that begin with a country code but have no plus: each could be two \
                 numbers, so it matches no one",
                "write them with a plus",
            ),
            Self::NotFoundBySearch => (
                "not_found_by_search",
                Warning,
                "numbers stored in a form that a call's search does not find",
                "write them with a plus",
            ),
            Self::CallerTwoReadings => (
                "caller_two_readings",
                Warning,
                "numbers whose callers are refused if the phone system sends them without a plus: \
                 each could be two numbers",
                "set in [tenants.calls] how the phone system writes numbers: numbers = \"e164\", \
                 \"e164-without-plus\" or \"national\"",
            ),
            Self::SharedId => (
                "shared_id",
                Warning,
                "people whose id another entry has too: the two cannot be told apart",
                "check id_attribute: it must be unique and never change",
            ),
            Self::SharedName => (
                "shared_username",
                Warning,
                "usernames shared by several entries: no one can log in with them",
                "check username_attribute and user_filter",
            ),
            Self::UnusableEntry => (
                "unusable_entry",
                Warning,
                "entries without a usable id or username: their numbers are refused for everyone",
                "check id_attribute, username_attribute, user_filter and what the service account \
                 may read",
            ),
            Self::SharedNumberDecided => (
                "shared_number_decided",
                Information,
                "numbers shared by several people, decided by `ambiguous`",
                "",
            ),
            Self::NoCountry => (
                "no_country",
                Information,
                "numbers without a country code, read by the tenant's country",
                "check `country`; numbers written with + do not depend on it",
            ),
            Self::ExtensionOnly => (
                "extension_only",
                Information,
                "only extensions: they match no caller",
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
pub(super) struct FindingCounts {
    most: usize,
    found: [(usize, Vec<Example>); FindingKind::ALL.len()],
}

impl FindingCounts {
    pub(super) fn new(most: usize) -> Self {
        Self { most, found: Default::default() }
    }

    pub(super) fn add(&mut self, kind: FindingKind, example: impl FnOnce() -> Example) {
        let (count, examples) = &mut self.found[kind as usize];
        *count += 1;
        if examples.len() < self.most {
            examples.push(example());
        }
    }

    /// How often this kind was found so far.
    pub(super) fn count(&self, kind: FindingKind) -> usize {
        self.found[kind as usize].0
    }

    pub(super) fn add_counted(&mut self, kind: FindingKind, count: usize, examples: Vec<Example>) {
        self.found[kind as usize] = (count, examples);
    }

    /// All findings, worst first, with `advice` appended to each hint.
    pub(super) fn into_list(self, advice: impl Fn(FindingKind) -> String) -> Vec<Finding> {
        let both = FindingKind::ALL.into_iter().zip(self.found);
        let found = both.filter(|(_, (count, _))| *count > 0);
        found
            .map(|(kind, (count, examples))| {
                let (name, severity, message, hint) = kind.properties();
                Finding {
                    check: name,
                    severity,
                    count,
                    message: message.to_owned(),
                    hint: format!("{hint}{}", advice(kind)),
                    examples,
                }
            })
            .collect()
    }
}
