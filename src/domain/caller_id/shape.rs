//! The shape of an unreadable caller ID, for the log: enough to see what the phone system sends,
//! but neither a number nor a name.

/// Maximum length shown, in characters.
const MAX_SHOWN: usize = 60;

/// Words that phone systems put around a number.
const KNOWN: [&str; 10] =
    ["tel", "sip", "sips", "callto", "ext", "user", "phone", "anonymous", "unknown", "private"];

/// The text with all but the last two digits masked and each word of four or more letters omitted,
/// except words that phone systems write.
#[must_use]
pub fn shape(text: &str) -> String {
    let mut shown = String::new();
    let mut digits = text.chars().filter(|c| c.is_numeric()).count();
    let characters: Vec<char> = text.chars().collect();
    let mut rest = characters.as_slice();
    while let [first, after @ ..] = rest {
        if first.is_alphabetic() {
            let end = rest.iter().position(|c| !c.is_alphabetic()).unwrap_or(rest.len());
            let word: String = rest[..end].iter().collect();
            let is_known = KNOWN.contains(&word.to_lowercase().as_str());
            shown.push_str(if end < 4 || is_known { &word } else { "…" });
            rest = &rest[end..];
            continue;
        }
        if first.is_numeric() {
            shown.push(if digits > 2 { '*' } else { *first });
            digits -= 1;
        } else {
            shown.push(if first.is_control() { '\u{fffd}' } else { *first });
        }
        rest = after;
    }
    if shown.chars().count() > MAX_SHOWN {
        shown = shown.chars().take(MAX_SHOWN).collect();
        shown.push('…');
    }
    shown
}

/// Why a text is not a number, in a few words.
#[must_use]
pub fn kind(text: &str) -> &'static str {
    let digits = text.chars().filter(|c| c.is_numeric()).count();
    let has = |wanted: &[char]| text.contains(wanted);
    if digits == 0 {
        "it has no digits"
    } else if text.chars().any(char::is_control) {
        "it has control characters"
    } else if has(&['<', '>', '"']) {
        "it is not one name followed by one address"
    } else if has(&['*', '#']) {
        "a key or a feature code of the phone system precedes the number"
    } else if has(&['@']) {
        "it is an address whose user part is not a number"
    } else if text.chars().any(char::is_alphabetic) {
        "it has letters"
    } else if digits < 7 {
        "it is too short: an extension, perhaps"
    } else if digits > 17 {
        "it is too long, or two numbers"
    } else {
        "no country's numbers have this length"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_shows_neither_number_nor_name() {
        for (text, shown) in [
            ("L0#0701234567", "L*#********67"),
            ("*31#+46701234567", "***#+*********67"),
            ("callto:+46701234567", "callto:+*********67"),
            ("+46701234567@10.0.0.1", "+***********@**.*.0.1"),
            ("\"Anna Svensson\" <sip:bob@example.com>", "\"… …\" <sip:bob@….com>"),
            ("abc", "abc"),
            ("a\r\nb", "a\u{fffd}\u{fffd}b"),
            ("٠٧٠١٢٣٤٥٦٧", "********٦٧"),
            ("4217", "**17"),
        ] {
            assert_eq!(shape(text), shown, "{text}");
        }
        assert_eq!(shape(&"7".repeat(9_000)).chars().count(), MAX_SHOWN + 1);
    }

    #[test]
    fn a_kind_says_what_is_wrong() {
        assert!(kind("L0#0701234567").contains("feature code"));
        assert!(kind("abc").contains("no digits"));
        assert!(kind("4217").contains("extension"));
        assert!(kind("+46701234567@10.0.0.1").contains("address"));
    }
}
