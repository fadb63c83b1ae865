//! Texts that must never be printed: typed passwords.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A user's password as typed. It is never empty, cannot be printed, and is wiped from memory when
/// dropped.
///
/// The non-empty rule is a security boundary: a simple bind with a DN and an empty password is an
/// "unauthenticated bind", which servers may answer with success (RFC 4513 5.1.2).
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// Maximum length of a password, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// Accepts a typed password. `None` if it is empty, longer than [`Self::MAX_BYTES`], or
    /// contains a NUL, which some servers take for the end of the text.
    #[must_use]
    pub fn parse(text: String) -> Option<Self> {
        if text.is_empty() || text.len() > Self::MAX_BYTES || text.contains('\0') {
            return None;
        }
        Some(Self(SecretString::from(text)))
    }

    /// The password itself, for the one call that checks it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}
