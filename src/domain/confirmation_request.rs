//! What a phone asks its user to confirm with a passkey: a registration or an approval.

use std::fmt;

use super::authenticator::{AuthenticatorId, is_visible, shows_something};

/// The text to approve, as the phone shows it: 1 to 200 characters on at most eight lines, with no
/// characters that hide or reorder others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalMessage(String);

impl ApprovalMessage {
    /// Maximum length in characters.
    pub const MAX: usize = 200;

    /// Maximum number of lines, so that the message and the buttons fit on one screen.
    pub const MAX_LINES: usize = 8;

    /// Parses a message; `None` if it is not of this form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let sized = (1..=Self::MAX).contains(&text.chars().count());
        let legal = text.chars().all(|c| c == '\n' || is_visible(c));
        let short = text.split('\n').count() <= Self::MAX_LINES;
        (sized && legal && short && shows_something(text)).then(|| Self(text.to_owned()))
    }

    /// The message as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A two-digit number that the requesting page shows and the user types on the phone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MatchNumber(u8);

impl MatchNumber {
    /// A number from these random bits: 10 to 99, uniform to one part in 10^17.
    #[must_use]
    pub fn from_random(bits: [u8; 16]) -> Self {
        let number = 10 + u128::from_be_bytes(bits) % 90;
        Self(u8::try_from(number).unwrap_or(10))
    }

    /// From the stored number; `None` if it does not have two digits.
    #[must_use]
    pub const fn from_stored(number: u8) -> Option<Self> {
        if matches!(number, 10..=99) { Some(Self(number)) } else { None }
    }

    /// The number to store.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        self.0
    }

    /// Whether the user typed this number.
    #[must_use]
    pub fn matches(self, typed: &str) -> bool {
        typed.trim() == self.0.to_string()
    }
}

impl fmt::Debug for MatchNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MatchNumber(…)")
    }
}

/// What a phone asks its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmationRequest {
    /// What is to be approved, if the requester gave a message.
    pub message: Option<ApprovalMessage>,
    /// The requester, if known: the name of an access key, or the origin of a web page.
    pub asked_by: Option<String>,
    /// The requester's address.
    pub asked_from: Option<String>,
    /// The number to type, if one is required.
    pub match_number: Option<MatchNumber>,
    /// The one authenticator that may confirm; `None` for any of the user's.
    pub authenticator: Option<AuthenticatorId>,
    /// The challenge that the passkey signs and the data to check the signature, in the library's
    /// format; `None` once the transaction has ended.
    pub ceremony: Option<Ceremony>,
}

/// A challenge, bound to the request as it was when the challenge was made.
#[derive(Clone, PartialEq, Eq)]
pub struct Ceremony {
    /// The challenge and the data to check it, in the signature library's format.
    pub state: String,
    /// The digest of the request, from
    /// [`Transaction::request_digest`](super::transaction::Transaction::request_digest).
    pub digest: [u8; 32],
}

impl fmt::Debug for Ceremony {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ceremony(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_shows_all_that_it_says() {
        assert!(ApprovalMessage::parse("Pay CHF 100\nto Anna & <b>Bertil</b>").is_some());
        let long = "x".repeat(200);
        assert!(ApprovalMessage::parse(&long).is_some());
        for wrong in
            ["", " \n ", "a\u{202e}b", "\u{200b}", "a\tb", &"\n".repeat(8), &format!("{long}x")]
        {
            assert_eq!(ApprovalMessage::parse(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn a_match_number_has_two_digits(bits in any::<[u8; 16]>()) {
            let number = MatchNumber::from_random(bits);
            prop_assert_eq!(MatchNumber::from_stored(number.as_u8()), Some(number));
            prop_assert!(number.matches(&number.as_u8().to_string()));
            prop_assert!(!number.matches(&(number.as_u8() + 1).to_string()));
        }
    }
}
