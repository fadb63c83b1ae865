//! Surveys all stored numbers: who would get a code, and which values prevent it. Only counts
//! people as they stream by; reading them and printing the result live elsewhere.
//!
//! Memory is bounded: a name, a few hashes and a flag per person, 24 bytes per number, and a few
//! examples per kind of finding. A million people with two numbers each take about 170 MB.

mod advice;
mod finding;
mod owners;
mod report;
mod sample;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use self::advice::{Advice, describe_change};
pub use self::finding::{Counts, Example, Finding};
use self::finding::{FindingCounts, FindingKind};
use self::owners::{Owners, Verdicts};
pub use self::report::{Report, assemble};
use self::sample::EvenSample;
use crate::directory::inspection::Person;
use crate::domain::account_state::PasswordRefusal;
use crate::domain::caller_id::{CallerIdPlan, NoNumber};
use crate::domain::clock::Timestamp;
use crate::domain::own_country::FormerNumber;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::stored_number::Matching;
use crate::domain::stored_value::StoredValue;
use crate::domain::user::{Ambiguity, NumberValue, User};

/// How a tenant's people are judged.
#[derive(Debug, Clone)]
pub struct ReportRules {
    /// How callers' numbers and stored numbers are parsed.
    pub callers: CallerIdPlan,
    /// The stored forms that a call's search finds.
    pub matching: Matching,
    /// What to do about a number that several people have.
    pub ambiguity: Ambiguity,
    /// The phone attributes, by rank.
    pub attributes: Vec<String>,
    /// Maximum number of examples per kind of finding.
    pub examples: usize,
    /// The time at which accounts are judged.
    pub now: Timestamp,
}

/// The people added so far.
pub struct ReportBuilder {
    rules: ReportRules,
    counts: Counts,
    findings: FindingCounts,
    owners: Owners,
    enabled: Vec<bool>,
    sample: EvenSample,
    /// How many of the values missed by the search are found by patterns.
    by_patterns: usize,
    hasher: RandomState,
    /// Hash of the locator by hash of the id.
    ids: HashMap<u64, u64>,
    /// Person by hash of the lowercase name.
    names: HashMap<u64, u32>,
}

impl ReportBuilder {
    /// An empty report.
    #[must_use]
    pub fn new(rules: ReportRules) -> Self {
        Self {
            findings: FindingCounts::new(rules.examples),
            rules,
            counts: Counts::default(),
            owners: Owners::default(),
            enabled: Vec::new(),
            sample: EvenSample::new(),
            by_patterns: 0,
            hasher: RandomState::new(),
            ids: HashMap::new(),
            names: HashMap::new(),
        }
    }

    /// Number of entries added.
    #[must_use]
    pub fn people(&self) -> usize {
        self.counts.people
    }

    /// Locators of up to about a thousand of the people added so far, evenly spread.
    #[must_use]
    pub fn sample(&self) -> Vec<String> {
        self.sample.people()
    }

    /// Adds one entry. An entry found below two base DNs counts once.
    pub fn add(&mut self, person: Person) {
        match person {
            Person::User(user) => self.add_user(&user),
            Person::Unusable { locator, why } => {
                self.counts.people += 1;
                self.findings.add(FindingKind::UnusableEntry, || Example::of(locator, "", "", why));
            }
        }
    }

    fn add_user(&mut self, user: &User) {
        let locator = self.hasher.hash_one(user.locator.to_lowercase());
        match self.ids.insert(self.hasher.hash_one(user.id.as_str()), locator) {
            Some(same) if same == locator => return,
            Some(_) => {
                self.findings.add(FindingKind::SharedId, || {
                    let id = user.id.as_str();
                    Example::of(&user.username, "", id, "another entry has the same id")
                });
            }
            None => {}
        }
        self.counts.people += 1;
        self.sample.add(&user.locator);
        let person = self.owners.person(&user.username);
        let refusal = user.account.refusal(self.rules.now);
        self.enabled.push(refusal.is_none());
        if self.rules.ambiguity == Ambiguity::Pin {
            let pins = user.pins.iter().map(|pin| self.hasher.hash_one(pin.expose()));
            self.owners.pins(person, pins.collect());
        }
        match refusal {
            None => self.counts.enabled += 1,
            Some(PasswordRefusal::Disabled) => {
                self.counts.disabled += 1;
                self.findings
                    .add(FindingKind::Disabled, || Example::of(&user.username, "", "", ""));
            }
            Some(why) => {
                self.counts.locked_or_expired += 1;
                self.findings.add(FindingKind::LockedOrExpired, || {
                    Example::of(&user.username, "", "", why.name().as_str())
                });
            }
        }
        let name = self.hasher.hash_one(user.username.to_lowercase());
        if self.names.insert(name, person).is_some() {
            self.findings.add(FindingKind::SharedName, || {
                Example::of(&user.username, "", "", format!("also {}", user.locator))
            });
        }
        let mut usable = false;
        for value in &user.numbers {
            usable |= self.add_value(person, &user.username, value);
        }
        if !usable {
            self.counts.without_number += 1;
            let detail =
                if user.numbers.is_empty() { "no value" } else { "values, but none usable" };
            self.findings
                .add(FindingKind::NoNumber, || Example::of(&user.username, "", "", detail));
        }
    }

    /// Adds one stored value; returns whether a caller can have that number.
    fn add_value(&mut self, person: u32, username: &str, value: &NumberValue) -> bool {
        self.counts.values += 1;
        let attribute = self.rules.attributes.get(value.rank).cloned().unwrap_or_default();
        let example = |detail: &str| {
            Example::of(username, attribute.as_str(), &value.text, detail.to_owned())
        };
        let plan = self.rules.callers.numbering;
        match plan.classify(&value.text) {
            StoredValue::Number { number, by_country } => {
                if by_country {
                    self.findings.add(FindingKind::NoCountry, || {
                        example(&format!("read as {}", number.key()))
                    });
                }
                if let Some(former) = FormerNumber::of(&number.as_str()[1..]) {
                    self.findings
                        .add(FindingKind::FormerNumber, || example(&describe_change(&former)));
                }
                let found = self.is_found(&number, &value.text, &example);
                self.owners.add(&number, person, value.rank, !found);
                if found {
                    self.check_home_form(&number, &example);
                }
                found
            }
            StoredValue::TwoReadings { national, international } => {
                self.findings.add(FindingKind::TwoReadings, || {
                    let (national, international) = (national.key(), international.key());
                    example(&format!("is {international} without its plus, or {national}"))
                });
                false
            }
            StoredValue::ExtensionOnly => {
                self.findings
                    .add(FindingKind::ExtensionOnly, || example("no outside caller can have it"));
                false
            }
            StoredValue::Unreadable(why) => {
                match plan.former(&value.text) {
                    Some(former) => {
                        self.findings
                            .add(FindingKind::FormerNumber, || example(&describe_change(&former)));
                    }
                    None => self.findings.add(FindingKind::Unreadable, || example(why.as_str())),
                }
                false
            }
        }
    }

    /// Whether a call's search finds a value that is this number.
    fn is_found(
        &mut self,
        number: &PhoneNumber,
        text: &str,
        example: &dyn Fn(&str) -> Example,
    ) -> bool {
        // Generating the forms is most of the work, and unnecessary if the search finds all of
        // them.
        if self.rules.matching == Matching::Everything {
            return true;
        }
        let forms = self.rules.callers.numbering.stored_forms(number);
        if forms.find(text, self.rules.matching) {
            return true;
        }
        let patterns = forms.find(text, Matching::Patterns);
        self.by_patterns += usize::from(patterns);
        let by = if patterns { "number_match = \"patterns\"" } else { "lookup = \"index\" alone" };
        self.findings.add(FindingKind::NotFoundBySearch, || {
            example(&format!("is {}, in a form that {by} finds", number.key()))
        });
        false
    }

    /// Records a number that has two readings as the country's telephone systems write it, without
    /// a plus.
    fn check_home_form(&mut self, number: &PhoneNumber, example: &dyn Fn(&str) -> Example) {
        let callers = &self.rules.callers;
        let Some(digits) = callers.numbering.digits_at_home(number) else { return };
        let without_plus = &number.as_str()[1..];
        let refused = |text: &&str| callers.read(text) == Err(NoNumber::TwoReadings);
        if let Some(text) = [digits.as_str(), without_plus].into_iter().find(refused) {
            let text = text.to_owned();
            self.findings.add(FindingKind::CallerTwoReadings, || {
                example(&format!("a caller {text} could also be another number"))
            });
        }
    }

    /// The report. `complete` says whether all people were added.
    #[must_use]
    pub fn finish(mut self, complete: bool) -> (Counts, Vec<Finding>) {
        let verdicts: Verdicts = self.owners.judge(self.rules.ambiguity, self.rules.examples);
        self.findings.add_counted(FindingKind::SharedNumber, verdicts.refused, verdicts.examples);
        self.findings.add_counted(FindingKind::SharedNumberDecided, verdicts.decided, Vec::new());
        self.findings.add_counted(
            FindingKind::SharedNumberUnseen,
            verdicts.misdirected,
            verdicts.misdirected_examples,
        );
        let wins = verdicts.winners.iter().zip(&self.enabled);
        self.counts.would_get_a_code = wins.filter(|(wins, enabled)| **wins && **enabled).count();
        self.counts.complete = complete;
        if self.counts.people == 0 {
            self.findings.add_counted(FindingKind::NoPeople, 1, Vec::new());
        } else if self.counts.would_get_a_code == 0 {
            self.findings.add_counted(FindingKind::NoCodes, 1, Vec::new());
        }
        let advice = Advice {
            example: self.rules.callers.numbering.example(),
            not_found: self.findings.count(FindingKind::NotFoundBySearch),
            by_patterns: self.by_patterns,
        };
        (self.counts, self.findings.into_list(|kind| advice.for_kind(kind)))
    }
}

#[cfg(test)]
mod tests;
