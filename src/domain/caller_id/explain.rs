//! How a caller ID was read, in words: for an administrator who asks why a caller is not found.

use super::{Address, CallerIdPlan, NoNumber, inside_angle_brackets, is_separator};
use crate::domain::phone_number::PhoneNumber;

/// What was read, and what was seen on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The number, or why there is none: exactly what [`CallerIdPlan::read`] says.
    pub outcome: Result<PhoneNumber, NoNumber>,
    /// What was taken off and how the rest was understood, in that order.
    pub notes: Vec<String>,
}

impl CallerIdPlan {
    /// Reads a caller ID, and says how.
    #[must_use]
    pub fn explain(&self, text: &str) -> Explained {
        let outcome = self.read(text);
        let mut notes = Vec::new();
        if !text.chars().any(char::is_control) {
            self.note(text.trim(), outcome.is_ok(), &mut notes);
        }
        Explained { outcome, notes }
    }

    fn note(&self, text: &str, is_number: bool, notes: &mut Vec<String>) {
        let Ok(inside) = inside_angle_brackets(text) else {
            notes.push(if text.contains('<') {
                "a display name before an address in angle brackets".to_owned()
            } else {
                "no address".to_owned()
            });
            return;
        };
        if inside.len() < text.len() {
            notes.push("the address in angle brackets, not the display name".to_owned());
        }
        if let Some((scheme, _)) = inside.split_once(':') {
            notes.push(format!("an address of the scheme {:?}", scheme.trim()));
        }
        let Ok(address) = Address::read(inside) else { return };
        if !is_number {
            return;
        }
        let compact: String = address.subscriber.chars().filter(|c| !is_separator(*c)).collect();
        let prefix = self.outside_line_prefix.as_str();
        if compact.starts_with(['+', '\u{ff0b}']) {
            notes.push("international, by its +".to_owned());
        } else {
            let outside = compact.strip_prefix(prefix).filter(|_| !prefix.is_empty());
            if outside.is_some() {
                notes.push(format!("the outside line's prefix {prefix} taken off"));
            }
            notes.push(match (address.global_context, outside.unwrap_or(&compact)) {
                (Some(context), _) => format!("local, in the phone-context {context}"),
                (None, rest) if rest.starts_with("00") => "international, by its 00".to_owned(),
                (None, _) => "without country code: by the tenant's country".to_owned(),
            });
        }
        if let Some(extension) = address.extension {
            notes.push(format!("with the extension {extension}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stored_number::NumberingPlan;

    fn explain(text: &str) -> String {
        let plan = CallerIdPlan {
            numbering: NumberingPlan::for_country("SE").expect("a country"),
            outside_line_prefix: "9".to_owned(),
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
            ("90701234567", "prefix 9 taken off; without country code"),
            ("900 46 70 123 45 67", "prefix 9 taken off; international, by its 00"),
            ("sip:+46701234567@pbx.example.com", "scheme \"sip\"; international, by its +"),
            ("\"Anna\" <tel:+46701234567>", "angle brackets, not the display name; an address"),
            ("tel:701234567;phone-context=+46", "local, in the phone-context +46"),
            ("tel:+46812345678;ext=12", "by its +; with the extension 12"),
            ("\"Anonymous\" <sip:+46701234567@h>", "a display name before"),
            ("http://x", "scheme \"http\""),
        ] {
            assert!(explain(text).contains(says), "{text}: {}", explain(text));
        }
        assert_eq!(explain("hello"), "");
        assert_eq!(explain("070\u{1b}[2J"), "");
    }
}
