//! Numbers as directories hold them: reading one, and the forms one could be stored in.

use std::cell::RefCell;
use std::str::FromStr;

use rlibphonenumber::{
    CountryCodeSource, NumberLengthType, PHONE_NUMBER_UTIL, ParseError, PhoneNumber as Parsed,
    PhoneNumberFormat, Region,
};

use super::phone_number::PhoneNumber;

/// Longest text that is read as a number, in bytes.
pub(super) const MAX_TEXT: usize = 128;

thread_local! {
    /// A country, a text, and the number it is there.
    static LAST_READ: RefCell<Option<(Region, String, Option<PhoneNumber>)>> =
        const { RefCell::new(None) };
}

/// How a tenant's numbers are read: its country, for numbers without a country code.
#[derive(Debug, Clone, Copy)]
pub struct NumberingPlan {
    pub(super) country: Region,
}

/// The texts under which one number may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredForms {
    /// Whole values, with no blanks or hyphens: for servers whose matching rule ignores those
    /// (`telephoneNumberMatch`, RFC 4517 4.2.29).
    pub exact: Vec<String>,
    /// Values whose parts come in this order with anything between them. The first part starts
    /// the value and the last ends it: for servers that compare plain strings.
    pub patterns: Vec<Vec<String>>,
}

/// Which stored forms of a number a search finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matching {
    /// All that can be read: nothing is searched, all numbers were read beforehand.
    Everything,
    /// [`StoredForms::exact`].
    Exact,
    /// [`StoredForms::patterns`].
    Patterns,
}

impl StoredForms {
    /// Whether a search for these forms finds an entry that holds `value`.
    #[must_use]
    pub fn find(&self, value: &str, matching: Matching) -> bool {
        match matching {
            Matching::Everything => true,
            // As a filter is made: what has no whole values is searched by patterns.
            Matching::Exact if !self.exact.is_empty() => {
                let plain: String = value.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
                self.exact.iter().any(|form| form.eq_ignore_ascii_case(&plain))
            }
            Matching::Exact | Matching::Patterns => {
                self.patterns.iter().any(|parts| fits(parts, value))
            }
        }
    }
}

/// Whether `value` is these parts in this order, with anything between them.
fn fits(parts: &[String], value: &str) -> bool {
    let [first, middle @ .., last] = parts else { return parts.iter().any(|part| part == value) };
    let Some(mut rest) = value.strip_prefix(first.as_str()) else { return false };
    for part in middle {
        let Some(at) = rest.find(part.as_str()) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last.as_str())
}

impl NumberingPlan {
    /// The plan of a country, by its ISO 3166-1 alpha-2 code in capitals; `None` if the numbering
    /// metadata knows no such country.
    #[must_use]
    pub fn for_country(code: &str) -> Option<Self> {
        let shaped = code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
        let country = Region::from_str(code).ok().filter(|_| shaped)?;
        PHONE_NUMBER_UTIL.get_country_code_for_region(country)?;
        Some(Self { country })
    }

    /// Reads a number as stored in a directory, `None` if it is not one number.
    ///
    /// The number must be possible (its length fits the country); it need not be valid in the
    /// numbering plan, because plans change faster than metadata.
    #[must_use]
    pub fn read_stored(self, text: &str) -> Option<PhoneNumber> {
        self.read(text)
    }

    /// Reads a number that is written as E.164 and in no other form: `+`, country code, national
    /// number, nothing else. The tenant's country does not matter.
    #[must_use]
    pub fn read_e164(text: &str) -> Option<PhoneNumber> {
        let digits = text.strip_prefix('+')?;
        let shaped = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        // Any country will do: the text names its own.
        let anywhere = Self { country: Region::from_str("CH").ok()? };
        let number = shaped.then(|| anywhere.read_anew(text)).flatten()?;
        (number.as_str() == text && number.extension().is_none()).then_some(number)
    }

    /// Reads `text` as a number of this plan.
    ///
    /// Each thread remembers the text it read last: what a caller sends is mostly what the directory
    /// has for them, letter for letter, and reading it again costs as much as reading it at first.
    pub(super) fn read(self, text: &str) -> Option<PhoneNumber> {
        LAST_READ.with_borrow_mut(|last| match last {
            Some((country, known, number)) if *country == self.country && known == text => {
                number.clone()
            }
            _ => {
                let number = self.read_anew(text);
                *last = Some((self.country, text.to_owned(), number.clone()));
                number
            }
        })
    }

    fn read_anew(self, text: &str) -> Option<PhoneNumber> {
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_TEXT || text.chars().any(char::is_control) {
            return None;
        }
        if has_words(text) {
            return None;
        }
        let parsed = self.parse(text).filter(is_possible)?;
        let e164 = parsed.format_as(PhoneNumberFormat::E164).into_owned();
        let country_code_digits = parsed.country_code.to_string().len();
        let extension = parsed.extension.as_deref().filter(|digits| !digits.is_empty());
        Some(PhoneNumber::from_parts(e164, country_code_digits, extension.map(str::to_owned)))
    }

    /// Parses by the country's own rules, and reads a leading `00` as `+` even where the country's
    /// own international prefix is another, because equipment writes it so everywhere.
    pub(super) fn parse(self, text: &str) -> Option<Parsed> {
        self.try_parse(text).ok()
    }

    /// The same, and why there is no number.
    pub(super) fn try_parse(self, text: &str) -> Result<Parsed, ParseError> {
        let own = PHONE_NUMBER_UTIL.parse_and_keep_raw_input(text, Some(self.country));
        let compact: String = text.chars().filter(|c| !is_separator(*c)).collect();
        let Some(international) = compact.strip_prefix("00") else { return own };
        let dialled_abroad = own.as_ref().is_ok_and(|number| {
            number.country_code_source() == CountryCodeSource::FromNumberWithIdd
        });
        if dialled_abroad {
            return own;
        }
        PHONE_NUMBER_UTIL.parse_and_keep_raw_input(format!("+{international}"), None)
    }

    /// The forms `number` may be stored in: international always, national where the number is of
    /// this plan's country.
    ///
    /// An extension is written in so many ways that its form is a pattern only.
    #[must_use]
    pub fn stored_forms(&self, number: &PhoneNumber) -> StoredForms {
        let (code, national) = (number.country_code(), number.national_significant());
        let prefix = trunk_prefix(number);
        let own_country = PHONE_NUMBER_UTIL
            .get_country_code_for_region(self.country)
            .is_some_and(|own| own.to_string() == code);
        let mut exact = vec![
            format!("+{code}{national}"),
            format!("00{code}{national}"),
            format!("(+{code}){national}"),
            format!("(00{code}){national}"),
            format!("+({code}){national}"),
        ];
        if !prefix.is_empty() {
            exact.push(format!("+{code}({prefix}){national}"));
            exact.push(format!("00{code}({prefix}){national}"));
        }
        // An area code in brackets may have any length that leaves a subscriber number.
        for area in 1..=4.min(national.len().saturating_sub(4)) {
            let (area, rest) = national.split_at(area);
            exact.push(format!("+{code}({area}){rest}"));
            if own_country {
                exact.push(format!("({prefix}{area}){rest}"));
            }
        }
        if own_country {
            exact.push(format!("{prefix}{national}"));
            exact.push(format!("{code}{national}"));
        }
        exact.sort_unstable();
        exact.dedup();

        let mut starts = vec![
            format!("+{code}"),
            format!("00{code}"),
            format!("(+{code}"),
            format!("(00{code}"),
            format!("+({code}"),
            format!("+ {code}"),
            format!("00 {code}"),
        ];
        if own_country {
            starts.push(code.to_owned());
            starts.push(prefix.clone());
            starts.push(format!("({prefix}"));
        }
        let digits = || national.chars().map(String::from);
        let mut patterns: Vec<Vec<String>> = starts
            .into_iter()
            .map(|start| {
                let mut parts: Vec<String> = std::iter::once(start).chain(digits()).collect();
                if parts[0].is_empty() || parts[0] == "(" {
                    let first = parts.remove(1);
                    parts[0].push_str(&first);
                }
                parts
            })
            .collect();
        if let Some(extension) = number.extension() {
            exact.clear();
            for parts in &mut patterns {
                parts.push(extension.to_owned());
            }
        }
        StoredForms { exact, patterns }
    }
}

/// What may introduce an extension or a parameter of `tel:` (RFC 3966), all letters of it.
const INTRODUCTIONS: [&str; 10] = [
    "x",
    "\u{ff58}",
    "ext",
    "extn",
    "extension",
    "anexo",
    "int",
    "phonecontext",
    "extphonecontext",
    "isub",
];

/// Whether letters follow the first digit that introduce no extension. The parser would take them
/// for digits, as on a keypad: `08-12 34 fax` for `08-12 34 329`.
pub(super) fn has_words(text: &str) -> bool {
    let Some(first) = text.find(char::is_numeric) else { return false };
    let letters = text[first..].chars().filter(|c| c.is_alphabetic());
    let letters: String = letters.flat_map(char::to_lowercase).collect();
    !letters.is_empty() && !INTRODUCTIONS.contains(&letters.as_str())
}

/// Whether the number's length fits its country: not only locally, without the area code.
fn is_possible(number: &Parsed) -> bool {
    matches!(number.is_possible_with_reason(), Ok(NumberLengthType::IsPossible))
}

/// The trunk prefix that is dialled before the number within its own country; empty if none.
///
/// Numbers outside the plan have no national format of their own, so the country's example
/// number stands in for them.
fn trunk_prefix(number: &PhoneNumber) -> String {
    let prefix_of = |parsed: &Parsed| {
        let formatted = parsed.format_as(PhoneNumberFormat::National);
        let dialled: String = formatted.chars().filter(char::is_ascii_digit).collect();
        dialled
            .strip_suffix(&parsed.get_national_significant_number())
            .filter(|prefix| !prefix.is_empty())
            .map(str::to_owned)
    };
    let own = PHONE_NUMBER_UTIL.parse(number.as_str(), None).ok();
    let example = || {
        let code = number.country_code().parse().ok()?;
        let region = PHONE_NUMBER_UTIL.get_region_for_country_code(code)?;
        prefix_of(&PHONE_NUMBER_UTIL.get_example_number(region).ok()?)
    };
    own.as_ref().and_then(prefix_of).or_else(example).unwrap_or_default()
}

/// What may stand between a number's digits without meaning.
pub(super) fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '-' | '.' | '(' | ')' | '/' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '\u{202a}'..='\u{202e}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sweden() -> NumberingPlan {
        NumberingPlan::for_country("SE").expect("a country")
    }

    #[test]
    fn a_country_is_two_capitals_that_the_metadata_knows() {
        for wrong in ["", "se", "S", "SWE", "ZZ", "001"] {
            assert!(NumberingPlan::for_country(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn every_form_of_the_contract_is_the_same_number() {
        for text in [
            "+46701234567",
            "+46 70-123 45 67",
            "070-123 45 67",
            "0046701234567",
            "(+46) 70 1234567",
            "+46 (0)70 123 45 67",
            "(070) 123 45 67",
            "070.123.45.67",
            "070/123 45 67",
            "+46 (70) 123-4567",
            "tel:+46701234567",
        ] {
            let number = sweden().read_stored(text).expect(text);
            assert_eq!((number.as_str(), number.extension()), ("+46701234567", None), "{text}");
        }
    }

    #[test]
    fn a_number_need_only_be_possible() {
        let seed = sweden().read_stored("+467012345678").expect("the seed's own number");
        assert_eq!(seed.as_str(), "+467012345678");
        assert_eq!(seed.to_string(), "+46******5678");
        for wrong in ["", "1234", "+", "+46", "no number", "+4670123456701234567", "123456\0"] {
            assert!(sweden().read_stored(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn words_are_not_read_as_the_digits_of_a_keypad() {
        for wrong in [
            "08-12 34 fax",
            "08-123 456 new",
            "+46 8 12 34 fax",
            "070-123 99 call",
            "+46 70 123 45 67 (work)",
            "1-800-FLOWERS",
            "070 123 45 67 ext 12 fax",
        ] {
            assert!(sweden().read_stored(wrong).is_none(), "{wrong}");
        }
        for right in ["Tel. 070-123 45 67", "tel:0701234567;phone-context=+46"] {
            let number = sweden().read_stored(right).expect(right);
            assert_eq!((number.as_str(), number.extension()), ("+46701234567", None), "{right}");
        }
        for right in ["070-123 45 67 x12", "070-123 45 67 Ext. 12", "0701234567;ext=12"] {
            assert_eq!(
                sweden().read_stored(right).expect(right).extension(),
                Some("12"),
                "{right}"
            );
        }
    }

    #[test]
    fn an_extension_is_part_of_the_number() {
        let with = sweden().read_stored("+46 8 123 456 78 ext. 12").expect("a number");
        assert_eq!((with.as_str(), with.extension()), ("+46812345678", Some("12")));
        assert_ne!(Some(with), sweden().read_stored("+46812345678"));
    }

    #[test]
    fn forms_of_a_foreign_number_are_international_only() {
        let danish = sweden().read_stored("+45 32 12 34 56").expect("a number");
        let forms = sweden().stored_forms(&danish);
        assert!(forms.exact.contains(&"+4532123456".to_owned()));
        assert!(forms.exact.iter().all(|form| form.contains("45")), "{:?}", forms.exact);
        for stored in ["+45 32 12 34 56", "00 45 32-12-34-56", "(+45) 32123456", "+(45)32123456"] {
            assert!(forms.find(stored, Matching::Patterns), "{stored}");
            assert!(forms.find(stored, Matching::Exact), "{stored}");
        }
    }

    #[test]
    fn a_form_with_dots_is_found_by_patterns_only() {
        let number = sweden().read_stored("070.123.45.67").expect("a number");
        let forms = sweden().stored_forms(&number);
        assert!(!forms.find("070.123.45.67", Matching::Exact));
        assert!(forms.find("070.123.45.67", Matching::Patterns));
        assert!(forms.find("0046701234567", Matching::Exact));
        assert!(!forms.find("0046701234568", Matching::Patterns));
        assert!(forms.find("tel:+46701234567", Matching::Everything));
        let extended = sweden().read_stored("+46 8 123 456 78 ext. 12").expect("a number");
        let forms = sweden().stored_forms(&extended);
        assert!(forms.find("+46 8 123 456 78 ext. 12", Matching::Exact));
    }

    #[test]
    fn patterns_are_anchored_and_never_start_with_a_wildcard() {
        for country in ["SE", "DK", "US", "IT", "AU", "HU"] {
            let plan = NumberingPlan::for_country(country).expect("a country");
            let code = PHONE_NUMBER_UTIL.get_country_code_for_region(plan.country).expect("known");
            let number = plan
                .read_stored(&format!("+{code}212345678"))
                .or_else(|| plan.read_stored(&format!("+{code}2123456789")))
                .or_else(|| plan.read_stored(&format!("+{code}21234567")))
                .expect("possible");
            for pattern in plan.stored_forms(&number).patterns {
                assert!(pattern[0].chars().any(|c| c.is_ascii_digit()), "{country} {pattern:?}");
                assert!(pattern.iter().all(|part| !part.is_empty()), "{country} {pattern:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_number_stored_in_any_form_is_read_back_and_found(
            national in "[1-9][0-9]{7,8}",
            style in 0_usize..9,
            gaps in proptest::collection::vec(prop::sample::select(vec!["", "", " ", "-"]), 9),
        ) {
            let mut grouped = String::new();
            for (digit, gap) in national.chars().zip(gaps.iter().chain(std::iter::repeat(&""))) {
                grouped.push(digit);
                grouped.push_str(gap);
            }
            let grouped = grouped.trim_end_matches([' ', '-']);
            let stored = match style {
                0 => format!("+46{grouped}"),
                1 => format!("+46 {grouped}"),
                2 => format!("0{grouped}"),
                3 => format!("0046{grouped}"),
                4 => format!("(+46) {grouped}"),
                5 => format!("+(46) {grouped}"),
                6 => format!("+ 46 {grouped}"),
                7 => format!("00 46 {grouped}"),
                _ => format!("+46 (0){grouped}"),
            };
            let number = sweden().read_stored(&format!("+46{national}")).expect("possible");
            prop_assert_eq!(sweden().read_stored(&stored), Some(number.clone()), "{}", stored);
            let forms = sweden().stored_forms(&number);
            prop_assert!(forms.find(&stored, Matching::Exact), "{}", stored);
            prop_assert!(forms.find(&stored, Matching::Patterns), "{}", stored);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,140}") {
            let _ = sweden().read_stored(&text);
        }
    }
}
