//! Who gets whose code: each number as a caller in each form, against the number as stored in
//! each form, with those whom the texts could be taken for in the same directory.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use dialpass::domain::account_state::AccountState;
use dialpass::domain::caller_id::{BareDigits, CallerIdPlan};
use dialpass::domain::phone_number::PhoneNumber;
use dialpass::domain::stored_number::{Matching, NumberingPlan, StoredForms};
use dialpass::domain::stored_value::StoredValue;
use dialpass::domain::user::{Ambiguity, Candidates, NumberValue, User, UserId};
use rlibphonenumber::Region;

use super::forms::{CallerForm, STORED, callers};
use super::samples::{Sample, neighbours, samples, strangers};

/// How numbers are found: an OpenLDAP by its default, by patterns, and the index.
pub const MODES: [Matching; 3] = [Matching::Exact, Matching::Patterns, Matching::Everything];

/// Texts that stand for a number.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Found {
    /// How many were written.
    pub written: usize,
    /// How many lead to their owner, by [`MODES`].
    pub by: [usize; 3],
}

/// Callers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Called {
    /// Read as the number that calls.
    pub right: usize,
    /// Not read as any.
    pub refused: usize,
}

/// What became of some pairs of a caller and a stored number.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many there were.
    pub pairs: usize,
    /// The owner gets a code.
    pub right: usize,
    /// Nobody is.
    pub refused: usize,
    /// Somebody else is, or may be.
    pub wrong: Vec<String>,
    /// Refused for no reason that says what to do.
    pub unexplained: Vec<String>,
    /// The stored texts.
    pub stored: Found,
    /// Those of them that could be two numbers.
    pub two_readings: usize,
    /// The same by [`STORED`].
    pub by_form: Vec<Found>,
    /// The callers.
    pub callers: BTreeMap<CallerForm, Called>,
}

impl Tally {
    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        self.pairs += other.pairs;
        self.right += other.right;
        self.refused += other.refused;
        self.two_readings += other.two_readings;
        self.wrong.extend_from_slice(&other.wrong);
        self.unexplained.extend_from_slice(&other.unexplained);
        self.stored.add(&other.stored);
        self.by_form.resize(STORED.len(), Found::default());
        for (mine, others) in self.by_form.iter_mut().zip(&other.by_form) {
            mine.add(others);
        }
        for (form, called) in &other.callers {
            let mine = self.callers.entry(*form).or_default();
            mine.right += called.right;
            mine.refused += called.refused;
        }
    }
}

impl Found {
    fn add(&mut self, other: &Self) {
        self.written += other.written;
        for (mine, others) in self.by.iter_mut().zip(other.by) {
            *mine += others;
        }
    }

    /// How many per cent are found in this mode.
    pub fn share(&self, mode: usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "thousands of texts")]
        let share = |count: usize| 100.0 * count as f64 / self.written.max(1) as f64;
        share(self.by[mode])
    }
}

/// A country's judge.
struct Judge {
    region: Region,
    plan: NumberingPlan,
    tally: Tally,
    forms: HashMap<PhoneNumber, Rc<StoredForms>>,
}

/// How phone systems write numbers, and the forms that one which is said to write so sends.
const WRITTEN: [(BareDigits, &[CallerForm]); 4] = [
    (BareDigits::Either, &CallerForm::ALL),
    (BareDigits::Refused, &[CallerForm::E164, CallerForm::DoubleZero]),
    (
        BareDigits::International,
        &[CallerForm::E164, CallerForm::DoubleZero, CallerForm::WithoutPlus],
    ),
    (
        BareDigits::National,
        &[
            CallerForm::E164,
            CallerForm::DoubleZero,
            CallerForm::National,
            CallerForm::WithoutPrefix,
        ],
    ),
];

/// Judges a country's own numbers, and calls from `abroad`: all in the form that may be mistaken,
/// a part of them in the others.
pub fn judge(region: Region, abroad: &[Sample]) -> Tally {
    let plan = NumberingPlan::for_country(&region.to_string()).expect("a country");
    let mut judge = Judge { region, plan, tally: Tally::default(), forms: HashMap::new() };
    judge.tally.by_form.resize(STORED.len(), Found::default());
    let samples = samples(region);
    for sample in &samples {
        judge.own(sample);
    }
    for sample in samples.iter().take(1).flat_map(neighbours) {
        judge.neighbour(&sample);
    }
    let abroad = abroad.iter().filter(|sample| sample.region != region);
    for (at, sample) in abroad.enumerate() {
        judge.foreign(sample, at % 5 == 0);
    }
    judge.tally
}

impl Judge {
    fn number(&self, e164: &str) -> Option<PhoneNumber> {
        self.plan.read_stored(e164)
    }

    fn forms(&mut self, number: &PhoneNumber) -> Rc<StoredForms> {
        let plan = self.plan;
        let forms = self.forms.entry(number.clone());
        Rc::clone(forms.or_insert_with(|| Rc::new(plan.stored_forms(number))))
    }

    /// An example number: all of its forms.
    fn own(&mut self, sample: &Sample) {
        // A few examples are local numbers, which nobody can call from.
        let Some(own) = self.number(&sample.e164()) else { return };
        let calls = self.calls(sample, &own, true);
        for (at, form) in STORED.iter().enumerate() {
            for text in (form.write)(sample) {
                let found = self.stored(&own, &text);
                let reading = self.plan.classify(&text);
                let two = matches!(reading, StoredValue::TwoReadings { .. });
                self.tally.two_readings += usize::from(two);
                for counted in [&mut self.tally.stored, &mut self.tally.by_form[at]] {
                    counted.written += 1;
                    for (count, found) in counted.by.iter_mut().zip(found) {
                        *count += usize::from(found);
                    }
                }
                for found in found {
                    self.pairs(&calls, found);
                }
                // Behind a plus there is one reading, but for a zero that may be the number's own.
                if !text.starts_with(['+', '(', '\u{ff0b}']) || text.contains("(0") {
                    self.beside_strangers(sample, &own, &text);
                }
            }
        }
    }

    /// A possible number that may be mistaken: in those forms that have no plus.
    fn neighbour(&mut self, sample: &Sample) {
        let Some(own) = self.number(&sample.e164()) else { return };
        let calls = self.calls(sample, &own, false);
        for form in STORED.iter().filter(|form| !form.shown.contains('+')) {
            for text in (form.write)(sample) {
                for found in self.stored(&own, &text) {
                    self.pairs(&calls, found);
                }
            }
        }
    }

    /// A number of another country.
    fn foreign(&mut self, sample: &Sample, all: bool) {
        let Some(own) = self.number(&sample.e164()) else { return };
        for (form, text) in callers(sample) {
            let told = match form {
                CallerForm::WithoutPlus => true,
                CallerForm::E164 | CallerForm::DoubleZero => all,
                CallerForm::National | CallerForm::WithoutPrefix => false,
            };
            if told {
                let read = self.call(&own, form, &text, false);
                self.pairs(&[read], true);
            }
        }
    }

    /// Whether each call is from the number, `false` where nobody is recognised.
    fn calls(&mut self, sample: &Sample, own: &PhoneNumber, counted: bool) -> Vec<bool> {
        let calls = callers(sample);
        calls.into_iter().map(|(form, text)| self.call(own, form, &text, counted)).collect()
    }

    /// Whether a caller is recognised where nothing is said of the phone system.
    fn call(&mut self, own: &PhoneNumber, form: CallerForm, text: &str, counted: bool) -> bool {
        let mut recognised = false;
        for (bare_digits, forms) in WRITTEN {
            if !forms.contains(&form) {
                continue;
            }
            let plan = CallerIdPlan {
                numbering: self.plan,
                outside_line_prefix: String::new(),
                bare_digits,
            };
            let read = plan.read(text);
            let unknown = bare_digits == BareDigits::Either;
            let right = read.as_ref() == Ok(own);
            let (region, own) = (self.region, own.as_str());
            match &read {
                Ok(_) if right => {}
                Ok(other) => self.tally.wrong.push(format!(
                    "{region}: caller {text} of {own} is {}, {bare_digits:?}",
                    other.as_str()
                )),
                Err(why) if !unknown => self.tally.unexplained.push(format!(
                    "{region}: caller {text} of {own} is refused with {bare_digits:?}: {why:?}"
                )),
                Err(why) if plan.explain(text).notes.is_empty() => self
                    .tally
                    .unexplained
                    .push(format!("{region}: caller {text} of {own}: {why:?}")),
                Err(_) => {}
            }
            if unknown {
                recognised = right;
            }
        }
        if counted {
            let called = self.tally.callers.entry(form).or_default();
            let count = if recognised { &mut called.right } else { &mut called.refused };
            *count += 1;
        }
        recognised
    }

    /// Whether the owner of a text is found by each mode.
    fn stored(&mut self, own: &PhoneNumber, text: &str) -> [bool; 3] {
        let (region, name) = (self.region, own.as_str());
        match self.plan.classify(text) {
            StoredValue::Number { number, .. } if number == *own => {}
            StoredValue::Number { number, .. } => {
                self.tally
                    .wrong
                    .push(format!("{region}: {text:?} of {name} is {}", number.as_str()));
            }
            // A plus mends it, as check-directory says.
            StoredValue::TwoReadings { .. } => {}
            StoredValue::ExtensionOnly | StoredValue::Unreadable(_) => {
                self.tally.unexplained.push(format!("{region}: {text:?} of {name} is not read"));
            }
        }
        let owner = person("owner", text);
        let forms = self.forms(own);
        MODES.map(|mode| self.told(&[&owner], own, &forms, mode).is_some())
    }

    fn pairs(&mut self, calls: &[bool], found: bool) {
        for call in calls {
            self.tally.pairs += 1;
            let count =
                if *call && found { &mut self.tally.right } else { &mut self.tally.refused };
            *count += 1;
        }
    }

    /// Puts all whose number `text` could be into the directory, and has each call.
    fn beside_strangers(&mut self, sample: &Sample, own: &PhoneNumber, text: &str) {
        let owner = person("owner", text);
        let own_forms = self.forms(own);
        for stranger in strangers(sample, text) {
            let Some(other) = self.number(&stranger).filter(|other| other != own) else { continue };
            let other_forms = self.forms(&other);
            let them = person("stranger", &stranger);
            for mode in MODES {
                let calls = [
                    (self.told(&[&owner], &other, &other_forms, mode), ""),
                    (self.told(&[&owner, &them], &other, &other_forms, mode), "stranger"),
                    (self.told(&[&owner, &them], own, &own_forms, mode), "owner"),
                ];
                for (told, right) in calls {
                    self.tally.pairs += 1;
                    match told {
                        Some(who) if who == right => self.tally.right += 1,
                        None => self.tally.refused += 1,
                        Some(who) => self.tally.wrong.push(format!(
                            "{}: {text:?} of {} beside {stranger}, {mode:?}: {who}",
                            self.region,
                            own.as_str()
                        )),
                    }
                }
            }
        }
    }

    /// Which of these people a caller with `number` gets the code of.
    fn told(
        &self,
        people: &[&User],
        number: &PhoneNumber,
        forms: &StoredForms,
        mode: Matching,
    ) -> Option<String> {
        let found = people.iter().filter(|user| forms.find(&user.numbers[0].text, mode));
        let users: Vec<User> = found.map(|user| (*user).clone()).collect();
        let candidates = Candidates::to_compare(users, false);
        let one = candidates.exactly_one(number, &self.plan, Ambiguity::Refuse, None);
        one.ok().map(|user| user.username)
    }
}

fn person(name: &str, stored: &str) -> User {
    User {
        id: UserId::parse(name).expect("not empty"),
        username: name.to_owned(),
        locator: name.to_owned(),
        account: AccountState::default(),
        numbers: vec![NumberValue { rank: 0, text: stored.to_owned() }],
        pins: Vec::new(),
        language: None,
    }
}
