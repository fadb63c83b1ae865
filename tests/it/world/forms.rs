//! The forms in which numbers are written: into directories by people, spreadsheets, telephones and
//! programs, and into caller IDs by telephone systems.

use super::samples::Sample;

/// A written form.
pub struct Form {
    /// A Swedish mobile in it.
    pub shown: &'static str,
    /// A number in this form, once for each national prefix; nothing where it is not written so.
    pub write: fn(&Sample) -> Vec<String>,
}

/// The common forms of stored numbers.
pub const STORED: [Form; 41] = [
    form("+46701234567", |s| vec![s.e164()]),
    form("+46 70 123 45 67", |s| abroad(s, "+C ", " ", "")),
    form("+46 70-123 45 67", |s| {
        one(format!("+{} {}-{}", s.code, s.groups[0], s.groups[1..].join(" ")))
    }),
    form("+46-70-123-45-67", |s| abroad(s, "+C-", "-", "")),
    form("+46.70.123.45.67", |s| abroad(s, "+C.", ".", "")),
    form("+46 70/123 45 67", |s| {
        one(format!("+{} {}/{}", s.code, s.groups[0], s.groups[1..].join(" ")))
    }),
    form("+46 70 123 45 67 (no-break blanks)", |s| abroad(s, "+C\u{a0}", "\u{a0}", "")),
    form("+46 70 123 45 67 (narrow no-break blanks)", |s| abroad(s, "+C\u{202f}", "\u{202f}", "")),
    form("+46 70 123 45 67 (thin blanks)", |s| abroad(s, "+C\u{2009}", "\u{2009}", "")),
    form("+46\u{2011}70\u{2011}123\u{2011}45\u{2011}67 (no-break hyphens)", |s| {
        abroad(s, "+C\u{2011}", "\u{2011}", "")
    }),
    form("+46 (0)70 123 45 67", |s| zero(s, |s| abroad(s, "+C (0)", " ", ""))),
    form("+46(0)701234567", |s| zero(s, |s| abroad(s, "+C(0)", "", ""))),
    form("+46 (70) 123 45 67", |s| area(s, "+C (", ") ")),
    form("+46 (070) 123 45 67", |s| zero(s, |s| area(s, "+C (0", ") "))),
    form("+46 070 123 45 67", |s| zero(s, |s| abroad(s, "+C 0", " ", ""))),
    form("(+46) 70 123 45 67", |s| abroad(s, "(+C) ", " ", "")),
    form("(+46)701234567", |s| abroad(s, "(+C)", "", "")),
    form("(+46 70) 123 45 67", |s| area(s, "(+C ", ") ")),
    form("+(46) 70 123 45 67", |s| abroad(s, "+(C) ", " ", "")),
    form("0046701234567", |s| abroad(s, "00C", "", "")),
    form("0046 70 123 45 67", |s| abroad(s, "00C ", " ", "")),
    form("00 46 70 123 45 67", |s| abroad(s, "00 C ", " ", "")),
    form("0046 (0)70 123 45 67", |s| zero(s, |s| abroad(s, "00C (0)", " ", ""))),
    form("0046 (70) 123 45 67", |s| area(s, "00C (", ") ")),
    form("0701234567", |s| at_home(s, "", "")),
    form("070 123 45 67", |s| at_home(s, "", " ")),
    form("070-123 45 67", |s| {
        let rest = s.groups[1..].join(" ");
        prefixes(s).map(|p| format!("{p}{}-{rest}", s.groups[0])).collect()
    }),
    form("070.123.45.67", |s| at_home(s, "", ".")),
    form("070/123 45 67", |s| {
        let rest = s.groups[1..].join(" ");
        prefixes(s).map(|p| format!("{p}{}/{rest}", s.groups[0])).collect()
    }),
    form("(070) 123 45 67", |s| in_brackets(s, ") ", " ")),
    form("(070)1234567", |s| in_brackets(s, ")", "")),
    form("(0)70 123 45 67", |s| zero(s, |s| abroad(s, "(0)", " ", ""))),
    form("0 (70) 123 45 67", |s| {
        let rest = s.groups[1..].join(" ");
        let prefixes = prefixes(s).filter(|prefix| !prefix.is_empty());
        prefixes.map(|p| format!("{p} ({}) {rest}", s.groups[0])).collect()
    }),
    form("70 123 45 67 (the 0 lost)", |s| home_only(s, s.groups.join(" "))),
    form("46701234567", |s| abroad(s, "C", "", "")),
    form("tel:+46701234567", |s| abroad(s, "tel:+C", "", "")),
    form("Tel. +46 70 123 45 67", |s| abroad(s, "Tel. +C ", " ", "")),
    form("'+46701234567", |s| abroad(s, "'+C", "", "")),
    form("+46 70 123 45 67 (between direction marks)", |s| {
        abroad(s, "\u{202a}+C ", " ", "\u{202c}")
    }),
    form("+46701234567 (behind a byte order mark)", |s| abroad(s, "\u{feff}+C", "", "")),
    form("\u{ff0b}\u{ff14}\u{ff16}… (full width)", |s| {
        one(s.e164().chars().map(full_width).collect())
    }),
];

const fn form(shown: &'static str, write: fn(&Sample) -> Vec<String>) -> Form {
    Form { shown, write }
}

fn one(text: String) -> Vec<String> {
    vec![text]
}

/// `before`, whose `C` is the country code, the groups with `gap` between them, and `behind`.
fn abroad(sample: &Sample, before: &str, gap: &str, behind: &str) -> Vec<String> {
    let before = before.replace('C', &sample.code);
    one(format!("{before}{}{behind}", sample.groups.join(gap)))
}

/// The same with `close` behind the area code.
fn area(sample: &Sample, before: &str, close: &str) -> Vec<String> {
    let (area, rest) = (&sample.groups[0], sample.groups[1..].join(" "));
    one(format!("{}{area}{close}{rest}", before.replace('C', &sample.code)))
}

/// Only where the national prefix is a zero: nobody writes another behind a country code.
fn zero(sample: &Sample, write: fn(&Sample) -> Vec<String>) -> Vec<String> {
    if prefixes(sample).any(|prefix| prefix == "0") { write(sample) } else { Vec::new() }
}

/// The national prefixes that are written before the number; none for "without".
fn prefixes(sample: &Sample) -> impl Iterator<Item = &str> {
    let more = sample.more_prefixes.iter().filter(|_| sample.prefix.is_some());
    sample.prefix.iter().chain(more).map(String::as_str)
}

fn at_home(sample: &Sample, behind_prefix: &str, gap: &str) -> Vec<String> {
    let mut texts: Vec<String> = prefixes(sample)
        .map(|prefix| format!("{prefix}{behind_prefix}{}", sample.groups.join(gap)))
        .collect();
    if sample.prefix.is_none() {
        // Digits of their own, in the groups the country gives them.
        let groups = sample.at_home.split([' ', '-']);
        texts.push(groups.collect::<Vec<_>>().join(gap));
    }
    texts
}

/// The area code in brackets, with its prefix if that is a zero, else without.
fn in_brackets(sample: &Sample, close: &str, gap: &str) -> Vec<String> {
    let prefix = sample.prefix.as_deref().filter(|prefix| prefix.starts_with('0'));
    let (area, rest) = (&sample.groups[0], sample.groups[1..].join(gap));
    home_only(sample, format!("({}{area}{close}{rest}", prefix.unwrap_or_default()))
}

/// Nothing where the country writes other digits at home.
fn home_only(sample: &Sample, text: String) -> Vec<String> {
    if sample.prefix.is_some() { one(text) } else { Vec::new() }
}

fn full_width(c: char) -> char {
    char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c)
}

/// How callers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallerForm {
    /// `+46701234567`
    E164,
    /// `0046701234567`
    DoubleZero,
    /// `0701234567`, with each national prefix.
    National,
    /// `701234567`
    WithoutPrefix,
    /// `46701234567`
    WithoutPlus,
}

impl CallerForm {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::E164, Self::DoubleZero, Self::National, Self::WithoutPrefix, Self::WithoutPlus];
}

/// A number in each form that telephone systems write.
pub fn callers(sample: &Sample) -> Vec<(CallerForm, String)> {
    let digits = format!("{}{}", sample.code, sample.national);
    let mut callers = vec![
        (CallerForm::E164, format!("+{digits}")),
        (CallerForm::DoubleZero, format!("00{digits}")),
        (CallerForm::WithoutPlus, digits),
    ];
    if sample.prefix.is_some() {
        callers.push((CallerForm::WithoutPrefix, sample.national.clone()));
    }
    for text in at_home(sample, "", "") {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        callers.push((CallerForm::National, digits));
    }
    callers.dedup();
    callers
}
