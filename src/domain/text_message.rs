//! A text message to a phone: its template, which has a placeholder for the code, and the alphabet
//! that phones can show (GSM 7 bit, 3GPP TS 23.038).

use std::fmt;

use zeroize::Zeroizing;

use super::otp::Otp;
use super::phone_number::PhoneNumber;

/// The placeholder for the code in a template.
pub const CODE_PLACEHOLDER: &str = "{{CODE}}";

/// The default template.
pub const DEFAULT_TEMPLATE: &str = "Your code is {{CODE}}. Do not share it with anyone.";

/// Maximum length including the code, in septets: one message.
pub const MAX_SEPTETS: usize = 160;

/// Why a text is not a valid template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The placeholder for the code is missing.
    #[error("the message does not contain {CODE_PLACEHOLDER}")]
    NoPlaceholder,
    /// A character is not in the GSM 7-bit alphabet.
    #[error("the message contains {0:?}, which is not in the GSM 7-bit alphabet")]
    NotGsm7(char),
    /// The text would not fit in one message.
    #[error("with its code the message takes {0} of at most {MAX_SEPTETS} characters")]
    TooLong(usize),
}

/// A text with a placeholder for a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(String);

impl Template {
    /// Accepts a text for codes of `digits` digits.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn parse(text: &str, digits: u8) -> Result<Self, TemplateError> {
        if !text.contains(CODE_PLACEHOLDER) {
            return Err(TemplateError::NoPlaceholder);
        }
        let filled = text.replace(CODE_PLACEHOLDER, &"0".repeat(usize::from(digits)));
        let mut length = 0;
        for c in filled.chars() {
            length += septets(c).ok_or(TemplateError::NotGsm7(c))?;
        }
        if length > MAX_SEPTETS {
            return Err(TemplateError::TooLong(length));
        }
        Ok(Self(text.to_owned()))
    }

    /// The text, including the placeholder.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text with the code filled in.
    #[must_use]
    pub fn fill(&self, to: &PhoneNumber, code: &Otp) -> TextMessage {
        let body = Zeroizing::new(self.0.replace(CODE_PLACEHOLDER, code.expose()));
        TextMessage { to: to.clone(), body }
    }
}

/// Septets that a character takes; `None` if it is not in the alphabet.
fn septets(c: char) -> Option<usize> {
    /// The default alphabet, 3GPP TS 23.038 6.2.1, without the escape.
    const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
        ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
    /// Its extension, 6.2.1.1: each after an escape.
    const EXTENDED: &str = "\u{c}^{}\\[~]|€";
    if BASIC.contains(c) {
        Some(1)
    } else if EXTENDED.contains(c) {
        Some(2)
    } else {
        None
    }
}

/// A text on its way to a phone. `Debug` hides it, because it contains a code.
pub struct TextMessage {
    /// The phone.
    pub to: PhoneNumber,
    /// The text.
    pub body: Zeroizing<String>,
}

impl fmt::Debug for TextMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextMessage(to {})", self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stored_number::NumberingPlan;

    #[test]
    fn the_default_is_a_template() {
        assert!(Template::parse(DEFAULT_TEMPLATE, 8).is_ok());
    }

    #[test]
    fn a_template_has_a_place_and_phones_can_show_it() {
        assert_eq!(Template::parse("code: CODE", 6), Err(TemplateError::NoPlaceholder));
        assert_eq!(Template::parse("{{CODE}} ш", 6), Err(TemplateError::NotGsm7('ш')));
        assert_eq!(Template::parse("{{CODE}} `", 6), Err(TemplateError::NotGsm7('`')));
        assert!(Template::parse("Grüße für {{CODE}} à 5 € [~]", 6).is_ok());
    }

    #[test]
    fn the_length_is_that_of_the_text_with_its_code() {
        let text = |plain: usize| format!("{}{{{{CODE}}}}", "a".repeat(plain));
        assert!(Template::parse(&text(154), 6).is_ok());
        assert_eq!(Template::parse(&text(155), 6), Err(TemplateError::TooLong(161)));
        assert_eq!(Template::parse(&text(153), 8), Err(TemplateError::TooLong(161)));
        // A euro sign takes two septets.
        let euros = format!("{}{{{{CODE}}}}", "€".repeat(78));
        assert_eq!(Template::parse(&euros, 6), Err(TemplateError::TooLong(162)));
    }

    #[test]
    fn the_alphabet_is_that_of_the_standard() {
        // Unicode's mapping of 3GPP TS 23.038 (GSM0338.TXT), for what is not at its ASCII position.
        let letters = [
            0x40, 0xa3, 0x24, 0xa5, 0xe8, 0xe9, 0xf9, 0xec, 0xf2, 0xc7, 0x0a, 0xd8, 0xf8, 0x0d,
            0xc5, 0xe5, 0x394, 0x5f, 0x3a6, 0x393, 0x39b, 0x3a9, 0x3a0, 0x3a8, 0x3a3, 0x398, 0x39e,
            0xc6, 0xe6, 0xdf, 0xc9, 0xa4, 0xa1, 0xc4, 0xd6, 0xd1, 0xdc, 0xa7, 0xbf, 0xe4, 0xf6,
            0xf1, 0xfc, 0xe0,
        ];
        let at_their_place =
            (0x20..=0x3f).filter(|c| *c != 0x24).chain(0x41..=0x5a).chain(0x61..=0x7a);
        let mut basic: Vec<u32> = letters.into_iter().chain(at_their_place).collect();
        let mut extended = vec![0x0c, 0x5e, 0x7b, 0x7d, 0x5c, 0x5b, 0x7e, 0x5d, 0x7c, 0x20ac];
        basic.sort_unstable();
        extended.sort_unstable();
        assert_eq!((basic.len(), extended.len()), (127, 10), "128 with the escape");
        let taking = |count| {
            let all = (0..=0x10_ffff).filter_map(char::from_u32);
            all.filter(|c| septets(*c) == Some(count)).map(u32::from).collect::<Vec<u32>>()
        };
        assert_eq!((taking(1), taking(2)), (basic, extended));
    }

    #[test]
    fn the_code_is_put_in_and_not_printed() {
        let number = NumberingPlan::read_e164("+46701234567").expect("a number");
        let code = Otp::parse("123456").expect("a code");
        let message =
            Template::parse("{{CODE}}, again {{CODE}}", 6).expect("ok").fill(&number, &code);
        assert_eq!(*message.body, "123456, again 123456");
        assert!(!format!("{message:?}").contains("123456"));
    }
}
