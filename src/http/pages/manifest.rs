//! What makes an icon on the Home Screen, as iOS wants one before it shows notifications.

use serde_json::json;

use super::language::Language;
use super::{OPEN, PHONE};
use crate::domain::authenticator::is_visible;

/// Longest token taken, in bytes.
const MAX_TOKEN: usize = 2048;

/// Longest name of an icon, in characters.
const MAX_NAME: usize = 60;

/// A web app manifest. The query has the token of the phone that the icon is for, and the name of
/// its company; whatever is no token or no name is left out.
///
/// # Panics
/// Never: texts always serialise.
pub(super) fn manifest(query: &str, language: Language) -> String {
    let field = |wanted: &str| {
        let mut fields = url::form_urlencoded::parse(query.as_bytes());
        fields.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    let device = field("device").filter(|token| is_token(token));
    let name = field("name").filter(|name| is_name(name));
    let name = name.as_deref().unwrap_or("dialpass");
    let start = device.map_or_else(|| PHONE.to_owned(), |token| format!("{PHONE}?device={token}"));
    let icon = |size: &str, purpose: &str| {
        json!({
            "src": format!("/open/icon-{size}.png"),
            "sizes": format!("{size}x{size}"),
            "type": "image/png",
            "purpose": purpose,
        })
    };
    let manifest = json!({
        "id": PHONE,
        "name": name,
        "short_name": name,
        "lang": language.code(),
        "start_url": start,
        "scope": OPEN,
        "display": "standalone",
        "background_color": "#f3f5f8",
        "theme_color": "#f3f5f8",
        "icons": [icon("192", "any"), icon("512", "any"), icon("512", "maskable")],
    });
    manifest.to_string()
}

/// Whether this may be a JWT in its compact form.
fn is_token(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=MAX_TOKEN).contains(&text.len()) && text.bytes().all(is_part)
}

fn is_name(text: &str) -> bool {
    let length = text.trim().chars().count();
    (1..=MAX_NAME).contains(&length) && text.chars().all(is_visible)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(query: &str) -> serde_json::Value {
        serde_json::from_str(&manifest(query, Language::Swedish)).expect("JSON")
    }

    #[test]
    fn an_icon_opens_the_page_of_its_phone() {
        let made = made("device=eyJ.a_b-c.D&name=Example+AG");
        assert_eq!(made["start_url"], "/open/phone?device=eyJ.a_b-c.D");
        assert_eq!((&made["name"], &made["lang"]), (&json!("Example AG"), &json!("sv")));
        assert_eq!((&made["display"], &made["scope"]), (&json!("standalone"), &json!("/open")));
    }

    #[test]
    fn what_is_no_token_or_no_name_is_left_out() {
        let long = format!("device={}", "a".repeat(MAX_TOKEN + 1));
        let long_name = format!("name={}", "a".repeat(MAX_NAME + 1));
        for query in ["", "device=", "device=a%2Fb", "device=%22%3E", "name=%0a", "name=+", &long] {
            assert_eq!(made(query)["start_url"], "/open/phone", "{query}");
            assert_eq!(made(query)["name"], "dialpass", "{query}");
        }
        assert_eq!(made(&long_name)["name"], "dialpass");
    }
}
