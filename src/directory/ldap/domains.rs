//! The domains of an Active Directory forest, as it lists them itself: which NetBIOS and DNS names
//! belong to which part of the tree.

use ldap3::{Scope, SearchEntry};

use super::judgement::Kind;
use super::search::Query;
use super::settings::LdapSettings;

/// One domain ([MS-ADTS] 6.1.1.2.1.1, crossRef objects).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Partition {
    /// Its NetBIOS name: `LAB`.
    pub netbios: String,
    /// Its DNS name: `lab.example.org`.
    pub dns: String,
    /// Its root: `DC=lab,DC=example,DC=org`.
    pub dn: String,
}

impl Partition {
    /// Whether `dn` belongs to this domain, and not to a child domain among `all`.
    pub(super) fn holds(&self, dn: &str, all: &[Self]) -> bool {
        let holding = all.iter().filter(|one| is_within(dn, &one.dn));
        holding.max_by_key(|one| one.dn.len()).is_some_and(|closest| closest == self)
    }
}

/// Whether `dn` is `root` or below it.
pub(super) fn is_within(dn: &str, root: &str) -> bool {
    let (dn, root) = (parts(dn), parts(root));
    dn.len() >= root.len() && dn[dn.len() - root.len()..] == root[..]
}

/// The parts of a domain's DN, for comparison. Domain names contain no escaped commas, and
/// elsewhere both sides are split alike.
fn parts(dn: &str) -> Vec<String> {
    let trimmed = |part: &str| match part.split_once('=') {
        Some((kind, value)) => format!("{}={}", kind.trim(), value.trim()).to_lowercase(),
        None => part.trim().to_lowercase(),
    };
    dn.split(',').map(trimmed).collect()
}

/// A query for a server's root DSE (RFC 4512 5.1).
pub(super) fn root_dse(settings: &LdapSettings, attributes: &[&str]) -> Query {
    Query {
        base: String::new(),
        scope: Scope::Base,
        filter: "(objectClass=*)".to_owned(),
        attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
        size_limit: 1,
        time_limit: settings.time_limit(),
        kind: Kind::Entry,
        gone_is_empty: false,
    }
}

/// A query for the forest's domains, below its configuration naming context.
pub(super) fn partitions(settings: &LdapSettings, configuration: &str) -> Query {
    Query {
        base: format!("CN=Partitions,{configuration}"),
        scope: Scope::OneLevel,
        filter: "(&(objectClass=crossRef)(nETBIOSName=*))".to_owned(),
        attributes: ["nETBIOSName", "dnsRoot", "nCName"].map(str::to_owned).into(),
        size_limit: 1000,
        time_limit: settings.time_limit(),
        kind: Kind::Having(&["nETBIOSName"]),
        gone_is_empty: false,
    }
}

/// Reads a domain's entry; `None` if it lacks a name.
pub(super) fn read(entry: &SearchEntry) -> Option<Partition> {
    Some(Partition {
        netbios: first(entry, "nETBIOSName")?,
        dns: first(entry, "dnsRoot")?,
        dn: first(entry, "nCName")?,
    })
}

/// The first text value of an attribute.
pub(super) fn first(entry: &SearchEntry, attribute: &str) -> Option<String> {
    let named = |(key, _): &(&String, &Vec<String>)| key.eq_ignore_ascii_case(attribute);
    entry.attrs.iter().find(named)?.1.first().filter(|value| !value.is_empty()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dn_is_within_its_own_root_however_it_is_written() {
        let root = "DC=lab,DC=example,DC=org";
        for dn in ["DC=lab,DC=example,DC=org", "ou=a, dc=LAB, dc=example , dc=org"] {
            assert!(is_within(dn, root), "{dn}");
        }
        for dn in ["", "DC=example,DC=org", "DC=xlab,DC=example,DC=org", "DC=lab,DC=example"] {
            assert!(!is_within(dn, root), "{dn}");
        }
    }
}
