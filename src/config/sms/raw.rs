//! `[tenants.sms]` as written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;
use serde::de::{self, Deserializer};

use crate::domain::human_duration::HumanDuration;
use crate::domain::secret::SecretText;
use crate::messenger::sms_over_http::settings::RequestMethod;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawSms {
    pub denied_countries: Option<Vec<String>>,
    pub allowed_countries: Option<Vec<String>>,
    pub number_kinds: Option<Vec<String>>,
    pub one_user_per_number: Option<bool>,
    #[serde(default)]
    pub providers: Vec<RawProvider>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawProvider {
    pub name: Option<String>,
    pub preset: Option<String>,
    #[serde(default)]
    pub variables: BTreeMap<String, RawText>,
    pub method: Option<RequestMethod>,
    pub url: Option<SecretText>,
    pub headers: Option<BTreeMap<String, RawText>>,
    pub basic: Option<RawBasic>,
    pub json: Option<toml::Value>,
    pub form: Option<BTreeMap<String, RawField>>,
    pub accepted: Option<RawAccepted>,
    pub timeout: Option<HumanDuration>,
    pub countries: Option<Vec<String>>,
    pub ca_file: Option<PathBuf>,
    pub allow_plain_http: Option<bool>,
}

/// The keys of a provider that a preset may set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawPreset {
    pub method: Option<RequestMethod>,
    pub url: Option<SecretText>,
    pub headers: Option<BTreeMap<String, RawText>>,
    pub basic: Option<RawBasic>,
    pub json: Option<toml::Value>,
    pub form: Option<BTreeMap<String, RawField>>,
    pub accepted: Option<RawAccepted>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawBasic {
    pub username: Option<RawText>,
    pub password: Option<RawText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RawAccepted {
    pub status: Option<Vec<u16>>,
    pub body_contains: Option<String>,
}

/// A text in place or in a file. No error shows it.
pub(in crate::config) enum RawText {
    Here(SecretString),
    File(PathBuf),
}

impl<'de> Deserialize<'de> for RawText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let file = match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => return Ok(Self::Here(SecretString::from(text))),
            toml::Value::Table(mut table) if table.len() == 1 => table.remove("file"),
            _ => None,
        };
        match file {
            Some(toml::Value::String(path)) => Ok(Self::File(PathBuf::from(path))),
            _ => Err(de::Error::custom(
                "invalid type: another value, expected a text or { file = \"PATH\" }",
            )),
        }
    }
}

/// The value of a form field. No error shows it.
pub(in crate::config) struct RawField(pub String);

impl<'de> Deserialize<'de> for RawField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => Ok(Self(text)),
            toml::Value::Integer(number) => Ok(Self(number.to_string())),
            toml::Value::Boolean(truth) => Ok(Self(truth.to_string())),
            _ => Err(de::Error::custom(
                "invalid type: another value, expected a text, a whole number, \
                 true or false",
            )),
        }
    }
}
