//! `[tenants.sms]`, checked as far as possible without filling in a provider's texts.

mod body;
mod presets;
pub(super) mod raw;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

pub(super) use self::raw::RawSms;
use self::raw::{RawAccepted, RawPreset, RawProvider, RawText};
use super::check::Problems;
use super::secrets::{self, Form};
use crate::domain::country::{Country, CountryRules};
use crate::domain::number_kind::NumberKind;
use crate::domain::secret::SecretText;
use crate::messenger::sms_over_http::settings::{ProviderSettings, RequestSettings, Text};

/// Placeholders that every provider has; no variable may have these names.
const RESERVED: [&str; 3] = ["phone", "phone_digits", "message"];

/// How a tenant's texts are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsConfig {
    /// The countries whose numbers get texts.
    pub rules: CountryRules,
    /// The kinds of numbers that get texts.
    pub number_kinds: BTreeSet<NumberKind>,
    /// Whether a number that a user verifies is taken from its previous user.
    pub one_user_per_number: bool,
    /// The providers, in the order to try them.
    pub providers: Vec<SmsProviderConfig>,
}

/// An SMS provider. `Debug` shows only its name: any of its texts may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SmsProviderConfig {
    /// Its position in the file, for errors: `tenants[0].sms.providers[0]`.
    pub key: String,
    /// The preset that the request is from.
    pub preset: Option<String>,
    /// How it is used.
    pub provider: ProviderSettings,
    /// The request that sends a text.
    pub request: RequestSettings,
    /// The CA of its certificate; `None`: the system's CAs.
    pub ca_file: Option<PathBuf>,
}

impl fmt::Debug for SmsProviderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("SmsProviderConfig");
        shown.field("name", &self.provider.name).finish_non_exhaustive()
    }
}

/// Checks `[tenants.sms]`, whose key is `key`.
pub(super) fn check(key: &str, raw: RawSms, problems: &mut Problems) -> SmsConfig {
    let (allowed, denied) = (raw.allowed_countries.as_ref(), raw.denied_countries.as_ref());
    warn_of_both_lists(key, allowed, denied, problems);
    let allowed = countries(key, "allowed_countries", raw.allowed_countries, problems);
    let denied = countries(key, "denied_countries", raw.denied_countries, problems);
    let rules = CountryRules { allowed, denied: denied.unwrap_or_default() };
    let number_kinds = number_kinds(key, raw.number_kinds, problems);
    let one_user_per_number = raw.one_user_per_number.unwrap_or(false);
    if raw.providers.is_empty() {
        problems.add(
            &format!("{key}.providers"),
            "nothing",
            "at least one [[tenants.sms.providers]]; or no [tenants.sms], if no texts are sent",
        );
    }
    let (mut providers, mut names) = (Vec::new(), BTreeSet::new());
    for (index, one) in raw.providers.into_iter().enumerate() {
        let key = format!("{key}.providers[{index}]");
        let accepted = "a name of its own for each provider: 1 to 64 of a-z A-Z 0-9 . _ -";
        let name = problems.required(&format!("{key}.name"), one.name.clone(), accepted);
        let name = name.unwrap_or_else(|| index.to_string());
        let shaped = (1..=64).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        if !shaped || !names.insert(name.clone()) {
            let found = format!("{name:?}{}", if shaped { " a second time" } else { "" });
            problems.add(&format!("{key}.name"), found, accepted);
        }
        providers.extend(provider(key, name, one, problems));
    }
    SmsConfig { rules, number_kinds, one_user_per_number, providers }
}

/// Warns of countries that are allowed and denied.
fn warn_of_both_lists(
    key: &str,
    allowed: Option<&Vec<String>>,
    denied: Option<&Vec<String>>,
    problems: &mut Problems,
) {
    let is_allowed = |code: &&String| allowed.is_some_and(|allowed| allowed.contains(code));
    let both: Vec<&str> =
        denied.into_iter().flatten().filter(is_allowed).map(String::as_str).collect();
    if !both.is_empty() {
        problems.warn(
            &format!("{key}.denied_countries"),
            format!(
                "allowed_countries has {} as well, which gets no texts: remove it from one of the \
                 two lists",
                both.join(", ")
            ),
        );
    }
}

fn number_kinds(
    key: &str,
    kinds: Option<Vec<String>>,
    problems: &mut Problems,
) -> BTreeSet<NumberKind> {
    let Some(kinds) = kinds else { return BTreeSet::from([NumberKind::Mobile]) };
    let names = || NumberKind::ALL.map(NumberKind::as_str);
    let accepted = names().map(|name| format!("{name:?}")).join(", ");
    if kinds.is_empty() {
        problems.add(&format!("{key}.number_kinds"), "an empty list", accepted.as_str());
    }
    let mut found = BTreeSet::new();
    for (index, kind) in kinds.iter().enumerate() {
        let parsed = NumberKind::parse(kind);
        if parsed.is_none() {
            let key = format!("{key}.number_kinds[{index}]");
            problems.add_word(&key, kind, names(), accepted.as_str());
        }
        found.extend(parsed);
    }
    found
}

pub(super) fn countries(
    key: &str,
    name: &str,
    codes: Option<Vec<String>>,
    problems: &mut Problems,
) -> Option<BTreeSet<Country>> {
    let codes = codes?;
    let accepted = "ISO 3166-1 country codes in capitals, such as \"SE\"";
    if codes.is_empty() {
        problems.add(&format!("{key}.{name}"), "an empty list", accepted);
    }
    let mut countries = BTreeSet::new();
    for (index, code) in codes.iter().enumerate() {
        let country = Country::parse(code);
        if country.is_none() {
            let capitals = code.to_uppercase();
            let meant = Country::parse(&capitals).map(|_| capitals.as_str());
            problems.add_word(&format!("{key}.{name}[{index}]"), code, meant, accepted);
        }
        if country.is_some_and(|country| !countries.insert(country)) {
            let key = format!("{key}.{name}[{index}]");
            problems.warn(&key, format!("{code:?} is listed twice: remove one"));
        }
    }
    Some(countries)
}

fn provider(
    key: String,
    name: String,
    raw: RawProvider,
    problems: &mut Problems,
) -> Option<SmsProviderConfig> {
    let variables = variables(&key, raw.preset.as_deref(), raw.variables, problems);
    let own = RawPreset {
        method: raw.method,
        url: raw.url,
        headers: raw.headers,
        basic: raw.basic,
        json: raw.json,
        form: raw.form,
        accepted: raw.accepted,
    };
    let request = match &raw.preset {
        Some(name) => preset(&key, name, &own, problems)?,
        None => own,
    };
    let (accepted_status, body_contains) = accepted(&key, request.accepted, problems);
    let method = request.method.unwrap_or_default();
    let body = body::checked(&key, request.json, request.form, method, problems);
    let mut headers = Vec::new();
    for (name, value) in request.headers.unwrap_or_default() {
        headers.extend(
            text(&format!("{key}.headers.{name}"), value, problems).map(|value| (name, value)),
        );
    }
    let basic = request.basic.and_then(|basic| {
        let mut part = |name: &str, value| {
            let key = format!("{key}.basic.{name}");
            let value = problems.required(&key, value, "a text or { file = \"PATH\" }");
            value.and_then(|value| text(&key, value, problems))
        };
        let username = part("username", basic.username);
        username.zip(part("password", basic.password))
    });
    let accepted = "the URL that texts are sent by, or a preset";
    let url = problems.required(&format!("{key}.url"), request.url, accepted);
    let secs = Duration::from_secs;
    let least = Duration::from_millis(100);
    let provider = ProviderSettings {
        name,
        accepted: accepted_status,
        body_contains,
        timeout: problems.span(&format!("{key}.timeout"), raw.timeout, secs(2), least, secs(30)),
        countries: countries(&key, "countries", raw.countries, problems),
    };
    let ca_file = raw.ca_file.map(|path| problems.readable(&format!("{key}.ca_file"), &path));
    let request = RequestSettings {
        preset: raw.preset.is_some(),
        variables,
        method,
        url: url?,
        headers,
        basic,
        body: body?,
        allow_plain_http: raw.allow_plain_http.unwrap_or(false),
    };
    Some(SmsProviderConfig { key, preset: raw.preset, provider, request, ca_file })
}

/// The request of a preset, to which no keys may be added.
fn preset(key: &str, name: &str, own: &RawPreset, problems: &mut Problems) -> Option<RawPreset> {
    let given = [
        ("method", own.method.is_some()),
        ("url", own.url.is_some()),
        ("headers", own.headers.is_some()),
        ("basic", own.basic.is_some()),
        ("json", own.json.is_some()),
        ("form", own.form.is_some()),
        ("accepted", own.accepted.is_some()),
    ];
    for (own, _) in given.iter().filter(|(_, given)| *given) {
        let found = format!("a key that preset = {name:?} brings");
        problems.add(&format!("{key}.{own}"), found, "preset, or the keys of a request");
    }
    let preset = presets::preset(name);
    if preset.is_none() {
        let names = presets::names().map(|name| format!("{name:?}")).join(", ");
        problems.add_word(&format!("{key}.preset"), name, presets::names(), names);
    }
    preset
}

fn variables(
    key: &str,
    preset: Option<&str>,
    raw: BTreeMap<String, RawText>,
    problems: &mut Problems,
) -> BTreeMap<String, SecretText> {
    let mut variables = BTreeMap::new();
    for (name, value) in raw {
        let key = format!("{key}.variables.{name}");
        let shaped = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !shaped || RESERVED.contains(&name.as_str()) {
            let accepted =
                "a-z 0-9 _, starting with a letter, and not phone, phone_digits or message";
            problems.add(&key, "an invalid variable name", accepted);
        }
        let Some(Text::Pattern(value) | Text::Whole(value)) = text(&key, value, problems) else {
            continue;
        };
        if value.expose().is_empty() {
            problems.add(&key, "an empty text", "a text of at least one character");
        } else if let Some((found, accepted)) = placeholder(preset, &name, value.expose()) {
            problems.add(&key, found, accepted);
        }
        variables.insert(name, value);
    }
    variables
}

/// What is wrong with a value that only stands for a real one, as in examples. It is not shown.
fn placeholder(
    preset: Option<&str>,
    name: &str,
    value: &str,
) -> Option<(&'static str, &'static str)> {
    if value.contains('…') {
        return Some(("a text with …, as in an example", "the value that your provider gave you"));
    }
    match (preset, name) {
        // https://www.twilio.com/docs/glossary/what-is-a-sid
        (Some("twilio"), "account") if !is_twilio_account(value) => Some((
            "a text that is not an account SID",
            "the SID of your account: AC and 32 hexadecimal digits, as Twilio's console shows it",
        )),
        _ => None,
    }
}

fn is_twilio_account(value: &str) -> bool {
    value.strip_prefix("AC").is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn text(key: &str, raw: RawText, problems: &mut Problems) -> Option<Text> {
    match raw {
        RawText::Here(text) => Some(Text::Pattern(SecretText::from(text))),
        RawText::File(path) => {
            let text = secrets::from_file(key, &path, Form::Line, problems)?;
            Some(Text::Whole(SecretText::from(text)))
        }
    }
}

/// The statuses that mean that the text was accepted, and what the answer must contain as well.
fn accepted(
    key: &str,
    raw: Option<RawAccepted>,
    problems: &mut Problems,
) -> (Vec<u16>, Option<String>) {
    let (status, body_contains) = raw.map_or((None, None), |raw| (raw.status, raw.body_contains));
    if body_contains.as_ref().is_some_and(|text| text.trim().is_empty()) {
        let key = format!("{key}.accepted.body_contains");
        problems.add(&key, "nothing", "a text that successful answers contain");
    }
    let status = status.unwrap_or_else(|| (200..=299).collect());
    if status.is_empty() || status.iter().any(|status| !(200..=299).contains(status)) {
        let accepted = "statuses from 200 to 299; leave it out to accept them all";
        problems.add(&format!("{key}.accepted.status"), format!("{status:?}"), accepted);
    }
    (status, body_contains)
}

#[cfg(test)]
mod tests;
