//! Caller IDs as phone systems send them: the calling number, or why there is none to look up.
//! Addresses are parsed in `address`.

mod address;
mod explain;
mod no_number;
mod note;
mod shape;

use serde::Deserialize;

use self::address::{name_addr, subscriber};
pub use self::explain::Explanation;
pub use self::no_number::{NoNumber, is_withheld_word};
use self::note::Note;
pub use self::shape::{kind, shape};
use super::numbering::{NumberingPlan, international};
use super::phone_number::PhoneNumber;
use super::written::{WrittenNumber, normalize};

/// Maximum length of a caller ID, in bytes.
const MAX_TEXT: usize = 256;

/// Numbers that networks send for a withheld caller: the words ANONYMOUS, UNAVAILABLE, UNKNOWN,
/// BLOCKED and RESTRICTED spelt on a keypad after a `+`, and a fragment of a country code.
const JUNK: [&str; 6] = ["266696687", "86282452253", "8656696", "2562533", "7378742833", "464"];

/// How a tenant's phone system sends caller IDs.
#[derive(Debug, Clone)]
pub struct CallerIdPlan {
    /// How numbers are parsed.
    pub numbering: NumberingPlan,
    /// Digits that the phone system puts before outside numbers, to be removed; empty if none.
    pub outside_line_prefix: String,
    /// How it writes numbers without `+`, `00` or a national prefix.
    pub bare_digits: BareDigits,
}

/// What digits mean that a phone system sends without `+`, `00` or the national prefix.
/// `[tenants.calls] numbers` in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum BareDigits {
    /// The phone system writes E.164 with its plus, so such digits are not a number.
    #[serde(rename = "e164")]
    Refused,
    /// They are E.164 without its plus.
    #[serde(rename = "e164-without-plus")]
    International,
    /// They are national numbers.
    #[serde(rename = "national")]
    National,
    /// Either, whichever is possible; refused if both are possible and differ.
    #[default]
    #[serde(rename = "auto")]
    Either,
}

impl CallerIdPlan {
    /// Parses a caller ID: `+E.164`, `00…`, national, with separators, `tel:` (RFC 3966), `sip:`
    /// (RFC 3261 19.1, RFC 4904 parameters ignored), `"Name" <sip:…>` (RFC 3261 25.1), `4:+…`.
    ///
    /// A caller ID was not dialled, so the country's own prefixes for calls abroad do not apply:
    /// `00` followed by a possible international number is that number.
    ///
    /// # Errors
    /// [`NoNumber::Withheld`] for the words and numbers that mean a hidden caller, including
    /// display names; [`NoNumber::TwoReadings`] for digits that could be two numbers;
    /// [`NoNumber::Unparseable`] for anything else that is not a possible number.
    pub fn read(&self, text: &str) -> Result<PhoneNumber, NoNumber> {
        self.trace(text, &mut |_| {})
    }

    /// Parses a caller ID, and passes each step's observation to `note`.
    fn trace(&self, text: &str, note: &mut dyn FnMut(Note<'_>)) -> Result<PhoneNumber, NoNumber> {
        if text.len() > MAX_TEXT {
            note(Note::TooLong);
            return Err(NoNumber::Unparseable);
        }
        let Some(text) = normalize(text) else {
            note(Note::ControlCharacter);
            return Err(NoNumber::Unparseable);
        };
        let address = subscriber(name_addr(&text, note)?, note)?;
        let number = normalize(&address.number).ok_or(NoNumber::Unparseable)?;
        if is_withheld_word(&number) {
            note(Note::WithheldWord);
            return Err(NoNumber::Withheld);
        }
        let written = WrittenNumber::digits_alone(&number).ok_or_else(|| {
            note(Note::NotDigits(&number));
            NoNumber::Unparseable
        })?;
        if is_junk(&written) {
            note(Note::JunkNumber);
            return Err(NoNumber::Withheld);
        }
        if let Some(extension) = address.extension {
            note(Note::Extension(extension));
        }
        let number = match address.global_context {
            Some(context) if !written.plus => {
                note(Note::PhoneContext(context));
                let digits = format!("{}{}", &context[1..], written.digits);
                international(&digits).ok_or(NoNumber::Unparseable)?
            }
            _ => self.outside(&written, note)?,
        };
        if JUNK.contains(&&number.as_str()[1..]) {
            note(Note::JunkNumber);
            return Err(NoNumber::Withheld);
        }
        Ok(number.with_extension(address.extension.map(str::to_owned)))
    }

    /// Removes the outside line prefix if a number follows it.
    fn outside(
        &self,
        written: &WrittenNumber,
        note: &mut dyn FnMut(Note<'_>),
    ) -> Result<PhoneNumber, NoNumber> {
        let prefix = self.outside_line_prefix.as_str();
        let behind = written
            .digits
            .strip_prefix(prefix)
            .filter(|rest| !prefix.is_empty() && !written.plus && !rest.is_empty());
        if let Some(digits) = behind {
            let behind = WrittenNumber { digits: digits.to_owned(), ..written.clone() };
            if self.number(&behind, &mut |_| {}) != Err(NoNumber::Unparseable) {
                note(Note::OutsidePrefix(prefix));
                return self.number(&behind, note);
            }
            note(Note::OutsidePrefixKept(prefix));
        }
        self.number(written, note)
    }

    fn number(
        &self,
        written: &WrittenNumber,
        note: &mut dyn FnMut(Note<'_>),
    ) -> Result<PhoneNumber, NoNumber> {
        if let Some(digits) = written.international() {
            note(if written.plus { Note::Plus } else { Note::DoubleZero });
            return international(digits).ok_or_else(|| {
                note(Note::NoSuchInternational);
                NoNumber::Unparseable
            });
        }
        let digits = written.digits.as_str();
        let national = self.numbering.national(digits);
        let abroad = || international(digits);
        // The national prefix identifies a national number, unless the tenant says that its phone
        // system does not write one. A prefix other than 0 (Russia's 8) may also begin a country
        // code.
        let telling = self.bare_digits != BareDigits::Either || digits.starts_with('0');
        if let Some(national) = national.as_ref().filter(|national| national.prefixed && telling) {
            let instead = match self.bare_digits {
                BareDigits::International => abroad(),
                BareDigits::Refused | BareDigits::National | BareDigits::Either => None,
            };
            note(if instead.is_some() { Note::WithoutPlus } else { Note::NationalPrefix });
            return Ok(instead.unwrap_or_else(|| national.number.clone()));
        }
        let national = national.map(|national| national.number);
        let (national, abroad) = match self.bare_digits {
            BareDigits::Refused => {
                if national.is_some() || abroad().is_some() {
                    note(Note::PlusExpected);
                }
                (None, None)
            }
            BareDigits::International => (None, abroad()),
            BareDigits::National => (national, None),
            BareDigits::Either => (national, abroad()),
        };
        match (national, abroad) {
            (Some(national), Some(abroad)) if national != abroad => {
                note(Note::TwoReadings { national: &national, international: &abroad });
                Err(NoNumber::TwoReadings)
            }
            (Some(number), _) => {
                note(Note::National);
                Ok(number)
            }
            (None, Some(number)) => {
                note(Note::WithoutPlus);
                Ok(number)
            }
            (None, None) => {
                let dialled = self.numbering.dialled_abroad(digits).is_some();
                note(if dialled { Note::DialledAbroad } else { Note::NoSuchNumber });
                Err(NoNumber::Unparseable)
            }
        }
    }
}

/// Whether an address says that its caller is hidden, by its display name, user or host, whatever the
/// numbering plan; it need not hold a number.
///
/// # Errors
/// [`NoNumber::Unparseable`] for a text that is not one address.
pub fn says_withheld(text: &str) -> Result<bool, NoNumber> {
    let text = normalize(text).ok_or(NoNumber::Unparseable)?;
    let address = match name_addr(&text, &mut |_| {}).and_then(|it| subscriber(it, &mut |_| {})) {
        Ok(address) => address,
        Err(NoNumber::Withheld) => return Ok(true),
        Err(other) => return Err(other),
    };
    let number = normalize(&address.number).ok_or(NoNumber::Unparseable)?;
    let is_junk = || WrittenNumber::digits_alone(&number).as_ref().is_some_and(is_junk);
    Ok(is_withheld_word(&number) || is_junk())
}

/// Whether the digits mean a hidden caller, even without their plus.
fn is_junk(written: &WrittenNumber) -> bool {
    let digits = written.international().unwrap_or(&written.digits);
    JUNK.contains(&digits) || written.digits.bytes().all(|digit| digit == b'0')
}

#[cfg(test)]
mod tests;
