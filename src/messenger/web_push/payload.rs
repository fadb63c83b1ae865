//! A notification's JSON for the page's service worker.

use serde::Serialize;
use zeroize::Zeroizing;

use crate::messenger::Notification;

/// Maximum length in bytes; push services accept 4,096, encrypted.
const MAX: usize = 3 * 1024;
/// Payloads are padded with blanks to multiples of this, in bytes, so that their length reveals
/// little.
const BLOCK: usize = 512;

#[derive(Serialize)]
struct Payload<'a> {
    open: &'a str,
    company: &'a str,
    prompt: Option<&'a str>,
}

/// The payload of a notification; `None` if it is too long even without a prompt. A long prompt is
/// truncated: the page shows all of it.
pub(super) fn of(notification: &Notification) -> Option<Zeroizing<Vec<u8>>> {
    let Notification { open, company, prompt, .. } = notification;
    let json = |prompt| {
        let payload = Payload { open, company, prompt };
        serde_json::to_vec(&payload).ok().map(Zeroizing::new)
    };
    let mut text = json(prompt.as_deref())?;
    if let Some(prompt) = prompt
        && let Some(excess) = text.len().checked_sub(MAX + 1)
    {
        // Each byte of the prompt takes at least one byte of the payload.
        let keep = prompt.len().saturating_sub(excess + 1 + "…".len());
        let cut = format!("{}…", &prompt[..prompt.floor_char_boundary(keep)]);
        text = json(Some(&cut))?;
    }
    if text.len() > MAX {
        return None;
    }
    let filled = text.len().next_multiple_of(BLOCK);
    text.resize(filled, b' ');
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;

    fn payload(open: &str, prompt: Option<&str>) -> Option<(usize, Value)> {
        let notification = Notification {
            open: open.to_owned(),
            company: "Müller & Söhne".to_owned(),
            prompt: prompt.map(str::to_owned),
            lifetime: Duration::from_mins(1),
        };
        let text = of(&notification)?;
        Some((text.len(), serde_json::from_slice(&text).expect("JSON")))
    }

    #[test]
    fn it_says_what_to_open_who_asks_and_what() {
        let (size, said) = payload("/open?x=1", Some("Pay \"100\"\n✓")).expect("a text");
        let expected = json!({
            "open": "/open?x=1", "company": "Müller & Söhne", "prompt": "Pay \"100\"\n✓"
        });
        assert_eq!((size, said), (512, expected));
        let (_, said) = payload("/open?x=1", None).expect("a text");
        assert_eq!(said, json!({"open": "/open?x=1", "company": "Müller & Söhne", "prompt": null}));
    }

    #[test]
    fn its_length_says_little_of_what_is_asked() {
        let size = |prompt: &str| payload("/open", Some(prompt)).expect("a text").0;
        assert_eq!(size("Yes?"), size("Pay CHF 100,000.00 to the account 42 of a foundation?"));
    }

    #[test]
    fn a_prompt_is_cut_where_it_is_too_long_and_nothing_else_is() {
        let open = format!("/open?{}", "t".repeat(500));
        for one in ["x", "é", "📱", "\"", "\u{7}", "a\n📱"] {
            for length in [2_000, 2_500, 2_600, 3_000, 100_000] {
                let prompt = one.repeat(length / one.len());
                let (size, said) = payload(&open, Some(&prompt)).expect("a text");
                let said = said["prompt"].as_str().expect("a prompt");
                assert!(size <= MAX, "{size}");
                let whole = said == prompt;
                let cut = said.strip_suffix('…').is_some_and(|start| prompt.starts_with(start));
                assert!(whole || cut, "{one:?}, {length}");
                assert!(!whole || length < 3_000, "{one:?}, {length}");
            }
        }
        assert!(payload(&"t".repeat(4_000), Some("x")).is_none());
        assert!(payload(&"t".repeat(4_000), None).is_none());
    }
}
