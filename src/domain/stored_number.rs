//! Numbers as directories store them, in whatever form people wrote them. The forms that a search
//! looks for are in `forms`.

mod forms;

use std::cell::RefCell;

pub use self::forms::{Matching, StoredForms};
pub use super::numbering::NumberingPlan;
use super::numbering::{international, is_valid};
use super::phone_number::PhoneNumber;
use super::written::{WrittenNumber, normalize};

/// How a stored value was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredReading {
    /// One number.
    Number(PhoneNumber),
    /// Ambiguous, so it belongs to no one. Either digits without a plus that begin with the
    /// tenant's own country code and are possible both with it and as a national number
    /// (`39 06 560010` in Italy), or digits that begin with the prefix for calls abroad and are
    /// possible, but not assigned, at home (`8 10 46 …` in Russia).
    TwoReadings {
        /// The number if the country code is missing.
        national: PhoneNumber,
        /// The number if only the plus is missing or was dialled otherwise.
        international: PhoneNumber,
    },
    /// Not a single number.
    Nothing,
}

thread_local! {
    /// The last plan, text and reading.
    static LAST_READ: RefCell<Option<(NumberingPlan, String, StoredReading)>> =
        const { RefCell::new(None) };
}

impl NumberingPlan {
    /// Reads a number as stored in a directory; `None` if it is not one number, or could be two.
    ///
    /// The number must be possible (its length fits the country). It need not be valid in the
    /// numbering plan, because plans change faster than metadata.
    #[must_use]
    pub fn read_stored(self, text: &str) -> Option<PhoneNumber> {
        match self.stored_reading(text) {
            StoredReading::Number(number) => Some(number),
            StoredReading::TwoReadings { .. } | StoredReading::Nothing => None,
        }
    }

    /// Reads a number as stored in a directory.
    ///
    /// Each thread remembers the last text it read, because the same value is often read twice, to
    /// compare it and to explain it.
    #[must_use]
    pub fn stored_reading(self, text: &str) -> StoredReading {
        LAST_READ.with_borrow_mut(|last| match last {
            Some((plan, known, reading)) if *plan == self && known == text => reading.clone(),
            _ => {
                let reading = self.read_anew(text);
                *last = Some((self, text.to_owned(), reading.clone()));
                reading
            }
        })
    }

    fn read_anew(self, text: &str) -> StoredReading {
        let Some(written) = normalize(text).as_deref().and_then(WrittenNumber::parse) else {
            return StoredReading::Nothing;
        };
        match self.stored_digits(&written) {
            StoredReading::Number(number) => {
                StoredReading::Number(number.with_extension(written.extension))
            }
            other => other,
        }
    }

    fn stored_digits(self, written: &WrittenNumber) -> StoredReading {
        let one = |number: Option<PhoneNumber>| {
            number.map_or(StoredReading::Nothing, StoredReading::Number)
        };
        if let Some(digits) = written.international() {
            return one(international(digits));
        }
        let digits = written.digits.as_str();
        let national = self.national(digits).map(|national| national.number);
        // Before other countries' codes, people know to write a plus.
        let own = digits.starts_with(&self.country_code());
        let abroad = own.then(|| international(digits)).flatten();
        // Digits that are not a number at home may begin with the country's own prefix for calls
        // abroad.
        let at_home = national.as_ref().is_some_and(|number| is_valid(number.as_str()));
        let abroad = abroad.or_else(|| (!at_home).then(|| self.dialled_abroad(digits)).flatten());
        match (national, abroad) {
            (Some(national), Some(international)) if national != international => {
                StoredReading::TwoReadings { national, international }
            }
            (Some(number), _) | (None, Some(number)) => StoredReading::Number(number),
            (None, None) => StoredReading::Nothing,
        }
    }
}

#[cfg(test)]
mod tests;
