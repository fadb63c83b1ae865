//! An authenticator: a phone on which a user made a passkey, and how it is told that it is asked.

use std::fmt;

use super::clock::Timestamp;
use super::uuid_id::uuid_id;

uuid_id! {
    /// An authenticator's id: a random UUID.
    AuthenticatorId
}

/// What kind of device it is, in the two words that the API has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Platform {
    /// A device of Apple's.
    Ios,
    /// Any other.
    Android,
}

impl Platform {
    /// As it is stored, and as the API has it: never change one.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ios => "ios",
            Self::Android => "android",
        }
    }

    /// Reads what [`as_str`](Self::as_str) gives.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Ios, Self::Android].into_iter().find(|one| one.as_str() == text)
    }
}

/// What an authenticator is called: 1 to 100 characters, none of which controls a terminal or the
/// direction of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticatorName(String);

impl AuthenticatorName {
    /// Longest name, in characters.
    pub const MAX: usize = 100;

    /// Reads a name, without the blanks around it.
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

/// Whether a character may stand in a text that people decide by: no controls, no line separators,
/// no noncharacters, none that browsers show as nothing (Unicode's `Default_Ignorable_Code_Point`)
/// or that reorder others (UAX 9). Joiners and the variation selector of emoji may stand there, as
/// scripts and pictures need them.
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

/// Whether a text shows anything at all.
#[must_use]
pub fn shows_something(text: &str) -> bool {
    text.chars().any(|c| !c.is_whitespace() && !matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0f}'))
}

/// The public part of a passkey (Web Authentication Level 3, 4 "Credential Record").
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The credential's id, as the phone chose it.
    pub id: Vec<u8>,
    /// The public key with its properties, in the form of the library that checks signatures.
    pub record: String,
    /// The signature counter as last seen; 0 where the phone keeps none.
    pub counter: u32,
}

impl Credential {
    /// Whether a signature with this counter may be the phone's (Web Authentication Level 3, 7.2,
    /// step 22): counters go up, unless the phone keeps none.
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

/// Where a phone's browser is told that it is asked (Push API, RFC 8030 and 8291). Whoever has it
/// can reach that browser, so it is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The push service's URL for this browser.
    pub endpoint: String,
    /// The browser's public key: a point on P-256, uncompressed.
    pub key: [u8; 65],
    /// The secret that it shares with the sender.
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
    /// What it is called.
    pub name: AuthenticatorName,
    /// What kind of device it is.
    pub platform: Platform,
    /// Its passkey.
    pub credential: Credential,
    /// Where it is notified, if it is.
    pub subscription: Option<Subscription>,
    /// When it was registered.
    pub enrolled_at: Timestamp,
    /// When its name, its subscription or its counter last changed.
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
