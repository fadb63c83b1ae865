//! Reads the `Authorization` header. Comparing it with the clients happens elsewhere.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The SHA-256 of a machine's secret. Secrets are long and random, so no slow hash is needed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Takes a hash from the configuration.
    #[must_use]
    pub const fn new(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }

    /// Hashes a presented secret.
    #[must_use]
    pub fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// Whether both are hashes of the same secret, compared in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// Shorter secrets, in characters, are not long: 16 characters of base64 have at most 96 bits.
pub const SHORTEST_SECRET: usize = 16;

/// The contents of a request's `Authorization` header.
#[derive(Debug, Clone)]
pub enum Authorization {
    /// The header is missing.
    Absent,
    /// More than one header, an unknown scheme, or unreadable credentials.
    Unusable,
    /// HTTP Basic (RFC 7617).
    Basic {
        /// The user name: everything before the first colon.
        username: String,
        /// The hash of the password: everything after it.
        password: SecretHash,
        /// Whether the password is shorter than [`SHORTEST_SECRET`].
        short: bool,
    },
    /// A bearer token (RFC 6750).
    Bearer(BearerToken),
}

impl Authorization {
    /// Reads the values of all `Authorization` headers of one request.
    #[must_use]
    pub fn read<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut values = values.into_iter();
        match (values.next(), values.next()) {
            (None, _) => Self::Absent,
            (Some(value), None) => Self::read_one(value).unwrap_or(Self::Unusable),
            (Some(_), Some(_)) => Self::Unusable,
        }
    }

    /// Whether the secret is shorter than [`SHORTEST_SECRET`].
    #[must_use]
    pub fn is_short(&self) -> bool {
        match self {
            Self::Absent | Self::Unusable => false,
            Self::Basic { short, .. } => *short,
            Self::Bearer(token) => token.expose().len() < SHORTEST_SECRET,
        }
    }

    fn read_one(value: &[u8]) -> Option<Self> {
        let (scheme, credentials) = std::str::from_utf8(value).ok()?.split_once(' ')?;
        let credentials = credentials.trim_matches(' ');
        if scheme.eq_ignore_ascii_case("basic") {
            let decoded = Zeroizing::new(STANDARD.decode(credentials).ok()?);
            let (username, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
            let short = password.chars().count() < SHORTEST_SECRET;
            let password = SecretHash::of(password.as_bytes());
            Some(Self::Basic { username: username.to_owned(), password, short })
        } else if scheme.eq_ignore_ascii_case("bearer") {
            BearerToken::parse(credentials).map(Self::Bearer)
        } else {
            None
        }
    }
}

/// A presented bearer token: one of our static tokens, or a JWT.
#[derive(Debug, Clone)]
pub struct BearerToken {
    text: SecretString,
    hash: SecretHash,
}

impl BearerToken {
    /// Parses a token; `None` if it is empty or contains a space or a control character.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let legal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        legal
            .then(|| Self { text: SecretString::from(text), hash: SecretHash::of(text.as_bytes()) })
    }

    /// The token's hash, to compare with the static ones.
    #[must_use]
    pub const fn hash(&self) -> &SecretHash {
        &self.hash
    }

    /// The token itself, for the code that verifies it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// The token itself, if it has the form of a JWT: three parts separated by dots.
    #[must_use]
    pub fn as_jwt(&self) -> Option<&str> {
        let text = self.text.expose_secret();
        (text.split('.').count() == 3).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Authorization {
        Authorization::read([value.as_bytes()])
    }

    #[test]
    fn basic_splits_at_the_first_colon_and_its_scheme_ignores_case() {
        for scheme in ["Basic", "basic", "BASIC"] {
            let value = format!("{scheme} {}", STANDARD.encode("pbx:a:b"));
            let Authorization::Basic { username, password, short } = read(&value) else {
                panic!("{value} was not read");
            };
            assert_eq!(username, "pbx");
            assert!(password.matches(&SecretHash::of(b"a:b")) && short);
        }
    }

    #[test]
    fn what_cannot_be_read_is_unusable_and_never_absent() {
        let latin1 = format!("Basic {}", STANDARD.encode(b"pbx:\xe5"));
        let no_colon = format!("Basic {}", STANDARD.encode("pbx"));
        let bad = ["", "Basic", "Bearer", "Bearer ", "Basic %%%", "Digest a=b", "Bearer a b"];
        for value in bad.into_iter().chain([latin1.as_str(), no_colon.as_str()]) {
            assert!(matches!(read(value), Authorization::Unusable), "{value}");
        }
        assert!(matches!(Authorization::read([&b"Bearer \xff"[..]]), Authorization::Unusable));
    }

    #[test]
    fn two_headers_are_unusable_even_if_they_are_equal() {
        let twice = Authorization::read([&b"Bearer a"[..], &b"Bearer a"[..]]);
        assert!(matches!(twice, Authorization::Unusable));
        assert!(matches!(Authorization::read([]), Authorization::Absent));
    }

    #[test]
    fn only_three_parts_have_the_form_of_a_jwt() {
        for (text, is_jwt) in [("a.b.c", true), ("abc", false), ("a.b", false), ("a.b.c.d", false)]
        {
            let token = BearerToken::parse(text).expect("legal");
            assert_eq!(token.as_jwt().is_some(), is_jwt, "{text}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let printed = format!("{:?}", read("Bearer hunter2"));
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
