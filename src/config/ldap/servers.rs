//! The LDAP servers' addresses, their order, and the certificate shown to them.

use crate::config::check::{Problems, is_loopback};
use crate::config::raw::RawServerOrder;

/// Which of several servers is asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerOrderConfig {
    /// The first one that works.
    InOrder,
    /// Each in turn.
    RoundRobin,
}

/// Refuses a URL that is not an LDAP server's, and one that would send a password unencrypted
/// beyond this machine.
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

impl From<Option<RawServerOrder>> for ServerOrderConfig {
    fn from(raw: Option<RawServerOrder>) -> Self {
        match raw {
            None | Some(RawServerOrder::InOrder) => Self::InOrder,
            Some(RawServerOrder::RoundRobin) => Self::RoundRobin,
        }
    }
}

/// The servers' URLs.
pub(super) fn checked(
    key: &str,
    servers: Vec<String>,
    plain_allowed: bool,
    problems: &mut Problems,
) -> Vec<String> {
    if servers.is_empty() {
        problems.add(
            &format!("{key}.servers"),
            "no server",
            "at least one, such as \"ldaps://dc1.example.com\"",
        );
    }
    for (index, url) in servers.iter().enumerate() {
        let key = format!("{key}.servers[{index}]");
        server_url(&key, url, plain_allowed, problems);
        if servers[..index].contains(url) {
            problems.add(&key, format!("{url:?} a second time"), "each server once");
        }
    }
    servers
}
