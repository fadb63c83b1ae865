//! The manifest for a Home Screen icon, which iOS requires before it shows notifications.

use serde_json::json;

use super::language::Language;
use crate::domain::authenticator::is_visible;

/// The page that a link opens.
pub(super) const OPEN: &str = "/open";
/// The page that an icon on the Home Screen opens.
pub(super) const PHONE: &str = "/open/phone";

/// Longest name of an icon, in characters.
const MAX_NAME: usize = 60;

/// A web app manifest. The query holds the company's name for the icon; an invalid name is ignored.
/// There is no `start_url`: an icon opens the page from which it was added, whose address has the
/// phone's token after a `#`, where no server sees it.
///
/// # Panics
/// Never: texts always serialise.
pub(super) fn manifest(query: &str, language: Language) -> String {
    let field = |wanted: &str| {
        let mut fields = url::form_urlencoded::parse(query.as_bytes());
        fields.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    let name = field("name").filter(|name| is_name(name));
    let name = name.as_deref().unwrap_or("dialpass");
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
        "scope": OPEN,
        "display": "standalone",
        "background_color": "#f3f5f8",
        "theme_color": "#f3f5f8",
        "icons": [icon("192", "any"), icon("512", "any"), icon("512", "maskable")],
    });
    manifest.to_string()
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
    fn an_icon_opens_the_page_that_it_was_made_from_and_no_query_has_a_token() {
        let made = made("device=eyJ.a_b-c.D&name=Example+AG");
        assert_eq!(made.get("start_url"), None);
        assert!(!made.to_string().contains("eyJ"));
        assert_eq!((&made["name"], &made["lang"]), (&json!("Example AG"), &json!("sv")));
        assert_eq!((&made["display"], &made["scope"]), (&json!("standalone"), &json!("/open")));
    }

    #[test]
    fn what_is_no_name_is_left_out() {
        let long = format!("name={}", "a".repeat(MAX_NAME + 1));
        for query in ["", "name=%0a", "name=+", &long] {
            assert_eq!(made(query)["name"], "dialpass", "{query}");
        }
    }
}
