//! Numbers that reach the same subscriber although their digits differ, because a numbering plan
//! changed or has two forms. The numbering metadata does not cover this.

use std::borrow::Cow;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};

const ARGENTINA: &str = "54";
const MEXICO: &str = "52";

/// The digits after a plus, converted to their country's present plan.
///
/// Mexico wrote `+52 1` before mobile numbers until August 2019 (IFT, Plan Técnico Fundamental de
/// Numeración); many devices still do.
pub(super) fn modern(digits: &str) -> Cow<'_, str> {
    match digits.strip_prefix("521").filter(|rest| rest.len() == 10) {
        Some(rest) => format!("{MEXICO}{rest}").into(),
        None => digits.into(),
    }
}

/// The digits after a national prefix that the country has abolished, if `digits` begin with one:
/// Mexico dialled `01`, and `044` or `045` before mobile numbers, until August 2019.
pub(super) fn former_national(country: Region, digits: &str) -> Option<&str> {
    if country != Region::MX {
        return None;
    }
    let rest = ["044", "045", "01", "1"].iter().find_map(|prefix| digits.strip_prefix(prefix))?;
    (rest.len() == 10).then_some(rest)
}

/// The national number by which all spellings of one subscriber are compared.
///
/// In Argentina a mobile number has a `9` after the country code when called from abroad, but not
/// at home (where `15` may follow the area code); carriers send either. An area code and a
/// subscriber number belong to one subscriber, with or without the `9`.
pub(super) fn comparable<'a>(country_code: &str, national: &'a str) -> &'a str {
    match national.strip_prefix('9') {
        Some(rest) if country_code == ARGENTINA && rest.len() == 10 => rest,
        _ => national,
    }
}

/// The subscriber's other national number, as used in E.164, given the [`comparable`] one.
pub(super) fn other_spelling(country_code: &str, national: &str) -> Option<String> {
    (country_code == ARGENTINA && national.len() == 10).then(|| format!("9{national}"))
}

/// The national number as it used to be written after the country code.
pub(super) fn former_spelling(country_code: &str, national: &str) -> Option<String> {
    (country_code == MEXICO && national.len() == 10).then(|| format!("1{national}"))
}

/// How an Argentine mobile number is written at home, with or without the national prefix: area
/// code, `15`, subscriber number.
pub(super) fn local_spelling(country_code: &str, national: &str) -> Option<String> {
    let mobile = other_spelling(country_code, national)?;
    let parsed = PHONE_NUMBER_UTIL.parse(format!("+{country_code}{mobile}"), None).ok()?;
    let written = parsed.format_as(PhoneNumberFormat::National);
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    digits.strip_prefix('0').filter(|local| local.len() == 12).map(str::to_owned)
}
