//! Caller IDs as phone systems send them: which number calls, or why none can be looked up.

mod explain;
mod shape;

use std::borrow::Cow;

pub use self::explain::Explained;
pub use self::shape::{kind, shape};
use super::phone_number::PhoneNumber;
use super::stored_number::{NumberingPlan, is_separator};

/// Longest caller ID that is read, in bytes.
const MAX_TEXT: usize = 256;

/// Texts that stand for "no number", in lower case.
const WITHHELD: [&str; 9] = [
    "anonymous",
    "restricted",
    "private",
    "unavailable",
    "unknown",
    "withheld",
    "blocked",
    "anonymous.invalid",
    "unavailable.invalid",
];

/// Numbers that networks send for a withheld caller: the words ANONYMOUS, UNAVAILABLE, BLOCKED
/// and RESTRICTED spelt on a keypad behind a `+`.
const JUNK: [&str; 4] = ["266696687", "86282452253", "2562533", "7378742833"];

/// How a tenant's phone system sends caller IDs.
#[derive(Debug, Clone)]
pub struct CallerIdPlan {
    /// How numbers are read.
    pub numbering: NumberingPlan,
    /// Digits that the phone system puts before outside numbers, to be taken off; empty if none.
    pub outside_line_prefix: String,
}

/// Why a caller ID names no number to look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoNumber {
    /// The caller or the network withheld it.
    Withheld,
    /// It is not a telephone number.
    Unparseable,
}

impl CallerIdPlan {
    /// Reads a caller ID: `+E.164`, `00…`, national, with separators, `tel:` (RFC 3966), `sip:`
    /// (RFC 3261 19.1, RFC 4904 parameters ignored), `"Name" <sip:…>`, `4:+…`.
    ///
    /// # Errors
    /// [`NoNumber::Withheld`] for the words and numbers that stand for a hidden caller, also as a
    /// display name; [`NoNumber::Unparseable`] for anything else that is not a possible number.
    pub fn read(&self, text: &str) -> Result<PhoneNumber, NoNumber> {
        if text.len() > MAX_TEXT || text.chars().any(char::is_control) {
            return Err(NoNumber::Unparseable);
        }
        let text = inside_angle_brackets(text.trim())?;
        let address = Address::read(text)?;
        let subscriber = address.subscriber.as_ref();
        if is_withheld_word(subscriber) {
            return Err(NoNumber::Withheld);
        }
        let compact: String = subscriber.chars().filter(|c| !is_separator(*c)).collect();
        let (plus, digits) = match compact.strip_prefix(['+', '\u{ff0b}']) {
            Some(digits) => (true, digits),
            None => (false, compact.as_str()),
        };
        if digits.is_empty() || !digits.chars().all(char::is_numeric) {
            return Err(NoNumber::Unparseable);
        }
        if digits.chars().all(|c| c == '0') {
            return Err(NoNumber::Withheld);
        }
        let international = if plus { Some(digits) } else { digits.strip_prefix("00") };
        if international.is_some_and(|number| JUNK.contains(&number)) {
            return Err(NoNumber::Withheld);
        }
        let dialled = match digits.strip_prefix(self.outside_line_prefix.as_str()) {
            Some(outside) if !plus => outside,
            _ => digits,
        };
        let mut number = match (plus, address.global_context) {
            (true, _) => format!("+{dialled}"),
            (false, Some(context)) => format!("{context}{dialled}"),
            (false, None) => dialled.to_owned(),
        };
        if let Some(extension) = address.extension {
            number.push_str(";ext=");
            number.push_str(extension);
        }
        let number = self.numbering.read(&number).ok_or(NoNumber::Unparseable)?;
        if JUNK.contains(&&number.as_str()[1..]) {
            return Err(NoNumber::Withheld);
        }
        Ok(number)
    }
}

/// The address in a `"Name" <address>`, or the whole text if it has no brackets. A display name
/// that says the caller is hidden hides them, whatever number follows (RFC 3323 4.1).
fn inside_angle_brackets(text: &str) -> Result<&str, NoNumber> {
    let Some((name, rest)) = text.rsplit_once('<') else { return Ok(text) };
    let Some((address, _parameters)) = rest.split_once('>') else {
        return Err(NoNumber::Unparseable);
    };
    let name = name.trim();
    let quoted = name.len() >= 2 && name.starts_with('"') && name.ends_with('"');
    if !quoted && name.contains(['<', '>']) {
        // Two addresses: which of them calls is not for us to guess.
        return Err(NoNumber::Unparseable);
    }
    let name = name.trim_matches('"');
    if !name.is_empty() && is_withheld_word(name) {
        return Err(NoNumber::Withheld);
    }
    Ok(address.trim())
}

fn is_withheld_word(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || WITHHELD.contains(&text.to_ascii_lowercase().as_str())
}

/// An address taken apart: the number as text, and what its parameters say of it.
struct Address<'a> {
    subscriber: Cow<'a, str>,
    extension: Option<&'a str>,
    /// `+` and digits that a local number follows (RFC 3966 5.1.5).
    global_context: Option<&'a str>,
}

impl<'a> Address<'a> {
    fn read(text: &'a str) -> Result<Self, NoNumber> {
        let (scheme, rest) = match text.split_once(':') {
            Some((scheme, rest)) => (scheme.trim().to_ascii_lowercase(), rest.trim()),
            None => (String::new(), text),
        };
        let user = match scheme.as_str() {
            // "4" is the phone-number type of an address that conferencing systems prefix.
            "" | "tel" | "4" => rest,
            "sip" | "sips" => sip_user(rest)?,
            _ => return Err(NoNumber::Unparseable),
        };
        let mut parts = user.split(';');
        let subscriber = parts.next().unwrap_or_default();
        let (mut extension, mut global_context) = (None, None);
        for parameter in parts {
            match parameter.split_once('=') {
                Some((name, value)) if name.eq_ignore_ascii_case("ext") => {
                    if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
                        return Err(NoNumber::Unparseable);
                    }
                    extension = Some(value);
                }
                Some((name, value)) if name.eq_ignore_ascii_case("phone-context") => {
                    global_context = Some(value).filter(|context| {
                        context.strip_prefix('+').is_some_and(|digits| {
                            !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
                        })
                    });
                }
                _ => {}
            }
        }
        let subscriber = percent_encoding::percent_decode_str(subscriber)
            .decode_utf8()
            .map_err(|_| NoNumber::Unparseable)?;
        Ok(Self { subscriber, extension, global_context })
    }
}

/// The user part of a SIP address, without password; the host decides only whether it is hidden.
fn sip_user(rest: &str) -> Result<&str, NoNumber> {
    let (user, host) = rest.rsplit_once('@').ok_or(NoNumber::Unparseable)?;
    let host = host.split([';', '?', ':']).next().unwrap_or_default();
    if is_withheld_word(host) {
        return Err(NoNumber::Withheld);
    }
    Ok(user.split(':').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plan(country: &str, outside_line_prefix: &str) -> CallerIdPlan {
        CallerIdPlan {
            numbering: NumberingPlan::for_country(country).expect("a country"),
            outside_line_prefix: outside_line_prefix.to_owned(),
        }
    }

    fn read(text: &str) -> Result<String, NoNumber> {
        plan("SE", "").read(text).map(|number| number.key())
    }

    #[test]
    fn every_form_of_a_caller_id_is_read() {
        for text in [
            "+46701234567",
            "0046701234567",
            "0701234567",
            "070-123 45 67",
            "070.123.45.67",
            "(070) 123 45 67",
            "+46 (0)70 123 45 67",
            " +46 70 123 45 67 ",
            "tel:+46701234567",
            "TEL:+46-70-123-45-67",
            "sip:+46701234567@pbx.example.com",
            "sips:+46701234567@pbx.example.com:5061;transport=tls",
            "sip:0701234567:secret@10.0.0.1",
            "\"Anna\" <sip:+46701234567@pbx.example.com>",
            "\"Anna <A>\" <sip:+46701234567@pbx.example.com>;tag=9",
            "Anna <tel:+46701234567>",
            "<sip:+46701234567;user=phone@pbx.example.com>",
            "4:+46701234567",
            "sip:%2B46701234567@pbx.example.com",
            "tel:701234567;phone-context=+46",
            "+46\u{a0}70\u{2011}123 45 67",
            "\u{ff0b}46701234567",
            "+４６７０１２３４５６７",
        ] {
            assert_eq!(read(text), Ok("+46701234567".to_owned()), "{text}");
        }
        assert_eq!(read("tel:+46812345678;ext=12"), Ok("+46812345678;ext=12".to_owned()));
        assert_eq!(read("+467012345678"), Ok("+467012345678".to_owned()));
    }

    #[test]
    fn withheld_callers_name_no_number() {
        for text in [
            "",
            "  ",
            "anonymous",
            "Anonymous",
            "restricted",
            "private",
            "unavailable",
            "unknown",
            "WITHHELD",
            "sip:anonymous@anonymous.invalid",
            "sip:+46701234567@anonymous.invalid",
            "\"Anonymous\" <sip:+46701234567@pbx.example.com>",
            "\"Anonymous\" <sip:anonymous@anonymous.invalid>",
            "0000000000",
            "0",
            "+266696687",
            "+86282452253",
            "+2562533",
            "+7378742833",
            "00266696687",
            "tel:+266696687",
            "sip:+7378742833@pbx.example.com",
            "+266-696-687",
        ] {
            assert_eq!(read(text), Err(NoNumber::Withheld), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "abc",
            "1234",
            "+",
            "*)(uid=*",
            "+46701234567)(uid=*",
            "+4670123\u{0}4567",
            "1-800-FLOWERS",
            "sip:bob@example.com",
            "sip:+46701234567",
            "http://x/+46701234567",
            "<+46701234567",
            "<sip:+46703331001@h> <sip:+46701234567@h>",
            "+46701234567,+46701234568",
            "070*",
            "#31#0701234567",
            "+46701234567;ext=x",
            "0701234567 ext 12",
            "+46+701234567",
        ] {
            assert_eq!(read(text), Err(NoNumber::Unparseable), "{text}");
        }
    }

    #[test]
    fn an_outside_line_prefix_is_taken_off_numbers_without_a_plus() {
        let read = |text| plan("SE", "9").read(text).map(|number| number.as_str().to_owned());
        for text in ["90701234567", "90046701234567", "+46701234567", "0701234567"] {
            assert_eq!(read(text), Ok("+46701234567".to_owned()), "{text}");
        }
    }

    #[test]
    fn a_leading_00_is_international_where_the_country_dials_otherwise() {
        let read = |country, text| plan(country, "").read(text).map(|n| n.as_str().to_owned());
        for country in ["US", "JP", "AU", "SE"] {
            assert_eq!(read(country, "0046701234567"), Ok("+46701234567".to_owned()), "{country}");
        }
        assert_eq!(read("US", "01146701234567"), Ok("+46701234567".to_owned()));
        assert_eq!(read("AU", "001146701234567"), Ok("+46701234567".to_owned()));
    }

    proptest! {
        #[test]
        fn a_number_in_any_form_is_one_caller(national in "[1-9][0-9]{7,8}", form in 0_usize..9, gap in "[ .-]?") {
            let grouped: String = national.chars().flat_map(|c| [c.to_string(), gap.clone()]).collect();
            let grouped = grouped.trim_end_matches(gap.as_str());
            let text = match form {
                0 => format!("+46{gap}{grouped}"),
                1 => format!("0046{gap}{grouped}"),
                2 => format!("0{grouped}"),
                3 => format!("tel:+46{national}"),
                4 => format!("sip:+46{national}@pbx.example.com"),
                5 => format!("\"Some Body\" <sip:+46{national}@pbx.example.com>"),
                6 => format!("4:+46{national}"),
                7 => format!("+46 (0){grouped}"),
                _ => format!("(+46) {grouped}"),
            };
            prop_assert_eq!(read(&text), Ok(format!("+46{national}")), "{}", text);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,300}") {
            let _ = read(&text);
        }
    }
}
