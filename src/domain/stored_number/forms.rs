//! The forms in which one number may be stored, for a search that has to name them. Results are
//! parsed and compared, so an extra form matches no wrong person, but a missing form can miss the
//! right one.

use std::collections::BTreeSet;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};

use super::NumberingPlan;
use crate::domain::numbering::prefixes_of;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::plan_changes;

/// Invisible marks that copied numbers begin with, and the mark at their end, if any.
const INVISIBLE: [(&str, Option<&str>); 6] = [
    ("\u{202a}", Some("\u{202c}")),
    ("\u{202d}", Some("\u{202c}")),
    ("\u{2066}", Some("\u{2069}")),
    ("\u{2068}", Some("\u{2069}")),
    ("\u{200e}", None),
    ("\u{feff}", None),
];

/// The texts in which one number may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredForms {
    /// Whole values without spaces or hyphens, for servers whose matching rule ignores those
    /// (`telephoneNumberMatch`, RFC 4517 4.2.29).
    pub exact: Vec<String>,
    /// Values whose parts come in this order with anything between them, for servers that compare
    /// plain strings. The first part starts the value and the last ends it.
    pub patterns: Vec<Vec<String>>,
}

/// Which stored forms of a number a search finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matching {
    /// All readable ones: nothing is searched, because all numbers were read in advance.
    Everything,
    /// [`StoredForms::exact`].
    Exact,
    /// [`StoredForms::patterns`].
    Patterns,
}

impl StoredForms {
    /// Whether a search for these forms finds an entry with `value`. Case matters, as it does for
    /// OpenLDAP, although RFC 4517 4.2.29 ignores it.
    #[must_use]
    pub fn find(&self, value: &str, matching: Matching) -> bool {
        match matching {
            Matching::Everything => true,
            // As in a filter: without whole values, patterns are searched.
            Matching::Exact if !self.exact.is_empty() => {
                let plain: String = value.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
                self.exact.contains(&plain)
            }
            Matching::Exact | Matching::Patterns => {
                self.patterns.iter().any(|parts| fits(parts, value))
            }
        }
    }
}

/// Whether `value` consists of these parts in this order, with anything between them.
fn fits(parts: &[String], value: &str) -> bool {
    let [first, middle @ .., last] = parts else { return parts.iter().any(|part| part == value) };
    let Some(mut rest) = value.strip_prefix(first.as_str()) else { return false };
    for part in middle {
        let Some(at) = rest.find(part.as_str()) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last.as_str())
}

/// A national significant number as written after a country code or a national prefix, and the
/// grouping of its digits.
struct Spelling {
    digits: String,
    /// The digits in groups, as people in the country write them.
    groups: Vec<String>,
    /// Likely lengths of the area code.
    areas: BTreeSet<usize>,
}

/// Possible lengths of an area code set apart by brackets or a slash: any that leave a subscriber
/// number.
const AREAS: std::ops::RangeInclusive<usize> = 1..=4;
const SHORTEST_SUBSCRIBER: usize = 4;

impl Spelling {
    fn of(code: &str, digits: &str) -> Self {
        let parsed = PHONE_NUMBER_UTIL.parse(format!("+{code}{digits}"), None).ok();
        let parsed = parsed.filter(|parsed| parsed.get_national_significant_number() == digits);
        let formatted = parsed
            .as_ref()
            .map(|parsed| parsed.format_as(PhoneNumberFormat::International).into_owned());
        let groups: Vec<String> = formatted
            .as_deref()
            .and_then(|text| text.strip_prefix('+')?.strip_prefix(code))
            .map(|text| text.split(|c: char| !c.is_ascii_digit()))
            .into_iter()
            .flatten()
            .filter(|group| !group.is_empty())
            .map(str::to_owned)
            .collect();
        let mut areas = BTreeSet::new();
        areas.extend(groups.first().filter(|_| groups.len() > 1).map(String::len));
        // A mobile prefix comes before the area code (Argentina's 9).
        if let [mark, area, _, ..] = &groups[..]
            && mark.len() == 1
        {
            areas.insert(mark.len() + area.len());
        }
        areas.retain(|area| AREAS.contains(area) && area + SHORTEST_SUBSCRIBER <= digits.len());
        Self { digits: digits.to_owned(), groups, areas }
    }

    /// The digits split after each possible area code.
    fn parted(&self) -> impl Iterator<Item = (&str, &str)> {
        let most = self.digits.len().saturating_sub(SHORTEST_SUBSCRIBER);
        AREAS.filter(move |area| *area <= most).map(|area| self.digits.split_at(area))
    }

    /// The same, after the likely area codes only.
    fn likely_parted(&self) -> impl Iterator<Item = (&str, &str)> {
        self.areas.iter().map(|area| self.digits.split_at(*area))
    }

    fn dotted(&self) -> Option<String> {
        (self.groups.len() > 1).then(|| self.groups.join("."))
    }
}

/// The spellings of one number, from which all forms are made.
struct Spellings {
    code: String,
    /// National prefixes that may appear by mistake between country code and number; never empty
    /// strings.
    prefixes: &'static [&'static str],
    /// The spellings that follow a country code.
    international: Vec<Spelling>,
    /// National prefixes (empty for none), each with the index into [`Self::international`] of the
    /// spelling that follows it; empty for foreign numbers.
    national: Vec<(&'static str, usize)>,
    /// Whether the country code may be written without its plus, being the tenant's own.
    without_plus: bool,
}

impl NumberingPlan {
    /// The forms in which `number` may be stored: international always, national if the number
    /// belongs to this plan's country.
    ///
    /// An extension is written in so many ways that it is only covered by patterns.
    #[must_use]
    pub fn stored_forms(&self, number: &PhoneNumber) -> StoredForms {
        let spellings = self.spellings(number);
        let exact = match number.extension() {
            Some(_) => Vec::new(),
            None => spellings.exact(),
        };
        StoredForms { exact, patterns: spellings.patterns(number.extension()) }
    }

    /// The [`Self::stored_forms`] for a search by whole values; none for a number with an
    /// extension, which is searched by patterns.
    #[must_use]
    pub fn whole_forms(&self, number: &PhoneNumber) -> Vec<String> {
        if number.extension().is_some() { Vec::new() } else { self.spellings(number).exact() }
    }

    /// The [`Self::stored_forms`] for a search by patterns.
    #[must_use]
    pub fn pattern_forms(&self, number: &PhoneNumber) -> Vec<Vec<String>> {
        self.spellings(number).patterns(number.extension())
    }

    fn spellings(self, number: &PhoneNumber) -> Spellings {
        let (code, significant) = (number.country_code(), number.national_significant());
        let own = self.country_code() == code;
        let mut written = vec![significant.to_owned()];
        written.extend(plan_changes::other_spelling(code, significant));
        written.extend(plan_changes::former_spelling(code, significant));
        let local = plan_changes::local_spelling(code, significant).filter(|_| own);
        // All prefixes are included: finding those that fit this number costs more than searching
        // for them.
        let candidates = || std::iter::once("").chain(self.prefixes().iter().copied());
        let mut national: Vec<_> = candidates().filter(|_| own).map(|prefix| (prefix, 0)).collect();
        if local.is_some() {
            national.extend(candidates().map(|prefix| (prefix, written.len())));
        }
        written.extend(local);
        let international = written.iter().map(|digits| Spelling::of(code, digits)).collect();
        let prefixes = prefixes_of(code);
        Spellings { code: code.to_owned(), prefixes, international, national, without_plus: own }
    }
}

/// The full-width character that East Asian keyboards type for this one.
fn full_width(c: char) -> char {
    char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c)
}

impl Spellings {
    fn exact(&self) -> Vec<String> {
        let code = &self.code;
        let mut forms = BTreeSet::new();
        for spelling in &self.international {
            let all = &spelling.digits;
            forms.extend([
                format!("+{code}{all}"),
                format!("00{code}{all}"),
                format!("(+{code}){all}"),
                format!("(00{code}){all}"),
                format!("+({code}){all}"),
                format!("tel:+{code}{all}"),
                format!("Tel.+{code}{all}"),
                format!("Tel:+{code}{all}"),
                format!("'+{code}{all}"),
            ]);
            forms.extend(spelling.dotted().map(|dotted| format!("+{code}.{dotted}")));
            for prefix in self.prefixes {
                forms.extend([
                    format!("+{code}({prefix}){all}"),
                    format!("00{code}({prefix}){all}"),
                    format!("(+{code})({prefix}){all}"),
                    format!("+{code}{prefix}{all}"),
                    format!("00{code}{prefix}{all}"),
                ]);
            }
            for (area, rest) in spelling.parted() {
                forms.insert(format!("+{code}({area}){rest}"));
            }
            for (area, rest) in spelling.likely_parted() {
                forms.insert(format!("00{code}({area}){rest}"));
                forms.insert(format!("(+{code}{area}){rest}"));
                for prefix in self.prefixes {
                    forms.insert(format!("+{code}({prefix}{area}){rest}"));
                    forms.insert(format!("00{code}({prefix}{area}){rest}"));
                }
            }
        }
        for (prefix, at) in &self.national {
            let spelling = &self.international[*at];
            let all = &spelling.digits;
            forms.extend([format!("{prefix}{all}"), format!("tel:{prefix}{all}")]);
            forms.extend([format!("Tel.{prefix}{all}"), format!("'{prefix}{all}")]);
            forms.extend(spelling.dotted().map(|dotted| format!("{prefix}{dotted}")));
            for (area, rest) in spelling.parted() {
                forms.insert(format!("({prefix}{area}){rest}"));
            }
            for (area, rest) in spelling.likely_parted() {
                forms.insert(format!("{prefix}{area}/{rest}"));
                // In Belarus's 80, the 8 is written outside the brackets.
                if let Some(prefix) = prefix.strip_prefix('8').filter(|rest| !rest.is_empty()) {
                    forms.insert(format!("8({prefix}{area}){rest}"));
                }
                if !prefix.is_empty() {
                    forms.insert(format!("{prefix}({area}){rest}"));
                    forms.insert(format!("({prefix})({area}){rest}"));
                }
            }
            if !prefix.is_empty() {
                forms.insert(format!("({prefix}){all}"));
            }
        }
        if self.without_plus {
            forms.extend(self.international.iter().map(|s| format!("{code}{}", s.digits)));
        }
        forms.into_iter().collect()
    }

    fn patterns(&self, extension: Option<&str>) -> Vec<Vec<String>> {
        let code = &self.code;
        let mut patterns = BTreeSet::new();
        let mut add = |starts: &[&str], digits: &str, end: Option<&str>| {
            let starts = starts.iter().filter(|start| !start.is_empty());
            let mut parts: Vec<String> = starts.map(|start| (*start).to_owned()).collect();
            parts.extend(digits.chars().map(String::from));
            parts.extend(extension.map(str::to_owned));
            parts.extend(end.map(str::to_owned));
            // An opening bracket alone would match too much.
            if parts[0] == "(" {
                let first = parts.remove(1);
                parts[0].push_str(&first);
            }
            patterns.insert(parts);
        };
        let plus = format!("+{code}");
        for spelling in &self.international {
            let all = spelling.digits.as_str();
            for start in [
                plus.as_str(),
                &format!("(+{code}"),
                &format!("(00{code}"),
                &format!("+({code}"),
                &format!("+ {code}"),
                &format!("'+{code}"),
            ] {
                add(&[start], all, None);
            }
            add(&["00", code], all, None);
            let wide: String = plus.chars().map(full_width).collect();
            let digits: String = all.chars().map(full_width).collect();
            add(&[&wide], &digits, None);
            add(&["tel", &plus], all, None);
            add(&["Tel", &plus], all, None);
            for (begin, end) in INVISIBLE {
                let start = format!("{begin}{plus}");
                add(&[&start], all, None);
                if end.is_some() {
                    add(&[&start], all, end);
                }
            }
            if self.without_plus {
                add(&[code], all, None);
            }
        }
        for (prefix, at) in &self.national {
            let spelling = &self.international[*at];
            let all = format!("{prefix}{}", spelling.digits);
            let (first, rest) = all.split_at(1);
            add(&[], &all, None);
            add(&["("], &all, None);
            add(&[&format!("'{first}")], rest, None);
            add(&["tel"], &all, None);
            add(&["Tel"], &all, None);
        }
        patterns.into_iter().collect()
    }
}
