//! `[[tenants]]`, checked.

use std::collections::HashSet;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::check::Problems;
use super::clients;
pub use super::clients::{ClientConfig, CredentialConfig, OAuth2Config, PinConfig};
use super::raw::{
    RawAmbiguous, RawAttestation, RawDirectory, RawKind, RawLimits, RawNumberMatch, RawPassword,
    RawStyle, RawTenant,
};
use super::secrets;
use super::server::ServerConfig;
use crate::domain::caller_id::CallerIdPlan;
use crate::domain::policy::{Attestation, Limits, LoginPolicy, OtpPolicy, Quota};
use crate::domain::stored_number::NumberingPlan;
use crate::domain::tenant::TenantId;
use crate::domain::user::Ambiguity;

/// One tenant.
#[derive(Debug)]
pub struct TenantConfig {
    /// Its id, as in the `tenant` header.
    pub id: TenantId,
    /// How its caller IDs and stored numbers are read.
    pub caller_ids: CallerIdPlan,
    /// Which statuses its clients see.
    pub status_style: StatusStyle,
    /// Whether a code is also spelt out with blanks, and its remaining life told.
    pub spoken: bool,
    /// Its directory.
    pub directory: DirectoryConfig,
    /// What to do when several users have the number.
    pub ambiguity: Ambiguity,
    /// How codes are made.
    pub otp: OtpPolicy,
    /// What a login has to bring.
    pub login: LoginPolicy,
    /// The store's quotas.
    pub limits: Limits,
    /// The least attestation of a call; `None` accepts all.
    pub minimum_attestation: Option<Attestation>,
    /// Who may call the API.
    pub clients: Vec<ClientConfig>,
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

/// Where a tenant's users are.
#[derive(Debug)]
pub enum DirectoryConfig {
    /// An LDAP server or Active Directory.
    Ldap(Box<LdapConfig>),
    /// A file of people.
    File(FileConfig),
}

/// A directory in a file.
#[derive(Debug)]
pub struct FileConfig {
    /// The file.
    pub file: PathBuf,
}

/// An LDAP directory.
#[derive(Debug)]
pub struct LdapConfig {
    /// Where in the file this stands, for errors: `tenants[0].directory`.
    pub key: String,
    /// The servers' URLs, in the order they are asked.
    pub servers: Vec<String>,
    /// Whether `ldap://` connections are upgraded by StartTLS.
    pub start_tls: bool,
    /// The CA of the servers' certificates; `None`: the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and its key, for servers that ask for one.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// The service account.
    pub bind_dn: String,
    /// Its password.
    pub bind_password: SecretString,
    /// Where searches start.
    pub base_dn: String,
    /// What an entry has to be.
    pub user_filter: String,
    /// The attributes that hold numbers, first choice first.
    pub phone_attributes: Vec<String>,
    /// The attribute that holds the username.
    pub username_attribute: String,
    /// The attribute that holds the stable id.
    pub id_attribute: String,
    /// How numbers are searched for.
    pub number_match: NumberMatchConfig,
    /// Connections for searches, to each server.
    pub search_connections: usize,
    /// Connections for binds, to each server.
    pub bind_connections: usize,
    /// How long one operation may take.
    pub timeout: Duration,
}

/// How numbers are searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberMatchConfig {
    /// By whole values, for servers whose rule ignores blanks and hyphens.
    Equality,
    /// Also by anchored patterns, for servers that compare plain strings.
    Patterns,
}

/// Checks all tenants.
pub(super) fn check(
    raw: Vec<RawTenant>,
    server: &ServerConfig,
    problems: &mut Problems,
) -> Option<Vec<TenantConfig>> {
    if raw.is_empty() {
        problems.add("tenants", "no tenant", "at least one [[tenants]] section");
    }
    let mut ids = HashSet::new();
    let mut tenants = Vec::new();
    for (index, tenant) in raw.into_iter().enumerate() {
        let key = format!("tenants[{index}]");
        if !ids.insert(tenant.id.clone()) {
            problems.add(
                &format!("{key}.id"),
                format!("{:?} a second time", tenant.id),
                "an id of its own for each tenant",
            );
        }
        tenants.extend(self::tenant(&key, tenant, server, problems));
    }
    (tenants.len() == ids.len()).then_some(tenants)
}

fn tenant(
    key: &str,
    raw: RawTenant,
    server: &ServerConfig,
    problems: &mut Problems,
) -> Option<TenantConfig> {
    let id = TenantId::parse(&raw.id);
    if id.is_none() {
        problems.add(&format!("{key}.id"), format!("{:?}", raw.id), "1 to 64 of a-z A-Z 0-9 . _ -");
    }
    let numbering = NumberingPlan::for_country(&raw.country);
    if numbering.is_none() {
        problems.add(
            &format!("{key}.country"),
            format!("{:?}", raw.country),
            "an ISO 3166-1 country code in capitals, such as \"SE\"",
        );
    }
    let outside_line_prefix = raw.calls.outside_line_prefix.unwrap_or_default();
    if outside_line_prefix.len() > 4 || !outside_line_prefix.bytes().all(|b| b.is_ascii_digit()) {
        problems.add(
            &format!("{key}.calls.outside_line_prefix"),
            format!("{outside_line_prefix:?}"),
            "up to 4 digits",
        );
    }
    let minimum_attestation = match raw.calls.minimum_attestation {
        None | Some(RawAttestation::None) => None,
        Some(RawAttestation::A) => Some(Attestation::A),
        Some(RawAttestation::B) => Some(Attestation::B),
        Some(RawAttestation::C) => Some(Attestation::C),
    };
    let secs = Duration::from_secs;
    let lifetime = problems.span(
        &format!("{key}.otp.lifetime"),
        raw.otp.lifetime,
        secs(180),
        secs(10),
        secs(600),
    );
    if lifetime.subsec_nanos() != 0 {
        problems.add(
            &format!("{key}.otp.lifetime"),
            humantime::format_duration(lifetime),
            "whole seconds",
        );
    }
    let otp = OtpPolicy {
        digits: problems.within(&format!("{key}.otp.length"), raw.otp.length.unwrap_or(6), 6, 8),
        lifetime,
        max_attempts: problems.within(
            &format!("{key}.otp.max_attempts"),
            raw.otp.max_attempts.unwrap_or(3),
            1,
            20,
        ),
    };
    let login = LoginPolicy {
        password_required: !matches!(raw.login.password, Some(RawPassword::NotAsked)),
        refusal_floor: problems.span(
            &format!("{key}.login.refusal_floor"),
            raw.login.refusal_floor,
            Duration::from_millis(300),
            Duration::ZERO,
            secs(5),
        ),
    };
    let ambiguity = match raw.directory.ambiguous {
        None | Some(RawAmbiguous::Refuse) => Ambiguity::Refuse,
        Some(RawAmbiguous::PreferAttributeOrder) => Ambiguity::PreferAttributeOrder,
    };
    let limits = limits(key, &raw.limits, problems);
    let directory = directory(&format!("{key}.directory"), raw.directory, server, problems);
    let clients = clients::check(key, raw.clients, problems);
    Some(TenantConfig {
        id: id?,
        caller_ids: CallerIdPlan { numbering: numbering?, outside_line_prefix },
        status_style: match raw.status_style {
            None | Some(RawStyle::Phenixid) => StatusStyle::PhenixId,
            Some(RawStyle::Http) => StatusStyle::Http,
        },
        spoken: raw.spoken.unwrap_or(false),
        directory: directory?,
        ambiguity,
        otp,
        login,
        limits,
        minimum_attestation,
        clients,
    })
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

fn directory(
    key: &str,
    raw: RawDirectory,
    server: &ServerConfig,
    problems: &mut Problems,
) -> Option<DirectoryConfig> {
    match raw.kind {
        RawKind::File => file(key, &raw, problems).map(DirectoryConfig::File),
        RawKind::Ldap => {
            ldap(key, raw, server, problems).map(|ldap| DirectoryConfig::Ldap(Box::new(ldap)))
        }
    }
}

fn file(key: &str, raw: &RawDirectory, problems: &mut Problems) -> Option<FileConfig> {
    let ldap_only = [
        ("servers", raw.servers.is_some()),
        ("start_tls", raw.start_tls.is_some()),
        ("allow_plain_ldap", raw.allow_plain_ldap.is_some()),
        ("ca_file", raw.ca_file.is_some()),
        ("client_certificate", raw.client_certificate.is_some()),
        ("client_private_key", raw.client_private_key.is_some()),
        ("bind_dn", raw.bind_dn.is_some()),
        ("bind_password", raw.bind_password.is_some()),
        ("bind_password_file", raw.bind_password_file.is_some()),
        ("base_dn", raw.base_dn.is_some()),
        ("user_filter", raw.user_filter.is_some()),
        ("phone_attributes", raw.phone_attributes.is_some()),
        ("username_attribute", raw.username_attribute.is_some()),
        ("id_attribute", raw.id_attribute.is_some()),
        ("number_match", raw.number_match.is_some()),
        ("search_connections", raw.search_connections.is_some()),
        ("bind_connections", raw.bind_connections.is_some()),
        ("timeout", raw.timeout.is_some()),
    ];
    for (name, _) in ldap_only.iter().filter(|(_, given)| *given) {
        problems.add(
            &format!("{key}.{name}"),
            "a key of kind = \"ldap\"",
            "only kind, file and ambiguous where kind = \"file\"",
        );
    }
    let Some(path) = &raw.file else {
        problems.add(
            &format!("{key}.file"),
            "nothing",
            "the file of people, such as \"people.toml\"",
        );
        return None;
    };
    Some(FileConfig { file: problems.readable(&format!("{key}.file"), path) })
}

fn ldap(
    key: &str,
    raw: RawDirectory,
    server: &ServerConfig,
    problems: &mut Problems,
) -> Option<LdapConfig> {
    if raw.file.is_some() {
        problems.add(
            &format!("{key}.file"),
            "a key of kind = \"file\"",
            "servers where kind = \"ldap\"",
        );
    }
    let start_tls = raw.start_tls.unwrap_or(false);
    let servers = raw.servers.unwrap_or_default();
    if servers.is_empty() {
        problems.add(
            &format!("{key}.servers"),
            "no server",
            "at least one, such as \"ldaps://dc1.example.com\"",
        );
    }
    for (index, url) in servers.iter().enumerate() {
        let plain_allowed = start_tls || raw.allow_plain_ldap == Some(true);
        server_url(&format!("{key}.servers[{index}]"), url, plain_allowed, problems);
    }
    let bind_password = secrets::secret(
        key,
        "bind_password",
        raw.bind_password,
        raw.bind_password_file.as_deref(),
        problems,
    );
    let mut needed = |name: &str, value: Option<String>, example: &str| {
        let value = value.filter(|text| !text.trim().is_empty());
        if value.is_none() {
            problems.add(&format!("{key}.{name}"), "nothing", format!("a DN, such as {example:?}"));
        }
        value
    };
    let bind_dn = needed("bind_dn", raw.bind_dn, "cn=gateway,dc=example,dc=com");
    let base_dn = needed("base_dn", raw.base_dn, "ou=people,dc=example,dc=com");
    let phone_attributes = raw
        .phone_attributes
        .unwrap_or_else(|| vec!["mobile".to_owned(), "telephoneNumber".to_owned()]);
    if phone_attributes.is_empty() {
        problems.add(
            &format!("{key}.phone_attributes"),
            "no attribute",
            "at least one, such as \"mobile\"",
        );
    }
    let username_attribute = raw.username_attribute.unwrap_or_else(|| "uid".to_owned());
    let id_attribute = raw.id_attribute.unwrap_or_else(|| "entryUUID".to_owned());
    let attributes = phone_attributes
        .iter()
        .enumerate()
        .map(|(index, name)| (format!("phone_attributes[{index}]"), name));
    for (name, attribute) in attributes.chain([
        ("username_attribute".to_owned(), &username_attribute),
        ("id_attribute".to_owned(), &id_attribute),
    ]) {
        if !is_attribute(attribute) {
            problems.add(
                &format!("{key}.{name}"),
                format!("{attribute:?}"),
                "an attribute's name: a letter, then letters, digits and hyphens",
            );
        }
    }
    let most = server.request_deadline / 2;
    let timeout = problems.span(
        &format!("{key}.timeout"),
        raw.timeout,
        Duration::from_secs(2).min(most),
        Duration::from_millis(50),
        most,
    );
    Some(LdapConfig {
        key: key.to_owned(),
        servers,
        start_tls,
        ca_file: raw.ca_file.map(|path| problems.readable(&format!("{key}.ca_file"), &path)),
        client_certificate: client_certificate(
            key,
            raw.client_certificate.as_deref(),
            raw.client_private_key.as_deref(),
            problems,
        ),
        bind_dn: bind_dn?,
        bind_password: bind_password?,
        base_dn: base_dn?,
        user_filter: raw.user_filter.unwrap_or_else(|| "(objectClass=inetOrgPerson)".to_owned()),
        phone_attributes,
        username_attribute,
        id_attribute,
        number_match: match raw.number_match {
            None | Some(RawNumberMatch::Equality) => NumberMatchConfig::Equality,
            Some(RawNumberMatch::Patterns) => NumberMatchConfig::Patterns,
        },
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
        timeout,
    })
}

fn client_certificate(
    key: &str,
    certificate: Option<&Path>,
    private_key: Option<&Path>,
    problems: &mut Problems,
) -> Option<(PathBuf, PathBuf)> {
    match (certificate, private_key) {
        (Some(certificate), Some(private_key)) => Some((
            problems.readable(&format!("{key}.client_certificate"), certificate),
            problems.readable(&format!("{key}.client_private_key"), private_key),
        )),
        (None, None) => None,
        _ => {
            problems.add(
                &format!("{key}.client_certificate"),
                "one of client_certificate and client_private_key",
                "both or neither",
            );
            None
        }
    }
}

fn is_attribute(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Refuses a URL that is not an LDAP server's, and a password in clear beyond this machine.
fn server_url(key: &str, text: &str, plain_allowed: bool, problems: &mut Problems) {
    let accepted = "ldap://HOST[:PORT] or ldaps://HOST[:PORT]";
    let Ok(url) = reqwest::Url::parse(text) else {
        problems.add(key, format!("{text:?}"), accepted);
        return;
    };
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.username().is_empty();
    let Some(host) = url.host_str().filter(|host| !host.is_empty() && bare) else {
        problems.add(key, format!("{text:?}"), accepted);
        return;
    };
    match url.scheme() {
        "ldaps" => {}
        "ldap" if plain_allowed || is_loopback(host) => {}
        "ldap" => problems.add(
            key,
            format!("{text:?}, which would send passwords in clear"),
            "ldaps://, or start_tls = true, or (knowing that) allow_plain_ldap = true",
        ),
        _ => problems.add(key, format!("{text:?}"), accepted),
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse::<IpAddr>() {
        return address.is_loopback();
    }
    host == "localhost"
        && ("localhost", 389)
            .to_socket_addrs()
            .is_ok_and(|mut all| all.all(|a| a.ip().is_loopback()))
}
