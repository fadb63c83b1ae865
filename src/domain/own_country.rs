//! What administrators see about a tenant's own country: an example number, and stored numbers that
//! predate a change of the country's numbering plan.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, PhoneNumberType};

use super::numbering::{NumberingPlan, is_valid};
use super::phone_number::PhoneNumber;

/// A change of a numbering plan that gave subscribers longer or different numbers.
struct Change {
    country_code: &'static str,
    /// Number of digits in the old national numbers.
    digits: usize,
    /// When they ended.
    since: &'static str,
    /// The new national number; `None` if it depends on more than the digits.
    now: fn(&str) -> Option<String>,
}

/// Changes that the numbering metadata does not handle, so that older numbers match no caller.
const CHANGES: [Change; 5] = [
    // Anatel, Resolução 553/2010: a ninth digit before mobile numbers, in all areas since 2016.
    Change {
        country_code: "55",
        digits: 10,
        since: "2016",
        now: |old| Some(format!("{}9{}", &old[..2], &old[2..])),
    },
    // ARTCI: ten digits since 31 January 2021; the first two depend on operator and line type.
    Change { country_code: "225", digits: 8, since: "2021", now: |_| None },
    // ARCEP Bénin: 01 before all numbers since 30 November 2024.
    Change { country_code: "229", digits: 8, since: "2024", now: |old| Some(format!("01{old}")) },
    // CRC, Resolución 5826/2019: 60 before landlines since 1 September 2021.
    Change { country_code: "57", digits: 8, since: "2021", now: |old| Some(format!("60{old}")) },
    // Ministry of Information and Communications of Vietnam: eleven-digit mobile numbers lost a
    // digit in 2018.
    Change { country_code: "84", digits: 10, since: "2018", now: vietnam },
];

/// Vietnam's former mobile prefixes, and their replacements.
const VIETNAM: [(&str, &str); 21] = [
    ("120", "70"),
    ("121", "79"),
    ("122", "77"),
    ("123", "83"),
    ("124", "84"),
    ("125", "85"),
    ("126", "76"),
    ("127", "81"),
    ("128", "78"),
    ("129", "82"),
    ("162", "32"),
    ("163", "33"),
    ("164", "34"),
    ("165", "35"),
    ("166", "36"),
    ("167", "37"),
    ("168", "38"),
    ("169", "39"),
    ("186", "56"),
    ("188", "58"),
    ("199", "59"),
];

fn vietnam(old: &str) -> Option<String> {
    let (_, new) = VIETNAM.iter().find(|(former, _)| old.starts_with(former))?;
    Some(format!("{new}{}", &old[3..]))
}

/// A number that predates a change of its country's numbering plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerNumber {
    /// The year since which callers have a new number.
    pub since: &'static str,
    /// The callers' present number, as E.164, if the digits determine it.
    pub now: Option<String>,
}

impl FormerNumber {
    /// The number that `digits` (a country code and a national number) were before their country's
    /// plan changed; `None` if they are a present number, or never were one.
    #[must_use]
    pub fn of(digits: &str) -> Option<Self> {
        CHANGES.iter().find_map(|change| {
            let old = digits.strip_prefix(change.country_code)?;
            if old.len() != change.digits || is_valid(&format!("+{digits}")) {
                return None;
            }
            let now = (change.now)(old).map(|new| format!("{}{new}", change.country_code));
            if now.as_ref().is_some_and(|now| !is_valid(&format!("+{now}"))) {
                return None;
            }
            Some(Self { since: change.since, now: now.map(|now| format!("+{now}")) })
        })
    }
}

impl NumberingPlan {
    /// A number of this country in the form best stored, such as `+46 70 123 45 67`.
    #[must_use]
    pub fn example(self) -> String {
        let example =
            [PhoneNumberType::Mobile, PhoneNumberType::FixedLine].into_iter().find_map(|kind| {
                PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(self.country, kind).ok()
            });
        example.map_or_else(String::new, |number| {
            number.format_as(PhoneNumberFormat::International).into_owned()
        })
    }

    /// The number that a stored text was before its country's numbering plan changed, whether or
    /// not it can still be parsed as a number.
    #[must_use]
    pub fn former(self, text: &str) -> Option<FormerNumber> {
        if let Some(number) = self.read_stored(text) {
            return FormerNumber::of(&number.as_str()[1..]);
        }
        if text.chars().any(char::is_alphabetic) {
            return None;
        }
        let digits = PHONE_NUMBER_UTIL.normalize_digits_only(text);
        let code = PHONE_NUMBER_UTIL.get_country_code_for_region(self.country)?;
        match digits.strip_prefix("00") {
            Some(international) => FormerNumber::of(international),
            None if text.contains('+') => FormerNumber::of(&digits),
            None => FormerNumber::of(&format!("{code}{digits}")),
        }
    }

    /// The digits in which telephone systems of this country write one of its own numbers: with the
    /// national prefix, if it has one. `None` for foreign numbers.
    #[must_use]
    pub fn digits_at_home(self, number: &PhoneNumber) -> Option<String> {
        let own = PHONE_NUMBER_UTIL.get_country_code_for_region(self.country)?;
        if own.to_string() != number.country_code() {
            return None;
        }
        let parsed = PHONE_NUMBER_UTIL.parse(number.as_str(), None).ok()?;
        let written = parsed.format_as(PhoneNumberFormat::National);
        Some(written.chars().filter(char::is_ascii_digit).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_from_before_a_change_of_plan_are_known_and_those_of_today_are_left_alone() {
        for (old, since, now) in [
            ("551196123456", Some("2016"), Some("+5511996123456")),
            ("551161234567", Some("2016"), Some("+5511961234567")),
            ("551191234567", Some("2016"), Some("+5511991234567")),
            ("5511961234567", None, None),
            ("551123456789", None, None),
            ("22997123456", Some("2024"), Some("+2290197123456")),
            ("2290197123456", None, None),
            ("22507123456", Some("2021"), None),
            ("2250707123456", None, None),
            ("5713456789", Some("2021"), Some("+576013456789")),
            ("576013456789", None, None),
            ("841681234567", Some("2018"), Some("+84381234567")),
            ("84381234567", None, None),
            ("46701234567", None, None),
        ] {
            let former = FormerNumber::of(old);
            let expected = since.map(|since| FormerNumber { since, now: now.map(str::to_owned) });
            assert_eq!(former, expected, "{old}");
        }
        assert_eq!(VIETNAM.len(), 21);
    }

    #[test]
    fn a_stored_number_from_before_a_change_is_known_even_where_it_cannot_be_read() {
        let plan = NumberingPlan::for_country("CI").expect("a country");
        for text in ["07 12 34 56", "+225 07 12 34 56", "00225 07-12-34-56"] {
            assert_eq!(plan.former(text).map(|former| former.since), Some("2021"), "{text}");
        }
        for text in ["07 07 12 34 56", "07 12 34 56 Kalle", "07 12 34", ""] {
            assert_eq!(plan.former(text), None, "{text}");
        }
        let brazil = NumberingPlan::for_country("BR").expect("a country");
        let former = brazil.former("(11) 6123-4567").expect("no ninth digit");
        assert_eq!(former.now.as_deref(), Some("+5511961234567"));
    }

    #[test]
    fn a_country_shows_a_number_of_its_own() {
        for (country, example) in
            [("SE", "+46 70 123 45 67"), ("DK", "+45 34 41 23 45"), ("US", "+1 201-555-0123")]
        {
            let plan = NumberingPlan::for_country(country).expect("a country");
            assert_eq!(plan.example(), example);
            assert!(plan.read_stored(example).is_some());
        }
    }

    #[test]
    fn a_number_at_home_has_its_national_prefix() {
        for (country, number, at_home) in [
            ("SE", "+46701234567", Some("0701234567")),
            ("IT", "+39390656001", Some("390656001")),
            ("CN", "+8613123456789", Some("13123456789")),
            ("SE", "+4532123456", None),
        ] {
            let plan = NumberingPlan::for_country(country).expect("a country");
            let number = plan.read_stored(number).expect("a number");
            assert_eq!(plan.digits_at_home(&number).as_deref(), at_home);
        }
    }
}
