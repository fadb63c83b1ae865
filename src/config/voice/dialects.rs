//! What the endpoints of a dialect need: whose signatures their requests have, and with which keys.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::doubtful;
use super::facts::Facts;
use crate::config::check::Problems;
use crate::config::clients::ClientConfig;
use crate::config::secrets::{self, Form};
use crate::config::sms::raw::RawText;
use crate::http::client_table::Operation;
use crate::http::voice::dialect::Dialect;
use crate::http::voice::jambonz::{CallerSource, Jambonz};
use crate::http::voice::ncco::Ncco;
use crate::http::voice::twiml::{Signature, Twiml};
use crate::http::voice::vxml::Vxml;

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum RawDialect {
    Twiml,
    Jambonz,
    Ncco,
    Vxml,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum RawSignature {
    Twilio,
    SignalWire,
    Telnyx,
    Jambonz,
    Vonage,
}

/// The keys of an endpoint that not all dialects have.
pub(super) struct Platform<'p> {
    pub dialect: Option<RawDialect>,
    pub signature: Option<RawSignature>,
    pub secrets: Option<Vec<RawText>>,
    pub caller: Option<CallerSource>,
    pub client: Option<String>,
    pub voice: Option<&'p str>,
    pub rejects: bool,
}

/// Checks the keys that differ by dialect.
pub(super) fn check(
    key: &str,
    platform: Platform<'_>,
    clients: &[ClientConfig],
    problems: &mut Problems,
) -> Option<(Arc<dyn Dialect>, Facts)> {
    let at = |name: &str| format!("{key}.{name}");
    let Platform { dialect, signature, secrets, caller, client, voice, rejects } = platform;
    let accepted = "\"twiml\", \"jambonz\", \"ncco\" or \"vxml\"";
    let dialect = problems.required(&at("dialect"), dialect, accepted)?;
    if caller.is_some() && !matches!(dialect, RawDialect::Jambonz) {
        let found = "a key that only dialect = \"jambonz\" has";
        problems.add(&at("caller"), found, "no caller: the platform says who calls");
    }
    if matches!(dialect, RawDialect::Vxml) {
        cannot_reject(&at("refuse_by"), rejects, problems);
        for (name, is_given) in [("signature", signature.is_some()), ("secrets", secrets.is_some())]
        {
            if is_given {
                let found = "a key that dialect = \"vxml\" does not have";
                problems.add(&at(name), found, "client: a VoiceXML browser signs nothing");
            }
        }
        let client = self::client(&at("client"), client, clients, problems)?;
        return Some((Arc::new(Vxml { client }), facts(key, dialect, Vec::new())));
    }
    if client.is_some() {
        let found = "a key that only dialect = \"vxml\" has";
        problems.add(&at("client"), found, "signature and secrets: this platform signs");
    }
    let secrets = self::secrets(&at("secrets"), secrets, problems);
    let signs_url = matches!(signature, Some(RawSignature::Twilio | RawSignature::SignalWire));
    let of_body = secrets.clone().filter(|_| !signs_url).unwrap_or_default();
    let checked: Arc<dyn Dialect> = match dialect {
        RawDialect::Vxml => return None,
        RawDialect::Twiml => {
            let signature = problems.required(&at("signature"), signature, TWIML_SIGNATURES);
            let (signature, secrets) = signature.zip(secrets)?;
            let signature = twiml_signature(key, signature, secrets, problems)?;
            Arc::new(Twiml { signature })
        }
        RawDialect::Jambonz => {
            let is_own = matches!(signature, None | Some(RawSignature::Jambonz));
            own_signature(&at("signature"), is_own, "\"jambonz\"", problems);
            Arc::new(Jambonz { secrets: secrets?, caller: caller.unwrap_or_default() })
        }
        RawDialect::Ncco => {
            let is_own = matches!(signature, None | Some(RawSignature::Vonage));
            own_signature(&at("signature"), is_own, "\"vonage\"", problems);
            cannot_reject(&at("refuse_by"), rejects, problems);
            let style = voice.map(str::parse::<u16>);
            if matches!(style, Some(Err(_))) {
                let accepted =
                    "the number of one of the language's styles at Vonage, such as \"1\"";
                problems.add(&at("voice"), "something else", accepted);
            }
            Arc::new(Ncco { secrets: secrets?, style: style.and_then(Result::ok) })
        }
    };
    Some((checked, facts(key, dialect, of_body)))
}

/// What the platforms of a dialect pass on, and the secrets that sign bodies for the endpoint at `key`.
fn facts(key: &str, dialect: RawDialect, of_body: Vec<SecretString>) -> Facts {
    let (dialect, attests, tells_diversion) = match dialect {
        RawDialect::Twiml => ("twiml", true, true),
        RawDialect::Jambonz => ("jambonz", false, true),
        RawDialect::Ncco => ("ncco", false, false),
        RawDialect::Vxml => ("vxml", false, true),
    };
    Facts { key: key.to_owned(), dialect, attests, tells_diversion, of_body }
}

/// The client that asks, which must be one of the tenant's, and may call getOTP.
fn client(
    key: &str,
    client: Option<String>,
    clients: &[ClientConfig],
    problems: &mut Problems,
) -> Option<String> {
    let may_ask = |client: &&ClientConfig| client.entry.operations.contains(&Operation::GetOtp);
    let names: Vec<&str> =
        clients.iter().filter(may_ask).map(|client| client.entry.name.as_str()).collect();
    let accepted = match names.as_slice() {
        [] => "the name of one of [[tenants.clients]] with the operation \"getOTP\"".to_owned(),
        names => format!("the name of a client with the operation \"getOTP\": {names:?}"),
    };
    let client = problems.required(key, client, &accepted)?;
    if !names.contains(&client.as_str()) {
        problems.add(key, format!("{client:?}"), accepted);
    }
    Some(client)
}

/// Refuses to reject calls that the platform answers before it asks.
fn cannot_reject(key: &str, rejects: bool, problems: &mut Problems) {
    if rejects {
        let found = "\"reject\", though this platform has answered the call when it asks";
        problems.add(key, found, "\"speech\"");
    }
}

/// Refuses a signature that the dialect's platform does not make.
fn own_signature(key: &str, is_own: bool, own: &str, problems: &mut Problems) {
    if !is_own {
        problems.add(key, "another platform's signature", own);
    }
}

/// One secret, or two while one replaces the other.
fn secrets(
    key: &str,
    raw: Option<Vec<RawText>>,
    problems: &mut Problems,
) -> Option<Vec<SecretString>> {
    let accepted = "one secret, or two while the platform changes from one to the other, each in \
        place or as { file = \"…\" }";
    let raw = problems.required(key, raw, accepted)?;
    if !(1..=2).contains(&raw.len()) {
        problems.add(key, format!("{} secrets", raw.len()), accepted);
        return None;
    }
    let mut secrets = Vec::new();
    for (index, raw) in raw.into_iter().enumerate() {
        let key = format!("{key}[{index}]");
        let secret = match raw {
            RawText::Here(secret) => {
                doubtful::blanks(&key, &secret, problems);
                Some(secret)
            }
            RawText::File(path) => secrets::from_file(&key, &path, Form::Line, problems),
        };
        if secret.as_ref().is_some_and(|secret| secret.expose_secret().is_empty()) {
            problems.add(&key, "an empty secret", "a secret of at least one character");
        }
        secrets.push(secret?);
    }
    doubtful::secrets(key, &secrets, problems);
    Some(secrets)
}

/// The signatures of `TwiML`'s platforms.
const TWIML_SIGNATURES: &str =
    "\"twilio\", \"signalwire\" or \"telnyx\": whose signatures the requests have";

fn twiml_signature(
    key: &str,
    kind: RawSignature,
    secrets: Vec<SecretString>,
    problems: &mut Problems,
) -> Option<Signature> {
    match kind {
        RawSignature::Twilio => Some(Signature::Twilio(secrets)),
        RawSignature::SignalWire => Some(Signature::SignalWire(secrets)),
        RawSignature::Telnyx => {
            let mut keys = Vec::new();
            for (index, text) in secrets.iter().enumerate() {
                let bytes = STANDARD.decode(text.expose_secret());
                let public = bytes.ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
                if public.is_none() {
                    let accepted = "Telnyx's public key: 32 bytes in base64";
                    problems.add(&format!("{key}.secrets[{index}]"), "something else", accepted);
                }
                keys.push(public?);
            }
            Some(Signature::Telnyx(keys))
        }
        RawSignature::Jambonz | RawSignature::Vonage => {
            let key = format!("{key}.signature");
            problems.add(&key, "another platform's signature", TWIML_SIGNATURES);
            None
        }
    }
}
