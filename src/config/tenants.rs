//! `[[tenants]]`, checked.

use std::collections::HashSet;
use std::time::Duration;

use super::check::Problems;
use super::clients;
pub use super::clients::{ClientConfig, CredentialConfig, OAuth2Config, PinConfig};
use super::directory;
pub use super::directory::{DirectoryConfig, FileConfig};
pub use super::ldap::{
    LdapConfig, LookupConfig, NumberMatchConfig, ProfileConfig, ServerOrderConfig,
};
use super::raw::{
    RawAmbiguous, RawApp, RawAttestation, RawCalls, RawKind, RawLimits, RawNumbers, RawOtp,
    RawPassword, RawSpoken, RawSpokenAs, RawStyle, RawTenant,
};
use super::sms::{self, SmsConfig};
use crate::domain::authenticator::is_visible;
use crate::domain::caller_id::{BareDigits, CallerIdPlan};
use crate::domain::policy::{Attestation, Limits, LoginPolicy, OtpPolicy, Quota};
use crate::domain::stored_number::NumberingPlan;
use crate::domain::tenant::TenantId;
use crate::domain::user::Ambiguity;

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
    pub spoken: Option<SpokenConfig>,
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
    /// The lowest accepted attestation of a call; `None` accepts all.
    pub minimum_attestation: Option<Attestation>,
    /// The API's clients.
    pub clients: Vec<ClientConfig>,
    /// How texts are sent; `None`: not at all.
    pub sms: Option<SmsConfig>,
    /// What phones that confirm display.
    pub app: AppConfig,
}

/// What a call's answer adds for speech synthesis.
#[derive(Debug, PartialEq, Eq)]
pub struct SpokenConfig {
    /// Text between two digits.
    pub separator: String,
    /// Whether the remaining life is a string as well.
    pub as_strings: bool,
}

/// `[tenants.app]`: phones that confirm.
#[derive(Debug)]
pub struct AppConfig {
    /// The name shown as the tenant on the phone: 1 to 100 characters.
    pub company: String,
    /// Whether an approval shows a number that the user types on the phone.
    pub match_number: bool,
}

/// Which statuses a tenant's clients see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StatusStyle {
    /// 200 and 403 only.
    #[default]
    PhenixId,
    /// 429 and 503 where they fit.
    Http,
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
    let id = id(key, raw.id, problems);
    let caller_ids = caller_ids(key, raw.country, &raw.calls, problems);
    let minimum_attestation = match raw.calls.minimum_attestation {
        None | Some(RawAttestation::None) => None,
        Some(RawAttestation::A) => Some(Attestation::A),
        Some(RawAttestation::B) => Some(Attestation::B),
        Some(RawAttestation::C) => Some(Attestation::C),
    };
    let password_required = !matches!(raw.login.password, Some(RawPassword::NotAsked));
    let otp = otp(&format!("{key}.otp"), &raw.otp, password_required, problems);
    let login = LoginPolicy {
        password_required,
        refusal_floor: problems.span(
            &format!("{key}.login.refusal_floor"),
            raw.login.refusal_floor,
            Duration::from_millis(300),
            Duration::ZERO,
            Duration::from_secs(5),
        ),
    };
    let accepted = "a [tenants.directory] section";
    let raw_directory = problems.required(&format!("{key}.directory"), raw.directory, accepted);
    let (kind, ambiguous) =
        raw_directory.as_ref().map_or((None, None), |raw| (raw.kind, raw.ambiguous));
    let ambiguity = match ambiguous {
        None | Some(RawAmbiguous::Refuse) => Ambiguity::Refuse,
        Some(RawAmbiguous::PreferAttributeOrder) => Ambiguity::PreferAttributeOrder,
        Some(RawAmbiguous::Pin) => Ambiguity::Pin,
    };
    if matches!(kind, Some(RawKind::Registered)) && login.password_required {
        problems.add(
            &format!("{key}.login.password"),
            "\"required\", though registered users have no passwords",
            "\"not-asked\" where directory.kind = \"registered\"",
        );
    }
    let spoken = spoken(key, raw.spoken, raw.spoken_separator, problems);
    let limits = limits(key, &raw.limits, problems);
    let directory = raw_directory.and_then(|raw| {
        directory::check(&format!("{key}.directory"), raw, request_deadline, problems)
    });
    let clients = clients::check(key, raw.clients, problems);
    let app = app(&format!("{key}.app"), raw.app, id.as_str(), problems);
    let sms = raw.sms.map(|sms| sms::check(&format!("{key}.sms"), sms, problems));
    Some(TenantConfig {
        key: key.to_owned(),
        id,
        caller_ids,
        status_style: match raw.status_style {
            None | Some(RawStyle::Phenixid) => StatusStyle::PhenixId,
            Some(RawStyle::Http) => StatusStyle::Http,
        },
        spoken,
        directory: directory?,
        ambiguity,
        otp,
        login,
        limits,
        minimum_attestation,
        clients,
        sms,
        app,
    })
}

/// How the tenant's numbers are read: `country` and `[tenants.calls]`.
fn caller_ids(
    key: &str,
    country: Option<String>,
    raw: &RawCalls,
    problems: &mut Problems,
) -> CallerIdPlan {
    let outside_line_prefix = raw.outside_line_prefix.clone().unwrap_or_default();
    if outside_line_prefix.len() > 4 || !outside_line_prefix.bytes().all(|b| b.is_ascii_digit()) {
        problems.add(
            &format!("{key}.calls.outside_line_prefix"),
            format!("{outside_line_prefix:?}"),
            "up to 4 digits",
        );
    }
    let bare_digits = match raw.numbers {
        None | Some(RawNumbers::Auto) => BareDigits::Either,
        Some(RawNumbers::E164) => BareDigits::Refused,
        Some(RawNumbers::E164WithoutPlus) => BareDigits::International,
        Some(RawNumbers::National) => BareDigits::National,
    };
    let numbering = numbering(key, country, problems);
    if raw.numbers.is_none() {
        numbers_not_said(key, numbering, problems);
    }
    CallerIdPlan { numbering, outside_line_prefix, bare_digits }
}

/// Warns where national numbers look like international ones without their plus, and nothing says
/// which of the two the phone system writes.
fn numbers_not_said(key: &str, numbering: NumberingPlan, problems: &mut Problems) {
    if numbering.writes_no_zero() {
        problems.warn(
            &format!("{key}.calls.numbers"),
            "numbers of this country are written with no zero in front, so a caller ID \
             without + may be one of them or an international number without its plus; where both \
             are possible the call is refused (number_two_readings). Say which the phone system \
             writes: numbers = \"e164\" (+…), \"e164-without-plus\" or \"national\"",
        );
    }
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

/// The number plan of the tenant's country; if that is wrong, another one, so that the rest is
/// checked too.
fn numbering(key: &str, country: Option<String>, problems: &mut Problems) -> NumberingPlan {
    let key = format!("{key}.country");
    let accepted = "an ISO 3166-1 country code in capitals, such as \"SE\"";
    let country = problems.required(&key, country, accepted);
    country
        .and_then(|country| {
            let plan = NumberingPlan::for_country(&country);
            if plan.is_none() {
                let capitals = country.to_uppercase();
                let meant = NumberingPlan::for_country(&capitals).map(|_| capitals.as_str());
                problems.add_word(&key, &country, meant, accepted);
            }
            plan
        })
        .unwrap_or_else(|| NumberingPlan::for_country("SE").expect("a country"))
}

/// How codes are made. If the code is the only secret, it is longer, and mistyping is allowed more
/// often.
fn otp(key: &str, raw: &RawOtp, password_required: bool, problems: &mut Problems) -> OtpPolicy {
    let secs = Duration::from_secs;
    let (length, max_attempts) = if password_required { (6, 3) } else { (8, 10) };
    let lifetime_key = format!("{key}.lifetime");
    let lifetime = problems.span(&lifetime_key, raw.lifetime, secs(180), secs(10), secs(600));
    if lifetime.subsec_nanos() != 0 {
        problems.add(&lifetime_key, humantime::format_duration(lifetime), "whole seconds");
    }
    let length = raw.length.unwrap_or(length);
    let max_attempts = raw.max_attempts.unwrap_or(max_attempts);
    OtpPolicy {
        digits: problems.within(&format!("{key}.length"), length, 6, 8),
        lifetime,
        max_attempts: problems.within(&format!("{key}.max_attempts"), max_attempts, 1, 20),
    }
}

fn spoken(
    key: &str,
    raw: Option<RawSpoken>,
    separator: Option<String>,
    problems: &mut Problems,
) -> Option<SpokenConfig> {
    let as_strings = match raw {
        None | Some(RawSpoken::Whether(false)) => None,
        Some(RawSpoken::Whether(true)) => Some(false),
        Some(RawSpoken::As(RawSpokenAs::Strings)) => Some(true),
    };
    let separator_key = format!("{key}.spoken_separator");
    if separator.is_some() && as_strings.is_none() {
        problems.add(&separator_key, "a separator without spoken", "spoken = true beside it");
    }
    let separator = separator.unwrap_or_else(|| ", ".to_owned());
    let sized = (1..=16).contains(&separator.chars().count());
    // A digit there would be heard as part of the code.
    if !sized || separator.chars().any(|c| c.is_numeric() || c.is_control()) {
        let accepted = "1 to 16 characters that are no digits, such as \", \"";
        problems.add(&separator_key, format!("{separator:?}"), accepted);
    }
    as_strings.map(|as_strings| SpokenConfig { separator, as_strings })
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

fn limits(key: &str, raw: &RawLimits, problems: &mut Problems) -> Limits {
    let minutes = |burst, minutes| Quota { burst, per: Duration::from_mins(minutes) };
    let mut quota = |name, value, default| {
        problems.quota(&format!("{key}.limits.{name}"), value, default, Quota::MAX_BURST)
    };
    Limits {
        codes_per_user: quota("codes_per_user", raw.codes_per_user, minutes(5, 10)),
        calls_per_number: quota("calls_per_number", raw.calls_per_number, minutes(5, 10)),
        wrong_passwords_per_user: quota(
            "wrong_passwords_per_user",
            raw.wrong_passwords_per_user,
            minutes(4, 15),
        ),
        wrong_codes_per_user: quota(
            "wrong_codes_per_user",
            raw.wrong_codes_per_user,
            minutes(10, 60),
        ),
    }
}
