//! Turns a typed name into the searches that find its entry. A name with a foreign domain matches
//! no one; the domain is never stripped.

use super::domains::Partition;
use super::filter::by_value;
use super::settings::LdapSettings;
use crate::domain::user::TypedName;

/// One search for a name: its base DNs and its filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NameSearch {
    /// The base DNs to search.
    pub base_dns: Vec<String>,
    /// The filter.
    pub filter: String,
}

/// A name as typed at a Windows logon.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WindowsName<'a> {
    /// `anna`: a `sAMAccountName`.
    Plain(&'a str),
    /// `LAB\anna`: the domain's NetBIOS name and a `sAMAccountName`.
    DownLevel(&'a str, &'a str),
    /// `anna@lab.example.org`: the parts of a `userPrincipalName` before and after the last `@`.
    Principal(&'a str, &'a str),
}

impl<'a> WindowsName<'a> {
    pub(super) fn read(name: &'a TypedName) -> Self {
        let text = name.as_str();
        if let Some((domain, account)) = text.split_once('\\') {
            Self::DownLevel(domain, account)
        } else if let Some((account, suffix)) = text.rsplit_once('@') {
            Self::Principal(account, suffix)
        } else {
            Self::Plain(text)
        }
    }

    /// Whether a search for it requires the directory's own domains.
    pub(super) fn names_a_domain(&self) -> bool {
        !matches!(self, Self::Plain(_))
    }
}

fn filter(settings: &LdapSettings, attribute: &str, value: &str) -> String {
    by_value(&settings.user_filter, attribute, value)
}

/// The search for a name that equals an attribute's value.
pub(super) fn by_attribute(settings: &LdapSettings, name: &TypedName) -> Vec<NameSearch> {
    let filter = filter(settings, &settings.username_attribute, name.as_str());
    vec![NameSearch { base_dns: settings.base_dns.clone(), filter }]
}

/// The searches for a Windows name, given the directory's own domains. Empty if it matches no one.
pub(super) fn by_windows_name(
    settings: &LdapSettings,
    name: &WindowsName<'_>,
    domains: &[Partition],
) -> Vec<NameSearch> {
    let account_attribute = &settings.username_attribute;
    let within = |is_it: &dyn Fn(&Partition) -> bool| -> Vec<String> {
        let own: Vec<_> = domains.iter().filter(|partition| is_it(partition)).collect();
        let bases = settings.base_dns.iter();
        bases.filter(|base| own.iter().any(|one| one.holds(base, domains))).cloned().collect()
    };
    let mut searches = match *name {
        WindowsName::Plain(account) => vec![NameSearch {
            base_dns: settings.base_dns.clone(),
            filter: filter(settings, account_attribute, account),
        }],
        WindowsName::DownLevel(_, "") | WindowsName::Principal("", _) => Vec::new(),
        WindowsName::DownLevel(domain, account) => vec![NameSearch {
            base_dns: within(&|partition| partition.netbios.eq_ignore_ascii_case(domain)),
            filter: filter(settings, account_attribute, account),
        }],
        // A name may also be the implicit UPN, which no attribute holds ([MS-ADTS] 5.1.1.1.1).
        WindowsName::Principal(account, suffix) => vec![
            NameSearch {
                base_dns: settings.base_dns.clone(),
                filter: filter(settings, "userPrincipalName", &format!("{account}@{suffix}")),
            },
            NameSearch {
                base_dns: within(&|partition| partition.dns.eq_ignore_ascii_case(suffix)),
                filter: filter(settings, account_attribute, account),
            },
        ],
    };
    searches.retain(|search| !search.base_dns.is_empty());
    searches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::ldap::settings::tests::settings;

    fn lab() -> Vec<Partition> {
        let partition = |netbios: &str, dns: &str, dn: &str| Partition {
            netbios: netbios.to_owned(),
            dns: dns.to_owned(),
            dn: dn.to_owned(),
        };
        vec![
            partition("LAB", "lab.example.org", "DC=lab,DC=example,DC=org"),
            partition("SUB", "sub.lab.example.org", "DC=sub,DC=lab,DC=example,DC=org"),
            partition("FAR", "far.example.com", "DC=far,DC=example,DC=com"),
        ]
    }

    fn searches(name: &str) -> Vec<(Vec<String>, String)> {
        let mut settings = settings();
        settings.user_filter = "(u)".to_owned();
        settings.username_attribute = "sAMAccountName".to_owned();
        settings.base_dns = vec![
            "OU=a,dc=lab,dc=example,dc=org".to_owned(),
            "DC=sub, DC=lab, DC=example, DC=org".to_owned(),
        ];
        let name = TypedName::parse(name).unwrap();
        by_windows_name(&settings, &WindowsName::read(&name), &lab())
            .into_iter()
            .map(|search| (search.base_dns, search.filter))
            .collect()
    }

    #[test]
    fn a_plain_name_is_searched_everywhere() {
        let found = searches("anna");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0.len(), 2);
        assert_eq!(found[0].1, "(&(u)(sAMAccountName=anna))");
    }

    #[test]
    fn a_domain_limits_a_name_to_that_domains_own_base_dns() {
        let in_lab = searches("lab\\anna");
        assert_eq!(in_lab.len(), 1);
        assert_eq!(in_lab[0].0, ["OU=a,dc=lab,dc=example,dc=org"], "not those of a child domain");
        assert_eq!(in_lab[0].1, "(&(u)(sAMAccountName=anna))");
        assert_eq!(searches("SUB\\anna")[0].0, ["DC=sub, DC=lab, DC=example, DC=org"]);
    }

    #[test]
    fn a_foreign_domain_is_refused_and_never_cut_off() {
        for name in ["OTHER\\anna", "FAR\\anna", "\\anna", "LAB\\", "@lab.example.org", "@"] {
            assert_eq!(searches(name), [], "{name}");
        }
        // Only as the whole userPrincipalName.
        let found = searches("anna@other.example.org");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1, "(&(u)(userPrincipalName=anna@other.example.org))");
    }

    #[test]
    fn a_principal_name_is_searched_whole_and_as_the_implicit_one() {
        let found = searches("anna@LAB.example.org");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].1, "(&(u)(userPrincipalName=anna@LAB.example.org))");
        assert_eq!(found[1].0, ["OU=a,dc=lab,dc=example,dc=org"]);
        assert_eq!(found[1].1, "(&(u)(sAMAccountName=anna))");
    }

    #[test]
    fn a_name_stays_a_value() {
        assert_eq!(searches("LAB\\*")[0].1, "(&(u)(sAMAccountName=\\2a))");
        assert_eq!(searches("a*)(x@y")[0].1, "(&(u)(userPrincipalName=a\\2a\\29\\28x@y))");
        assert_eq!(searches("LAB\\a\\b")[0].1, "(&(u)(sAMAccountName=a\\5cb))");
    }
}
