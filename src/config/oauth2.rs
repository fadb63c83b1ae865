//! `[tenants.clients.oauth2]`: what a client's signed tokens must say.

use std::path::PathBuf;

use serde::Deserialize;

use super::check::Problems;
use crate::http::oauth2::OAuth2Rule;
use crate::http::signing_algorithm;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOAuth2 {
    pub issuer: Option<String>,
    pub audience: Option<String>,
    pub jwks_url: Option<String>,
    pub scope: Option<String>,
    pub algorithms: Option<Vec<String>>,
    pub client_id: Option<String>,
    pub sub: Option<String>,
    pub typ: Option<RawTyp>,
    pub ca_file: Option<PathBuf>,
}

#[derive(Deserialize, Clone, Copy)]
pub(super) enum RawTyp {
    #[serde(rename = "at+jwt")]
    AccessToken,
}

/// The rule, and the file of the CA of the issuer's server.
pub(super) fn check(
    key: &str,
    raw: RawOAuth2,
    problems: &mut Problems,
) -> (OAuth2Rule, Option<PathBuf>) {
    let mut text = |name: &str, value: Option<String>, accepted: &str| {
        let value = value.filter(|value| !value.is_empty());
        problems.required(&format!("{key}.{name}"), value, accepted).unwrap_or_default()
    };
    let issuer = text("issuer", raw.issuer, "the value that tokens have");
    let audience = text("audience", raw.audience, "the value that tokens have");
    let scope = text("scope", raw.scope, "the value that tokens have");
    let jwks_url = text("jwks_url", raw.jwks_url, "the https URL of the issuer's keys");
    if scope.contains(char::is_whitespace) {
        problems.add(&format!("{key}.scope"), format!("{scope:?}"), "one word");
    }
    let names = signing_algorithm::ACCEPTED.map(|algorithm| format!("{algorithm:?}"));
    let accepted = names.join(", ");
    let written = raw.algorithms.unwrap_or_default();
    if written.is_empty() {
        problems.add(&format!("{key}.algorithms"), "none", &accepted);
    }
    let mut algorithms = Vec::new();
    for (index, name) in written.iter().enumerate() {
        let algorithm = signing_algorithm::parse(name);
        if algorithm.is_none() {
            let at = format!("{key}.algorithms[{index}]");
            problems.add_word(&at, name, names.iter().map(String::as_str), &accepted);
        }
        algorithms.extend(algorithm);
    }
    let ca_file = raw.ca_file.map(|path| problems.readable(&format!("{key}.ca_file"), &path));
    let rule = OAuth2Rule {
        issuer,
        audience,
        jwks_url,
        scope,
        algorithms,
        client_id: raw.client_id,
        sub: raw.sub,
        requires_typ: raw.typ.is_some_and(|RawTyp::AccessToken| true),
    };
    (rule, ca_file)
}
