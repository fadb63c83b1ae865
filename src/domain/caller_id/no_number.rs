//! Why a caller ID has no number to look up, and the words that say so.

/// Texts that mean "no number", in lower case.
const WITHHELD: [&str; 9] = [
    "anonymous",
    "restricted",
    "private",
    "unavailable",
    "unknown",
    "withheld",
    "blocked",
    "anonymous.invalid",
    "unavailable.invalid",
];

/// Why a caller ID has no number to look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoNumber {
    /// The caller or the network withheld it.
    Withheld,
    /// It is not a telephone number.
    Unparseable,
    /// It could be two different numbers: a national one, or an international one without its plus.
    TwoReadings,
}

/// Whether a text says that the number is withheld, or says nothing.
#[must_use]
pub fn is_withheld_word(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || WITHHELD.contains(&text.to_ascii_lowercase().as_str())
}
