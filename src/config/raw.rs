//! The configuration as written: every key of every section, before it is checked.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::ConfigError;
use super::sms::raw::RawSms;
use super::values::{Address, Network, OneOrMore, QuotaValue, SecretText, Sha256Hex, Span};

/// What an environment variable that sets a key starts with.
const PREFIX: &str = "DIALPASS_";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    #[serde(default)]
    pub server: RawServer,
    #[serde(default)]
    pub ops: RawOps,
    #[serde(default)]
    pub store: RawStore,
    #[serde(default)]
    pub keys: RawKeys,
    #[serde(default)]
    pub log: RawLog,
    #[serde(default)]
    pub audit: RawAudit,
    pub push: Option<RawPush>,
    #[serde(default)]
    pub tenants: Vec<RawTenant>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawServer {
    pub listen: Option<Address>,
    pub public_url: Option<String>,
    pub request_deadline: Option<Span>,
    pub drain: Option<Span>,
    pub shutdown_timeout: Option<Span>,
    pub workers: Option<usize>,
    pub allow_plain_http: Option<bool>,
    #[serde(default)]
    pub trusted_proxies: Vec<Network>,
    pub proxy_client_ca: Option<PathBuf>,
    pub tls: Option<RawTls>,
    #[serde(default)]
    pub limits: RawFlood,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTls {
    pub certificate: PathBuf,
    pub private_key: PathBuf,
    pub client_ca: Option<PathBuf>,
    pub client_certificates: Option<RawClientCertificates>,
    #[serde(default)]
    pub crl_files: Vec<PathBuf>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawClientCertificates {
    Required,
    Optional,
    Off,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFlood {
    pub requests_per_client: Option<QuotaValue>,
    pub requests_per_address: Option<QuotaValue>,
    pub calls_per_caller: Option<QuotaValue>,
    pub tracked_keys: Option<usize>,
    pub waiting_refusals: Option<usize>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOps {
    pub enabled: Option<bool>,
    pub listen: Option<Address>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStore {
    pub url: Option<String>,
    pub timeout: Option<Span>,
    pub password: Option<SecretText>,
    pub password_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    pub client_certificate: Option<PathBuf>,
    pub client_private_key: Option<PathBuf>,
    pub allow_plain_postgres: Option<bool>,
    pub connections: Option<usize>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKeys {
    pub server_key: Option<SecretText>,
    pub server_key_file: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    pub level: Option<RawLevel>,
    pub format: Option<RawFormat>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawFormat {
    Json,
    Human,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAudit {
    pub file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPush {
    pub contact: Option<String>,
    pub private_key: Option<SecretText>,
    pub private_key_file: Option<PathBuf>,
    pub hosts: Option<Vec<String>>,
    pub ca_file: Option<PathBuf>,
    pub timeout: Option<Span>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTenant {
    pub id: String,
    pub country: String,
    pub status_style: Option<RawStyle>,
    pub spoken: Option<RawSpoken>,
    pub spoken_separator: Option<String>,
    pub directory: RawDirectory,
    #[serde(default)]
    pub otp: RawOtp,
    #[serde(default)]
    pub login: RawLogin,
    #[serde(default)]
    pub limits: RawLimits,
    #[serde(default)]
    pub calls: RawCalls,
    #[serde(default)]
    pub clients: Vec<RawClient>,
    pub sms: Option<RawSms>,
    #[serde(default)]
    pub app: RawApp,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawApp {
    pub company: Option<String>,
    pub match_number: Option<bool>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawStyle {
    Phenixid,
    Http,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(untagged, expecting = "another value, expected true, false or \"strings\"")]
pub(super) enum RawSpoken {
    Whether(bool),
    As(RawSpokenAs),
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawSpokenAs {
    Strings,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawKind {
    Ldap,
    File,
    Registered,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDirectory {
    pub kind: RawKind,
    pub file: Option<PathBuf>,
    pub servers: Option<Vec<String>>,
    pub start_tls: Option<bool>,
    pub allow_plain_ldap: Option<bool>,
    pub ca_file: Option<PathBuf>,
    pub client_certificate: Option<PathBuf>,
    pub client_private_key: Option<PathBuf>,
    pub bind_dn: Option<String>,
    pub bind_password: Option<SecretText>,
    pub bind_password_file: Option<PathBuf>,
    pub base_dn: Option<OneOrMore>,
    pub profile: Option<RawProfile>,
    pub server_order: Option<RawServerOrder>,
    pub lookup: Option<RawLookup>,
    pub index_max_age: Option<Span>,
    pub index_poll: Option<Span>,
    pub required_group: Option<String>,
    pub excluded_group: Option<String>,
    pub group_base_dn: Option<String>,
    pub pin_attribute: Option<String>,
    pub user_filter: Option<String>,
    pub phone_attributes: Option<Vec<String>>,
    pub username_attribute: Option<String>,
    pub id_attribute: Option<String>,
    pub number_match: Option<RawNumberMatch>,
    pub search_connections: Option<usize>,
    pub bind_connections: Option<usize>,
    pub ambiguous: Option<RawAmbiguous>,
    pub timeout: Option<Span>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawProfile {
    #[serde(rename = "openldap")]
    OpenLdap,
    ActiveDirectory,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawServerOrder {
    InOrder,
    RoundRobin,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawLookup {
    Search,
    Index,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawNumberMatch {
    Equality,
    Patterns,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawAmbiguous {
    Refuse,
    PreferAttributeOrder,
    Pin,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOtp {
    pub length: Option<u8>,
    pub lifetime: Option<Span>,
    pub max_attempts: Option<u32>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawPassword {
    Required,
    NotAsked,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLogin {
    pub password: Option<RawPassword>,
    pub refusal_floor: Option<Span>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub codes_per_user: Option<QuotaValue>,
    pub calls_per_number: Option<QuotaValue>,
    pub wrong_passwords_per_user: Option<QuotaValue>,
    pub wrong_codes_per_user: Option<QuotaValue>,
}

#[derive(Deserialize, Clone, Copy)]
pub(super) enum RawAttestation {
    #[serde(rename = "none")]
    None,
    A,
    B,
    C,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCalls {
    pub minimum_attestation: Option<RawAttestation>,
    pub outside_line_prefix: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawClient {
    pub name: String,
    pub operations: Vec<RawOperation>,
    pub basic: Option<RawBasic>,
    pub bearer: Option<RawBearer>,
    pub certificate: Option<RawCertificate>,
    pub oauth2: Option<RawOAuth2>,
    pub anonymous: Option<RawAnonymous>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
pub(super) enum RawOperation {
    #[serde(rename = "getOTP")]
    GetOtp,
    #[serde(rename = "validateOTP")]
    ValidateOtp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBasic {
    pub username: String,
    pub password_sha256: Sha256Hex,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBearer {
    pub token_sha256: Sha256Hex,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCertificate {
    pub san: Option<String>,
    pub sha256: Option<Sha256Hex>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOAuth2 {
    pub issuer: String,
    pub audience: String,
    pub jwks_url: String,
    pub scope: String,
    pub algorithms: Vec<String>,
    pub client_id: Option<String>,
    pub sub: Option<String>,
    pub ca_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAnonymous {
    pub addresses: Vec<Network>,
}

/// Reads `text`, lays the environment over it, and gives each key its type.
pub(super) fn read(
    file: &Path,
    text: &str,
    environment: &[(String, String)],
) -> Result<RawConfig, ConfigError> {
    let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        // The error's own text would show the line, which may hold a secret.
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        let found = format!("a line that is not TOML: {}", one_line(error.message()));
        ConfigError::one(file, &format!("line {line}"), &found, "TOML 1.0")
    })?;
    let mut overridden = Vec::new();
    for (name, value) in environment {
        // A name without a section, such as DIALPASS_HOME, is somebody else's.
        if let Some(path) = name.strip_prefix(PREFIX).filter(|path| path.contains("__")) {
            lay_over(&mut table, path, value).map_err(|found| {
                ConfigError::one(
                    Path::new("environment"),
                    name,
                    &found,
                    "DIALPASS_SECTION__KEY for a key of a section, such as DIALPASS_SERVER__LISTEN",
                )
            })?;
            overridden.push((path.replace("__", ".").to_lowercase(), name));
        }
    }
    serde_path_to_error::deserialize(toml::Value::Table(table)).map_err(|error| {
        let key = error.path().to_string();
        let message = one_line(error.inner().message());
        let (found, accepted) = explain(&message);
        let mut key = if key == "." { String::new() } else { key };
        // The path of an unknown key ends at its section.
        if let Some((name, _)) =
            message.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'))
            && !key.ends_with(name)
        {
            key = if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
        }
        match overridden.iter().find(|(path, _)| *path == key) {
            Some((_, name)) => ConfigError::one(Path::new("environment"), name, &found, &accepted),
            None => ConfigError::one(file, &key, &found, &accepted),
        }
    })
}

/// Sets one key by the path that follows the prefix: `SERVER__TLS__CERTIFICATE`.
fn lay_over(table: &mut toml::Table, path: &str, value: &str) -> Result<(), String> {
    let keys: Vec<String> = path.split("__").map(str::to_lowercase).collect();
    let Some((last, sections)) = keys.split_last() else { return Ok(()) };
    let mut place = table;
    for section in sections {
        let next =
            place.entry(section.clone()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        place = next.as_table_mut().ok_or_else(|| format!("{section:?}, which is no section"))?;
    }
    // Numbers, booleans, arrays and inline tables are written as in TOML; all else is text.
    let value = format!("v = {value}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("v"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    place.insert(last.clone(), value);
    Ok(())
}

/// Splits a parser's message into what was found and what is accepted.
fn explain(message: &str) -> (String, String) {
    if let Some(field) = message.strip_prefix("missing field ") {
        return ("nothing".to_owned(), format!("a value for {field}, which has no default"));
    }
    match message.split_once(", expected ") {
        Some((found, accepted)) => {
            let found = found
                .replace("unknown field", "the unknown key")
                .replace("unknown variant", "the unknown value")
                .replace("invalid type: ", "")
                .replace("invalid value: ", "");
            let accepted = match accepted {
                "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not too large",
                "struct QuotaValue" => "{ burst = 5, per = \"10m\" }",
                other => other.trim_start_matches("struct "),
            };
            (found, accepted.to_owned())
        }
        None => (message.to_owned(), "see config/default.toml".to_owned()),
    }
}

fn one_line(text: &str) -> String {
    text.trim().replace('\n', "; ")
}
