//! Parses telephone numbers as people and machines write them, with one cleaning step for callers
//! and stored values alike. Which number the digits are is decided in
//! [`numbering`](super::numbering).

use std::borrow::Cow;

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};
use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};

/// Maximum length of a number's text, in bytes.
pub(super) const MAX_TEXT: usize = 128;

/// Words that may introduce an extension or a `tel:` parameter (RFC 3966), letters only.
const INTRODUCTIONS: [&str; 9] =
    ["x", "ext", "extn", "extension", "anexo", "int", "phonecontext", "extphonecontext", "isub"];

/// One number, reduced to the parts that have meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WrittenNumber {
    /// Whether it starts with a plus.
    pub(super) plus: bool,
    /// All digits, ASCII, at least one.
    pub(super) digits: String,
    /// The extension's digits.
    pub(super) extension: Option<String>,
}

/// Normalizes a text: removes leading and trailing blanks and all invisible characters, turns every
/// other blank into a space, every dash into a hyphen, and digits of any script and full-width or
/// half-width marks into ASCII. `None` if a control character is left.
pub(super) fn normalize(text: &str) -> Option<Cow<'_, str>> {
    let trimmed = text.trim();
    if trimmed.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Some(Cow::Borrowed(trimmed));
    }
    let mut plain = String::with_capacity(trimmed.len());
    for c in trimmed.chars() {
        match normalize_char(c) {
            Normalized::Char(c) => plain.push(c),
            Normalized::Invisible => {}
            Normalized::Control => return None,
        }
    }
    // Removed characters may have stood outside the blanks.
    Some(Cow::Owned(plain.trim().to_owned()))
}

/// The result of normalizing a character.
pub(super) enum Normalized {
    /// This character.
    Char(char),
    /// Invisible, removed.
    Invisible,
    /// A control character, which people never type on purpose.
    Control,
}

/// Normalizes one character, as [`normalize`] does for a whole text.
pub(super) fn normalize_char(c: char) -> Normalized {
    if matches!(c, ' '..='~') {
        return Normalized::Char(c);
    }
    if c == '\t' {
        return Normalized::Char(' ');
    }
    if c.is_control() {
        return Normalized::Control;
    }
    if CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c) {
        return Normalized::Invisible;
    }
    if c.is_whitespace() {
        return Normalized::Char(' ');
    }
    let mark = match CodePointMapData::<GeneralCategory>::new().get(c) {
        GeneralCategory::Format => return Normalized::Invisible,
        GeneralCategory::DashPunctuation => '-',
        GeneralCategory::DecimalNumber => digit(c),
        _ => match c {
            '\u{2212}' => '-',
            '\u{ff0b}' | '\u{fe62}' => '+',
            '\u{ff08}' | '\u{fe59}' => '(',
            '\u{ff09}' | '\u{fe5a}' => ')',
            '\u{ff3b}' => '[',
            '\u{ff3d}' => ']',
            '\u{ff0e}' | '\u{fe52}' | '\u{b7}' | '\u{30fb}' => '.',
            '\u{ff0f}' | '\u{2044}' | '\u{2215}' => '/',
            '\u{ff58}' => 'x',
            '\u{ff03}' => '#',
            other => other,
        },
    };
    Normalized::Char(mark)
}

/// The ASCII digit for a decimal digit of any script.
fn digit(c: char) -> char {
    let mut buffer = [0; 4];
    let normalized = PHONE_NUMBER_UTIL.normalize_digits_only(c.encode_utf8(&mut buffer));
    normalized.chars().next().unwrap_or(c)
}

/// Whether a character of a clean text may separate a number's digits without meaning.
pub(super) const fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '[' | ']' | '~')
}

/// Whether letters follow the first digit that do not introduce an extension. A parser would take
/// them for digits, as on a keypad: `08-12 34 fax` for `08-12 34 329`.
pub(super) fn has_words(clean: &str) -> bool {
    let Some(first) = clean.find(char::is_numeric) else { return false };
    let letters = clean[first..].chars().filter(|c| c.is_alphabetic());
    let letters: String = letters.flat_map(char::to_lowercase).collect();
    !letters.is_empty() && !INTRODUCTIONS.contains(&letters.as_str())
}

impl WrittenNumber {
    /// Parses a clean text; `None` if it is not one number, possibly after words (`Tel. 070-…`) and
    /// with an extension.
    pub(super) fn parse(clean: &str) -> Option<Self> {
        if clean.len() > MAX_TEXT {
            return None;
        }
        if let Some(written) = Self::digits_alone(clean) {
            return Some(written);
        }
        if has_words(clean) {
            return None;
        }
        let first = clean.find(|c: char| c == '+' || c.is_ascii_digit())?;
        let number = &clean[first..];
        if number.contains(';') {
            return Self::with_parameters(number);
        }
        // Any country will do: extensions are introduced alike in all.
        let parsed = PHONE_NUMBER_UTIL.parse(number, Some(Region::SE)).ok()?;
        let Some(extension) = parsed.extension.filter(|digits| !digits.is_empty()) else {
            return Self::digits_alone(number);
        };
        let before = &number[..number.rfind(&extension)?];
        let last = before.rfind(|c: char| c.is_ascii_digit())?;
        let written = Self::digits_alone(&before[..=last])?;
        Some(Self { extension: Some(extension), ..written })
    }

    /// A number followed by the parameters of a `tel:` address (RFC 3966 3).
    fn with_parameters(text: &str) -> Option<Self> {
        let subscriber = Subscriber::parse(text)?;
        let mut written = Self::digits_alone(&subscriber.number)?;
        if let Some(context) = subscriber.global_context.filter(|_| !written.plus) {
            written = Self {
                plus: true,
                digits: format!("{}{}", &context[1..], written.digits),
                ..written
            };
        }
        Some(Self { extension: subscriber.extension.map(str::to_owned), ..written })
    }

    /// Only digits and separators, possibly after a plus.
    pub(super) fn digits_alone(text: &str) -> Option<Self> {
        let (mut plus, mut digits) = (false, String::with_capacity(16));
        for c in text.chars() {
            match c {
                '0'..='9' => digits.push(c),
                '+' if !plus && digits.is_empty() => plus = true,
                c if is_separator(c) => {}
                _ => return None,
            }
        }
        (!digits.is_empty()).then_some(Self { plus, digits, extension: None })
    }

    /// The digits after an international prefix, if there is one: a plus, or `00`, which equipment
    /// writes everywhere, even in countries that dial something else.
    pub(super) fn international(&self) -> Option<&str> {
        if self.plus { Some(&self.digits) } else { self.digits.strip_prefix("00") }
    }
}

/// A number separated from its parameters, as in a `tel:` address (RFC 3966 3) or in the user part
/// of a `sip:` address (RFC 4904).
pub(super) struct Subscriber<'a> {
    pub(super) number: Cow<'a, str>,
    pub(super) extension: Option<&'a str>,
    /// `+` and digits to put before a local number (RFC 3966 5.1.5).
    pub(super) global_context: Option<&'a str>,
}

impl<'a> Subscriber<'a> {
    /// `None` if something after a semicolon is not a parameter.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';');
        let number = parts.next().unwrap_or_default();
        let (mut extension, mut global_context) = (None, None);
        for parameter in parts {
            let (name, value) = match parameter.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (parameter, None),
            };
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
                return None;
            }
            let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            if name.eq_ignore_ascii_case("ext") {
                // With a second one it would be unclear which counts.
                extension = Some(value.filter(|value| digits(value) && extension.is_none())?);
            } else if name.eq_ignore_ascii_case("phone-context") {
                let is_global = |context: &&str| context.strip_prefix('+').is_some_and(digits);
                global_context = value.filter(is_global);
            }
        }
        let number = percent_encoding::percent_decode_str(number).decode_utf8().ok()?;
        Some(Self { number, extension, global_context })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Option<String> {
        let written = WrittenNumber::parse(&normalize(text)?)?;
        let plus = if written.plus { "+" } else { "" };
        let extension = written.extension.map_or_else(String::new, |digits| format!("x{digits}"));
        Some(format!("{plus}{}{extension}", written.digits))
    }

    #[test]
    fn blanks_dashes_and_what_is_invisible_mean_nothing() {
        let invisible = [
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{180e}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{202a}',
            '\u{202b}',
            '\u{202c}',
            '\u{202d}',
            '\u{202e}',
            '\u{2060}',
            '\u{2064}',
            '\u{2066}',
            '\u{2067}',
            '\u{2068}',
            '\u{2069}',
            '\u{fe00}',
            '\u{fe0d}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{e0101}',
            '\u{3164}',
        ];
        let blanks = [
            ' ', '\t', '\u{a0}', '\u{1680}', '\u{2002}', '\u{2007}', '\u{2009}', '\u{200a}',
            '\u{202f}', '\u{205f}', '\u{3000}',
        ];
        let dashes = [
            '-', '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2015}',
            '\u{2212}', '\u{fe58}', '\u{fe63}', '\u{ff0d}',
        ];
        let dots = ['.', '/', '\u{b7}', '\u{ff0e}', '\u{ff0f}'];
        for c in invisible.into_iter().chain(blanks).chain(dashes).chain(dots) {
            let text = format!("+46{c}70{c}1234567");
            assert_eq!(digits(&text).as_deref(), Some("+46701234567"), "U+{:04X}", u32::from(c));
        }
        for c in invisible.into_iter().chain(blanks).chain(['\r', '\n']) {
            let text = format!("{c}+46701234567 {c}");
            assert_eq!(digits(&text).as_deref(), Some("+46701234567"), "U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn digits_of_any_script_are_digits_and_marks_of_any_width_are_marks() {
        for text in [
            "＋４６７０１２３４５６７",
            "+٤٦٧٠١٢٣٤٥٦٧",
            "+४६७०१२३४५६७",
            "（＋46） 70．123／45 67",
            "﹢46 70 1234567",
        ] {
            assert_eq!(digits(text).as_deref(), Some("+46701234567"), "{text}");
        }
    }

    #[test]
    fn an_extension_is_kept_apart_and_words_before_a_number_are_passed_over() {
        for (text, says) in [
            ("070-123 45 67 x12", "0701234567x12"),
            ("070-123 45 67 ｘ12", "0701234567x12"),
            ("+46 8 123 456 78 ext. 12", "+46812345678x12"),
            ("0701234567;ext=12", "0701234567x12"),
            ("Tel. 070-123 45 67", "0701234567"),
            ("'+46701234567", "+46701234567"),
            ("tel:+46701234567", "+46701234567"),
            ("tel:0701234567;phone-context=+46", "+460701234567"),
        ] {
            assert_eq!(digits(text).as_deref(), Some(says), "{text}");
        }
    }

    #[test]
    fn what_is_not_one_number_is_nothing() {
        for text in [
            "",
            " ",
            "+",
            "no number",
            "+46+701234567",
            "46+701234567",
            "0#0701234567",
            "L0#0701234567",
            "*31#0701234567",
            "070*",
            "1-800-FLOWERS",
            "070 1234567 (work)",
            "070\u{0}1234567",
            "070\n1234567",
            "070\u{1b}1234567",
            "070 123 45 ½",
            "+46701234567@10.0.0.1",
        ] {
            assert_eq!(digits(text), None, "{text:?}");
        }
    }
}
