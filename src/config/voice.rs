//! `[[tenants.voice]]`: the webhooks of voice platforms. What differs by dialect is checked in
//! `dialects`.

mod dialects;
mod doubtful;
mod facts;

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use self::dialects::{Platform, RawDialect, RawSignature};
pub(super) use self::facts::Facts;

use super::check::Problems;
use super::clients::ClientConfig;
use super::server::ServerConfig;
use super::sms::raw::RawText;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::stored_number::NumberingPlan;
use crate::http::voice::document::Speech;
use crate::http::voice::endpoint::Endpoint;
use crate::http::voice::jambonz::CallerSource;
use crate::http::voice::texts::{MARK, Sentences, Texts};

/// An endpoint as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVoice {
    pub name: Option<String>,
    pub dialect: Option<RawDialect>,
    pub signature: Option<RawSignature>,
    pub secrets: Option<Vec<RawText>>,
    pub caller: Option<CallerSource>,
    pub client: Option<String>,
    pub called_numbers: Option<Vec<String>>,
    #[serde(default)]
    pub pin: RawPin,
    pub languages: Option<Vec<String>>,
    pub voice: Option<String>,
    pub ssml: Option<bool>,
    pub repeat: Option<u8>,
    #[serde(default)]
    pub refuse_by: RawRefuseBy,
    #[serde(default)]
    pub text: BTreeMap<String, RawSentences>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawPin {
    #[default]
    Off,
    Asked,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawRefuseBy {
    #[default]
    Speech,
    Reject,
}

/// The sentences of one language that replace the shipped ones.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSentences {
    pub code: Option<String>,
    pub again: Option<String>,
    pub refused: Option<String>,
    pub pin: Option<String>,
}

/// Checks a tenant's endpoints.
pub(super) fn check(
    tenant: &str,
    raw: Vec<RawVoice>,
    clients: &[ClientConfig],
    problems: &mut Problems,
) -> (Vec<Endpoint>, Vec<Facts>) {
    let mut names = HashSet::new();
    let mut endpoints = Vec::new();
    for (index, raw) in raw.into_iter().enumerate() {
        let key = format!("{tenant}.voice[{index}]");
        if let Some(name) = raw.name.as_ref().filter(|name| !names.insert((*name).clone())) {
            let found = format!("{name:?} a second time");
            problems.add(&format!("{key}.name"), found, "a name of its own for each endpoint");
        }
        endpoints.extend(endpoint(&key, raw, clients, problems));
    }
    endpoints.into_iter().unzip()
}

/// Refuses endpoints, such as those at `voice`, if the URL that their platforms sign is unknown.
pub(super) fn need_public_url(voice: &str, server: &ServerConfig, problems: &mut Problems) {
    if server.public_url.is_none() && !problems.was_reported("server.public_url") {
        let found = format!("nothing, though {voice} has endpoints");
        let accepted = "the URL that voice platforms call, because they sign it: \
            \"https://otp.example.com\"";
        problems.add("server.public_url", found, accepted);
    }
}

fn endpoint(
    key: &str,
    raw: RawVoice,
    clients: &[ClientConfig],
    problems: &mut Problems,
) -> Option<(Endpoint, Facts)> {
    let at = |name: &str| format!("{key}.{name}");
    doubtful::lists(key, raw.called_numbers.as_ref(), raw.languages.as_ref(), problems);
    let name = problems.url_name(&at("name"), raw.name, "a part of the endpoint's URL");
    let called_numbers = called_numbers(&at("called_numbers"), raw.called_numbers, problems);
    let texts = texts(key, raw.languages, raw.text, problems);
    let repeat = raw.repeat.unwrap_or(2);
    if !(1..=5).contains(&repeat) {
        problems.add(&at("repeat"), repeat, "1 to 5");
    }
    let voice = raw.voice.filter(|voice| !voice.is_empty());
    if voice.as_ref().is_some_and(|voice| voice.len() > 100 || voice.contains(char::is_control)) {
        let accepted = "the platform's name of a voice, at most 100 characters";
        problems.add(&at("voice"), "something else", accepted);
    }
    let rejects = raw.refuse_by == RawRefuseBy::Reject;
    let platform = Platform {
        dialect: raw.dialect,
        signature: raw.signature,
        secrets: raw.secrets,
        caller: raw.caller,
        client: raw.client,
        voice: voice.as_deref(),
        rejects,
    };
    let (dialect, facts) = dialects::check(key, platform, clients, problems).unzip();
    let endpoint = Endpoint {
        name: name?,
        dialect: dialect?,
        called_numbers,
        asks_pin: raw.pin == RawPin::Asked,
        speech: Speech { voice, ssml: raw.ssml.unwrap_or(false), repeat, rejects },
        texts: texts?,
    };
    Some((endpoint, facts?))
}

fn called_numbers(
    key: &str,
    raw: Option<Vec<String>>,
    problems: &mut Problems,
) -> Vec<PhoneNumber> {
    let mut numbers = Vec::new();
    for (index, text) in raw.unwrap_or_default().into_iter().enumerate() {
        let number = NumberingPlan::read_e164(&text);
        let key = format!("{key}[{index}]");
        if number.as_ref().is_some_and(|number| numbers.contains(number)) {
            problems.warn(&key, format!("{text:?} is listed twice: remove one"));
        }
        if number.is_none() {
            problems.add(&key, format!("{text:?}"), "a number in E.164, such as \"+46101234567\"");
        }
        numbers.extend(number);
    }
    numbers
}

/// The sentences of all languages, the first of which is the default.
fn texts(
    key: &str,
    languages: Option<Vec<String>>,
    mut own: BTreeMap<String, RawSentences>,
    problems: &mut Problems,
) -> Option<Texts> {
    let languages_key = format!("{key}.languages");
    let shipped = Sentences::languages();
    let accepted = format!(
        "languages, the default first: {}, or others that have all four sentences in \
         [tenants.voice.text]",
        shipped.map(|language| format!("{language:?}")).join(", ")
    );
    let languages = problems.required(&languages_key, languages, &accepted)?;
    let mut all = Vec::new();
    for (index, language) in languages.iter().enumerate() {
        let own = own.remove(language);
        let sentences = sentences(&format!("{key}.text"), language, own, problems);
        if sentences.is_none() {
            let key = format!("{languages_key}[{index}]");
            problems.add_word(&key, language, shipped, &accepted);
        }
        all.extend(sentences.map(|sentences| (language.clone(), sentences)));
    }
    for language in own.keys() {
        let found = format!("sentences for {language:?}, which languages does not list");
        problems.add(&format!("{key}.text.{language}"), found, "the sentences of listed languages");
    }
    let mut all = all.into_iter();
    let Some((_, default)) = all.next() else {
        if languages.is_empty() {
            problems.add(&languages_key, "no language", accepted);
        }
        return None;
    };
    Some(Texts::new(default, all.collect()))
}

/// The sentences of one language: the tenant's own, and the shipped ones for the rest.
fn sentences(
    key: &str,
    language: &str,
    own: Option<RawSentences>,
    problems: &mut Problems,
) -> Option<Sentences> {
    let RawSentences { code, again, refused, pin } = own.unwrap_or_default();
    let shipped = Sentences::shipped(language);
    let shipped = shipped.as_ref();
    let sentences = Sentences {
        tag: shipped.map_or(language, |shipped| &shipped.tag).to_owned(),
        code: code.or_else(|| shipped.map(|shipped| shipped.code.clone()))?,
        again: again.or_else(|| shipped.map(|shipped| shipped.again.clone()))?,
        refused: refused.or_else(|| shipped.map(|shipped| shipped.refused.clone()))?,
        pin: pin.or_else(|| shipped.map(|shipped| shipped.pin.clone()))?,
    };
    let Sentences { code, again, refused, pin, .. } = &sentences;
    let marks = [("code", code, 1), ("again", again, 1), ("refused", refused, 0), ("pin", pin, 0)];
    for (name, text, marks) in marks {
        let plain =
            !text.contains(char::is_control) && text.len() <= 500 && !text.trim().is_empty();
        if text.matches(MARK).count() != marks || !plain {
            let accepted = if marks == 1 {
                "a sentence with {code} once"
            } else {
                "a sentence without {code}"
            };
            let accepted = format!("{accepted}, of at most 500 bytes");
            problems.add(&format!("{key}.{language}.{name}"), format!("{text:?}"), accepted);
        }
    }
    Some(sentences)
}
