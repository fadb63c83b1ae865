//! `[[tenants]]`.

use std::collections::HashSet;
use std::time::Duration;

use serde::Deserialize;

use super::calls::{self, RawCalls};
use super::check::Problems;
use super::clients::{self, ClientConfig, RawClient};
use super::directory::{self, DirectoryConfig, RawDirectory};
use super::fastagi::scripts::{self, RawScript};
use super::ldap::{self, Context};
use super::policy::{self, RawLimits, RawLogin, RawOtp};
use super::sms::{self, RawSms, SmsConfig};
use super::voice::{self, Facts, RawVoice};
use crate::domain::authenticator::is_visible;
use crate::domain::call_trust::CallTrust;
use crate::domain::caller_id::CallerIdPlan;
use crate::domain::policy::{Limits, LoginPolicy, OtpPolicy};
use crate::domain::tenant::TenantId;
use crate::domain::user::Ambiguity;
use crate::fastagi::settings::ScriptSettings;
use crate::http::gateway::{ExpiresIn, Spoken};
use crate::http::refused::StatusStyle;
use crate::http::voice::endpoint::Endpoint;

/// A tenant as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTenant {
    pub id: Option<String>,
    pub country: Option<String>,
    pub status_style: Option<StatusStyle>,
    pub answer_groups: Option<Vec<String>>,
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
    pub voice: Vec<RawVoice>,
    #[serde(default)]
    pub fastagi: Vec<RawScript>,
    #[serde(default)]
    pub app: RawApp,
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

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawApp {
    pub company: Option<String>,
    pub match_number: Option<bool>,
}

/// One tenant.
#[derive(Debug)]
pub struct TenantConfig {
    /// Its position in the file, for errors: `tenants[0]`.
    pub key: String,
    /// Its id, as in the `tenant` header.
    pub id: TenantId,
    /// How caller IDs and stored numbers are read.
    pub caller_ids: CallerIdPlan,
    /// Which statuses its clients see.
    pub status_style: StatusStyle,
    /// How the code is also spelt out, with its remaining life; `None`: neither.
    pub spoken: Option<Spoken>,
    /// Its directory.
    pub directory: DirectoryConfig,
    /// What happens if several users have the number.
    pub ambiguity: Ambiguity,
    /// How codes are made.
    pub otp: OtpPolicy,
    /// What a login must contain.
    pub login: LoginPolicy,
    /// The store's quotas.
    pub limits: Limits,
    /// Which calls it accepts.
    pub trust: CallTrust,
    /// The API's clients.
    pub clients: Vec<ClientConfig>,
    /// How texts are sent; `None`: not at all.
    pub sms: Option<SmsConfig>,
    /// The webhooks of voice platforms.
    pub voice: Vec<Endpoint>,
    /// The scripts that Asterisk calls.
    pub fastagi: Vec<ScriptSettings>,
    /// What warnings need to know of each of these.
    pub(super) voice_facts: Vec<Facts>,
    /// What phones that confirm display.
    pub app: AppConfig,
}

/// `[tenants.app]`: phones that confirm.
#[derive(Debug)]
pub struct AppConfig {
    /// The name shown as the tenant on the phone: 1 to 100 characters.
    pub company: String,
    /// Whether an approval shows a number that the user types on the phone.
    pub match_number: bool,
}

/// Checks all tenants.
pub(super) fn check(
    raw: Vec<RawTenant>,
    request_deadline: Duration,
    problems: &mut Problems,
) -> Vec<TenantConfig> {
    if raw.is_empty() {
        problems.add("tenants", "no tenant", "at least one [[tenants]] section");
    }
    let mut ids = HashSet::new();
    let mut tenants = Vec::new();
    for (index, tenant) in raw.into_iter().enumerate() {
        let key = format!("tenants[{index}]");
        if let Some(id) = tenant.id.clone()
            && !ids.insert(id.clone())
        {
            problems.add(
                &format!("{key}.id"),
                format!("{id:?} a second time"),
                "an id of its own for each tenant",
            );
        }
        tenants.extend(self::tenant(&key, tenant, request_deadline, problems));
    }
    tenants
}

fn tenant(
    key: &str,
    raw: RawTenant,
    request_deadline: Duration,
    problems: &mut Problems,
) -> Option<TenantConfig> {
    let at = |section: &str| format!("{key}.{section}");
    let id = id(key, raw.id, problems);
    let (caller_ids, trust) = calls::check(key, raw.country, raw.calls, problems);
    let login = policy::login(&at("login"), &raw.login, problems);
    let otp = policy::otp(&at("otp"), &raw.otp, login.password_required, problems);
    let accepted = "a [tenants.directory] section";
    let directory = problems.required(&at("directory"), raw.directory, accepted);
    let context = Context {
        request_deadline,
        numbering: caller_ids.numbering,
        password_required: login.password_required,
    };
    let directory = directory.map(|raw| directory::check(&at("directory"), raw, context, problems));
    let (mut directory, ambiguity) = directory.unwrap_or_default();
    if let Some(groups) = raw.answer_groups {
        answer_groups(&at("answer_groups"), groups, &mut directory, problems);
    }
    if matches!(directory, Some(DirectoryConfig::Registered)) && login.password_required {
        problems.add(
            &at("login.password"),
            "\"required\", though registered users have no passwords",
            "\"not-asked\" where directory.kind = \"registered\"",
        );
    }
    let spoken = spoken(key, raw.spoken, raw.spoken_separator, problems);
    let limits = policy::limits(&at("limits"), &raw.limits, problems);
    let clients = clients::check(key, &id, raw.clients, problems);
    let app = app(&at("app"), raw.app, id.as_str(), problems);
    let (voice, voice_facts) = voice::check(key, raw.voice, &clients, problems);
    let fastagi = scripts::check(key, raw.fastagi, problems);
    let sms = raw.sms.map(|sms| sms::check(&at("sms"), sms, problems));
    Some(TenantConfig {
        key: key.to_owned(),
        id,
        caller_ids,
        status_style: raw.status_style.unwrap_or_default(),
        spoken,
        directory: directory?,
        ambiguity,
        otp,
        login,
        limits,
        trust,
        clients,
        sms,
        voice,
        fastagi,
        voice_facts,
        app,
    })
}

/// The tenant's id; if it is wrong, a placeholder, so that the rest is checked too.
fn id(key: &str, text: Option<String>, problems: &mut Problems) -> TenantId {
    let (key, accepted) = (format!("{key}.id"), "1 to 64 of a-z A-Z 0-9 . _ -");
    let text = problems.required(&key, text, accepted);
    text.and_then(|text| {
        let id = TenantId::parse(&text);
        if id.is_none() {
            problems.add(&key, format!("{text:?}"), accepted);
        }
        id
    })
    .unwrap_or_else(|| TenantId::parse("wrong").expect("an id"))
}

/// Hands the groups that answers name to the directory, which must have groups.
fn answer_groups(
    key: &str,
    groups: Vec<String>,
    directory: &mut Option<DirectoryConfig>,
    problems: &mut Problems,
) {
    match directory {
        Some(DirectoryConfig::Ldap(config)) => {
            config.settings.answer_groups = ldap::answer_groups(key, groups, problems);
        }
        Some(DirectoryConfig::File(_) | DirectoryConfig::Registered) => problems.add(
            key,
            "groups, though this directory has none",
            "no value unless directory.kind = \"ldap\"",
        ),
        None => {}
    }
}

fn spoken(
    key: &str,
    raw: Option<RawSpoken>,
    separator: Option<String>,
    problems: &mut Problems,
) -> Option<Spoken> {
    let expires_in = match raw {
        None | Some(RawSpoken::Whether(false)) => None,
        Some(RawSpoken::Whether(true)) => Some(ExpiresIn::Number),
        Some(RawSpoken::As(RawSpokenAs::Strings)) => Some(ExpiresIn::Text),
    };
    let separator_key = format!("{key}.spoken_separator");
    if separator.is_some() && expires_in.is_none() {
        problems.add(&separator_key, "a separator without spoken", "spoken = true beside it");
    }
    let separator = separator.unwrap_or_else(|| ", ".to_owned());
    let sized = (1..=16).contains(&separator.chars().count());
    // A digit there would be heard as part of the code.
    if !sized || separator.chars().any(|c| c.is_numeric() || c.is_control()) {
        let accepted = "1 to 16 characters that are no digits, such as \", \"";
        problems.add(&separator_key, format!("{separator:?}"), accepted);
    }
    expires_in.map(|expires_in| Spoken { separator, expires_in })
}

fn app(key: &str, raw: RawApp, tenant: &str, problems: &mut Problems) -> AppConfig {
    let company = raw.company.unwrap_or_else(|| tenant.to_owned());
    let sized = (1..=100).contains(&company.chars().count()) && company.trim() == company;
    if !sized || !company.chars().all(is_visible) {
        let accepted = "1 to 100 visible characters, with no blank at either end";
        problems.add(&format!("{key}.company"), format!("{company:?}"), accepted);
    }
    AppConfig { company, match_number: raw.match_number.unwrap_or(false) }
}
