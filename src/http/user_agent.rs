//! What a browser reports about its device.

use crate::domain::authenticator::{AuthenticatorName, Platform};

/// Device names in `User-Agent` (RFC 9110 10.1.5), and what each is called. iPads that request
/// desktop pages claim to be Macs.
const DEVICES: [(&str, &str, Platform); 7] = [
    ("iPhone", "iPhone", Platform::Ios),
    ("iPad", "iPad", Platform::Ios),
    ("Macintosh", "Mac", Platform::Ios),
    ("Android", "Android", Platform::Android),
    ("Windows", "Windows PC", Platform::Android),
    ("CrOS", "Chromebook", Platform::Android),
    ("Linux", "Linux PC", Platform::Android),
];

/// A device's name and platform, from the browser's `User-Agent` and, if given, the model and
/// platform of its client hints (User-Agent Client Hints, `model` and `platform`). For display
/// only.
pub(crate) fn device(
    agent: &str,
    model: Option<&str>,
    platform: Option<&str>,
) -> (AuthenticatorName, Platform) {
    let found = DEVICES.iter().find(|(sign, ..)| agent.contains(sign));
    let by_hint = match platform {
        Some("iOS" | "macOS") => Some(Platform::Ios),
        Some(_) => Some(Platform::Android),
        None => None,
    };
    let (name, by_agent) =
        found.map_or(("Browser", Platform::Android), |(_, name, platform)| (name, *platform));
    // Some browsers report the model "K" on every phone.
    let model = model.filter(|model| model.trim().len() > 1).and_then(AuthenticatorName::parse);
    let name = model.or_else(|| AuthenticatorName::parse(name));
    (name.expect("the names above are names"), by_hint.unwrap_or(by_agent))
}

#[cfg(test)]
mod tests {
    use super::*;

    const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";
    const IPAD: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15";
    const PIXEL: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36";

    fn named(agent: &str, model: Option<&str>, platform: Option<&str>) -> (String, Platform) {
        let (name, platform) = device(agent, model, platform);
        (name.to_string(), platform)
    }

    #[test]
    fn a_phone_is_called_what_its_browser_says() {
        assert_eq!(named(IPHONE, None, None), ("iPhone".to_owned(), Platform::Ios));
        assert_eq!(named(IPAD, None, None), ("Mac".to_owned(), Platform::Ios));
        let pixel = named(PIXEL, Some("Pixel 9"), Some("Android"));
        assert_eq!(pixel, ("Pixel 9".to_owned(), Platform::Android));
        assert_eq!(named(PIXEL, Some("K"), None), ("Android".to_owned(), Platform::Android));
    }

    #[test]
    fn whatever_a_browser_says_there_is_a_name() {
        for (agent, model) in [("", None), ("curl/8", Some("")), ("x", Some("\u{202e}gnp"))] {
            assert_eq!(named(agent, model, None), ("Browser".to_owned(), Platform::Android));
        }
        let long = "x".repeat(1000);
        assert_eq!(named(IPHONE, Some(&long), Some("iOS")).0, "iPhone");
    }
}
