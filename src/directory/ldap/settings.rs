//! The adapter's settings for a tenant's LDAP servers. Values are validated before they get here;
//! reading them from the configuration file is done elsewhere.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;

use crate::domain::secret::SecretText;
use crate::domain::stored_number::NumberingPlan;
use crate::tls::client::{ClientTls, stand_in};

/// Default maximum of entries per search. Several people with one number are refused anyway; the
/// rest leaves room for searches that match too much.
pub const DEFAULT_SIZE_LIMIT: i32 = 10;
/// Default number of connections that each server's searches share.
pub const DEFAULT_SEARCH_CONNECTIONS: usize = 2;
/// Default number of searches that may wait for an answer on one connection. OpenLDAP's slapd drops
/// a connection with far more.
pub const DEFAULT_SEARCHES_PER_CONNECTION: usize = 64;
/// Default number of concurrent password checks per server.
pub const DEFAULT_BIND_CONNECTIONS: usize = 16;

/// One tenant's LDAP directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapSettings {
    /// The servers, in order of preference. They hold the same entries.
    pub servers: Vec<ServerUrl>,
    /// Whether `ldap://` connections must switch to TLS first. A server that refuses is not used.
    pub start_tls: bool,
    /// Trusted roots and client certificate, from [`crate::tls::client`]. Required for `ldaps://` and
    /// StartTLS.
    pub tls: Option<ClientTls>,
    /// The service account's DN. Empty means anonymous searches.
    pub bind_dn: String,
    /// The service account's password. Must not be empty if `bind_dn` is set.
    pub bind_password: SecretText,
    /// The type of the servers.
    pub profile: Profile,
    /// Which server is tried first.
    pub server_order: ServerOrder,
    /// The base DNs of user searches; at least one.
    pub base_dns: Vec<String>,
    /// The filter that every user matches, in parentheses: `(objectClass=person)`. Checked by
    /// [`check_filter`].
    pub user_filter: String,
    /// The attributes that hold phone numbers, in order of preference. Names checked by
    /// [`check_attribute`].
    pub phone_attributes: Vec<String>,
    /// The attribute with the login name: `uid`, `sAMAccountName`.
    pub username_attribute: String,
    /// The attribute that holds the PINs of people who share a number.
    pub pin_attribute: Option<String>,
    /// The group a user must be in, directly or nested.
    pub required_group: Option<String>,
    /// The group a user must not be in, directly or nested.
    pub excluded_group: Option<String>,
    /// The groups that the answer to a login names, if the user is in them.
    pub answer_groups: Vec<String>,
    /// The base DN of groups that may be nested in any of these, for servers that do not resolve
    /// nested groups themselves. `None`: the parent of each group.
    pub group_base_dn: Option<String>,
    /// How people are looked up by number.
    pub lookup: Lookup,
    /// The attribute with an id that survives renames: `entryUUID`, `objectGUID`.
    pub id_attribute: String,
    /// How the servers compare phone numbers.
    pub number_match: NumberMatch,
    /// Maximum number of entries per search; a search that exceeds it counts as ambiguous.
    pub size_limit: i32,
    /// Time limit of one operation on one server: connect, search, check a password.
    pub timeout: Duration,
    /// Number of connections that each server's searches share; at least 1.
    pub search_connections: usize,
    /// Number of searches that may wait for an answer on one connection; at least 1.
    pub searches_per_connection: usize,
    /// Number of concurrent password checks per server; at least 1. Connections unused for a minute
    /// are closed.
    pub bind_connections: usize,
    /// How numbers are written in the tenant's country.
    pub plan: NumberingPlan,
    /// How locked and expired accounts are detected.
    pub account_checks: AccountChecks,
}

impl LdapSettings {
    /// Seconds after which a server should abandon a search, because no caller waits any more.
    pub(super) fn time_limit(&self) -> i32 {
        i32::try_from(self.timeout.as_secs()).unwrap_or(i32::MAX).saturating_add(1)
    }
}

/// How a locked or expired account, or a required password change, is detected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountChecks {
    /// By the servers, when they check the password. From the entry, only the disabled flag counts.
    AtTheBind,
    /// By dialpass, from the entry's attributes: no password is requested.
    FromTheEntry,
}

/// The type of a directory's servers: how names, groups and changes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// OpenLDAP, and other servers that follow the standards.
    OpenLdap,
    /// 389 Directory Server, and `FreeIPA`, which builds on it.
    Dirsrv,
    /// Active Directory, and Samba as its domain controller.
    ActiveDirectory,
}

/// Which of several servers is tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerOrder {
    /// The first working server in the list.
    #[default]
    InOrder,
    /// Each in turn.
    RoundRobin,
}

/// How people are looked up by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// By a search at each call.
    Search,
    /// Never: administrators look people up by name.
    Never,
    /// In memory, by an index that is kept in step with the directory.
    Index(IndexSettings),
}

/// Settings of the index of phone numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexSettings {
    /// How long the index serves calls after it was last in step with the directory.
    pub max_age: Duration,
    /// How often to poll servers that do not push changes.
    pub poll: Duration,
    /// Longest interval between full reads, whatever the servers report.
    pub full_read: Duration,
    /// What to ask the server about a caller found in the index.
    pub confirm: Confirm,
}

impl Default for IndexSettings {
    fn default() -> Self {
        Self {
            max_age: Duration::from_mins(15),
            poll: Duration::from_secs(2),
            full_read: Duration::from_hours(1),
            confirm: Confirm::Entry,
        }
    }
}

/// What to ask the server about a caller found in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// Read the caller's own entry again.
    #[default]
    Entry,
    /// Nothing, unless passwords are not requested.
    #[serde(rename = "none")]
    Nothing,
}

/// How a directory's servers compare phone numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NumberMatch {
    /// They ignore spaces and hyphens (`telephoneNumberMatch`, RFC 4517 4.2.29), as OpenLDAP does:
    /// whole values are looked up in an index.
    #[default]
    Equality,
    /// They compare plain strings, as Active Directory does: the filter uses patterns anchored at
    /// both ends.
    Patterns,
}

/// A server's address: `ldap://host[:port]` or `ldaps://host[:port]`.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(url::Url);

impl ServerUrl {
    /// Parses an address.
    ///
    /// # Errors
    /// [`ServerUrlError`] if it is not of the form above. Other parts of LDAP URLs (RFC 4516) have
    /// their own settings and would be ignored here.
    pub fn parse(text: &str) -> Result<Self, ServerUrlError> {
        let url = url::Url::parse(text).map_err(|_| ServerUrlError::Unreadable)?;
        if !matches!(url.scheme(), "ldap" | "ldaps") {
            return Err(ServerUrlError::Scheme);
        }
        let host = url.host_str().unwrap_or_default();
        if host.is_empty() {
            return Err(ServerUrlError::Host);
        }
        let bare = url.username().is_empty()
            && url.password().is_none()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none();
        if bare { Ok(Self(url)) } else { Err(ServerUrlError::More) }
    }

    /// The host name or address.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The port; defaults to 389, or 636 for `ldaps`.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port().unwrap_or(if self.is_ldaps() { 636 } else { 389 })
    }

    /// The socket address, if the host is an IP address.
    #[must_use]
    pub fn literal(&self) -> Option<SocketAddr> {
        let address: IpAddr = self.host().trim_matches(['[', ']']).parse().ok()?;
        Some(SocketAddr::new(address, self.port()))
    }

    /// Whether the connection starts with TLS.
    #[must_use]
    pub fn is_ldaps(&self) -> bool {
        self.0.scheme() == "ldaps"
    }

    /// The URL for the LDAP library, which does not accept IPv6 addresses with TLS.
    pub(super) fn for_library(&self) -> url::Url {
        let mut url = self.0.clone();
        if let Some(url::Host::Ipv6(address)) = self.0.host() {
            let set = url.set_host(Some(&stand_in(address)));
            set.expect("a name is a host");
        }
        url
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({self})")
    }
}

/// What is wrong with a server's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServerUrlError {
    /// Not a URL.
    #[error("not a URL")]
    Unreadable,
    /// The scheme is neither `ldap` nor `ldaps`.
    #[error("a URL whose scheme is neither ldap nor ldaps")]
    Scheme,
    /// There is no host.
    #[error("a URL without a host")]
    Host,
    /// It contains a user, a path or a query.
    #[error("a URL with more than host and port, which have settings of their own")]
    More,
}

/// The text is not a single search filter in parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an LDAP search filter in brackets, such as (objectClass=person)")]
pub struct FilterError;

/// Checks that `text` is a single search filter in parentheses, so that it can be part of another.
///
/// # Errors
/// [`FilterError`] if it is not.
pub fn check_filter(text: &str) -> Result<(), FilterError> {
    if !text.starts_with('(') {
        return Err(FilterError);
    }
    ldap3::parse_filter(text).map(|_| ()).map_err(|()| FilterError)
}

/// The text is not an attribute name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an attribute's name: letters, digits and hyphens, starting with a letter")]
pub struct AttributeNameError;

/// Checks that `name` is an attribute's short name (`keystring`, RFC 4512 1.4).
///
/// # Errors
/// [`AttributeNameError`] if it is not; inside a filter it could change the filter's meaning.
pub fn check_attribute(name: &str) -> Result<(), AttributeNameError> {
    let shaped = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if shaped { Ok(()) } else { Err(AttributeNameError) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Settings of a directory that is never contacted.
    pub(in crate::directory::ldap) fn settings() -> LdapSettings {
        LdapSettings {
            servers: vec![ServerUrl::parse("ldap://127.0.0.1").unwrap()],
            start_tls: false,
            tls: None,
            bind_dn: String::new(),
            bind_password: String::new().into(),
            profile: Profile::OpenLdap,
            server_order: ServerOrder::InOrder,
            base_dns: vec!["dc=example,dc=com".to_owned()],
            user_filter: "(objectClass=person)".to_owned(),
            phone_attributes: vec!["mobile".to_owned(), "telephoneNumber".to_owned()],
            username_attribute: "uid".to_owned(),
            pin_attribute: None,
            required_group: None,
            excluded_group: None,
            answer_groups: Vec::new(),
            group_base_dn: None,
            lookup: Lookup::Search,
            id_attribute: "entryUUID".to_owned(),
            number_match: NumberMatch::Equality,
            size_limit: 10,
            timeout: Duration::from_secs(1),
            search_connections: 1,
            searches_per_connection: 1,
            bind_connections: 1,
            plan: NumberingPlan::for_country("SE").unwrap(),
            account_checks: AccountChecks::FromTheEntry,
        }
    }

    #[test]
    fn an_address_is_scheme_host_and_port_only() {
        let plain = ServerUrl::parse("ldap://dc1.example.com").unwrap();
        assert_eq!((plain.host(), plain.port(), plain.is_ldaps()), ("dc1.example.com", 389, false));
        let tls = ServerUrl::parse("ldaps://127.0.0.1/").unwrap();
        assert_eq!((tls.port(), tls.to_string().as_str()), (636, "ldaps://127.0.0.1"));
        let ipv6 = ServerUrl::parse("ldaps://[::1]").unwrap();
        assert_eq!(ipv6.literal(), Some("[::1]:636".parse().unwrap()));
        assert_eq!(tls.literal(), Some("127.0.0.1:636".parse().unwrap()));
        assert_eq!(plain.literal(), None);
        for (text, error) in [
            ("dc1.example.com", ServerUrlError::Unreadable),
            ("http://dc1.example.com", ServerUrlError::Scheme),
            ("ldapi:///", ServerUrlError::Scheme),
            ("ldap://", ServerUrlError::Host),
            ("ldap://me:secret@dc1", ServerUrlError::More),
            ("ldap://dc1/dc=example,dc=com", ServerUrlError::More),
            ("ldap://dc1?uid", ServerUrlError::More),
        ] {
            assert_eq!(ServerUrl::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn an_attribute_name_cannot_hold_filter_syntax() {
        for name in ["uid", "telephoneNumber", "x-otp1"] {
            assert_eq!(check_attribute(name), Ok(()), "{name}");
        }
        for name in ["", "1uid", "uid=*)(x", "uid;lang-en", "uid ", "*"] {
            assert_eq!(check_attribute(name), Err(AttributeNameError), "{name}");
        }
    }
}
