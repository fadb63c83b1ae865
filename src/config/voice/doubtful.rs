//! Warnings about endpoints that are valid but probably not what was meant.

use std::collections::HashSet;

use secrecy::{ExposeSecret as _, SecretString};

use crate::config::check::Problems;

/// The shortest secret that nobody guesses, in characters: platforms' own have 32 and more.
const SHORTEST: usize = 16;

/// Warns of a secret in place, at `key`, that begins or ends in a blank.
pub(super) fn blanks(key: &str, secret: &SecretString, problems: &mut Problems) {
    let secret = secret.expose_secret();
    if secret.trim() != secret {
        problems.warn(
            key,
            "this secret begins or ends with a blank, which is part of it: remove the blank unless \
             the platform's secret has it",
        );
    }
}

/// Warns of what an endpoint at `key` lists.
pub(super) fn lists(
    key: &str,
    called_numbers: Option<&Vec<String>>,
    languages: Option<&Vec<String>>,
    problems: &mut Problems,
) {
    if called_numbers.is_some_and(Vec::is_empty) {
        problems.warn(
            &format!("{key}.called_numbers"),
            "[] accepts calls to any number: list the numbers that may be called, or leave the key \
             out",
        );
    }
    let mut seen = HashSet::new();
    for (index, language) in languages.into_iter().flatten().enumerate() {
        if !seen.insert(language) {
            let key = format!("{key}.languages[{index}]");
            problems.warn(&key, format!("{language:?} is listed twice: remove one"));
        }
    }
}

/// Warns of an endpoint's secrets, which stand at `key`.
pub(super) fn secrets(key: &str, secrets: &[SecretString], problems: &mut Problems) {
    let mut seen = HashSet::new();
    for (index, secret) in secrets.iter().enumerate() {
        let (key, secret) = (format!("{key}[{index}]"), secret.expose_secret());
        if secret.chars().count() < SHORTEST {
            problems.warn(
                &key,
                format!(
                    "this secret is shorter than {SHORTEST} characters, and a guessed one signs any \
                     call: use the platform's own"
                ),
            );
        }
        if !seen.insert(secret) {
            problems.warn(
                &key,
                "the same secret a second time: list the old one and the new one while the platform \
                 changes from one to the other, otherwise only one",
            );
        }
    }
}
