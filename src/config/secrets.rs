//! Secrets given as `x` or `x_file`, never both, and the one reader of files that hold one.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use super::check::Problems;
use super::permissions;
use crate::domain::authenticator::is_visible;
use crate::domain::secret::SecretText;
use crate::domain::text_file::{self, one_line, without_controls};
use crate::regular_file;

/// The form of a secret.
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
            let secret = checked(&key, "", text.expose(), form, problems)?;
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
            if !problems.was_reported(&file_key) {
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

/// Whether a file holds only line ends.
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
        Form::Line => "one line of visible characters, with or without a line end",
        Form::Lines => "lines of visible characters",
    };
    let secret = secret.map_err(|error| problems.add(key, format!("{with}{error}"), accepted));
    let secret = secret.ok()?;
    if form == Form::Line {
        warn_of_invisible(key, with, secret, problems);
    }
    Some(SecretString::from(secret))
}

/// Warns of characters that are rarely intended.
fn warn_of_invisible(key: &str, with: &str, secret: &str, problems: &mut Problems) {
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
        all.push(format!("an invisible character (U+{:04X})", u32::from(character)));
    }
    if !all.is_empty() && !secret.is_empty() {
        problems.warn(
            key,
            format!(
                "{with}{}, which is part of the secret: remove it unless it is intended",
                all.join(" and ")
            ),
        );
    }
}
