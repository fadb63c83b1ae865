//! How a caller ID was read, in words, for an administrator who asks why a caller is not found.

use std::fmt;

use super::{CallerIdPlan, NoNumber, kind};
use crate::domain::phone_number::PhoneNumber;

/// The result of reading a caller ID, and the steps on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The number, or why there is none: exactly the result of [`CallerIdPlan::read`].
    pub outcome: Result<PhoneNumber, NoNumber>,
    /// What was removed and how the rest was understood, in that order.
    pub notes: Vec<String>,
}

impl CallerIdPlan {
    /// Reads a caller ID and explains how.
    #[must_use]
    pub fn explain(&self, text: &str) -> Explained {
        let mut notes = Vec::new();
        let outcome = self.trace(text, &mut |note| notes.push(note.to_string()));
        Explained { outcome, notes }
    }
}

/// One observation made while a caller ID is read.
#[derive(Clone, Copy)]
pub(super) enum Note<'a> {
    TooLong,
    ControlCharacter,
    NotNameAddr,
    HiddenName,
    AngleBrackets,
    Scheme(&'a str),
    UnknownScheme,
    NoHost,
    BadParameter,
    WithheldWord,
    NotDigits(&'a str),
    JunkNumber,
    Extension(&'a str),
    PhoneContext(&'a str),
    OutsidePrefix(&'a str),
    OutsidePrefixKept(&'a str),
    Plus,
    DoubleZero,
    NoSuchInternational,
    NationalPrefix,
    National,
    WithoutPlus,
    DialledAbroad,
    PlusExpected,
    TwoReadings { national: &'a PhoneNumber, international: &'a PhoneNumber },
    NoSuchNumber,
}

impl fmt::Display for Note<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme(scheme) => return write!(f, "an address of the scheme {scheme:?}"),
            Self::Extension(digits) => return write!(f, "with the extension {digits}"),
            Self::PhoneContext(context) => {
                return write!(f, "local, in the phone-context {context}");
            }
            Self::OutsidePrefix(prefix) => {
                return write!(f, "the outside line's prefix {prefix} taken off");
            }
            Self::OutsidePrefixKept(prefix) => {
                return write!(
                    f,
                    "begins with the outside line's prefix {prefix}, but there is no number behind it"
                );
            }
            Self::TwoReadings { national, international } => {
                return write!(
                    f,
                    "two readings: {} as a national number, {} as an international one without \
                     its plus; say which the phone system writes with numbers = \"national\" or \
                     \"e164-without-plus\" in [tenants.calls]",
                    national.key(),
                    international.key()
                );
            }
            Self::TooLong => "longer than any caller ID",
            Self::ControlCharacter => "it holds a control character",
            Self::NotNameAddr => {
                "quotes or angle brackets that are not one name, one address in angle brackets and \
                 parameters (RFC 3261 25.1)"
            }
            Self::HiddenName => "the display name says that the caller is hidden",
            Self::AngleBrackets => {
                "the address in angle brackets, not the display name or a parameter"
            }
            Self::UnknownScheme => "only tel: and sip: addresses name a caller",
            Self::NoHost => "a sip: address has a host behind an @",
            Self::BadParameter => "what follows the semicolon is not a parameter",
            Self::WithheldWord => "a word that stands for a hidden number",
            Self::NotDigits(text) => kind(text),
            Self::JunkNumber => "a number that networks send for a hidden caller",
            Self::Plus => "international, by its +",
            Self::DoubleZero => "international, by its 00",
            Self::NoSuchInternational => {
                "no country has this country code, or its numbers another length"
            }
            Self::NationalPrefix => "without country code: by the tenant's country",
            Self::National => {
                "without country code and national prefix: by the tenant's country"
            }
            Self::WithoutPlus => "international, without its +",
            Self::DialledAbroad => {
                "begins with the country's own prefix for calls abroad, which means nothing in a \
                 number that was not dialled"
            }
            Self::PlusExpected => {
                "without + and 00, though numbers = \"e164\" in [tenants.calls] says that the \
                 phone system writes one"
            }
            Self::NoSuchNumber => {
                "no number of the tenant's country has this length, and no international one"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::caller_id::BareDigits;
    use crate::domain::numbering::NumberingPlan;

    fn explain(text: &str) -> String {
        let plan = CallerIdPlan {
            numbering: NumberingPlan::for_country("SE").expect("a country"),
            outside_line_prefix: "9".to_owned(),
            bare_digits: BareDigits::Either,
        };
        let explained = plan.explain(text);
        assert_eq!(explained.outcome, plan.read(text), "{text}");
        explained.notes.join("; ")
    }

    #[test]
    fn each_form_is_explained_as_it_is_read() {
        for (text, says) in [
            ("+46 70 123 45 67", "international, by its +"),
            ("0046701234567", "international, by its 00"),
            ("070-123 45 67", "without country code: by the tenant's country"),
            ("90701234567", "prefix 9 taken off; without country code"),
            ("900 46 70 123 45 67", "prefix 9 taken off; international, by its 00"),
            ("sip:+46701234567@pbx.example.com", "scheme \"sip\"; international, by its +"),
            ("\"Anna\" <tel:+46701234567>", "angle brackets, not the display name"),
            ("tel:701234567;phone-context=+46", "local, in the phone-context +46"),
            ("tel:+46812345678;ext=12", "with the extension 12; international, by its +"),
            ("\"Anonymous\" <sip:+46701234567@h>", "the display name says"),
            ("\"a\" <sip:+46701234567@h", "not one name, one address"),
            ("http://x", "scheme \"http\"; only tel:"),
            ("sip:+46701234567", "has a host"),
            ("+46701234567; +46701234568", "a parameter"),
            ("468123456", "two readings: +46468123456 as a national number, +468123456 as"),
            ("46701234567", "international, without its +"),
            ("hello", "no digits in it"),
            ("+999123456", "no country has this"),
            ("12", "no number of the tenant's country"),
            ("+266696687", "networks send for a hidden caller"),
            ("070\u{1b}[2J", "a control character"),
        ] {
            assert!(explain(text).contains(says), "{text}: {}", explain(text));
        }
    }
}
