//! Parses the people in a file and looks them up. Every mistake is reported, not only the first.

use std::collections::HashMap;
use std::ops::Range;

use serde::Deserialize;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::hashing::{is_weak, unusable};
use crate::domain::account_state::AccountState;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::stored_number::{NumberingPlan, StoredReading};
use crate::domain::text_file;
use crate::domain::user::{Candidates, NumberValue, Pin, TypedName, User, UserId};

/// One person as written. See `config/people.toml` for a commented example.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonEntry {
    /// Stable id; the username if left out.
    id: Option<String>,
    username: String,
    #[serde(default)]
    numbers: Vec<String>,
    /// An argon2 hash in PHC form. If it is left out, no password is right.
    password_hash: Option<String>,
    /// Digits that distinguish this person from others with the same number.
    pin: Option<String>,
    /// The languages that this person prefers, such as `fi` or `de, en;q=0.5`.
    language: Option<String>,
    #[serde(default = "yes")]
    enabled: bool,
}

const fn yes() -> bool {
    true
}

/// The people in a file as written, each with their position in it; unreadable ones are reported.
fn people(text: &str, problems: &mut Vec<String>) -> Vec<(usize, PersonEntry)> {
    let mut report = |message: &str, span: Option<Range<usize>>| {
        let line = span.map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        problems.push(format!("line {line}: {message}"));
    };
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        for error in &errors {
            report(error.message(), error.span());
        }
        return Vec::new();
    }
    let mut read = Vec::new();
    for (key, value) in document.into_inner() {
        match (key.get_ref().as_ref(), value.span(), value.into_inner()) {
            ("people", _, DeValue::Array(all)) => {
                for (index, person) in all.into_iter().enumerate() {
                    match PersonEntry::deserialize(ValueDeserializer::from(person)) {
                        Ok(person) => read.push((index, person)),
                        Err(error) => report(error.message(), error.span()),
                    }
                }
            }
            ("people", span, _) => {
                report("found no list, expected [[people]] sections", Some(span));
            }
            (other, ..) => {
                report(&format!("unknown key `{other}`, expected `people`"), Some(key.span()));
            }
        }
    }
    read
}

/// The people, looked up by number and by name.
#[derive(Default)]
pub(super) struct People {
    pub entries: Vec<(User, Option<String>)>,
    /// Who has a number, by their place among the entries, with the rank of the first of their
    /// values that is this number.
    by_number: HashMap<PhoneNumber, Vec<(usize, usize)>>,
    pub by_name: HashMap<String, usize>,
}

impl People {
    /// The people in `text`, or every mistake in it.
    pub fn parse(text: &str, plan: NumberingPlan) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let (mut all, mut ids, mut names) = (Self::default(), HashMap::new(), HashMap::new());
        for (index, person) in people(text, &mut problems) {
            let username = person.username.clone();
            let at = |key: &str| format!("people[{index}] ({username:?}).{key}");
            if let Some(other) = names.insert(username.to_lowercase(), index) {
                problems.push(format!("{}: people[{other}] has the same name", at("username")));
            }
            let id = person.id.clone().unwrap_or_else(|| username.clone());
            if let Some(other) = ids.insert(id, index) {
                problems.push(format!("{}: people[{other}] has the same id", at("id")));
            }
            let hash = person.password_hash.clone();
            if let Some(user) = user(person, plan, at, &mut problems) {
                all.add(user, hash, plan);
            }
        }
        if problems.is_empty() { Ok(all) } else { Err(problems) }
    }

    fn add(&mut self, user: User, hash: Option<String>, plan: NumberingPlan) {
        let place = self.entries.len();
        for value in &user.numbers {
            let Some(number) = plan.read_stored(&value.text) else { continue };
            let owners = self.by_number.entry(number).or_default();
            if owners.last().is_none_or(|(last, _)| *last != place) {
                owners.push((place, value.rank));
            }
        }
        self.by_name.insert(user.username.to_lowercase(), place);
        self.entries.push((user, hash));
    }

    /// The people with this number.
    pub fn with_number(&self, number: &PhoneNumber) -> Candidates {
        let owners = self.by_number.get(number).map_or(&[][..], Vec::as_slice);
        Candidates::compared(
            owners.iter().map(|(place, rank)| (self.entries[*place].0.clone(), *rank)),
        )
    }

    /// The person with this name.
    pub fn with_name(&self, name: &TypedName) -> Candidates {
        let place = self.by_name.get(&name.as_str().to_lowercase());
        let users = place.map(|place| self.entries[*place].0.clone()).into_iter().collect();
        Candidates::to_compare(users, false)
    }
}

/// The hashes of passwords in `config/people.toml` and `config/demo-people.toml`.
const PUBLISHED: [&str; 1] = ["$argon2id$v=19$m=19456,t=2,p=1$6cwQ/B+8t7xfTI5TR3OPKg$\
     +L0HCLpXB/2fRGaLCbfBw4WuJbeAkQVpBVz036MLFFM"];

/// What an administrator should look at among the people in `text`. `is_public` means that other
/// machines can connect, `by_pin` that PINs tell people with the same number apart.
pub(super) fn doubtful(text: &str, is_public: bool, by_pin: bool) -> Vec<String> {
    let people = people(text, &mut Vec::new());
    if people.is_empty() {
        return vec!["it has no people, so no one can log in: add [[people]]".to_owned()];
    }
    let mut found = Vec::new();
    if by_pin && people.iter().all(|(_, person)| person.pin.is_none()) {
        found.push(
            "no one has a pin, so that ambiguous = \"pin\" refuses all calls from a number that \
             several people have: add pins, or choose another value"
                .to_owned(),
        );
    }
    for (index, person) in &people {
        let Some(hash) = &person.password_hash else { continue };
        let at = format!("people[{index}] ({:?}).password_hash", person.username);
        if is_public && PUBLISHED.contains(&hash.as_str()) {
            found.push(format!(
                "{at}: the hash of an example, whose password is published: make one of another \
                 password with `dialpass hash-password`"
            ));
        }
        if is_weak(hash) {
            found.push(format!(
                "{at}: cheap parameters, so anyone who gets the file can guess the password \
                 quickly: make a new one with `dialpass hash-password`"
            ));
        }
    }
    found
}

/// The text of the file.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, String> {
    text_file::decode(bytes)
        .map_err(|error| format!("found {error}, expected TOML, {}", text_file::ACCEPTED))
}

/// Checks one person. Mistakes are reported with the place that `at` gives for a key.
fn user(
    person: PersonEntry,
    plan: NumberingPlan,
    at: impl Fn(&str) -> String,
    problems: &mut Vec<String>,
) -> Option<User> {
    let username = person.username;
    if TypedName::parse(&username).is_none() || username.trim() != username {
        problems.push(format!(
            "{}: found {username:?}, expected 1 to 256 characters without control characters, and \
             without blanks around them",
            at("username")
        ));
    }
    let id = UserId::parse(person.id.unwrap_or_else(|| username.clone()));
    if id.is_none() {
        problems.push(format!("{}: empty", at("id")));
    }
    if let Some(why) = person.password_hash.as_deref().and_then(unusable) {
        let at = at("password_hash");
        problems.push(format!("{at}: {why}; `dialpass hash-password` makes one"));
    }
    for (rank, text) in person.numbers.iter().enumerate() {
        let found = match plan.stored_reading(text) {
            StoredReading::Number(_) => continue,
            StoredReading::TwoReadings { .. } => "could be two numbers",
            StoredReading::Nothing => "not a telephone number",
        };
        problems.push(format!(
            "{}[{rank}]: {found}, expected +46 70 123 45 67, or national",
            at("numbers")
        ));
    }
    let pin = person.pin.as_deref().map(Pin::parse);
    if pin.as_ref().is_some_and(Option::is_none) {
        problems.push(format!("{}: not a PIN, expected 1 to 32 digits", at("pin")));
    }
    let numbers = person.numbers.into_iter().enumerate();
    Some(User {
        id: id?,
        locator: username.clone(),
        account: AccountState::enabled(person.enabled),
        numbers: numbers.map(|(rank, text)| NumberValue { rank, text }).collect(),
        pins: pin.flatten().into_iter().collect(),
        language: person.language,
        username,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> NumberingPlan {
        NumberingPlan::for_country("SE").expect("a country")
    }

    fn parse(text: &str) -> Result<People, String> {
        People::parse(text, plan()).map_err(|problems| problems.join("\n"))
    }

    #[test]
    fn people_are_found_by_any_form_of_their_number() {
        let people = parse("[[people]]\nusername='anna'\nnumbers=['070-123 45 67']").expect("good");
        let number = plan().read_stored("+46701234567").expect("a number");
        assert_eq!(people.by_number[&number], [(0, 0)]);
    }

    #[test]
    fn a_bad_file_says_where_and_what() {
        for (text, says) in [
            ("[[people]]\nusername='a'\nnumber=[]", "line 3: unknown field `number`"),
            ("[[people]]\nusername='a'\nnumbers=['x']", "people[0] (\"a\").numbers[0]"),
            ("[[people]]\nusername='a'\n[[people]]\nusername='A'", "people[1] (\"A\").username"),
            (
                "[[people]]\nusername='a'\nid='1'\n[[people]]\nusername='b'\nid='1'",
                "people[1] (\"b\").id",
            ),
            (
                "[[people]]\nusername='a'\npassword_hash='hunter2'",
                "people[0] (\"a\").password_hash",
            ),
            ("[[people]]\nusername='a'\npin='12x'", "people[0] (\"a\").pin"),
            ("people = 3", "line 1"),
        ] {
            let problem = parse(text).err().expect(text);
            assert!(problem.contains(says) && problem.lines().count() == 1, "{problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn a_file_without_pins_is_doubtful_where_pins_decide() {
        let text = "[[people]]\nusername = \"anna\"\n";
        assert!(doubtful(text, false, false).is_empty());
        assert!(doubtful(text, false, true)[0].contains("ambiguous = \"pin\""));
        assert!(doubtful(&format!("{text}pin = \"1234\"\n"), false, true).is_empty());
    }

    #[test]
    fn published_passwords_are_reported_where_others_can_connect() {
        let shipped = [
            include_str!("../../../config/people.toml"),
            include_str!("../../../config/demo-people.toml"),
        ];
        for text in shipped {
            let hashes = text.lines().filter(|line| line.starts_with("password_hash")).count();
            let told = doubtful(text, true, false);
            assert_eq!(told.len(), hashes, "{told:?}");
            assert!(told.iter().all(|one| one.contains("is published")), "{told:?}");
            assert!(doubtful(text, false, false).is_empty());
        }
    }

    #[test]
    fn all_mistakes_of_a_file_are_named() {
        let text = "[[people]]\nusername='a'\nnumbers=['x','+46701234567','y']\npin='z'\n\
                    [[people]]\nusername='b'\nnumber=[]\n[[people]]\nusername=' c'\nid='a'\n";
        let problems = People::parse(text, plan()).err().expect("bad");
        let starts = [
            "people[0] (\"a\").numbers[0]: ",
            "people[0] (\"a\").numbers[2]: ",
            "people[0] (\"a\").pin: ",
            "line 7: unknown field `number`",
            "people[2] (\" c\").id: people[0] has the same id",
            "people[2] (\" c\").username: found",
        ];
        let mut found: Vec<&str> = problems.iter().map(String::as_str).collect();
        // Lines that cannot be read come first.
        found.sort_by_key(|problem| starts.iter().position(|start| problem.starts_with(start)));
        assert_eq!(found.len(), starts.len(), "{problems:?}");
        assert!(
            found.iter().zip(starts).all(|(one, start)| one.starts_with(start)),
            "{problems:?}"
        );
    }
}
