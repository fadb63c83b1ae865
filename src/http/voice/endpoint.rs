//! One `[[tenants.voice]]`: where a platform reports its calls, and how it answers them.

use std::fmt;
use std::sync::Arc;

use super::dialect::Dialect;
use super::document::{Answer, Speech};
use super::texts::Texts;
use crate::domain::phone_number::PhoneNumber;

/// An endpoint for one platform's webhook.
#[derive(Clone)]
pub struct Endpoint {
    /// Its name in the URL.
    pub name: String,
    /// How the platform speaks, and its keys.
    pub dialect: Arc<dyn Dialect>,
    /// The numbers that may be called; empty: any.
    pub called_numbers: Vec<PhoneNumber>,
    /// Whether callers key a PIN.
    pub asks_pin: bool,
    /// How the platform speaks.
    pub speech: Speech,
    /// What callers hear.
    pub texts: Texts,
}

impl Endpoint {
    /// Whether calls to this number are accepted.
    #[must_use]
    pub fn accepts(&self, called: &PhoneNumber) -> bool {
        self.called_numbers.is_empty() || self.called_numbers.contains(called)
    }

    /// The document for `answer`, in one of a user's `preferred` languages. A refusal is always in
    /// the default language, so that it tells nothing of the user.
    #[must_use]
    pub fn document(&self, answer: &Answer<'_>, preferred: Option<&str>) -> Vec<u8> {
        let preferred = preferred.filter(|_| matches!(answer, Answer::Code(_)));
        self.dialect.write(answer, &self.speech, self.texts.of(preferred))
    }
}

impl Endpoint {
    /// The refusal: a rejection where one is wished and the call is not answered yet, which a
    /// question for a PIN does.
    #[must_use]
    pub fn refusal(&self, is_answered: bool) -> Vec<u8> {
        let speech = Speech { rejects: self.speech.rejects && !is_answered, ..self.speech.clone() };
        self.dialect.write(&Answer::Refusal, &speech, self.texts.of(None))
    }
}

impl fmt::Debug for Endpoint {
    /// Without the dialect, which has secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("name", &self.name).finish_non_exhaustive()
    }
}
