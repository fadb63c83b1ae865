//! How a caller ID was read, in words, for an administrator who asks why a caller is not found.

use super::{CallerIdPlan, NoNumber};
use crate::domain::phone_number::PhoneNumber;

/// The result of reading a caller ID, and the steps on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The number, or why there is none: exactly the result of [`CallerIdPlan::read`].
    pub outcome: Result<PhoneNumber, NoNumber>,
    /// What was removed and how the rest was understood, in that order.
    pub notes: Vec<String>,
}

impl CallerIdPlan {
    /// Reads a caller ID and explains how.
    #[must_use]
    pub fn explain(&self, text: &str) -> Explanation {
        let mut notes = Vec::new();
        let outcome = self.trace(text, &mut |note| notes.push(note.to_string()));
        Explanation { outcome, notes }
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
            ("90701234567", "prefix 9 removed; without country code"),
            ("900 46 70 123 45 67", "prefix 9 removed; international, by its 00"),
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
            ("hello", "it has no digits"),
            ("+999123456", "no country has this"),
            ("12", "neither the tenant's country nor any other"),
            ("+266696687", "networks send for a hidden caller"),
            ("070\u{1b}[2J", "a control character"),
        ] {
            assert!(explain(text).contains(says), "{text}: {}", explain(text));
        }
    }
}
