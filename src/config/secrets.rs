//! Secrets given as `x` or `x_file`, never both.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::check::Problems;
use super::values::SecretText;
use crate::domain::otp::{ServerKey, ServerKeys};

/// The secret at `section.name` or in the file at `section.name_file`, without the line end.
pub(super) fn secret(
    section: &str,
    name: &str,
    text: Option<SecretText>,
    file: Option<&Path>,
    problems: &mut Problems,
) -> Option<SecretString> {
    let key = format!("{section}.{name}");
    let file_key = format!("{key}_file");
    let secret = match (text, file) {
        (Some(text), None) => text.0,
        (None, Some(path)) => from_file(&file_key, path, problems)?,
        (Some(_), Some(_)) => {
            problems.add(&key, format!("both {name} and {name}_file"), "one of them");
            return None;
        }
        (None, None) => {
            problems.add(&key, "nothing", format!("{name} or {name}_file"));
            return None;
        }
    };
    if secret.expose_secret().is_empty() {
        let key = if file.is_some() { &file_key } else { &key };
        problems.add(key, "an empty secret", "a secret of at least one character");
        return None;
    }
    Some(secret)
}

/// The secret in a file that stands at `key`, without the line end.
pub(super) fn from_file(key: &str, path: &Path, problems: &mut Problems) -> Option<SecretString> {
    let path = problems.resolve(key, path);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let text = Zeroizing::new(text);
            Some(SecretString::from(text.trim_end_matches(['\r', '\n'])))
        }
        Err(error) => {
            let found = format!("{}, which cannot be read ({error})", path.display());
            problems.add(key, found, "a file that this user may read");
            None
        }
    }
}

/// The server keys in `text`: one a line, 64 hexadecimal digits each; the first issues. Blank
/// lines and lines that start with `#` are passed over.
pub(super) fn server_keys(
    text: &SecretString,
    key: &str,
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
        keys.push(ServerKey::new(bytes));
    }
    let keys = ServerKeys::new(keys);
    if keys.is_none() {
        problems.add(key, "no key", "a line of 64 hexadecimal digits");
    }
    keys
}
