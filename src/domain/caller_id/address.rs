//! Addresses that contain a caller's number: `"Name" <sip:…>`, `sip:`, `tel:`. The number is in one
//! place of an address. Callers choose their display name and parameters, so those never determine
//! the number.

use super::no_number::{NoNumber, is_withheld_word};
use super::note::Note;
use crate::domain::written::Subscriber;

/// The address in a `name-addr` (RFC 3261 25.1): an optional quoted string or tokens; then an
/// address in angle brackets; then parameters, which are checked and ignored. A text without quotes
/// and angle brackets is itself an address.
///
/// A display name that says the caller is hidden hides them, whatever number follows (RFC 3323
/// 4.1).
pub(super) fn name_addr<'a>(
    text: &'a str,
    note: &mut dyn FnMut(Note<'_>),
) -> Result<&'a str, NoNumber> {
    if !text.contains(['<', '>', '"']) {
        return Ok(text);
    }
    let parts = NameAddr::parse(text).ok_or_else(|| {
        note(Note::NotNameAddr);
        NoNumber::Unparseable
    })?;
    if !parts.name.is_empty() && is_withheld_word(&parts.name) {
        note(Note::HiddenName);
        return Err(NoNumber::Withheld);
    }
    note(Note::AngleBrackets);
    Ok(parts.address)
}

struct NameAddr<'a> {
    name: String,
    address: &'a str,
}

impl<'a> NameAddr<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (name, rest) = if let Some(quoted) = text.strip_prefix('"') {
            quoted_string(quoted)?
        } else {
            let (name, _) = text.split_once('<')?;
            // Names beyond ASCII must be quoted, but many phone systems do not quote them.
            let may_stand =
                |c: char| c == ' ' || is_token(c) || (!c.is_ascii() && c.is_alphanumeric());
            (name.chars().all(may_stand).then(|| name.to_owned())?, &text[name.len()..])
        };
        let (address, parameters) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
        let plain = !address.contains(['<', '"']);
        (plain && are_parameters(parameters)).then(|| Self { name, address: address.trim() })
    }
}

/// The content of a quoted string after its opening quote, and what follows its closing quote.
fn quoted_string(text: &str) -> Option<(String, &str)> {
    let mut content = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((content, &text[at + 1..])),
            '\\' => content.push(chars.next()?.1),
            c => content.push(c),
        }
    }
    None
}

const fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '-' | '.' | '!' | '%' | '*' | '_' | '+' | '`' | '\'' | '~')
}

/// Whether a text is `*( ";" token [ "=" ( token / host / quoted-string ) ] )`.
fn are_parameters(text: &str) -> bool {
    let mut rest = text.trim();
    while !rest.is_empty() {
        let Some(parameter) = rest.strip_prefix(';') else { return false };
        let parameter = parameter.trim_start();
        let name = parameter.len() - parameter.trim_start_matches(is_token).len();
        if name == 0 {
            return false;
        }
        rest = parameter[name..].trim_start();
        let Some(value) = rest.strip_prefix('=') else { continue };
        let value = value.trim_start();
        rest = match value.strip_prefix('"') {
            Some(quoted) => match quoted_string(quoted) {
                Some((_, rest)) => rest,
                None => return false,
            },
            None => value.trim_start_matches(|c| is_token(c) || matches!(c, '[' | ']' | ':')),
        };
        rest = rest.trim_start();
    }
    true
}

/// Splits an address into the number, as text, and what its parameters add.
pub(super) fn subscriber<'a>(
    text: &'a str,
    note: &mut dyn FnMut(Note<'_>),
) -> Result<Subscriber<'a>, NoNumber> {
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) => (scheme.trim(), rest.trim()),
        None => ("", text),
    };
    if !scheme.is_empty() {
        note(Note::Scheme(scheme));
    }
    let user = match scheme.to_ascii_lowercase().as_str() {
        // "4" is the address type for phone numbers, which conferencing systems prefix.
        "" | "tel" | "4" => rest,
        "sip" | "sips" => sip_user(rest, note)?,
        _ => {
            note(Note::UnknownScheme);
            return Err(NoNumber::Unparseable);
        }
    };
    Subscriber::parse(user).ok_or_else(|| {
        note(Note::BadParameter);
        NoNumber::Unparseable
    })
}

/// The user part of a SIP address, without password; the host only decides whether the caller is
/// hidden.
fn sip_user<'a>(rest: &'a str, note: &mut dyn FnMut(Note<'_>)) -> Result<&'a str, NoNumber> {
    let (user, host) = rest.rsplit_once('@').ok_or_else(|| {
        note(Note::NoHost);
        NoNumber::Unparseable
    })?;
    let host = host.split([';', '?', ':']).next().unwrap_or_default();
    if is_withheld_word(host) {
        note(Note::WithheldWord);
        return Err(NoNumber::Withheld);
    }
    Ok(user.split(':').next().unwrap_or_default())
}
