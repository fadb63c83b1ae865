//! A telephone number as E.164 with an optional extension, and its masked form.

use std::fmt;

use super::plan_changes;

/// A telephone number: E.164 (`+`, country code, national number; ITU-T E.164) and an optional
/// extension.
///
/// Created only by reading text with a [`NumberingPlan`](super::stored_number::NumberingPlan) or a
/// [`CallerIdPlan`](super::caller_id::CallerIdPlan). `Debug` and `Display` mask it, so that a whole
/// number cannot reach a log by accident.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber {
    e164: String,
    country_code_digits: usize,
    extension: Option<String>,
}

impl PhoneNumber {
    /// From parts that a parser has checked: `e164` is `+` and digits, the first
    /// `country_code_digits` of them being the country code.
    pub(super) fn from_parts(
        e164: String,
        country_code_digits: usize,
        extension: Option<String>,
    ) -> Self {
        Self { e164, country_code_digits, extension }
    }

    /// The E.164 text, including the `+`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.e164
    }

    /// The extension's digits.
    #[must_use]
    pub fn extension(&self) -> Option<&str> {
        self.extension.as_deref()
    }

    /// The country code's digits, without `+`.
    #[must_use]
    pub fn country_code(&self) -> &str {
        &self.e164[1..=self.country_code_digits]
    }

    /// The national (significant) number: what follows the country code.
    #[must_use]
    pub fn national_significant(&self) -> &str {
        &self.e164[1 + self.country_code_digits..]
    }

    /// The same number with this extension, or with none.
    #[must_use]
    pub(super) fn with_extension(self, extension: Option<String>) -> Self {
        Self { extension: extension.filter(|digits| !digits.is_empty()), ..self }
    }

    /// The number by which all spellings of one subscriber are compared: this number, unless its
    /// numbering plan has two forms. No extension.
    #[must_use]
    pub fn subscriber(&self) -> Self {
        let code = self.country_code();
        let national = plan_changes::comparable(code, self.national_significant());
        Self {
            e164: format!("+{code}{national}"),
            country_code_digits: self.country_code_digits,
            extension: None,
        }
    }

    /// All E.164 numbers of this subscriber, this one first; more than one only if a numbering plan
    /// has two forms.
    #[must_use]
    pub fn spellings(&self) -> Vec<Self> {
        let code = self.country_code();
        let other = plan_changes::other_spelling(code, self.national_significant());
        let other =
            other.map(|national| Self { e164: format!("+{code}{national}"), ..self.clone() });
        std::iter::once(self.clone()).chain(other).collect()
    }

    /// Number and extension in one text, for use as a key; never shown.
    #[must_use]
    pub fn key(&self) -> String {
        match &self.extension {
            Some(extension) => format!("{};ext={extension}", self.e164),
            None => self.e164.clone(),
        }
    }
}

impl fmt::Display for PhoneNumber {
    /// Masked: `+46*****5678`. Shows at most the country code and the last four digits, and never
    /// more than half of the national number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let national = self.national_significant();
        let shown = (national.len() / 2).min(4);
        let (hidden, tail) = national.split_at(national.len() - shown);
        write!(f, "+{}{}{tail}", self.country_code(), "*".repeat(hidden.len()))
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({self})")
    }
}
