//! What to do about a finding in this directory, depending on its settings, with a number as its
//! country writes it.

use super::finding::FindingKind;
use crate::domain::own_country::FormerNumber;

/// What helps in this directory.
pub(super) struct Advice {
    /// A number in its recommended form.
    pub(super) example: String,
    /// Number of values that the search misses.
    pub(super) not_found: usize,
    /// How many of those patterns would find; 0 if patterns are already in use.
    pub(super) by_patterns: usize,
}

impl Advice {
    /// What to add to a finding's hint.
    pub(super) fn for_kind(&self, kind: FindingKind) -> String {
        let Self { example, .. } = self;
        match kind {
            FindingKind::TwoReadings => format!(", such as {example}"),
            FindingKind::Unreadable => format!("; best is a number such as {example}"),
            FindingKind::NotFoundBySearch => format!(", such as {example}; or {}", self.search()),
            FindingKind::SharedNumberUnseen => {
                format!("; {}, so that `ambiguous` decides among all who have it", self.search())
            }
            FindingKind::NoPeople
            | FindingKind::NoCodes
            | FindingKind::SharedNumber
            | FindingKind::FormerNumber
            | FindingKind::CallerTwoReadings
            | FindingKind::SharedId
            | FindingKind::SharedName
            | FindingKind::UnusableEntry
            | FindingKind::SharedNumberDecided
            | FindingKind::NoCountry
            | FindingKind::ExtensionOnly
            | FindingKind::NoNumber
            | FindingKind::Disabled
            | FindingKind::LockedOrExpired => String::new(),
        }
    }

    /// How to make the search find them.
    fn search(&self) -> String {
        match self.by_patterns {
            0 => "set lookup = \"index\", which finds all of them".to_owned(),
            all if all == self.not_found => {
                "set number_match = \"patterns\" or lookup = \"index\", which find all of them"
                    .to_owned()
            }
            some => format!(
                "set lookup = \"index\", which finds all of them; number_match = \"patterns\" finds \
                 {some} of {}",
                self.not_found
            ),
        }
    }
}

/// What to say about a number that predates a change.
pub(super) fn describe_change(former: &FormerNumber) -> String {
    let since = former.since;
    match &former.now {
        Some(now) => format!("changed in {since}; today it is {now}"),
        None => format!("changed in {since}"),
    }
}
