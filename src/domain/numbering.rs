//! Which number a row of digits is, by the numbering plans of the world and of one country. What
//! was written around the digits is taken off in [`written`](super::written); whether a caller or a
//! directory wrote them is decided in [`caller_id`](super::caller_id) and
//! [`stored_number`](super::stored_number).

use std::str::FromStr;

use rlibphonenumber::{
    CountryCodeSource, NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber as Parsed,
    PhoneNumberFormat, Region,
};

use super::phone_number::PhoneNumber;
use super::plan_changes;

/// National prefixes that some country's people write. Whether one is a prefix of a number's, its
/// plan says.
pub(super) const NATIONAL_PREFIXES: [&str; 8] = ["0", "1", "8", "80", "01", "06", "044", "045"];

/// How a tenant's numbers are read: its country, for numbers without a country code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberingPlan {
    pub(super) country: Region,
}

/// A number that was read as one of the plan's country.
pub(super) struct National {
    pub(super) number: PhoneNumber,
    /// Whether the digits begin with the country's national prefix.
    pub(super) prefixed: bool,
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

    /// Reads a number that is written as E.164 and in no other form: `+`, country code, national
    /// number, nothing else. The tenant's country does not matter.
    ///
    /// Unlike numbers that are read to be compared, it stays as it is written.
    #[must_use]
    pub fn read_e164(text: &str) -> Option<PhoneNumber> {
        let digits = text.strip_prefix('+')?;
        let shaped = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        let parsed = shaped.then(|| possible(text)).flatten()?;
        let number = to_number(&parsed);
        (number.as_str() == text).then_some(number)
    }

    /// The country code, digits only.
    pub(super) fn country_code(self) -> String {
        PHONE_NUMBER_UTIL
            .get_country_code_for_region(self.country)
            .map_or_else(String::new, |code| code.to_string())
    }

    /// The number that `digits` are as a national number: with the national prefix or without. The
    /// country's prefixes for calls abroad mean nothing here: what was not dialled has none.
    pub(super) fn national(self, digits: &str) -> Option<National> {
        let code = self.country_code();
        if let Some(significant) = plan_changes::former_national(self.country, digits) {
            let parsed = possible(&format!("+{code}{significant}"))?;
            return Some(National { number: to_number(&parsed), prefixed: true });
        }
        let parsed = PHONE_NUMBER_UTIL.parse_and_keep_raw_input(digits, Some(self.country)).ok();
        // Read in the plan of the country itself, which may be one of several with its code; but not
        // where a prefix for calls abroad or the country code was taken off.
        let own = parsed
            .filter(|parsed| parsed.country_code_source() == CountryCodeSource::FromDefaultCountry);
        let parsed = match own.filter(is_possible) {
            Some(parsed) => parsed,
            None => possible(&format!("+{code}{digits}"))?,
        };
        let number = comparable(&to_number(&parsed));
        let significant = parsed.get_national_significant_number();
        let prefix = digits.strip_suffix(&significant).unwrap_or_default();
        let prefixed = prefix.starts_with('0') || NATIONAL_PREFIXES.contains(&prefix);
        Some(National { number, prefixed })
    }

    /// The number that `digits` are with the country's own prefix for calls abroad (`011 46 …` in
    /// the United States). What begins with `00` is never read so.
    pub(super) fn dialled_abroad(self, digits: &str) -> Option<PhoneNumber> {
        if digits.starts_with("00") {
            return None;
        }
        let parsed = PHONE_NUMBER_UTIL.parse_and_keep_raw_input(digits, Some(self.country)).ok()?;
        let by_prefix = parsed.country_code_source() == CountryCodeSource::FromNumberWithIdd;
        (by_prefix && is_possible(&parsed)).then(|| comparable(&to_number(&parsed)))
    }

    /// Whether people and equipment of this country write its numbers without any national prefix,
    /// so that a national number cannot be told from an international one without its plus.
    #[must_use]
    pub fn writes_numbers_bare(self) -> bool {
        use rlibphonenumber::PhoneNumberType::{FixedLine, Mobile};
        let examples = [FixedLine, Mobile].into_iter().filter_map(|kind| {
            PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(self.country, kind).ok()
        });
        examples.into_iter().any(|example| {
            let written = example.format_as(PhoneNumberFormat::National);
            let digits: String = written.chars().filter(char::is_ascii_digit).collect();
            digits == example.get_national_significant_number() && !digits.starts_with('0')
        })
    }
}

/// The number that `digits` are behind a plus.
pub(super) fn international(digits: &str) -> Option<PhoneNumber> {
    let digits = plan_changes::modern(digits);
    possible(&format!("+{digits}")).map(|parsed| comparable(&to_number(&parsed)))
}

/// Parses `+` and digits. The number must be possible (its length fits the country); it need not be
/// valid in the numbering plan, because plans change faster than metadata.
fn possible(text: &str) -> Option<Parsed> {
    PHONE_NUMBER_UTIL.parse(text, None).ok().filter(is_possible)
}

/// Whether the number's length fits its country: not only locally, without the area code.
fn is_possible(number: &Parsed) -> bool {
    matches!(number.is_possible_with_reason(), Ok(NumberLengthType::IsPossible))
}

fn to_number(parsed: &Parsed) -> PhoneNumber {
    let e164 = parsed.format_as(PhoneNumberFormat::E164).into_owned();
    PhoneNumber::from_parts(e164, parsed.country_code.to_string().len(), None)
}

/// The number by which all spellings of one subscriber are compared.
fn comparable(number: &PhoneNumber) -> PhoneNumber {
    let national = plan_changes::comparable(number.country_code(), number.national_significant());
    let e164 = format!("+{}{national}", number.country_code());
    PhoneNumber::from_parts(e164, number.country_code().len(), None)
}
