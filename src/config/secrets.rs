//! Secrets given as `x` or `x_file`, never both, and the one reader of files that hold one.

use std::net::SocketAddr;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use super::check::Problems;
use super::permissions;
use super::values::SecretText;
use crate::domain::authenticator::is_visible;
use crate::domain::otp::{ServerKey, ServerKeys};
use crate::domain::text_file::{self, one_line, without_controls};
use crate::regular_file;

/// How a secret is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A password or a token: one line, in which each character counts.
    Line,
    /// Keys: several lines, whose blanks do not count.
    Lines,
}

/// The secret at `section.name` or in the file at `section.name_file`, without the line end.
pub(super) fn secret(
    section: &str,
    name: &str,
    form: Form,
    text: Option<SecretText>,
    file: Option<&Path>,
    problems: &mut Problems,
) -> Option<SecretString> {
    let key = format!("{section}.{name}");
    let file_key = format!("{key}_file");
    let (key, secret) = match (text, file) {
        (Some(text), None) => {
            let secret = checked(&key, "", text.0.expose_secret(), form, problems)?;
            (key, secret)
        }
        (None, Some(path)) => {
            let secret = from_file(&file_key, path, form, problems)?;
            (file_key, secret)
        }
        (Some(_), Some(_)) => {
            problems.add(&key, format!("both {name} and {name}_file"), "one of them");
            return None;
        }
        (None, None) => {
            if !problems.was_noted(&file_key) {
                problems.add(&key, "nothing", format!("{name} or {name}_file"));
            }
            return None;
        }
    };
    if secret.expose_secret().is_empty() {
        problems.add(&key, "an empty secret", "a secret of at least one character");
        return None;
    }
    Some(secret)
}

/// The secret in a file that stands at `key`, without a byte order mark and the line end.
pub(super) fn from_file(
    key: &str,
    path: &Path,
    form: Form,
    problems: &mut Problems,
) -> Option<SecretString> {
    let path = problems.resolve(key, path);
    problems.reads(key, &path);
    permissions::of_secret(key, &path, problems);
    let shown = path.display();
    let bytes = match regular_file::read(&path) {
        Ok(bytes) if is_blank(&bytes) => {
            problems.add(key, format!("{shown}, which is empty"), "a file that holds the secret");
            return None;
        }
        Ok(bytes) => bytes,
        Err(error) => {
            let found = format!("{shown}, which cannot be read ({error})");
            problems.add(key, found, "a file that this user may read");
            return None;
        }
    };
    match text_file::decode(&bytes) {
        Ok(text) => checked(key, &format!("{shown}, with "), text, form, problems),
        Err(error) => {
            problems.add(key, format!("{shown}, with {error}"), text_file::ACCEPTED);
            None
        }
    }
}

/// Whether a file holds nothing but line ends.
fn is_blank(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    text.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
}

/// The secret in a text that is found `with` something, without the line end.
fn checked(
    key: &str,
    with: &str,
    text: &str,
    form: Form,
    problems: &mut Problems,
) -> Option<SecretString> {
    let secret = match form {
        Form::Line => one_line(text),
        Form::Lines => without_controls(text).map(|()| text.trim_end_matches(['\r', '\n'])),
    };
    let accepted = match form {
        Form::Line => "one line of characters that can be seen, with or without a line end",
        Form::Lines => "lines of characters that can be seen",
    };
    let secret = secret.map_err(|error| problems.add(key, format!("{with}{error}"), accepted));
    let secret = secret.ok()?;
    if form == Form::Line {
        warn_of_what_is_not_seen(key, with, secret, problems);
    }
    Some(SecretString::from(secret))
}

/// Such characters may be meant, and mostly are not.
fn warn_of_what_is_not_seen(key: &str, with: &str, secret: &str, problems: &mut Problems) {
    let begins = secret.starts_with(char::is_whitespace);
    let ends = secret.ends_with(char::is_whitespace);
    let mut all = Vec::new();
    if begins {
        all.push("a blank at its beginning".to_owned());
    }
    if ends {
        all.push("a blank at its end".to_owned());
    }
    if let Some(character) = secret.chars().find(|character| !is_visible(*character)) {
        all.push(format!("a character that shows as nothing (U+{:04X})", u32::from(character)));
    }
    if !all.is_empty() && !secret.is_empty() {
        problems.warn(
            key,
            format!(
                "{with}{}: it is a part of the secret; take it out unless it is meant",
                all.join(" and ")
            ),
        );
    }
}

/// The server keys in `text`: one a line, 64 hexadecimal digits each; the first issues. Blank
/// lines and lines that start with `#` are passed over. A key that everybody knows is refused where
/// `listen` is not this machine's alone.
pub(super) fn server_keys(
    text: &SecretString,
    key: &str,
    listen: SocketAddr,
    problems: &mut Problems,
) -> Option<ServerKeys> {
    let mut keys = Vec::new();
    for (index, line) in text.expose_secret().lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut bytes = [0; 32];
        if hex::decode_to_slice(line, &mut bytes).is_err() {
            problems.add(
                key,
                format!("{} characters in line {}", line.chars().count(), index + 1),
                "64 hexadecimal digits, as `dialpass new-secret` prints them",
            );
            return None;
        }
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            problems.add(key, "a key that is one byte over and over", "32 random bytes");
            return None;
        }
        if counts_up(&bytes) && !listen.ip().to_canonical().is_loopback() {
            let found = "a key whose bytes count up, as an example's do, and which everybody knows";
            problems.add(key, found, "32 random bytes, as `dialpass new-secret` prints them");
            return None;
        }
        keys.push(ServerKey::new(bytes));
    }
    let keys = ServerKeys::new(keys);
    if keys.is_none() {
        problems.add(key, "no key", "a line of 64 hexadecimal digits");
    }
    keys
}

/// Whether a server key's bytes count up, as those in tests do.
fn counts_up(key: &[u8; 32]) -> bool {
    key.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1))
}
