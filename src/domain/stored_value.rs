//! Classifies one value of a phone attribute for an administrator: a number, an extension, or why
//! it is neither. Matching is done elsewhere.

use rlibphonenumber::{
    NotANumberError, NumberLengthType, PHONE_NUMBER_UTIL, ParseError, ValidationError,
};

use super::numbering::NumberingPlan;
use super::phone_number::PhoneNumber;
use super::stored_number::StoredReading;
use super::written::{MAX_TEXT, WrittenNumber, has_words, is_separator, normalize};

/// Most digits that are taken for an extension of a private exchange.
const LONGEST_EXTENSION: usize = 6;

/// What directories write before an extension, in lower case and without its dot.
const LABELS: [&str; 9] =
    ["extension", "ext", "ex", "x", "#", "int", "intern", "anknytning", "ankn"];

/// The classification of a stored value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredValue {
    /// A number that a caller can have.
    Number {
        /// The number.
        number: PhoneNumber,
        /// Whether it depends on the tenant's country: written without `+` or `00`, it would be
        /// another number in another country.
        by_country: bool,
    },
    /// Ambiguous between two numbers, so it belongs to no one.
    TwoReadings {
        /// The number if the country code is missing.
        national: PhoneNumber,
        /// The number if only the plus is missing.
        international: PhoneNumber,
    },
    /// An extension alone (`4567`, `x12`), which no outside caller can have.
    ExtensionOnly,
    /// Not a number, and why.
    Unreadable(Unreadable),
}

/// Why a value is not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// Empty, or only blanks.
    Empty,
    /// Control characters, or far longer than any number.
    NotText,
    /// Letters, several numbers, or no digits.
    NotANumber,
    /// A country code that does not exist.
    UnknownCountryCode,
    /// Fewer digits than the country's numbers have.
    TooShort,
    /// A local number without its area code.
    NoAreaCode,
    /// More digits than the country's numbers have.
    TooLong,
    /// A number of digits that the country's numbers do not have.
    WrongLength,
}

impl Unreadable {
    /// The reason in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NotText => "not a text that could be a number",
            Self::NotANumber => "not one telephone number, or words beside it",
            Self::UnknownCountryCode => "no country has this code",
            Self::TooShort => "too short for its country",
            Self::NoAreaCode => "without its area code",
            Self::TooLong => "too long for its country",
            Self::WrongLength => "no number of its country has this length",
        }
    }
}

impl NumberingPlan {
    /// Classifies `text`, the value of a phone attribute. It is a number exactly if
    /// [`NumberingPlan::read_stored`] returns one.
    #[must_use]
    pub fn classify(self, text: &str) -> StoredValue {
        match self.stored_reading(text) {
            StoredReading::Number(number) => {
                StoredValue::Number { number, by_country: is_without_country(text) }
            }
            StoredReading::TwoReadings { national, international } => {
                StoredValue::TwoReadings { national, international }
            }
            StoredReading::Nothing if is_extension(text) => StoredValue::ExtensionOnly,
            StoredReading::Nothing => StoredValue::Unreadable(self.why_unreadable(text)),
        }
    }

    fn why_unreadable(self, text: &str) -> Unreadable {
        let Some(clean) = normalize(text) else { return Unreadable::NotText };
        if clean.is_empty() {
            return Unreadable::Empty;
        }
        if clean.len() > MAX_TEXT {
            return Unreadable::NotText;
        }
        if has_words(&clean) {
            return Unreadable::NotANumber;
        }
        let Some(written) = WrittenNumber::parse(&clean) else { return Unreadable::NotANumber };
        let e164 = match written.international() {
            Some(digits) => format!("+{digits}"),
            None => format!("+{}{}", self.country_code(), written.digits),
        };
        let parsed = match PHONE_NUMBER_UTIL.parse(e164, None) {
            Ok(parsed) => parsed,
            Err(ParseError::InvalidCountryCode) => return Unreadable::UnknownCountryCode,
            Err(ParseError::TooShortAfterIdd | ParseError::TooShortNsn) => {
                return Unreadable::TooShort;
            }
            Err(ParseError::TooLongNsn) => return Unreadable::TooLong,
            Err(ParseError::NotANumber(NotANumberError::FailedToParseNumberAsInt(_))) => {
                return Unreadable::TooLong;
            }
            Err(ParseError::NotANumber(_)) => return Unreadable::NotANumber,
        };
        match parsed.is_possible_with_reason() {
            Ok(NumberLengthType::IsPossible) => Unreadable::NotANumber,
            Ok(NumberLengthType::IsPossibleLocalOnly) => Unreadable::NoAreaCode,
            Err(ValidationError::InvalidCountryCode) => Unreadable::UnknownCountryCode,
            Err(ValidationError::TooShort) => Unreadable::TooShort,
            Err(ValidationError::TooLong) => Unreadable::TooLong,
            Err(_) => Unreadable::WrongLength,
        }
    }
}

/// Whether a readable `text` needs the plan's country.
fn is_without_country(text: &str) -> bool {
    let written = normalize(text).as_deref().and_then(WrittenNumber::parse);
    written.is_some_and(|written| written.international().is_none())
}

/// Whether `text` is a few digits, possibly after a word for "extension".
fn is_extension(text: &str) -> bool {
    let Some(text) = normalize(text) else { return false };
    let text = text.to_lowercase();
    let bare = LABELS
        .iter()
        .find_map(|label| text.strip_prefix(label))
        .map_or(text.as_str(), |rest| rest.trim_start_matches(['.', ':', '=', ' ']));
    let digits: String = bare.chars().filter(|c| !is_separator(*c)).collect();
    (1..=LONGEST_EXTENSION).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sweden() -> NumberingPlan {
        NumberingPlan::for_country("SE").expect("a country")
    }

    fn by_country(text: &str) -> Option<bool> {
        match sweden().classify(text) {
            StoredValue::Number { by_country, .. } => Some(by_country),
            StoredValue::TwoReadings { .. }
            | StoredValue::ExtensionOnly
            | StoredValue::Unreadable(_) => None,
        }
    }

    #[test]
    fn a_number_without_plus_or_00_is_read_by_the_country() {
        for text in ["+46 70-123 45 67", "0046701234567", "(+46) 70 1234567", "00 45 32 12 34 56"] {
            assert_eq!(by_country(text), Some(false), "{text}");
        }
        for text in ["070-123 45 67", "(070) 123 45 67", "46701234567"] {
            assert_eq!(by_country(text), Some(true), "{text}");
        }
        let us = NumberingPlan::for_country("US").expect("a country");
        assert!(matches!(
            us.classify("011 46 70 123 45 67"),
            StoredValue::Number { by_country: true, .. }
        ));
    }

    #[test]
    fn a_few_digits_are_an_extension() {
        for text in ["4567", "x12", "X 12", "ext. 4567", "Ankn 123", "#4567", "12 34", "int:77"] {
            assert_eq!(sweden().classify(text), StoredValue::ExtensionOnly, "{text}");
        }
        for text in ["", "x", "ext", "1234567", "12a", "ankomst 12"] {
            assert!(!matches!(sweden().classify(text), StoredValue::ExtensionOnly), "{text}");
        }
    }

    #[test]
    fn an_unreadable_value_says_why() {
        for (text, why) in [
            ("", Unreadable::Empty),
            ("   ", Unreadable::Empty),
            ("070\u{0}1", Unreadable::NotText),
            ("call reception", Unreadable::NotANumber),
            ("+46 70 123 45 67, +46 70 123 45 68", Unreadable::NotANumber),
            ("+999 70 123 45 67", Unreadable::UnknownCountryCode),
            ("+46 70 12", Unreadable::TooShort),
            ("+46 70 123 45 67 01 23 45", Unreadable::TooLong),
        ] {
            assert_eq!(sweden().classify(text), StoredValue::Unreadable(why), "{text}");
        }
        let us = NumberingPlan::for_country("US").expect("a country");
        assert_eq!(us.classify("253-0000"), StoredValue::Unreadable(Unreadable::NoAreaCode));
    }

    proptest! {
        #[test]
        fn a_value_is_a_number_exactly_if_it_is_read_as_one(text in "[0-9+ ()x.-]{0,24}|\\PC{0,40}") {
            let read = sweden().read_stored(&text).is_some();
            let number = matches!(sweden().classify(&text), StoredValue::Number { .. });
            prop_assert_eq!(read, number, "{}", text);
        }
    }
}
