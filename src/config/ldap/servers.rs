//! The LDAP servers' addresses.

use crate::config::check::{Problems, is_loopback};
use crate::directory::ldap::settings::ServerUrl;

const ACCEPTED: &str = "ldap://HOST[:PORT] or ldaps://HOST[:PORT]";

/// The servers' URLs.
pub(super) fn check(
    key: &str,
    servers: Option<Vec<String>>,
    plain_allowed: bool,
    problems: &mut Problems,
) -> Vec<ServerUrl> {
    let servers = servers.unwrap_or_default();
    if servers.is_empty() {
        problems.add(
            &format!("{key}.servers"),
            "no server",
            "at least one, such as \"ldaps://dc1.example.com\"",
        );
    }
    let mut urls = Vec::new();
    for (index, text) in servers.iter().enumerate() {
        let key = format!("{key}.servers[{index}]");
        urls.extend(server(&key, text, plain_allowed, problems));
        if servers[..index].contains(text) {
            problems.add(&key, format!("{text:?} a second time"), "each server once");
        }
    }
    urls
}

/// Refuses a URL that is not an LDAP server's, and one that would send a password unencrypted
/// beyond this machine.
fn server(
    key: &str,
    text: &str,
    plain_allowed: bool,
    problems: &mut Problems,
) -> Option<ServerUrl> {
    if text.contains('@') {
        // It may hold a password.
        problems.add(key, "a URL with an account in it", ACCEPTED);
        return None;
    }
    let url = match ServerUrl::parse(text) {
        Ok(url) => url,
        Err(error) => {
            problems.add(key, format!("{text:?}, {error}"), ACCEPTED);
            return None;
        }
    };
    if !url.is_ldaps() && !plain_allowed && !is_loopback(url.host()) {
        problems.add(
            key,
            format!("{text:?}, which would send passwords in clear"),
            "ldaps://, or start_tls = true, or (knowing that) allow_plain_ldap = true",
        );
    }
    Some(url)
}
