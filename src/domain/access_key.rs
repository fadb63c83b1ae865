//! Access keys, with which a tenant's backend authenticates to the authentication cloud's API.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::clock::Timestamp;
use super::tenant::TenantId;

/// The prefix of every access key, so that a search finds leaked ones.
const PREFIX: &str = "dpk_";

/// An access key, shown only once: the prefix and 256 random bits in base64url (RFC 4648 5).
pub struct AccessKeyText(Zeroizing<String>);

impl AccessKeyText {
    /// A key from these random bits.
    #[must_use]
    pub fn from_random(first: [u8; 16], second: [u8; 16]) -> Self {
        let mut bits = Zeroizing::new([0; 32]);
        bits[..16].copy_from_slice(&first);
        bits[16..].copy_from_slice(&second);
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + 43));
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(bits.as_slice(), &mut text);
        Self(text)
    }

    /// The key, for the one line that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKeyText(…)")
    }
}

/// The SHA-256 of an access key. The key has 256 random bits, so no slow hash is needed, and the
/// timing of a search for the hash reveals nothing about the key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccessKeyHash([u8; 32]);

impl AccessKeyHash {
    /// The hash of a presented key; `None` if it cannot be an access key.
    #[must_use]
    pub fn of(presented: &str) -> Option<Self> {
        let shaped = presented.starts_with(PREFIX) && presented.len() == PREFIX.len() + 43;
        shaped.then(|| Self(Sha256::digest(presented.as_bytes()).into()))
    }

    /// The bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for AccessKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKeyHash(…)")
    }
}

/// An access key as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Its id.
    pub id: Uuid,
    /// The tenant whose users it gives access to.
    pub tenant: TenantId,
    /// The administrator's name for it: 1 to 64 characters, not all blank, no control characters.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl AccessKey {
    /// Whether a key may have this name.
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        let sized = (1..=64).contains(&text.chars().count()) && !text.trim().is_empty();
        sized && !text.chars().any(char::is_control)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_hash_and_never_printed() {
        let key = AccessKeyText::from_random([1; 16], [2; 16]);
        let hash = AccessKeyHash::of(key.expose()).expect("a key");
        let other = AccessKeyText::from_random([1; 16], [3; 16]);
        assert_ne!(Some(hash), AccessKeyHash::of(other.expose()));
        assert_eq!(format!("{key:?} {hash:?}"), "AccessKeyText(…) AccessKeyHash(…)");
    }

    #[test]
    fn a_text_of_another_shape_is_not_a_key() {
        let key = AccessKeyText::from_random([1; 16], [2; 16]);
        for other in ["", "dpk_", &key.expose()[4..], &format!("{}x", key.expose())] {
            assert_eq!(AccessKeyHash::of(other), None, "{other}");
        }
    }
}
