//! Determines which number a row of digits is, by the numbering plans of the world and of one
//! country. What is written around the digits is removed in `written`. Callers' and directories'
//! numbers are handled in [`caller_id`](super::caller_id) and
//! [`stored_number`](super::stored_number).

use std::collections::{HashMap, HashSet};
use std::str::FromStr;
use std::sync::LazyLock;

use rlibphonenumber::{
    CountryCodeSource, NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber as Parsed,
    PhoneNumberFormat, Region,
};

use super::phone_number::PhoneNumber;
use super::plan_changes;

/// National prefixes that people write in some country. A number's plan decides whether one applies
/// to it.
const NATIONAL_PREFIXES: [&str; 8] = ["0", "1", "8", "80", "01", "06", "044", "045"];

/// By country, the [`NATIONAL_PREFIXES`] that are accepted before some number of its own.
static PREFIXES: LazyLock<HashMap<Region, Vec<&'static str>>> = LazyLock::new(|| {
    let countries = PHONE_NUMBER_UTIL.get_supported_regions();
    countries.map(|country| (country, NumberingPlan { country }.try_prefixes())).collect()
});

/// Codes of the countries that dial a `0` before national numbers which is not part of the number.
static DIAL_ZERO: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let dial = PREFIXES.iter().filter(|(_, prefixes)| prefixes.contains(&"0"));
    dial.map(|(country, _)| NumberingPlan { country: *country }.country_code()).collect()
});

/// How a tenant's numbers are read: its country, for numbers without a country code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberingPlan {
    pub(super) country: Region,
}

/// A number read as one of the plan's country.
pub(super) struct National {
    pub(super) number: PhoneNumber,
    /// Whether the digits begin with the country's national prefix.
    pub(super) prefixed: bool,
}

impl NumberingPlan {
    /// The plan of the country with this upper-case ISO 3166-1 alpha-2 code; `None` if the
    /// numbering metadata does not know it.
    #[must_use]
    pub fn for_country(code: &str) -> Option<Self> {
        let shaped = code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
        let country = Region::from_str(code).ok().filter(|_| shaped)?;
        PHONE_NUMBER_UTIL.get_country_code_for_region(country)?;
        Some(Self { country })
    }

    /// Parses strict E.164 only: `+`, country code, national number, nothing else. The tenant's
    /// country does not matter.
    ///
    /// Unlike numbers parsed for comparison, it keeps its spelling.
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

    /// Reads `digits` as a national number, with or without the national prefix. The country's
    /// prefixes for calls abroad do not apply: the digits were not dialled.
    pub(super) fn national(self, digits: &str) -> Option<National> {
        let code = self.country_code();
        if let Some(significant) = plan_changes::former_national(self.country, digits) {
            let parsed = possible(&format!("+{code}{significant}"))?;
            return Some(National { number: to_number(&parsed), prefixed: true });
        }
        let parsed = PHONE_NUMBER_UTIL.parse_and_keep_raw_input(digits, Some(self.country)).ok();
        // Read in the country's own plan, which may be one of several with its code, but only if
        // neither a prefix for calls abroad nor the country code was removed.
        let own = parsed
            .filter(|parsed| parsed.country_code_source() == CountryCodeSource::FromDefaultCountry);
        let parsed = match own.filter(is_possible) {
            Some(parsed) if !hides_zero(&parsed, digits) => parsed,
            other => behind_zero(&code, digits)
                .or(other)
                .or_else(|| possible(&format!("+{code}{digits}")))?,
        };
        let number = comparable(&to_number(&parsed));
        let significant = parsed.get_national_significant_number();
        let prefix = digits.strip_suffix(&significant).unwrap_or_default();
        let prefixed = prefix.starts_with('0') || NATIONAL_PREFIXES.contains(&prefix);
        Some(National { number, prefixed })
    }

    /// The national prefixes that people may write before numbers of this country.
    pub(super) fn prefixes(self) -> &'static [&'static str] {
        PREFIXES.get(&self.country).map_or(&[], Vec::as_slice)
    }

    /// Tries all prefixes before the country's example numbers.
    fn try_prefixes(self) -> Vec<&'static str> {
        let kinds = PHONE_NUMBER_UTIL.get_supported_types_for_region(self.country);
        let examples: Vec<String> = kinds
            .into_iter()
            .flatten()
            .filter_map(|kind| {
                PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(self.country, kind).ok()
            })
            .map(|example| example.get_national_significant_number())
            .collect();
        let is_read = |prefix: &&str| {
            examples.iter().any(|example| {
                let written = format!("{prefix}{example}");
                plan_changes::former_national(self.country, &written)
                    .is_some_and(|rest| rest == example)
                    || PHONE_NUMBER_UTIL
                        .parse(written, Some(self.country))
                        .is_ok_and(|read| read.get_national_significant_number() == *example)
            })
        };
        NATIONAL_PREFIXES.into_iter().filter(is_read).collect()
    }

    /// Reads `digits` that begin with the country's own prefix for calls abroad (`011 46 …` in the
    /// United States). Digits that begin with `00` are never read this way.
    pub(super) fn dialled_abroad(self, digits: &str) -> Option<PhoneNumber> {
        if digits.starts_with("00") {
            return None;
        }
        let parsed = PHONE_NUMBER_UTIL.parse_and_keep_raw_input(digits, Some(self.country)).ok()?;
        let by_prefix = parsed.country_code_source() == CountryCodeSource::FromNumberWithIdd;
        (by_prefix && is_possible(&parsed)).then(|| comparable(&to_number(&parsed)))
    }

    /// Whether some of this country's numbers are written without a leading zero, so that a
    /// national number cannot be told from an international one without its plus.
    #[must_use]
    pub fn writes_no_zero(self) -> bool {
        use rlibphonenumber::PhoneNumberType::{FixedLine, Mobile};
        let examples = [FixedLine, Mobile].into_iter().filter_map(|kind| {
            PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(self.country, kind).ok()
        });
        examples.into_iter().any(|example| {
            let written = example.format_as(PhoneNumberFormat::National);
            let digits: String = written.chars().filter(char::is_ascii_digit).collect();
            !digits.starts_with('0')
        })
    }
}

/// Reads `digits` as the digits after a plus.
pub(super) fn international(digits: &str) -> Option<PhoneNumber> {
    let digits = plan_changes::modern(digits);
    let parsed = possible(&format!("+{digits}"))?;
    let code = parsed.country_code.to_string();
    let zero = digits.strip_prefix(&code).and_then(|behind| behind_zero(&code, behind));
    let parsed = zero.unwrap_or(parsed);
    Some(comparable(&to_number(&parsed)))
}

/// The national prefixes that people may write before numbers of this country code.
pub(super) fn prefixes_of(country_code: &str) -> &'static [&'static str] {
    let code = country_code.parse().ok();
    let country = code.and_then(|code| PHONE_NUMBER_UTIL.get_region_for_country_code(code));
    country.and_then(|country| PREFIXES.get(&country)).map_or(&[], Vec::as_slice)
}

/// Reads the number after a `0` that is the national prefix and not part of a number. If it can,
/// the metadata removes a longer prefix, which selects a carrier when dialled (`03` in Colombia,
/// `082` in Korea); people never write one.
fn behind_zero(code: &str, digits: &str) -> Option<Parsed> {
    let significant = digits.strip_prefix('0').filter(|rest| !rest.starts_with('0'))?;
    if !DIAL_ZERO.contains(code) {
        return None;
    }
    let parsed = possible(&format!("+{code}{significant}"))?;
    (parsed.get_national_significant_number() == significant).then_some(parsed)
}

/// Whether a leading `0` was taken for something other than a national prefix: the first digit of a
/// carrier prefix, or of the number.
fn hides_zero(parsed: &Parsed, digits: &str) -> bool {
    let significant = parsed.get_national_significant_number();
    let prefix = digits.strip_suffix(&significant);
    significant.starts_with('0')
        || prefix
            .is_some_and(|prefix| prefix.starts_with('0') && !NATIONAL_PREFIXES.contains(&prefix))
}

/// Parses `+` and digits. The number must be possible (its length fits the country). It need not be
/// valid in the numbering plan, because plans change faster than metadata.
fn possible(text: &str) -> Option<Parsed> {
    PHONE_NUMBER_UTIL.parse(text, None).ok().filter(is_possible)
}

/// Whether the number's length fits its country, and not only locally, without the area code. Zeros
/// alone are never a number, and the library leaves them as typed.
fn is_possible(number: &Parsed) -> bool {
    let significant = number.get_national_significant_number();
    significant.bytes().any(|digit| digit != b'0')
        && matches!(number.is_possible_with_reason(), Ok(NumberLengthType::IsPossible))
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

/// Whether the numbering plan assigns the number, as far as the metadata knows.
pub(super) fn is_valid(e164: &str) -> bool {
    PHONE_NUMBER_UTIL.parse(e164, None).is_ok_and(|parsed| parsed.is_valid())
}
