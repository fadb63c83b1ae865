//! A user who is registered here rather than in a directory: id and name, phones, authenticators,
//! and the hashes of the recovery codes.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::authenticator::Authenticator;
use super::clock::Timestamp;
use super::phone_number::PhoneNumber;
use super::uuid_id::uuid_id;

uuid_id! {
    /// A registered user's id: a random UUID (RFC 9562 5.4) that is never reused.
    RegisteredId
}

/// The name by which another system knows a registered user: 1 to 300 of `a-z A-Z 0-9 _ - . @`, but
/// not a UUID, because a user without a name is known by the id.
///
/// Names are compared ignoring ASCII case (see [`is_same_as`](Self::is_same_as)), as in directories;
/// a name keeps the case it was created with. `==` compares the texts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegisteredName(String);

impl RegisteredName {
    /// Longest name, in characters.
    pub const MAX: usize = 300;

    /// Parses a name; `None` if it is empty, too long, has another character or is a UUID.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_stored(text).filter(|_| Uuid::try_parse(text).is_err())
    }

    /// From the store, where an old name may be a UUID.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@');
        let sized = (1..=Self::MAX).contains(&text.len());
        (sized && text.chars().all(legal)).then(|| Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both are the same name, ignoring case.
    #[must_use]
    pub const fn is_same_as(&self, other: &Self) -> bool {
        self.0.as_str().eq_ignore_ascii_case(other.0.as_str())
    }
}

impl fmt::Display for RegisteredName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

uuid_id! {
    /// A verified phone's id: a random UUID.
    PhoneId
}

/// A phone that its user has proved to possess.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedPhone {
    /// Its id.
    pub id: Uuid,
    /// Its number, without an extension.
    pub number: PhoneNumber,
    /// When it was first verified.
    pub created_at: Timestamp,
    /// When it was last verified.
    pub updated_at: Timestamp,
}

/// The SHA-256 of a recovery code. The code has 80 random bits, so that no slow hash is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RecoveryHash([u8; 32]);

impl RecoveryHash {
    /// From the stored bytes.
    #[must_use]
    pub const fn from_stored(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }

    /// The bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares in time that does not depend on where the hashes differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for RecoveryHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryHash(…)")
    }
}

/// A recovery code: four groups of four of `A-Z` and `2-7` (RFC 4648 6), 80 random bits.
pub struct RecoveryCode(zeroize::Zeroizing<String>);

/// The characters of recovery codes: base32, which has no 0, 1, 8 and 9 to mistake for letters.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

impl RecoveryCode {
    /// Codes in a set.
    pub const IN_A_SET: usize = 10;

    /// A code from the first 80 of these random bits.
    #[must_use]
    pub fn from_random(bits: [u8; 16]) -> Self {
        let mut text = zeroize::Zeroizing::new(String::with_capacity(19));
        for (place, chunk) in bits[..10].chunks(5).enumerate() {
            let bits = chunk.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
            for group in 0..2 {
                if place + group > 0 {
                    text.push('-');
                }
                for index in 0..4 {
                    let shift = 35 - 5 * (group * 4 + index);
                    text.push(char::from(ALPHABET[((bits >> shift) & 31) as usize]));
                }
            }
        }
        Self(text)
    }

    /// Parses a code as typed: in either case, with hyphens and blanks anywhere. `None` if it is not
    /// sixteen characters of the alphabet.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.len() > 64 {
            return None;
        }
        let plain = typed.chars().filter(|c| !matches!(c, '-' | ' '));
        let mut text = zeroize::Zeroizing::new(String::with_capacity(19));
        for (index, c) in plain.enumerate() {
            let c = c.to_ascii_uppercase();
            if index == 16 || !ALPHABET.contains(&u8::try_from(c).ok()?) {
                return None;
            }
            if index > 0 && index % 4 == 0 {
                text.push('-');
            }
            text.push(c);
        }
        (text.len() == 19).then_some(Self(text))
    }

    /// Its hash.
    #[must_use]
    pub fn hash(&self) -> RecoveryHash {
        RecoveryHash(Sha256::digest(self.0.as_bytes()).into())
    }

    /// The code, for the one response that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(…)")
    }
}

/// A registered user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredUser {
    /// The id.
    pub id: RegisteredId,
    /// The name, if another system gave one.
    pub name: Option<RegisteredName>,
    /// When the user was created.
    pub created_at: Timestamp,
    /// When something about the user last changed: a phone, an authenticator, the recovery codes.
    pub updated_at: Timestamp,
    /// The phones, in the order in which they were added.
    pub phones: Vec<VerifiedPhone>,
    /// The authenticators, in the order in which they were added.
    pub authenticators: Vec<Authenticator>,
    /// The hashes of the unused recovery codes.
    pub recovery: Vec<RecoveryHash>,
}

impl RegisteredUser {
    /// Maximum number of phones per user.
    pub const MAX_PHONES: usize = 10;

    /// Maximum number of authenticators per user.
    pub const MAX_AUTHENTICATORS: usize = 10;

    /// A user without phones, authenticators or recovery codes.
    #[must_use]
    pub fn new(id: RegisteredId, name: Option<RegisteredName>, now: Timestamp) -> Self {
        Self {
            id,
            name,
            created_at: now,
            updated_at: now,
            phones: Vec::new(),
            authenticators: Vec::new(),
            recovery: Vec::new(),
        }
    }

    /// Whether the user has something to log in with. Recovery codes alone do not count.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.phones.is_empty() || !self.authenticators.is_empty()
    }

    /// The phone that was verified last.
    #[must_use]
    pub fn newest_phone(&self) -> Option<&VerifiedPhone> {
        self.phones.iter().max_by_key(|phone| phone.updated_at)
    }

    /// Adds a phone that was just verified, or records that a known one was verified again; `id` is
    /// for a new one. Returns `false` if the user has the maximum number of phones.
    #[must_use]
    pub fn verify_phone(&mut self, id: Uuid, number: &PhoneNumber, now: Timestamp) -> bool {
        if let Some(phone) = self.phones.iter_mut().find(|phone| phone.number == *number) {
            phone.updated_at = now;
        } else if self.phones.len() < Self::MAX_PHONES {
            let number = number.clone();
            self.phones.push(VerifiedPhone { id, number, created_at: now, updated_at: now });
        } else {
            return false;
        }
        self.updated_at = now;
        true
    }

    /// Removes the phones for which `is_gone` is true; returns whether there was one.
    pub fn remove_phones(
        &mut self,
        is_gone: impl Fn(&VerifiedPhone) -> bool,
        now: Timestamp,
    ) -> bool {
        let before = self.phones.len();
        self.phones.retain(|phone| !is_gone(phone));
        let removed = self.phones.len() < before;
        if removed {
            self.updated_at = now;
        }
        removed
    }
}

/// How a request names a registered user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserRef {
    /// By id.
    Id(RegisteredId),
    /// By name: the user with exactly this name, otherwise the only one who has it in another case. If
    /// several have it in other cases only, it means none of them.
    Name(RegisteredName),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_has_one_text() {
        let id = RegisteredId::from_random([7; 16]);
        assert_eq!(RegisteredId::parse(&id.to_string()), Some(id));
        assert_eq!(RegisteredId::parse(&id.to_string().to_uppercase()), Some(id));
        assert_eq!(RegisteredId::parse(&id.as_uuid().simple().to_string()), None);
        assert_eq!(RegisteredId::parse(&format!("{{{id}}}")), None);
    }

    #[test]
    fn a_name_is_never_an_id() {
        let id = RegisteredId::from_random([7; 16]);
        let (hyphens, simple) = (id.to_string(), id.as_uuid().simple().to_string());
        for text in [&hyphens, &simple, &hyphens.to_uppercase(), &simple.to_uppercase()] {
            assert_eq!(RegisteredName::parse(text), None, "{text}");
            assert!(RegisteredName::from_stored(text).is_some(), "{text}");
        }
        for text in [format!("{hyphens}a"), format!("a{simple}"), hyphens.replace('-', "_")] {
            assert!(RegisteredName::parse(&text).is_some(), "{text}");
        }
    }

    #[test]
    fn names_are_the_same_in_any_case_and_keep_their_own() {
        let name = |text| RegisteredName::parse(text).expect("legal");
        let (anna, small) = (name("Anna@Example.com"), name("anna@example.com"));
        assert!(anna.is_same_as(&small) && anna.is_same_as(&anna));
        assert_ne!(anna, small);
        assert_eq!(anna.as_str(), "Anna@Example.com");
        for other in ["anna@example.co", "anna_example.com", "anna@example.comx"] {
            assert!(!anna.is_same_as(&name(other)), "{other}");
        }
    }

    #[test]
    fn debug_shows_no_recovery_code() {
        let code = RecoveryCode::from_random([9; 16]);
        assert_eq!(format!("{code:?} {:?}", code.hash()), "RecoveryCode(…) RecoveryHash(…)");
    }

    #[test]
    fn a_recovery_code_is_four_groups_of_four() {
        let code = RecoveryCode::from_random([0xff; 16]);
        assert_eq!(code.expose(), "7777-7777-7777-7777");
        let code = RecoveryCode::from_random([0; 16]);
        assert_eq!(code.expose(), "AAAA-AAAA-AAAA-AAAA");
        for wrong in ["", "AAAA-AAAA-AAAA-AAA", "AAAA-AAAA-AAAA-AAAAA", "AAAA-AAAA-AAAA-AAA1"] {
            assert!(RecoveryCode::parse(wrong).is_none(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_recovery_code_is_read_as_it_is_shown(bits in any::<[u8; 16]>()) {
            let code = RecoveryCode::from_random(bits);
            prop_assert_eq!(code.expose().len(), 19);
            let typed = code.expose().to_lowercase().replace('-', " ");
            let read = RecoveryCode::parse(&typed).expect("as shown");
            prop_assert!(read.hash().matches(&code.hash()));
        }

        #[test]
        fn different_bits_are_different_codes(a in any::<[u8; 10]>(), b in any::<[u8; 10]>()) {
            prop_assume!(a != b);
            let code = |bits: [u8; 10]| {
                let mut padded = [0; 16];
                padded[..10].copy_from_slice(&bits);
                RecoveryCode::from_random(padded)
            };
            let (a, b) = (code(a), code(b));
            prop_assert_ne!(a.expose(), b.expose());
        }
    }
}
