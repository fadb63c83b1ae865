//! The configuration as written: every key of every section, unchecked. Keys without a default are
//! optional here too, so that the checks report a missing key together with all other mistakes.

use std::path::PathBuf;

use serde::Deserialize;

use super::sms::raw::RawSms;
use super::values::{Address, Network, OneOrMore, QuotaValue, SecretText, Sha256Hex, Span, Until};

#[derive(Deserialize, Default)]
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
    pub proxy_crl_files: Option<Vec<PathBuf>>,
    #[serde(default)]
    pub proxy_protocol_from: Vec<Network>,
    pub proxy: Option<RawProxy>,
    pub tls: Option<RawTls>,
    #[serde(default)]
    pub limits: RawFlood,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProxy {
    pub address_header: Option<RawAddressHeader>,
    pub certificate_format: Option<RawCertificateForm>,
    pub certificate_header: Option<String>,
    pub secret_sha256: Option<Sha256Hex>,
    pub secret_header: Option<String>,
    pub certificate: Option<RawPin>,
}

#[derive(Deserialize, Clone, Copy)]
pub(super) enum RawAddressHeader {
    Forwarded,
    #[serde(rename = "X-Forwarded-For")]
    XForwardedFor,
}

#[derive(Deserialize, Clone, Copy)]
pub(super) enum RawCertificateForm {
    #[serde(rename = "rfc9440")]
    Rfc9440,
    #[serde(rename = "escaped-pem")]
    EscapedPem,
    #[serde(rename = "base64-der")]
    Base64Der,
    #[serde(rename = "xfcc")]
    Xfcc,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTls {
    pub certificate: Option<PathBuf>,
    pub private_key: Option<PathBuf>,
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
    pub connections: Option<usize>,
    pub connections_per_address: Option<usize>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOps {
    pub enabled: Option<bool>,
    pub listen: Option<Address>,
    pub allow_plain_http: Option<bool>,
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
    pub when_unwritable: Option<RawWhenUnwritable>,
    pub strangers_per_address: Option<QuotaValue>,
    pub strangers: Option<QuotaValue>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawWhenUnwritable {
    Refuse,
    Count,
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
    pub id: Option<String>,
    pub country: Option<String>,
    pub status_style: Option<RawStyle>,
    pub spoken: Option<RawSpoken>,
    pub spoken_separator: Option<String>,
    pub directory: Option<RawDirectory>,
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
    pub kind: Option<RawKind>,
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
    pub index_full_read: Option<Span>,
    pub index_confirm: Option<RawConfirm>,
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
    #[serde(rename = "389-ds")]
    Dirsrv,
    #[serde(rename = "freeipa")]
    FreeIpa,
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
pub(super) enum RawConfirm {
    Entry,
    None,
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
    pub numbers: Option<RawNumbers>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
pub(super) enum RawNumbers {
    #[serde(rename = "auto")]
    Auto,
    #[serde(rename = "e164")]
    E164,
    #[serde(rename = "e164-without-plus")]
    E164WithoutPlus,
    #[serde(rename = "national")]
    National,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawClient {
    pub name: Option<String>,
    pub operations: Option<Vec<RawOperation>>,
    pub require: Option<RawRequire>,
    pub basic: Option<RawBasic>,
    pub bearer: Option<RawBearer>,
    pub certificate: Option<RawCertificate>,
    pub oauth2: Option<RawOAuth2>,
    pub anonymous: Option<RawAnonymous>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawRequire {
    Any,
    All,
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
    pub username: Option<String>,
    pub password_sha256: Option<Sha256Hex>,
    pub valid_until: Option<Until>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBearer {
    pub token_sha256: Option<Sha256Hex>,
    pub valid_until: Option<Until>,
}

/// A proxy's own certificate.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPin {
    pub san: Option<String>,
    pub sha256: Option<Sha256Hex>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCertificate {
    pub san: Option<String>,
    pub sha256: Option<Sha256Hex>,
    pub ca_file: Option<PathBuf>,
}

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAnonymous {
    pub addresses: Option<Vec<Network>>,
}
