//! `[tenants.directory]`, checked.

use std::net::{IpAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::check::Problems;
use super::raw::{RawDirectory, RawKind, RawNumberMatch};
use super::secrets;
use super::server::ServerConfig;

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

/// Checks `[tenants.directory]`, which stands at `key`.
pub(super) fn check(
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
    let attributes =
        attributes(key, raw.phone_attributes, raw.username_attribute, raw.id_attribute, problems);
    let most = (server.request_deadline / 2).max(Duration::from_millis(50));
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
        phone_attributes: attributes.phone,
        username_attribute: attributes.username,
        id_attribute: attributes.id,
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

/// The attributes that are read.
struct Attributes {
    phone: Vec<String>,
    username: String,
    id: String,
}

fn attributes(
    key: &str,
    phone: Option<Vec<String>>,
    username: Option<String>,
    id: Option<String>,
    problems: &mut Problems,
) -> Attributes {
    let phone = phone.unwrap_or_else(|| vec!["mobile".to_owned(), "telephoneNumber".to_owned()]);
    if phone.is_empty() {
        problems.add(
            &format!("{key}.phone_attributes"),
            "no attribute",
            "at least one, such as \"mobile\"",
        );
    }
    let username = username.unwrap_or_else(|| "uid".to_owned());
    let id = id.unwrap_or_else(|| "entryUUID".to_owned());
    let attributes =
        phone.iter().enumerate().map(|(index, name)| (format!("phone_attributes[{index}]"), name));
    for (name, attribute) in attributes
        .chain([("username_attribute".to_owned(), &username), ("id_attribute".to_owned(), &id)])
    {
        if !is_attribute(attribute) {
            problems.add(
                &format!("{key}.{name}"),
                format!("{attribute:?}"),
                "an attribute's name: a letter, then letters, digits and hyphens",
            );
        }
    }
    Attributes { phone, username, id }
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
    if text.contains('@') {
        problems.add(key, "a URL with an account in it", accepted);
        return;
    }
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
