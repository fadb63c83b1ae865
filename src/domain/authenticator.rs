//! An authenticator: a phone on which a user made a passkey, and its push subscription.

use std::fmt;

use super::clock::Timestamp;
use super::uuid_id::uuid_id;

uuid_id! {
    /// An authenticator's id: a random UUID.
    AuthenticatorId
}

/// The device type, in the two values of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Platform {
    /// An Apple device.
    Ios,
    /// Any other device.
    Android,
}

impl Platform {
    /// The value in the store and the API; never change it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ios => "ios",
            Self::Android => "android",
        }
    }

    /// Parses the output of [`as_str`](Self::as_str).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Ios, Self::Android].into_iter().find(|one| one.as_str() == text)
    }
}

/// An authenticator's name: 1 to 100 characters, without terminal control or text direction
/// characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticatorName(String);

impl AuthenticatorName {
    /// Maximum length in characters.
    pub const MAX: usize = 100;

    /// Parses a name after trimming surrounding whitespace.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let sized = (1..=Self::MAX).contains(&text.chars().count());
        let legal = text.chars().all(is_visible) && shows_something(text);
        (sized && legal).then(|| Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AuthenticatorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a character is allowed in text that people base decisions on. Refused are controls, line
/// separators, noncharacters, characters that browsers render as nothing (Unicode's
/// `Default_Ignorable_Code_Point`) and those that reorder others (UAX 9). Joiners and the emoji
/// variation selector are allowed, because scripts and emoji need them.
#[must_use]
pub fn is_visible(c: char) -> bool {
    let is_needed = matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0f}');
    let is_nothing = matches!(
        c,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{fffe}' | '\u{ffff}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    );
    is_needed || !(c.is_control() || is_nothing)
}

/// Whether a text has any visible character.
#[must_use]
pub fn shows_something(text: &str) -> bool {
    text.chars().any(|c| !c.is_whitespace() && !matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0f}'))
}

/// The public part of a passkey (Web Authentication Level 3, 4 "Credential Record").
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The credential id, as the phone chose it.
    pub id: Vec<u8>,
    /// The public key and its properties, in the signature library's format.
    pub record: String,
    /// The last signature counter; 0 if the phone keeps none.
    pub counter: u32,
}

impl Credential {
    /// Whether a signature with this counter may come from the phone (Web Authentication Level 3,
    /// 7.2, step 22): counters increase, unless the phone keeps none.
    #[must_use]
    pub const fn may_follow(&self, counter: u32) -> bool {
        (counter == 0 && self.counter == 0) || counter > self.counter
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({} bytes, counter {})", self.id.len(), self.counter)
    }
}

/// A browser's push subscription (Push API, RFC 8030 and 8291). It is never shown, because its
/// holder can reach that browser.
#[derive(Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The push service's URL for this browser.
    pub endpoint: String,
    /// The browser's public key: a point on P-256, uncompressed.
    pub key: [u8; 65],
    /// The secret it shares with the sender.
    pub auth: [u8; 16],
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription(…)")
    }
}

/// A phone on which a passkey was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticator {
    /// Its id.
    pub id: AuthenticatorId,
    /// Its name.
    pub name: AuthenticatorName,
    /// Its device type.
    pub platform: Platform,
    /// Its passkey.
    pub credential: Credential,
    /// Its push subscription, if it has one.
    pub subscription: Option<Subscription>,
    /// When it was registered.
    pub enrolled_at: Timestamp,
    /// When its name, subscription or counter last changed.
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_hides_nothing() {
        let parse = |text| AuthenticatorName::parse(text).map(|name| name.to_string());
        assert_eq!(parse("  Pixel 9 "), Some("Pixel 9".to_owned()));
        assert_eq!(parse("Annas Åäö 📱"), Some("Annas Åäö 📱".to_owned()));
        for wrong in [
            "",
            "  ",
            "a\nb",
            "a\u{202e}b",
            "a\u{2066}b",
            "a\u{200b}b",
            "\u{200d}",
            "\u{3164}",
            "\u{1b}[31m",
            &"x".repeat(101),
        ] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_counter_goes_up_or_is_not_kept() {
        let seen = |counter| Credential { id: vec![1], record: String::new(), counter };
        assert!(seen(0).may_follow(0));
        assert!(seen(0).may_follow(1));
        assert!(seen(7).may_follow(8));
        for replayed in [0, 6, 7] {
            assert!(!seen(7).may_follow(replayed), "{replayed}");
        }
    }

    #[test]
    fn debug_shows_no_key_and_no_endpoint() {
        let credential = Credential { id: vec![1; 16], record: "key".to_owned(), counter: 3 };
        assert_eq!(format!("{credential:?}"), "Credential(16 bytes, counter 3)");
        let endpoint = "https://push.example.com/abc".to_owned();
        let subscription = Subscription { endpoint, key: [4; 65], auth: [1; 16] };
        assert_eq!(format!("{subscription:?}"), "Subscription(…)");
    }
}
