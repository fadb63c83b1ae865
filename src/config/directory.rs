//! `[tenants.directory]`: its kind, and the keys of each kind.

use std::path::PathBuf;

use serde::Deserialize;

use super::check::Problems;
use super::ldap::{self, Context, LdapConfig, RawLdap};
use super::permissions;
use crate::domain::user::Ambiguity;

/// The values of `kind`, each with a section of its own below.
pub(super) const KINDS: [&str; 3] = ["ldap", "file", "registered"];

/// The section as written. Its `kind` decides which keys it may have, so it is read first, see
/// [`reading`](super::reading).
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawDirectory {
    Ldap(Box<RawLdap>),
    File(RawFile),
    Registered(RawRegistered),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFile {
    pub file: Option<PathBuf>,
    pub ambiguous: Option<Ambiguity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRegistered {
    pub ambiguous: Option<Ambiguity>,
}

/// A tenant's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryConfig {
    /// An LDAP server or Active Directory.
    Ldap(Box<LdapConfig>),
    /// A file of people.
    File(PathBuf),
    /// The users registered in the store.
    Registered,
}

/// Checks `[tenants.directory]` at `key`: the directory, and what happens if several people have
/// the caller's number.
pub(super) fn check(
    key: &str,
    raw: RawDirectory,
    context: Context,
    problems: &mut Problems,
) -> (Option<DirectoryConfig>, Ambiguity) {
    match raw {
        RawDirectory::Ldap(raw) => {
            let ambiguity = raw.ambiguous.unwrap_or_default();
            let ldap = ldap::check(key, *raw, context, problems);
            (Some(DirectoryConfig::Ldap(Box::new(ldap))), ambiguity)
        }
        RawDirectory::File(raw) => {
            let ambiguity = raw.ambiguous.unwrap_or_default();
            (file(key, raw.file, problems).map(DirectoryConfig::File), ambiguity)
        }
        RawDirectory::Registered(raw) => {
            let ambiguity = raw.ambiguous.unwrap_or_default();
            if ambiguity == Ambiguity::Pin {
                problems.add(
                    &format!("{key}.ambiguous"),
                    "\"pin\", though registered users have no PINs",
                    "\"refuse\" or \"prefer-attribute-order\" where kind = \"registered\"",
                );
            }
            (Some(DirectoryConfig::Registered), ambiguity)
        }
    }
}

fn file(key: &str, path: Option<PathBuf>, problems: &mut Problems) -> Option<PathBuf> {
    let key = format!("{key}.file");
    let accepted = "the file of people, such as \"people.toml\"";
    let path = problems.required(&key, path, accepted)?;
    let file = problems.readable(&key, &path);
    permissions::of_people(&key, &file, problems);
    Some(file)
}
