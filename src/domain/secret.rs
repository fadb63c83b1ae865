//! Texts that must never be printed: typed passwords, and the secrets of a configuration.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::{self, Deserializer};

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

/// A secret of this server's own, such as the password of its account in a directory. Neither
/// `Debug` nor the errors of deserializing show it.
#[derive(Clone)]
pub struct SecretText(SecretString);

impl SecretText {
    /// The secret itself, for the one call that uses it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<SecretString> for SecretText {
    fn from(secret: SecretString) -> Self {
        Self(secret)
    }
}

impl From<&str> for SecretText {
    fn from(secret: &str) -> Self {
        Self(secret.into())
    }
}

impl From<String> for SecretText {
    fn from(secret: String) -> Self {
        Self(secret.into())
    }
}

impl PartialEq for SecretText {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for SecretText {}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = SecretText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretText, E> {
                Ok(text.to_owned().into())
            }
            fn visit_string<E: de::Error>(self, text: String) -> Result<SecretText, E> {
                Ok(text.into())
            }
        }
        // Another type's own error would show the value.
        deserializer.deserialize_string(Text).map_err(|_| {
            de::Error::custom("invalid type: a value that is not text, expected a string")
        })
    }
}
