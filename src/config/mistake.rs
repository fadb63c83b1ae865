//! The parser's message about a key, taken apart.

/// What is wrong with a key.
pub(super) enum Mistake {
    /// The key is unknown.
    UnknownKey { name: String, known: Vec<String>, accepted: String },
    /// A key that has no default is missing.
    Missing { name: String },
    /// The value is not one of a fixed list.
    UnknownWord { word: String, known: Vec<String>, accepted: String },
    /// The value is of another type or form.
    Value { found: String, accepted: String },
}

impl Mistake {
    /// Reads a message in one line.
    pub(super) fn of(message: &str) -> Self {
        let (found, accepted) = message.split_once(", expected ").unwrap_or((message, ""));
        let quoted = |text: &str| -> Vec<String> {
            text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        };
        let name = |text: &str| text.trim().trim_matches('`').to_owned();
        let (known, accepted) = (quoted(accepted), accepted.to_owned());
        if let Some(rest) = found.strip_prefix("unknown field ") {
            return Self::UnknownKey { name: name(rest), known, accepted };
        }
        if let Some(rest) = found.strip_prefix("unknown variant ") {
            return Self::UnknownWord { word: name(rest), known, accepted };
        }
        if let Some(rest) = found.strip_prefix("missing field ") {
            return Self::Missing { name: name(rest) };
        }
        let found = found.replace("invalid type: ", "").replace("invalid value: ", "");
        Self::Value { found, accepted }
    }

    /// The name of the unknown key.
    pub(super) fn unknown_key(&self) -> Option<&str> {
        match self {
            Self::UnknownKey { name, .. } => Some(name),
            Self::Missing { .. } | Self::UnknownWord { .. } | Self::Value { .. } => None,
        }
    }
}

/// A message of the parser in one line.
pub(super) fn joined_lines(text: &str) -> String {
    text.trim().replace('\n', "; ")
}
