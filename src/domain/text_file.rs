//! Text in files: which bytes are text, and which text is a single line.

use std::fmt;

/// The mark that some editors, and PowerShell, put before UTF-8 (Unicode 23.8).
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why bytes are not text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotText {
    /// They are UTF-16 or UTF-32.
    Wide,
    /// They are not valid UTF-8.
    NotUtf8 {
        /// The line, counted from 1.
        line: usize,
    },
}

impl fmt::Display for NotText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wide => f.write_str("text in UTF-16, as Windows PowerShell writes it with `>`"),
            Self::NotUtf8 { line } => {
                write!(f, "bytes in line {line} that are not UTF-8, as in Windows-1252 or Latin-1")
            }
        }
    }
}

/// What is accepted instead, for error messages.
pub const ACCEPTED: &str =
    "text in UTF-8: save it as such, or in PowerShell write it with Set-Content -Encoding utf8";

/// The text of a file, without a byte order mark.
///
/// # Errors
/// [`NotText`].
pub fn decode(bytes: &[u8]) -> Result<&str, NotText> {
    if is_wide(bytes) {
        return Err(NotText::Wide);
    }
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        NotText::NotUtf8 { line: before.split(|byte| *byte == b'\n').count() }
    })
}

/// Whether it is UTF-16 or UTF-32: it has their mark, or every other byte at its start is zero.
fn is_wide(bytes: &[u8]) -> bool {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 0, 0, _, ..] => true,
        [a, b, c, d, ..] => (*a == 0 && *c == 0 && *b != 0) || (*b == 0 && *d == 0 && *a != 0),
        _ => false,
    }
}

/// Why a text is not accepted as a secret. Never contains a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotASecret {
    /// It contains a control character.
    Control {
        /// The character.
        character: char,
        /// The line, counted from 1.
        line: usize,
        /// The number of characters before it in that line.
        after: usize,
    },
    /// It has more than one line.
    SecondLine,
}

impl fmt::Display for NotASecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control { character, line, after } => {
                let name = match character {
                    '\0' => "NUL".to_owned(),
                    '\t' => "a tab".to_owned(),
                    '\r' => "a carriage return".to_owned(),
                    other => format!("U+{:04X}", u32::from(*other)),
                };
                write!(f, "a control character ({name}) after {after} characters of line {line}")
            }
            Self::SecondLine => f.write_str("a second line"),
        }
    }
}

/// A one-line secret, without its line ending.
///
/// # Errors
/// [`NotASecret`].
pub fn one_line(text: &str) -> Result<&str, NotASecret> {
    let line = text.trim_end_matches(['\r', '\n']);
    if line.contains('\n') {
        return Err(NotASecret::SecondLine);
    }
    without_controls(line).map(|()| line)
}

/// Checks a multi-line secret, such as PEM.
///
/// # Errors
/// [`NotASecret`].
pub fn without_controls(text: &str) -> Result<(), NotASecret> {
    for (line, text) in text.split('\n').enumerate() {
        let text = text.strip_suffix('\r').unwrap_or(text);
        if let Some((after, character)) = text.chars().enumerate().find(|(_, c)| c.is_control()) {
            return Err(NotASecret::Control { character, line: line + 1, after });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_utf8_and_its_mark_is_not_part_of_it() {
        assert_eq!(decode(b"a\xc3\xa4\n"), Ok("a\u{e4}\n"));
        assert_eq!(decode(b"\xef\xbb\xbfa"), Ok("a"));
        assert_eq!(decode(b"\xef\xbb\xbf\xef\xbb\xbfa"), Ok("\u{feff}a"), "one only");
        assert_eq!(decode(b""), Ok(""));
        assert_eq!(decode(b"a\nb\xe4"), Err(NotText::NotUtf8 { line: 2 }));
        for wide in [
            &b"\xff\xfea\0b\0"[..],
            b"\xfe\xff\0a\0b",
            b"a\0b\0",
            b"\0a\0b",
            b"\xff\xfe\0\0a\0\0\0",
            b"\0\0\0a",
        ] {
            assert_eq!(decode(wide), Err(NotText::Wide), "{wide:?}");
        }
        assert_eq!(decode(b"ab\0c"), Ok("ab\0c"), "a NUL alone is for others to refuse");
    }

    #[test]
    fn a_secret_is_one_line_without_controls() {
        for (text, secret) in [("a b", "a b"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a")] {
            assert_eq!(one_line(text), Ok(secret), "{text:?}");
        }
        for text in ["a\nb", "a\r\nb\r\n", "\na"] {
            assert_eq!(one_line(text), Err(NotASecret::SecondLine), "{text:?}");
        }
        for (text, character, after) in [
            ("a\0b", '\0', 1),
            ("a\rb", '\r', 1),
            ("\u{7f}", '\u{7f}', 0),
            ("ab\t", '\t', 2),
            ("ab\u{85}c", '\u{85}', 2),
        ] {
            let refused = Err(NotASecret::Control { character, line: 1, after });
            assert_eq!(one_line(text), refused, "{text:?}");
        }
        assert_eq!(without_controls("a\r\nb\n"), Ok(()));
        let refused = NotASecret::Control { character: '\0', line: 2, after: 1 };
        assert_eq!(without_controls("a\nb\0"), Err(refused));
        assert_eq!(refused.to_string(), "a control character (NUL) after 1 characters of line 2");
    }
}
