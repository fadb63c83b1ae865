//! Texts with placeholders: `{phone}`, `{phone_digits}`, `{message}`, and a provider's variables.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::settings::SettingsError;
use crate::domain::secret::SecretText;
use crate::domain::text_message::TextMessage;

/// Characters to escape in a URL: all but the unreserved ones (RFC 3986 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The part of an error message that says what is accepted.
const ACCEPTED: &str = "{phone}, {phone_digits}, {message} or a name of variables; \
    a brace itself is written twice, {{ or }}";

/// A placeholder filled from the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The number as E.164, with its plus.
    Phone,
    /// The number without its plus.
    PhoneDigits,
    /// The text.
    Message,
}

impl Place {
    fn named(name: &str) -> Option<Self> {
        match name {
            "phone" => Some(Self::Phone),
            "phone_digits" => Some(Self::PhoneDigits),
            "message" => Some(Self::Message),
            _ => None,
        }
    }
}

/// A text's place in the configuration, and what it may contain there.
pub(super) struct Position<'a> {
    /// The key, below the provider.
    pub key: &'a str,
    /// The placeholders allowed here.
    pub places: &'a [Place],
    /// Whether filled-in values are percent-encoded.
    pub encoded: bool,
    /// Whether the text may be a secret; errors then show no part of it.
    pub secret: bool,
}

enum Part {
    Text(SecretString),
    Place(Place),
}

/// A text with placeholders, with its variables already filled in.
pub(super) struct Pattern {
    parts: Vec<Part>,
    encoded: bool,
}

impl Pattern {
    /// A text without placeholders.
    pub(super) fn fixed(text: SecretString) -> Self {
        Self { parts: vec![Part::Text(text)], encoded: false }
    }

    /// Prepends a literal text.
    pub(super) fn put_before(&mut self, text: SecretString) {
        self.parts.insert(0, Part::Text(text));
    }

    /// The text, if it has no placeholders.
    pub(super) fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::new());
        for part in &self.parts {
            if let Part::Text(part) = part {
                text.push_str(part.expose_secret());
            }
        }
        text
    }

    /// The text for a message.
    pub(super) fn fill(&self, message: &TextMessage) -> Zeroizing<String> {
        let mut filled = Zeroizing::new(String::new());
        for part in &self.parts {
            let value = match part {
                Part::Text(text) => {
                    filled.push_str(text.expose_secret());
                    continue;
                }
                Part::Place(Place::Phone) => message.to.as_str(),
                Part::Place(Place::PhoneDigits) => message.to.as_str().trim_start_matches('+'),
                Part::Place(Place::Message) => &message.body,
            };
            if self.encoded {
                filled.extend(utf8_percent_encode(value, RESERVED));
            } else {
                filled.push_str(value);
            }
        }
        filled
    }
}

/// Parses the texts of one provider, and records what they use.
pub(super) struct Reader<'a> {
    variables: &'a BTreeMap<String, SecretText>,
    /// Whether no text is a secret.
    public: bool,
    used: BTreeSet<String>,
    places: BTreeSet<Place>,
}

impl<'a> Reader<'a> {
    /// A reader that fills in these variables. `public`: the texts come from a preset and are not
    /// secret, so errors may show them.
    pub(super) fn new(variables: &'a BTreeMap<String, SecretText>, public: bool) -> Self {
        Self { variables, public, used: BTreeSet::new(), places: BTreeSet::new() }
    }

    /// Parses a text.
    pub(super) fn read(
        &mut self,
        text: &str,
        position: &Position<'_>,
    ) -> Result<Pattern, SettingsError> {
        let (mut parts, mut literal) = (Vec::new(), Zeroizing::new(String::new()));
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            if rest.starts_with("{{") || rest.starts_with("}}") {
                literal.push_str(&rest[..1]);
                rest = &rest[2..];
                continue;
            }
            let Some(end) = rest.find('}').filter(|end| *end > 0) else {
                let found = "a brace outside a placeholder";
                return Err(SettingsError::new(position.key, found, ACCEPTED));
            };
            let name = &rest[1..end];
            rest = &rest[end + 1..];
            if let Some(place) = Place::named(name) {
                if !position.places.contains(&place) {
                    let found = format!("{{{name}}}, which cannot stand here");
                    return Err(SettingsError::new(position.key, found, "another place for it"));
                }
                self.places.insert(place);
                parts.push(Part::Text(SecretString::from(literal.as_str())));
                literal = Zeroizing::new(String::new());
                parts.push(Part::Place(place));
                continue;
            }
            let value = self.variable(name, position)?;
            if position.encoded {
                literal.extend(utf8_percent_encode(value, RESERVED));
            } else {
                literal.push_str(value);
            }
        }
        literal.push_str(rest);
        parts.push(Part::Text(SecretString::from(literal.as_str())));
        Ok(Pattern { parts, encoded: position.encoded })
    }

    fn variable(&mut self, name: &str, position: &Position<'_>) -> Result<&'a str, SettingsError> {
        let Some(value) = self.variables.get(name) else {
            if position.secret && !self.public {
                let found = "a placeholder without a value";
                return Err(SettingsError::new(position.key, found, ACCEPTED));
            }
            let found = format!("{{{name}}}, which has no value");
            let mut error = SettingsError::new(position.key, found, ACCEPTED);
            error.unfilled = Some(name.to_owned());
            return Err(error);
        };
        self.used.insert(name.to_owned());
        Ok(value.expose())
    }

    /// Checks, after all texts are parsed, that they contain the required placeholders and use
    /// every variable.
    pub(super) fn finish(self) -> Result<(), SettingsError> {
        if let Some(name) = self.variables.keys().find(|name| !self.used.contains(*name)) {
            let key = format!("variables.{name}");
            return Err(SettingsError::new(&key, "a variable that no text uses", self.named()));
        }
        if !self.places.contains(&Place::Message) {
            let accepted = "{message} in its url, json or form";
            return Err(SettingsError::new("", "a provider that sends no {message}", accepted));
        }
        if !self.places.contains(&Place::Phone) && !self.places.contains(&Place::PhoneDigits) {
            let accepted = "{phone} or {phone_digits} in its url, headers, json or form";
            return Err(SettingsError::new("", "a provider that gets no number", accepted));
        }
        Ok(())
    }

    fn named(&self) -> String {
        if self.used.is_empty() {
            return "no variables: the provider's texts use none".to_owned();
        }
        let names: Vec<&str> = self.used.iter().map(String::as_str).collect();
        format!("those that its texts use: {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stored_number::NumberingPlan;

    const EVERYWHERE: &[Place] = &[Place::Phone, Place::PhoneDigits, Place::Message];

    fn position(encoded: bool) -> Position<'static> {
        Position { key: "url", places: EVERYWHERE, encoded, secret: false }
    }

    fn filled(text: &str, encoded: bool) -> Result<String, SettingsError> {
        let variables = BTreeMap::from([("key".to_owned(), SecretText::from("a b{c}".to_owned()))]);
        let message = TextMessage {
            to: NumberingPlan::read_e164("+46701234567").expect("a number"),
            body: Zeroizing::new("1 & {key} {{2}} é".to_owned()),
        };
        let pattern = Reader::new(&variables, false).read(text, &position(encoded))?;
        Ok(pattern.fill(&message).to_string())
    }

    #[test]
    fn places_and_variables_are_filled_once_and_what_is_filled_in_is_not_read_again() {
        let text = "{key}: {phone}/{phone_digits} {message}";
        assert_eq!(
            filled(text, false).expect("good"),
            "a b{c}: +46701234567/46701234567 1 & {key} {{2}} é"
        );
        assert_eq!(
            filled("?k={key}&t={phone}&m={message}", true).expect("good"),
            "?k=a%20b%7Bc%7D&t=%2B46701234567&m=1%20%26%20%7Bkey%7D%20%7B%7B2%7D%7D%20%C3%A9"
        );
    }

    #[test]
    fn braces_are_written_twice() {
        assert_eq!(filled("{{phone}} {{{phone}}}", false).expect("good"), "{phone} {+46701234567}");
        for wrong in ["{", "}", "a } b", "{phone", "{phone}}"] {
            let error = filled(wrong, false).err().unwrap_or_else(|| panic!("{wrong}"));
            assert!(error.found.contains("brace"), "{wrong}: {}", error.found);
        }
    }

    #[test]
    fn an_unknown_placeholder_is_named_except_where_it_may_be_a_part_of_a_secret() {
        let error = filled("{foo}", false).expect_err("unknown");
        assert!(error.found.contains("{foo}"), "{}", error.found);
        let variables = BTreeMap::new();
        let secret = Position { secret: true, ..position(false) };
        let read = |public| Reader::new(&variables, public).read("x{hunter2}", &secret).err();
        let error = format!("{:?}", read(false).expect("unknown"));
        assert!(!error.contains("hunter2"), "{error}");
        assert_eq!(read(true).and_then(|error| error.unfilled).as_deref(), Some("hunter2"));
    }
}
