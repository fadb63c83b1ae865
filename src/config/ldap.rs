//! `[tenants.directory]` with `kind = "ldap"`: from the keys as written to the adapter's settings.

mod attributes;
mod lookup;
mod profile;
mod raw;
mod servers;

use std::time::Duration;

pub(super) use self::raw::RawLdap;
use super::check::Problems;
use super::secrets::{self, Form};
use super::tls_files::{self, TlsFiles};
use super::values::OneOrMore;
use crate::directory::ldap::settings::{
    AccountChecks, DEFAULT_BIND_CONNECTIONS, DEFAULT_SEARCH_CONNECTIONS,
    DEFAULT_SEARCHES_PER_CONNECTION, DEFAULT_SIZE_LIMIT, LdapSettings, Profile, check_filter,
};
use crate::domain::human_duration::HumanDuration;
use crate::domain::secret::SecretText;
use crate::domain::stored_number::NumberingPlan;

/// An LDAP directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapConfig {
    /// The adapter's settings, without TLS.
    pub settings: LdapSettings,
    /// The files that TLS is set up from.
    pub tls_files: TlsFiles,
}

/// Maximum number of groups that answers may name: each costs searches at each login.
const MOST_ANSWER_GROUPS: usize = 32;

/// What the section depends on elsewhere.
#[derive(Clone, Copy)]
pub(super) struct Context {
    pub request_deadline: Duration,
    pub numbering: NumberingPlan,
    pub password_required: bool,
}

/// Checks `[tenants.directory]` with `kind = "ldap"` at `key`.
pub(super) fn check(
    key: &str,
    raw: RawLdap,
    context: Context,
    problems: &mut Problems,
) -> LdapConfig {
    let start_tls = raw.start_tls.unwrap_or(false);
    let profile = raw.profile.unwrap_or_default().defaults();
    let lookup = lookup::check(key, &raw, profile.profile, problems);
    let attributes = attributes::check(key, &raw, &profile, problems);
    let tls_files = tls_files(key, &raw, problems);
    let groups = groups(key, &raw, profile.profile, problems);
    let bind_dn = dn(key, "bind_dn", raw.bind_dn, "cn=gateway,dc=example,dc=com", problems);
    let bind_password = secrets::secret(
        key,
        "bind_password",
        Form::Line,
        raw.bind_password,
        raw.bind_password_file.as_deref(),
        problems,
    );
    let plain_allowed = start_tls || raw.allow_plain_ldap == Some(true);
    let user_filter = raw.user_filter.unwrap_or_else(|| profile.user_filter.to_owned());
    if let Err(error) = check_filter(&user_filter) {
        let found = format!("{user_filter:?}, which is {error}");
        problems.add(&format!("{key}.user_filter"), found, "an LDAP filter (RFC 4515)");
    }
    let mut connections = |name: &str, value: Option<usize>, default, most| {
        problems.within(&format!("{key}.{name}"), value.unwrap_or(default), 1, most)
    };
    let search_connections =
        connections("search_connections", raw.search_connections, DEFAULT_SEARCH_CONNECTIONS, 64);
    let bind_connections =
        connections("bind_connections", raw.bind_connections, DEFAULT_BIND_CONNECTIONS, 512);
    let settings = LdapSettings {
        servers: servers::check(key, raw.servers, plain_allowed, problems),
        start_tls,
        tls: None,
        bind_dn: bind_dn.unwrap_or_default(),
        bind_password: bind_password.map_or_else(|| String::new().into(), SecretText::from),
        profile: profile.profile,
        server_order: raw.server_order.unwrap_or_default(),
        base_dns: base_dns(key, raw.base_dn, problems),
        user_filter,
        phone_attributes: attributes.phone,
        username_attribute: attributes.username,
        pin_attribute: attributes.pin,
        required_group: groups.required,
        excluded_group: groups.excluded,
        answer_groups: Vec::new(),
        group_base_dn: groups.base_dn,
        lookup,
        id_attribute: attributes.id,
        number_match: raw.number_match.unwrap_or(profile.number_match),
        size_limit: DEFAULT_SIZE_LIMIT,
        timeout: timeout(key, raw.timeout, context.request_deadline, problems),
        search_connections,
        searches_per_connection: DEFAULT_SEARCHES_PER_CONNECTION,
        bind_connections,
        plan: context.numbering,
        account_checks: if context.password_required {
            AccountChecks::AtTheBind
        } else {
            AccountChecks::FromTheEntry
        },
    };
    LdapConfig { settings, tls_files }
}

fn tls_files(key: &str, raw: &RawLdap, problems: &mut Problems) -> TlsFiles {
    let ca_file = raw.ca_file.as_ref();
    TlsFiles {
        ca_file: ca_file.map(|path| problems.readable(&format!("{key}.ca_file"), path)),
        client_certificate: tls_files::client_certificate(
            key,
            raw.client_certificate.as_deref(),
            raw.client_private_key.as_deref(),
            problems,
        ),
    }
}

/// The groups that decide who may use the gateway.
struct Groups {
    required: Option<String>,
    excluded: Option<String>,
    base_dn: Option<String>,
}

fn groups(key: &str, raw: &RawLdap, profile: Profile, problems: &mut Problems) -> Groups {
    let mut group = |name: &str, value: &Option<String>| {
        let value = value.clone()?;
        dn(key, name, Some(value), "cn=otp-users,ou=groups,…", problems)
    };
    let groups = Groups {
        required: group("required_group", &raw.required_group),
        excluded: group("excluded_group", &raw.excluded_group),
        base_dn: group("group_base_dn", &raw.group_base_dn),
    };
    if groups.base_dn.is_some() && profile == Profile::ActiveDirectory {
        problems.add(
            &format!("{key}.group_base_dn"),
            "a value where profile = \"active-directory\"",
            "nothing: such servers follow nested groups themselves",
        );
    }
    if groups.required.is_some() && groups.required == groups.excluded {
        problems.add(
            &format!("{key}.excluded_group"),
            "the same group as required_group, so that no one could log in",
            "another group, or no value",
        );
    }
    groups
}

fn base_dns(key: &str, raw: Option<OneOrMore>, problems: &mut Problems) -> Vec<String> {
    let mut bases = raw.map(|bases| bases.0).unwrap_or_default();
    if bases.is_empty() {
        bases.push(String::new());
    }
    let example = "ou=people,dc=example,dc=com";
    let bases = bases.into_iter();
    bases.filter_map(|base| dn(key, "base_dn", Some(base), example, problems)).collect()
}

/// The timeout of one operation: at most half of a request's time.
fn timeout(
    key: &str,
    raw: Option<HumanDuration>,
    request_deadline: Duration,
    problems: &mut Problems,
) -> Duration {
    let most = (request_deadline / 2).max(Duration::from_millis(50));
    let default = Duration::from_secs(2).min(most);
    problems.span(&format!("{key}.timeout"), raw, default, Duration::from_millis(50), most)
}

/// Checks the tenant's `answer_groups`, at `key`.
pub(super) fn answer_groups(
    key: &str,
    groups: Vec<String>,
    problems: &mut Problems,
) -> Vec<String> {
    if !(1..=MOST_ANSWER_GROUPS).contains(&groups.len()) {
        let accepted = format!("1 to {MOST_ANSWER_GROUPS} groups, or no value");
        problems.add(key, format!("{} groups", groups.len()), accepted);
    }
    for (index, group) in groups.iter().enumerate() {
        let at = format!("{key}[{index}]");
        if !group.contains('=') {
            let accepted = "a group's DN, such as \"cn=vpn,ou=groups,dc=example,dc=com\"";
            problems.add(&at, format!("{group:?}"), accepted);
        } else if groups[..index].contains(group) {
            problems.add(&at, format!("{group:?} a second time"), "each group once");
        }
    }
    groups
}

/// A required DN.
fn dn(
    key: &str,
    name: &str,
    value: Option<String>,
    example: &str,
    problems: &mut Problems,
) -> Option<String> {
    let value = value.unwrap_or_default();
    if value.contains('=') {
        return Some(value);
    }
    let found = if value.trim().is_empty() { "nothing".to_owned() } else { format!("{value:?}") };
    problems.add(&format!("{key}.{name}"), found, format!("a DN, such as {example:?}"));
    None
}
