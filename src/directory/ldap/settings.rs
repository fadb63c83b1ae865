//! What the adapter must know of a tenant's LDAP servers. Values are checked before they get
//! here; reading them from the configuration file is elsewhere.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::client_tls::stand_in;
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
    /// Whom to trust and what to show; from [`client_tls`](crate::client_tls). Needed for
    /// `ldaps://` and StartTLS.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// The service account's DN. Empty: searches are anonymous.
    pub bind_dn: String,
    /// The service account's password. Must not be empty where there is a `bind_dn`.
    pub bind_password: SecretString,
    /// What kind of server they are.
    pub profile: Profile,
    /// Which of the servers is asked first.
    pub server_order: ServerOrder,
    /// The entries below which users are searched; at least one.
    pub base_dns: Vec<String>,
    /// The filter every user matches, in brackets: `(objectClass=person)`. Checked by
    /// [`check_filter`](super::check_filter).
    pub user_filter: String,
    /// The attributes that hold phone numbers, the one to prefer first. Names checked by
    /// [`check_attribute`].
    pub phone_attributes: Vec<String>,
    /// The attribute that holds the name a user logs in with: `uid`, `sAMAccountName`.
    pub username_attribute: String,
    /// The attribute that holds the PINs of people who share a number.
    pub pin_attribute: Option<String>,
    /// The group a user must be in, directly or nested.
    pub required_group: Option<String>,
    /// The group a user must not be in, directly or nested.
    pub excluded_group: Option<String>,
    /// Where the groups are that may be members of those two, for servers that do not follow
    /// nested groups themselves. `None`: beside each.
    pub group_base_dn: Option<String>,
    /// How people are looked up by number.
    pub lookup: Lookup,
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
    /// Who finds out whether an account is locked or has expired.
    pub account_checks: AccountChecks,
}

/// Who finds out whether somebody's account is locked, has expired, or needs a new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountChecks {
    /// The servers, when they check the password. Of the entry only the flag counts that disables
    /// an account.
    AtTheBind,
    /// We, from what the entry says: passwords are not asked for.
    FromTheEntry,
}

/// What kind of servers a directory has: how names, groups and changes are read there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// OpenLDAP, and others by the standards alone.
    OpenLdap,
    /// 389 Directory Server, and `FreeIPA`, which is built on it.
    Dirsrv,
    /// Active Directory, and Samba as its domain controller.
    ActiveDirectory,
}

/// Which of several servers is asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerOrder {
    /// The first in the list that works.
    InOrder,
    /// Each in its turn.
    RoundRobin,
}

/// How people are looked up by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// By a search at each call.
    Search,
    /// Not at all: this is for administrators, who look up names.
    Never,
    /// In memory, by an index that is kept in step with the directory.
    Index(IndexSettings),
}

/// An index of the directory's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexSettings {
    /// How long after it was last in step with the directory the index still serves calls.
    pub max_age: Duration,
    /// How often servers are asked for changes that do not report them by themselves.
    pub poll: Duration,
    /// After how long at most everybody is read again, whatever servers report.
    pub full_read: Duration,
    /// What is asked of a server about a caller whom the index finds.
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

/// What is asked of a server about a caller whom the index finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirm {
    /// The caller's own entry, which is read again.
    Entry,
    /// Nothing, unless passwords are not asked for.
    Nothing,
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

    /// Where it is, if it is named by its address.
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

    /// What the library is given, which takes no IPv6 address where there is TLS.
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
    /// It is no URL.
    #[error("not a URL")]
    Unreadable,
    /// Its scheme is another.
    #[error("a URL whose scheme is neither ldap nor ldaps")]
    Scheme,
    /// It has no host.
    #[error("a URL without a host")]
    Host,
    /// It has a user, a path or a query.
    #[error("a URL with more than host and port, which have settings of their own")]
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
pub(super) mod tests {
    use super::*;

    /// Settings of a directory that nobody asks.
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
