//! What a phone asks its user to confirm with a passkey: a registration or an approval.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::authenticator::{AuthenticatorId, is_visible, shows_something};
use super::tenant::TenantId;
use super::transaction::Transaction;

/// The text to approve, as the phone shows it: 1 to 200 characters on at most eight lines, with no
/// characters that hide or reorder others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalMessage(String);

impl ApprovalMessage {
    /// Maximum length in characters.
    pub const MAX: usize = 200;

    /// Maximum number of lines, so that the question and the buttons fit on one screen.
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
    pub fn is(self, typed: &str) -> bool {
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
pub struct Question {
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

/// A challenge, bound to the question at the time it was made.
#[derive(Clone, PartialEq, Eq)]
pub struct Ceremony {
    /// The challenge and the data to check it, in the signature library's format.
    pub state: String,
    /// The hash of the question; see [`Question::hash`].
    pub asked: [u8; 32],
}

impl fmt::Debug for Ceremony {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ceremony(…)")
    }
}

impl Question {
    /// The SHA-256 of the question and its user. A challenge is valid for that hash only: if the
    /// user, the message or the number in a row is edited, it can no longer be confirmed.
    #[must_use]
    pub fn hash(&self, tenant: &TenantId, transaction: &Transaction) -> [u8; 32] {
        let message = self.message.as_ref().map_or("", ApprovalMessage::as_str);
        let number = self.match_number.map(|number| number.0.to_string()).unwrap_or_default();
        let authenticator = self.authenticator.map(|id| id.to_string()).unwrap_or_default();
        let parts = [
            tenant.as_str(),
            &transaction.id.to_string(),
            &transaction.user.to_string(),
            transaction.undertaking.as_str(),
            &authenticator,
            &number,
            message,
        ];
        let mut hash = Sha256::new_with_prefix(b"dialpass question 1");
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::registered_user::RegisteredId;
    use crate::domain::transaction::{Channel, Stage, TransactionId, Undertaking};
    use proptest::prelude::*;

    fn question() -> Question {
        Question {
            message: ApprovalMessage::parse("Pay CHF 100"),
            asked_by: None,
            asked_from: None,
            match_number: MatchNumber::from_stored(42),
            authenticator: None,
            ceremony: None,
        }
    }

    fn transaction() -> Transaction {
        let at = Timestamp::from_millis;
        Transaction {
            id: TransactionId::from_random([1; 16]),
            user: RegisteredId::from_random([2; 16]),
            undertaking: Undertaking::Approve,
            channel: Channel::App,
            stage: Stage::Pending,
            created_at: at(1),
            updated_at: at(1),
            expires_at: at(2),
            code: None,
            question: None,
            intent: None,
        }
    }

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

    #[test]
    fn a_challenge_is_for_one_user_message_number_and_authenticator() {
        let tenant = TenantId::parse("t1").expect("an id");
        let asked = question().hash(&tenant, &transaction());
        assert_eq!(asked, question().hash(&tenant, &transaction()));
        let other = TenantId::parse("t2").expect("an id");
        let user = Transaction { user: RegisteredId::from_random([3; 16]), ..transaction() };
        let id = Transaction { id: TransactionId::from_random([3; 16]), ..transaction() };
        let enroll = Transaction { undertaking: Undertaking::Enroll, ..transaction() };
        let message = Question { message: ApprovalMessage::parse("Pay CHF 900"), ..question() };
        let number = Question { match_number: MatchNumber::from_stored(43), ..question() };
        let authenticator = Some(AuthenticatorId::from_random([4; 16]));
        let authenticator = Question { authenticator, ..question() };
        let others = [
            question().hash(&other, &transaction()),
            question().hash(&tenant, &user),
            question().hash(&tenant, &id),
            question().hash(&tenant, &enroll),
            message.hash(&tenant, &transaction()),
            number.hash(&tenant, &transaction()),
            authenticator.hash(&tenant, &transaction()),
        ];
        assert!(others.iter().all(|other| *other != asked));
    }

    proptest! {
        #[test]
        fn a_match_number_has_two_digits(bits in any::<[u8; 16]>()) {
            let number = MatchNumber::from_random(bits);
            prop_assert_eq!(MatchNumber::from_stored(number.as_u8()), Some(number));
            prop_assert!(number.is(&number.as_u8().to_string()));
            prop_assert!(!number.is(&(number.as_u8() + 1).to_string()));
        }
    }
}
