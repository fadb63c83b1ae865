//! `[tenants.directory]`, checked: its kind, and the keys of a file directory.

use std::path::PathBuf;
use std::time::Duration;

use super::check::Problems;
use super::ldap::{self, LdapConfig};
use super::permissions;
use super::raw::{RawDirectory, RawKind};

/// A tenant's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryConfig {
    /// An LDAP server or Active Directory.
    Ldap(Box<LdapConfig>),
    /// A file of people.
    File(FileConfig),
    /// The users that are registered here.
    Registered,
}

/// A directory in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileConfig {
    /// The file.
    pub file: PathBuf,
}

/// Checks `[tenants.directory]`, whose key is `key`.
pub(super) fn check(
    key: &str,
    raw: RawDirectory,
    request_deadline: Duration,
    problems: &mut Problems,
) -> Option<DirectoryConfig> {
    let accepted = "\"ldap\", \"file\" or \"registered\"";
    let kind = problems.required(&format!("{key}.kind"), raw.kind, accepted);
    // If the kind is wrong, the other keys show what was meant.
    match kind.or_else(|| raw.servers.is_some().then_some(RawKind::Ldap))? {
        RawKind::File => file(key, &raw, problems).map(DirectoryConfig::File),
        RawKind::Registered => {
            without_keys_of_ldap(key, &raw, "only kind and ambiguous", "registered", problems);
            if raw.file.is_some() {
                problems.add(
                    &format!("{key}.file"),
                    "a key of kind = \"file\"",
                    "only kind and ambiguous where kind = \"registered\"",
                );
            }
            Some(DirectoryConfig::Registered)
        }
        RawKind::Ldap => {
            Some(DirectoryConfig::Ldap(Box::new(ldap::check(key, raw, request_deadline, problems))))
        }
    }
}

fn without_keys_of_ldap(
    key: &str,
    raw: &RawDirectory,
    accepted: &str,
    kind: &str,
    problems: &mut Problems,
) {
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
        ("profile", raw.profile.is_some()),
        ("server_order", raw.server_order.is_some()),
        ("lookup", raw.lookup.is_some()),
        ("index_max_age", raw.index_max_age.is_some()),
        ("index_poll", raw.index_poll.is_some()),
        ("index_full_read", raw.index_full_read.is_some()),
        ("index_confirm", raw.index_confirm.is_some()),
        ("required_group", raw.required_group.is_some()),
        ("excluded_group", raw.excluded_group.is_some()),
        ("group_base_dn", raw.group_base_dn.is_some()),
        ("pin_attribute", raw.pin_attribute.is_some()),
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
            format!("{accepted} where kind = {kind:?}"),
        );
    }
}

fn file(key: &str, raw: &RawDirectory, problems: &mut Problems) -> Option<FileConfig> {
    without_keys_of_ldap(key, raw, "only kind, file and ambiguous", "file", problems);
    let key = format!("{key}.file");
    let accepted = "the file of people, such as \"people.toml\"";
    let path = problems.required(&key, raw.file.as_ref(), accepted)?;
    let file = problems.readable(&key, path);
    permissions::of_people(&key, &file, problems);
    Some(FileConfig { file })
}
