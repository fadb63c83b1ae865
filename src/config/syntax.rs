//! What is accepted instead of a line that is not TOML.

/// What is accepted instead of a line that the parser rejects with this message.
pub(super) fn accepted(message: &str) -> &'static str {
    if message == "duplicate key" {
        "each key and each section once; sections that may be repeated are in double \
         brackets: [[tenants]], [[tenants.clients]], [[tenants.sms.providers]]"
    } else if message == UNCLOSED_BRACES {
        "all keys of it and its } in one line: NAME = { KEY = VALUE, KEY = VALUE }"
    } else {
        "TOML 1.0: [section], key = value, and texts in quotes"
    }
}

/// The message about a `{` without its `}`.
pub(super) const UNCLOSED_BRACES: &str = "unclosed inline table, its `}` is missing";
