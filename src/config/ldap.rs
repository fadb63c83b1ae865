//! `[tenants.directory]` with `kind = "ldap"`, checked.

mod lookup;
mod profile;
mod servers;

use std::path::PathBuf;
use std::time::Duration;

pub use self::lookup::LookupConfig;
pub use self::profile::{NumberMatchConfig, ProfileConfig};
pub use self::servers::ServerOrderConfig;
use super::check::Problems;
use super::client_certificate;
use super::raw::RawDirectory;
use super::secrets::{self, Form};
use super::values::{SecretText, Span};

/// An LDAP directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapConfig {
    /// Its position in the file, for errors: `tenants[0].directory`.
    pub key: String,
    /// The servers' URLs, in the order to try them.
    pub servers: Vec<String>,
    /// Whether `ldap://` connections are upgraded by StartTLS.
    pub start_tls: bool,
    /// The CA of the servers' certificates; `None`: the system's CAs.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and its key, for servers that ask for one.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// The service account.
    pub bind_dn: String,
    /// Its password.
    pub bind_password: SecretText,
    /// The kind of the servers.
    pub profile: ProfileConfig,
    /// Which server is asked first.
    pub server_order: ServerOrderConfig,
    /// Where searches start.
    pub base_dns: Vec<String>,
    /// How people are looked up by number.
    pub lookup: LookupConfig,
    /// The group that people must be in.
    pub required_group: Option<String>,
    /// The group that people must not be in.
    pub excluded_group: Option<String>,
    /// Where to look for groups that are members of those two.
    pub group_base_dn: Option<String>,
    /// The attribute that holds PINs.
    pub pin_attribute: Option<String>,
    /// The filter that entries must match.
    pub user_filter: String,
    /// The attributes that hold numbers, in order of preference.
    pub phone_attributes: Vec<String>,
    /// The attribute that holds the username.
    pub username_attribute: String,
    /// The attribute that holds the stable id.
    pub id_attribute: String,
    /// How numbers are matched.
    pub number_match: NumberMatchConfig,
    /// Search connections to each server.
    pub search_connections: usize,
    /// Bind connections to each server.
    pub bind_connections: usize,
    /// Timeout of one operation.
    pub timeout: Duration,
}

/// Checks `[tenants.directory]` with `kind = "ldap"`, whose key is `key`.
pub(super) fn check(
    key: &str,
    raw: RawDirectory,
    request_deadline: Duration,
    problems: &mut Problems,
) -> LdapConfig {
    let index = lookup::RawIndex::of(&raw);
    if raw.file.is_some() {
        problems.add(
            &format!("{key}.file"),
            "a key of kind = \"file\"",
            "servers where kind = \"ldap\"",
        );
    }
    let start_tls = raw.start_tls.unwrap_or(false);
    let plain_allowed = start_tls || raw.allow_plain_ldap == Some(true);
    let servers = servers::checked(key, raw.servers.unwrap_or_default(), plain_allowed, problems);
    let bind_password = secrets::secret(
        key,
        "bind_password",
        Form::Line,
        raw.bind_password,
        raw.bind_password_file.as_deref(),
        problems,
    );
    let bind_dn = dn(key, "bind_dn", raw.bind_dn, "cn=gateway,dc=example,dc=com", problems);
    let mut bases = raw.base_dn.map(|bases| bases.0).unwrap_or_default();
    if bases.is_empty() {
        bases.push(String::new());
    }
    let example = "ou=people,dc=example,dc=com";
    let bases = bases.into_iter();
    let base_dns = bases.filter_map(|base| dn(key, "base_dn", Some(base), example, problems));
    let base_dns = base_dns.collect();
    let mut group = |name: &str, value: Option<String>| {
        value.and_then(|value| dn(key, name, Some(value), "cn=otp-users,ou=groups,…", problems))
    };
    let required_group = group("required_group", raw.required_group);
    let excluded_group = group("excluded_group", raw.excluded_group);
    let group_base_dn = group("group_base_dn", raw.group_base_dn);
    let profile = ProfileConfig::from(raw.profile);
    if group_base_dn.is_some() && profile == ProfileConfig::ActiveDirectory {
        problems.add(
            &format!("{key}.group_base_dn"),
            "a value where profile = \"active-directory\"",
            "nothing: such servers follow nested groups themselves",
        );
    }
    let presets = profile.presets();
    let attributes = profile::attributes(
        key,
        &presets,
        raw.phone_attributes,
        raw.username_attribute,
        raw.id_attribute,
        problems,
    );
    let pin_attribute = profile::pin_attribute(key, raw.pin_attribute, raw.ambiguous, problems);
    let lookup = lookup::checked(key, raw.lookup, index, profile, problems);
    LdapConfig {
        key: key.to_owned(),
        servers,
        start_tls,
        ca_file: raw.ca_file.map(|path| problems.readable(&format!("{key}.ca_file"), &path)),
        client_certificate: client_certificate::check(
            key,
            raw.client_certificate.as_deref(),
            raw.client_private_key.as_deref(),
            problems,
        ),
        bind_dn: bind_dn.unwrap_or_default(),
        bind_password: SecretText(bind_password.unwrap_or_default()),
        profile,
        server_order: raw.server_order.into(),
        base_dns,
        lookup,
        required_group,
        excluded_group,
        group_base_dn,
        pin_attribute,
        user_filter: raw.user_filter.unwrap_or_else(|| presets.user_filter.to_owned()),
        phone_attributes: attributes.phone,
        username_attribute: attributes.username,
        id_attribute: attributes.id,
        number_match: raw.number_match.map_or(presets.number_match, NumberMatchConfig::from),
        search_connections: problems.within(
            &format!("{key}.search_connections"),
            raw.search_connections.unwrap_or(2),
            1,
            64,
        ),
        bind_connections: problems.within(
            &format!("{key}.bind_connections"),
            raw.bind_connections.unwrap_or(16),
            1,
            512,
        ),
        timeout: timeout(key, raw.timeout, request_deadline, problems),
    }
}

/// The timeout of one operation: at most half of a request's time.
fn timeout(
    key: &str,
    raw: Option<Span>,
    request_deadline: Duration,
    problems: &mut Problems,
) -> Duration {
    let most = (request_deadline / 2).max(Duration::from_millis(50));
    let default = Duration::from_secs(2).min(most);
    problems.span(&format!("{key}.timeout"), raw, default, Duration::from_millis(50), most)
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
