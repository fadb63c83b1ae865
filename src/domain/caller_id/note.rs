//! What is observed while a caller ID is read, and how an administrator reads it.

use std::fmt;

use super::shape::kind;
use crate::domain::phone_number::PhoneNumber;

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
                return write!(f, "outside line's prefix {prefix} removed");
            }
            Self::OutsidePrefixKept(prefix) => {
                return write!(
                    f,
                    "begins with the outside line's prefix {prefix}, but no number follows it"
                );
            }
            Self::TwoReadings { national, international } => {
                return write!(
                    f,
                    "two readings: {} as a national number, {} as an international one without \
                     its plus; set which one the phone system writes with numbers = \"national\" or \
                     \"e164-without-plus\" in [tenants.calls]",
                    national.key(),
                    international.key()
                );
            }
            Self::TooLong => "longer than any caller ID",
            Self::ControlCharacter => "it contains a control character",
            Self::NotNameAddr => {
                "not one name, one address in angle brackets and parameters (RFC 3261 25.1)"
            }
            Self::HiddenName => "the display name says that the caller is hidden",
            Self::AngleBrackets => {
                "the address in angle brackets, not the display name or a parameter"
            }
            Self::UnknownScheme => "only tel: and sip: addresses name a caller",
            Self::NoHost => "a sip: address has a host behind an @",
            Self::BadParameter => "the text after the semicolon is not a parameter",
            Self::WithheldWord => "a word that stands for a hidden number",
            Self::NotDigits(text) => kind(text),
            Self::JunkNumber => "a number that networks send for a hidden caller",
            Self::Plus => "international, by its +",
            Self::DoubleZero => "international, by its 00",
            Self::NoSuchInternational => {
                "no country has this code, or its numbers have another length"
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
                "neither the tenant's country nor any other has numbers of this length"
            }
        })
    }
}
