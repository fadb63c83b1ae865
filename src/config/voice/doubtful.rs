//! Warnings about endpoints that are valid but probably not what was meant.

use std::collections::HashSet;

use secrecy::{ExposeSecret as _, SecretString};

use super::dialects::RawDialect;
use crate::config::check::Problems;
use crate::config::tenants::TenantConfig;
use crate::domain::policy::Attestation;
use crate::domain::user::Ambiguity;
use crate::http::voice::endpoint::Endpoint;

/// The shortest secret that nobody guesses, in characters: platforms' own have 32 and more.
const SHORTEST: usize = 16;

/// What warnings need to know of an endpoint beyond what the server does.
#[derive(Debug)]
pub(in crate::config) struct Facts {
    /// Where it is in the file.
    key: String,
    dialect: RawDialect,
    /// The secrets of signatures that cover the body and not the URL.
    of_body: Vec<SecretString>,
}

impl Facts {
    /// Of the endpoint at `key`.
    pub(super) fn of(key: &str, dialect: RawDialect, of_body: Vec<SecretString>) -> Self {
        Self { key: key.to_owned(), dialect, of_body }
    }
}

/// Warns of endpoints that do not fit what their tenant accepts.
pub(in crate::config) fn of_tenant(tenant: &TenantConfig, problems: &mut Problems) {
    for facts in &tenant.voice_facts {
        let key = format!("{}.dialect", facts.key);
        let attests = match facts.dialect {
            RawDialect::Twiml => true,
            RawDialect::Jambonz | RawDialect::Ncco | RawDialect::Vxml => false,
        };
        if !attests && tenant.trust.minimum_attestation != Attestation::None {
            problems.warn(
                &key,
                "this platform passes on no attestation, so with calls.minimum_attestation this \
                 endpoint refuses every call: set it to \"none\", or move the endpoint to a tenant \
                 without it",
            );
        }
        if facts.dialect == RawDialect::Ncco && tenant.trust.refuse_diverted {
            problems.warn(
                &key,
                "Vonage does not tell which calls were forwarded, so calls.refuse_diverted refuses \
                 none here: use another platform where this matters",
            );
        }
    }
    let asks_nowhere = tenant.voice.iter().all(|endpoint| !endpoint.asks_pin);
    if tenant.ambiguity == Ambiguity::Pin && asks_nowhere && !tenant.voice.is_empty() {
        problems.warn(
            &format!("{}.directory.ambiguous", tenant.key),
            "\"pin\", but no endpoint in [[tenants.voice]] asks for one, so people who share a \
             number get no code there: set pin = \"asked\"",
        );
    }
}

/// Warns of endpoints, also of different tenants, that take each other's requests: they share a
/// secret, its signature does not cover the URL, and both accept calls to a number.
pub(in crate::config) fn shared_secrets(tenants: &[TenantConfig], problems: &mut Problems) {
    let all: Vec<(&Endpoint, &Facts)> =
        tenants.iter().flat_map(|tenant| tenant.voice.iter().zip(&tenant.voice_facts)).collect();
    for (index, (endpoint, facts)) in all.iter().enumerate() {
        let is_taken = |(other, its): &&(&Endpoint, &Facts)| {
            its.dialect == facts.dialect && share_a_secret(its, facts) && overlap(other, endpoint)
        };
        if let Some((_, other)) = all[..index].iter().find(is_taken) {
            problems.warn(
                &format!("{}.called_numbers", facts.key),
                format!(
                    "{} has the same secret, and this platform does not sign the URL, so a request \
                     to one endpoint is valid at the other: give both called_numbers, with no \
                     number in common",
                    other.key
                ),
            );
        }
    }
}

fn share_a_secret(one: &Facts, other: &Facts) -> bool {
    let is_in_other = |secret: &SecretString| {
        other.of_body.iter().any(|its| its.expose_secret() == secret.expose_secret())
    };
    one.of_body.iter().any(is_in_other)
}

/// Whether a call to some number is accepted by both.
fn overlap(one: &Endpoint, other: &Endpoint) -> bool {
    let (numbers, others) = (&one.called_numbers, &other.called_numbers);
    numbers.is_empty() || others.is_empty() || numbers.iter().any(|it| others.contains(it))
}

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
