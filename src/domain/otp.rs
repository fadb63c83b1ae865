//! One-time codes: derived from a server key and a grant, never stored.

use std::fmt;

use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use totp_rs::{Algorithm, Builder};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::grant::{Grant, KeyId, Subject};
use super::written::{Normalized, normalize_char};

/// Version label of the derivation: a different derivation must use a different label.
const LABEL: &[u8] = b"dialpass one-time code v1";

/// Prefix of subkey labels. Neither this nor [`LABEL`] may be a prefix of the other.
const SUBKEY_LABEL: &[u8] = b"dialpass subkey v1 ";

/// Maximum length of a typed code's text, in bytes; an honest one has a few blanks.
const MAX_TYPED: usize = 128;

/// A one-time code: 6 to 8 digits. It has no `Display`, and `Debug` hides it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Otp(String);

impl Otp {
    /// Parses a code of 6 to 8 ASCII digits with nothing around them; otherwise `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = (6..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| Self(text.to_owned()))
    }

    /// Parses a code as people type or paste it: with blanks and hyphens anywhere, and digits of
    /// any script; otherwise `None`.
    #[must_use]
    pub fn parse_typed(text: &str) -> Option<Self> {
        if text.len() > MAX_TYPED {
            return None;
        }
        // Has room for one digit too many, so that it never reallocates and every copy is wiped.
        let mut digits = Zeroizing::new(String::with_capacity(9));
        for c in text.trim().chars() {
            match normalize_char(c) {
                Normalized::Char(' ' | '-') | Normalized::Invisible => {}
                Normalized::Char(c) if c.is_ascii_digit() && digits.len() < 9 => digits.push(c),
                Normalized::Char(_) | Normalized::Control => return None,
            }
        }
        Self::parse(&digits)
    }

    /// The digits, for the one response that contains them.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Compares in time that does not depend on where the codes differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

/// Splits a passcode, which is the password followed by the code: its last `digits` characters are
/// the code. `None` if it is shorter.
#[must_use]
pub fn split_passcode(passcode: &str, digits: u8) -> Option<(&str, &str)> {
    let last = usize::from(digits).checked_sub(1)?;
    let (at, _) = passcode.char_indices().rev().nth(last)?;
    Some(passcode.split_at(at))
}

impl fmt::Debug for Otp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Otp(…)")
    }
}

/// A 256-bit server key. Together with the store it is enough to compute live codes.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct ServerKey {
    bytes: [u8; 32],
    #[zeroize(skip)]
    id: KeyId,
}

impl ServerKey {
    /// A key with these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        let digest =
            Sha256::new().chain_update(b"dialpass server key id v1").chain_update(bytes).finalize();
        Self { bytes, id: KeyId(hex::encode(&digest[..8])) }
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The code for `grant`: HKDF-SHA256 (RFC 5869) over the key, with all of the grant's fields in
    /// `info`, then RFC 4226 truncation. An edited row therefore gives another code.
    fn code(&self, subject: &Subject, grant: &Grant) -> Otp {
        let mut secret = Zeroizing::new([0_u8; 20]);
        let info = info(subject, grant);
        Hkdf::<Sha256>::new(None, &self.bytes)
            .expand(&info, secret.as_mut_slice())
            .expect("20 bytes is a length HKDF-SHA256 can make");
        let totp = Builder::new()
            .with_algorithm(Algorithm::SHA256)
            .with_digits(grant.digits)
            .with_skew(0)
            .with_secret(*secret)
            .build()
            .expect("a grant has 6 to 8 digits and the secret 160 bits");
        let issued = u64::try_from(grant.issued_at).expect("a grant is issued after 1970");
        Otp(totp.generate(issued).to_string())
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerKey({})", self.id().as_str())
    }
}

/// Each part is preceded by its length, so that no two grants have the same text.
fn info(subject: &Subject, grant: &Grant) -> Vec<u8> {
    let parts: [&[u8]; 7] = [
        subject.tenant.as_str().as_bytes(),
        subject.purpose.as_str().as_bytes(),
        subject.id.as_bytes(),
        &grant.nonce,
        &grant.issued_at.to_be_bytes(),
        &grant.expires_at.to_be_bytes(),
        &[grant.digits],
    ];
    let mut info = LABEL.to_vec();
    for part in parts {
        info.extend_from_slice(&(part.len() as u64).to_be_bytes());
        info.extend_from_slice(part);
    }
    info
}

/// The server's keys: the first issues, all redeem.
#[derive(Debug)]
pub struct ServerKeys(Vec<ServerKey>);

impl ServerKeys {
    /// The keys, issuing key first; `None` if empty.
    #[must_use]
    pub fn new(keys: Vec<ServerKey>) -> Option<Self> {
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The id of the key for new grants.
    #[must_use]
    pub fn issuing(&self) -> KeyId {
        self.0[0].id().clone()
    }

    /// The ids of all keys.
    #[must_use]
    pub fn ids(&self) -> Vec<KeyId> {
        self.0.iter().map(|key| key.id().clone()).collect()
    }

    /// Derives a key for a use other than codes from each server key, issuing key first:
    /// HKDF-SHA256 (RFC 5869) with this label, 512 bits. Keys with different labels reveal nothing
    /// about each other.
    ///
    /// # Panics
    /// Never: 64 bytes is a valid HKDF-SHA256 length.
    #[must_use]
    pub fn subkeys(&self, label: &str) -> Vec<Zeroizing<[u8; 64]>> {
        let subkey = |key: &ServerKey| {
            let mut subkey = Zeroizing::new([0; 64]);
            Hkdf::<Sha256>::new(None, &key.bytes)
                .expand_multi_info(&[SUBKEY_LABEL, label.as_bytes()], subkey.as_mut_slice())
                .expect("64 bytes is a length HKDF-SHA256 can make");
            subkey
        };
        self.0.iter().map(subkey).collect()
    }

    /// The code of a grant; `None` if its key is not among these, or the row is invalid.
    #[must_use]
    pub fn code(&self, subject: &Subject, grant: &Grant) -> Option<Otp> {
        let sane = (6..=8).contains(&grant.digits) && grant.issued_at >= 0;
        let key = self.0.iter().find(|key| *key.id() == grant.key_id)?;
        sane.then(|| key.code(subject, grant))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::grant::Purpose;
    use crate::domain::tenant::TenantId;
    use proptest::prelude::*;

    fn keys() -> ServerKeys {
        ServerKeys::new(vec![ServerKey::new([7; 32]), ServerKey::new([8; 32])]).expect("two keys")
    }

    fn subject(id: &str) -> Subject {
        Subject {
            tenant: TenantId::parse("t1").expect("legal"),
            purpose: Purpose::Call,
            id: id.to_owned(),
        }
    }

    fn grant() -> Grant {
        Grant {
            key_id: keys().issuing(),
            nonce: [3; 16],
            issued_at: 1_000,
            expires_at: 1_180,
            digits: 6,
        }
    }

    fn code(subject: &Subject, grant: &Grant) -> String {
        keys().code(subject, grant).expect("a known key").expose().to_owned()
    }

    #[test]
    fn a_grant_has_one_code_whichever_process_works_it_out() {
        assert_eq!(code(&subject("a"), &grant()), code(&subject("a"), &grant()));
        let eight = Grant { digits: 8, ..grant() };
        assert_eq!(code(&subject("a"), &eight).len(), 8);
    }

    #[test]
    fn an_edited_row_gives_another_secret() {
        let eight = Grant { digits: 8, ..grant() };
        let original = info(&subject("a"), &eight);
        for edited in [
            Grant { nonce: [4; 16], ..eight.clone() },
            Grant { issued_at: 1_001, ..eight.clone() },
            Grant { expires_at: 1_181, ..eight.clone() },
            Grant { digits: 7, ..eight.clone() },
        ] {
            assert_ne!(original, info(&subject("a"), &edited));
        }
        assert_ne!(original, info(&subject("b"), &eight));
    }

    /// Pearson's test over the first and the last digit, with the same codes each time. With 9
    /// degrees of freedom, one in a thousand evenly spread samples exceeds the bound.
    #[test]
    fn codes_are_spread_evenly() {
        const CODES: u32 = 20_000;
        let (mut first, mut last) = ([0_u32; 10], [0_u32; 10]);
        let mut grant = grant();
        for number in 0..CODES {
            grant.nonce[..4].copy_from_slice(&number.to_be_bytes());
            let code = code(&subject("u1"), &grant);
            let digit = |at: usize| usize::from(code.as_bytes()[at] - b'0');
            first[digit(0)] += 1;
            last[digit(5)] += 1;
        }
        let expected = f64::from(CODES) / 10.0;
        for counts in [first, last] {
            let chi_square: f64 =
                counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
            assert!(chi_square < 27.88, "{counts:?}");
        }
    }

    #[test]
    fn a_grant_of_an_unknown_key_has_no_code() {
        let unknown = Grant { key_id: ServerKey::new([9; 32]).id().clone(), ..grant() };
        assert!(keys().code(&subject("a"), &unknown).is_none());
        let second = Grant { key_id: ServerKey::new([8; 32]).id().clone(), ..grant() };
        assert!(keys().code(&subject("a"), &second).is_some());
    }

    #[test]
    fn subkeys_differ_by_label_and_by_key() {
        let (a, b) = (keys().subkeys("a"), keys().subkeys("b"));
        assert_eq!(a, keys().subkeys("a"));
        assert!(a[0] != b[0] && a[0] != a[1] && a[1] != b[1]);
    }

    #[test]
    fn a_typed_code_may_be_of_any_script_and_holds_nothing_else() {
        for typed in [
            "449121",
            "449 121",
            " 449-121\n",
            "４４９１２１",
            "٤٤٩١٢١",
            "४४९१२१",
            "4\u{200e}4\u{2011}9121",
        ] {
            let read = Otp::parse_typed(typed).map(|otp| otp.expose().to_owned());
            assert_eq!(read.as_deref(), Some("449121"), "{typed}");
        }
        let long = format!("449121{}", " ".repeat(MAX_TYPED));
        for typed in [
            "",
            "44912",
            "449121449",
            "44912½",
            "44912²",
            "44912Ⅷ",
            "44912a",
            "449.121",
            "+449121",
            "4491-2",
            &long,
        ] {
            assert!(Otp::parse_typed(typed).is_none(), "{typed}");
        }
    }

    #[test]
    fn a_passcode_that_is_too_short_has_no_code() {
        assert_eq!(split_passcode("12345", 6), None);
        assert_eq!(split_passcode("123456", 6), Some(("", "123456")));
        assert_eq!(split_passcode("åäö１２３４５６", 6), Some(("åäö", "１２３４５６")));
    }

    #[test]
    fn debug_shows_neither_code_nor_key() {
        let otp = Otp::parse("123456").expect("six digits");
        assert_eq!(format!("{otp:?}"), "Otp(…)");
        assert!(!format!("{:?}", keys()).contains("0707"));
    }

    proptest! {
        #[test]
        fn only_six_to_eight_ascii_digits_are_a_code(text in "\\PC{0,10}|[0-9]{0,10}") {
            let legal = (6..=8).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit());
            prop_assert_eq!(Otp::parse(&text).is_some(), legal);
        }

        #[test]
        fn a_typed_code_is_its_digits_however_they_are_parted(
            code in "[0-9]{6,8}", gap in "[ \u{a0}\u{202f}\u{2009}\u{2011}\u{2212}-]{0,2}",
        ) {
            let typed: String = code.chars().flat_map(|c| [c.to_string(), gap.clone()]).collect();
            let read = Otp::parse_typed(&typed).expect("a code");
            prop_assert_eq!(read.expose(), code);
        }

        #[test]
        fn a_passcode_is_parted_before_its_last_characters(
            password in "\\PC{0,20}", code in "[0-9]{6}|[٠-٩]{6}",
        ) {
            let passcode = format!("{password}{code}");
            prop_assert_eq!(split_passcode(&passcode, 6), Some((password.as_str(), code.as_str())));
        }

        #[test]
        fn ids_that_run_together_do_not_collide(a in "[a-c]{0,4}", b in "[a-c]{0,4}") {
            prop_assume!(a != b);
            prop_assert_ne!(info(&subject(&a), &grant()), info(&subject(&b), &grant()));
        }
    }
}
