//! What a phone asks its user: to register it, or to approve something, by a passkey.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::authenticator::{AuthenticatorId, is_visible, shows_something};
use super::tenant::TenantId;
use super::transaction::Transaction;

/// What is to be approved, as the phone shows it: 1 to 200 characters on up to eight lines, none of
/// which hides or reorders others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalMessage(String);

impl ApprovalMessage {
    /// Longest message, in characters.
    pub const MAX: usize = 200;

    /// Most lines, so that what is asked and the answers are on one screen.
    pub const MAX_LINES: usize = 8;

    /// Reads a message.
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

/// A number of two digits that the page which asks shows, and that the user types on the phone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MatchNumber(u8);

impl MatchNumber {
    /// A number of these random bits: 10 to 99, each as likely but for one part in 10^17.
    #[must_use]
    pub fn from_random(bits: [u8; 16]) -> Self {
        let number = 10 + u128::from_be_bytes(bits) % 90;
        Self(u8::try_from(number).unwrap_or(10))
    }

    /// From what the store holds; `None` if it has not two digits.
    #[must_use]
    pub const fn from_stored(number: u8) -> Option<Self> {
        if matches!(number, 10..=99) { Some(Self(number)) } else { None }
    }

    /// What the store holds.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        self.0
    }

    /// Whether this was typed.
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
    /// What is to be approved, if the one who asks says so.
    pub message: Option<ApprovalMessage>,
    /// Who asks, as far as it is known: the name of an access key, the origin of a web page.
    pub asked_by: Option<String>,
    /// From where: an address.
    pub asked_from: Option<String>,
    /// What has to be typed beside.
    pub match_number: Option<MatchNumber>,
    /// The one authenticator that may confirm; any of the user's if there is none.
    pub authenticator: Option<AuthenticatorId>,
    /// The challenge that the passkey signs and what else is needed to check the signature, in the
    /// form of the library that does; `None` once the transaction has ended.
    pub ceremony: Option<Ceremony>,
}

/// A challenge, bound to what was asked when it was made.
#[derive(Clone, PartialEq, Eq)]
pub struct Ceremony {
    /// The challenge and what else is needed, in the form of the library that checks signatures.
    pub state: String,
    /// The hash of what is asked; see [`Question::hash`].
    pub asked: [u8; 32],
}

impl fmt::Debug for Ceremony {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ceremony(…)")
    }
}

impl Question {
    /// The SHA-256 of what is asked of whom, so that a challenge is good for that alone: a row in
    /// which the user, the message or the number was edited is confirmed by nobody.
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
