//! What to do about a finding in this directory: what its settings leave open, and a number as its
//! country writes it.

use super::finding::Check;
use crate::domain::own_country::FormerNumber;

/// What helps in this directory.
pub(super) struct Advice {
    /// A number as it is best written.
    pub(super) example: String,
    /// How many values the search does not find.
    pub(super) not_found: usize,
    /// How many of those patterns would find. None where they are what finds values already.
    pub(super) by_patterns: usize,
}

impl Advice {
    /// What it adds to the hint of a finding.
    pub(super) fn on(&self, check: Check) -> String {
        let Self { example, .. } = self;
        match check {
            Check::TwoReadings => format!(", such as {example}"),
            Check::Unreadable => format!("; best is a number such as {example}"),
            Check::NotFoundBySearch => format!(", such as {example}; or {}", self.search()),
            Check::SharedNumberUnseen => {
                format!("; {}, so that `ambiguous` decides of all who have it", self.search())
            }
            Check::Nobody
            | Check::NobodyGetsACode
            | Check::SharedNumber
            | Check::FormerNumber
            | Check::CallerTwoReadings
            | Check::SharedId
            | Check::SharedName
            | Check::UnusableEntry
            | Check::SharedNumberDecided
            | Check::NoCountry
            | Check::ExtensionOnly
            | Check::NoNumber
            | Check::Disabled
            | Check::LockedOrExpired => String::new(),
        }
    }

    /// How the search is made to find them.
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

/// What is to be said of a number from before a change.
pub(super) fn since(former: &FormerNumber) -> String {
    let since = former.since;
    match &former.now {
        Some(now) => format!("changed in {since}; today it is {now}"),
        None => format!("changed in {since}"),
    }
}
