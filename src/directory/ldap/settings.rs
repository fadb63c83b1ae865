//! What the adapter must know of a tenant's LDAP servers. Values are checked before they get
//! here; reading them from the configuration file is elsewhere.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::domain::stored_number::NumberingPlan;

/// Most entries a search asks for, unless the tenant says otherwise. More than one person with
/// the same number is refused anyway; the rest is room for searches that are too wide.
pub const DEFAULT_SIZE_LIMIT: i32 = 10;
/// How many connections each server's searches share, unless the tenant says otherwise.
pub const DEFAULT_SEARCH_CONNECTIONS: usize = 2;
/// How many searches may wait for an answer on one connection at once, unless the tenant says
/// otherwise. OpenLDAP's slapd drops a connection with far more.
pub const DEFAULT_SEARCHES_PER_CONNECTION: usize = 64;
/// How many passwords may be checked at once on each server, unless the tenant says otherwise.
pub const DEFAULT_BIND_CONNECTIONS: usize = 16;

/// One tenant's LDAP directory.
#[derive(Debug, Clone)]
pub struct LdapSettings {
    /// The servers, in the order they are preferred. They hold the same entries.
    pub servers: Vec<ServerUrl>,
    /// Whether `ldap://` servers are asked to switch to TLS before anything else is said. One that
    /// refuses is not used.
    pub start_tls: bool,
    /// Whom to trust and what to show; from [`tls_config`](super::tls_config). Needed for
    /// `ldaps://` and StartTLS.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// The service account's DN. Empty: searches are anonymous.
    pub bind_dn: String,
    /// The service account's password. Must not be empty where there is a `bind_dn`.
    pub bind_password: SecretString,
    /// The entry below which users are searched.
    pub base_dn: String,
    /// The filter every user matches, in brackets: `(objectClass=person)`. Checked by
    /// [`check_filter`](super::check_filter).
    pub user_filter: String,
    /// The attributes that hold phone numbers, the one to prefer first. Names checked by
    /// [`check_attribute`].
    pub phone_attributes: Vec<String>,
    /// The attribute that holds the name a user logs in with: `uid`, `sAMAccountName`.
    pub username_attribute: String,
    /// The attribute that holds an id which survives renames: `entryUUID`, `objectGUID`.
    pub id_attribute: String,
    /// How the servers compare phone numbers.
    pub number_match: NumberMatch,
    /// Most entries one search may return; one that has more counts as ambiguous.
    pub size_limit: i32,
    /// Longest wait for one server to do one thing: connect, search, check a password.
    pub timeout: Duration,
    /// How many connections each server's searches share; at least 1.
    pub search_connections: usize,
    /// How many searches may wait for an answer on one connection at once; at least 1.
    pub searches_per_connection: usize,
    /// How many passwords may be checked at once on each server; at least 1. Connections that
    /// have not been used for a minute are closed.
    pub bind_connections: usize,
    /// How numbers are written in the tenant's country.
    pub plan: NumberingPlan,
}

/// How a directory's servers compare phone numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NumberMatch {
    /// They ignore blanks and hyphens (`telephoneNumberMatch`, RFC 4517 4.2.29), as OpenLDAP
    /// does: whole values are looked up in an index.
    #[default]
    Equality,
    /// They compare plain strings, as Active Directory does: the filter has patterns, anchored at
    /// both ends.
    Patterns,
}

/// A server's address: `ldap://host[:port]` or `ldaps://host[:port]`.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(url::Url);

impl ServerUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// [`ServerUrlError`] if it is not of the form above: other parts of LDAP URLs (RFC 4516)
    /// have their own settings, and would be ignored here.
    pub fn parse(text: &str) -> Result<Self, ServerUrlError> {
        let url = url::Url::parse(text).map_err(|_| ServerUrlError::Unreadable)?;
        if !matches!(url.scheme(), "ldap" | "ldaps") {
            return Err(ServerUrlError::Scheme);
        }
        let host = url.host_str().unwrap_or_default();
        if host.is_empty() || host.starts_with('[') && url.scheme() == "ldaps" {
            return Err(ServerUrlError::Host);
        }
        let bare = url.username().is_empty()
            && url.password().is_none()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none();
        if bare { Ok(Self(url)) } else { Err(ServerUrlError::More) }
    }

    /// The host's name or address.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The port: 389 and 636 unless the address says otherwise.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port().unwrap_or(if self.is_ldaps() { 636 } else { 389 })
    }

    /// Whether the connection starts with TLS.
    #[must_use]
    pub fn is_ldaps(&self) -> bool {
        self.0.scheme() == "ldaps"
    }

    pub(super) fn as_url(&self) -> &url::Url {
        &self.0
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
    /// It is no URL.
    #[error("not a URL; expected ldap://host[:port] or ldaps://host[:port]")]
    Unreadable,
    /// Its scheme is another.
    #[error("the scheme must be ldap or ldaps")]
    Scheme,
    /// It has no host, or an IPv6 address, for which no server name can be checked.
    #[error("a host name or an IPv4 address is needed")]
    Host,
    /// It has a user, a path or a query.
    #[error("only host and port may be given: base, filter and account have settings of their own")]
    More,
}

/// The text is no attribute's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an attribute's name: letters, digits and hyphens, starting with a letter")]
pub struct AttributeNameError;

/// Checks that `name` is an attribute's short name (`keystring`, RFC 4512 1.4).
///
/// # Errors
/// [`AttributeNameError`] if it is not; in a filter it could then change the filter's meaning.
pub fn check_attribute(name: &str) -> Result<(), AttributeNameError> {
    let shaped = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if shaped { Ok(()) } else { Err(AttributeNameError) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_scheme_host_and_port_only() {
        let plain = ServerUrl::parse("ldap://dc1.example.com").unwrap();
        assert_eq!((plain.host(), plain.port(), plain.is_ldaps()), ("dc1.example.com", 389, false));
        let tls = ServerUrl::parse("ldaps://127.0.0.1/").unwrap();
        assert_eq!((tls.port(), tls.to_string().as_str()), (636, "ldaps://127.0.0.1"));
        for (text, error) in [
            ("dc1.example.com", ServerUrlError::Unreadable),
            ("http://dc1.example.com", ServerUrlError::Scheme),
            ("ldapi:///", ServerUrlError::Scheme),
            ("ldap://", ServerUrlError::Host),
            ("ldaps://[::1]", ServerUrlError::Host),
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
