//! The profiles, and the defaults that each sets.

use serde::Deserialize;

use crate::directory::ldap::settings::{NumberMatch, Profile};

/// A profile as written.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum RawProfile {
    #[default]
    #[serde(rename = "openldap")]
    OpenLdap,
    ActiveDirectory,
    #[serde(rename = "389-ds")]
    Dirsrv,
    #[serde(rename = "freeipa")]
    FreeIpa,
}

/// What a profile sets.
pub(super) struct Defaults {
    pub profile: Profile,
    pub user_filter: &'static str,
    pub username_attribute: &'static str,
    pub id_attribute: &'static str,
    pub number_match: NumberMatch,
}

impl RawProfile {
    pub(super) const fn defaults(self) -> Defaults {
        let standard = Defaults {
            profile: Profile::OpenLdap,
            user_filter: "(objectClass=inetOrgPerson)",
            username_attribute: "uid",
            id_attribute: "entryUUID",
            number_match: NumberMatch::Equality,
        };
        match self {
            Self::OpenLdap => standard,
            Self::ActiveDirectory => Defaults {
                profile: Profile::ActiveDirectory,
                user_filter: "(&(objectCategory=person)(objectClass=user))",
                username_attribute: "sAMAccountName",
                id_attribute: "objectGUID",
                number_match: NumberMatch::Patterns,
            },
            Self::Dirsrv => {
                Defaults { profile: Profile::Dirsrv, id_attribute: "nsUniqueId", ..standard }
            }
            Self::FreeIpa => {
                Defaults { profile: Profile::Dirsrv, id_attribute: "ipaUniqueID", ..standard }
            }
        }
    }
}
