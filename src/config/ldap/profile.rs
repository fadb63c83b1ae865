//! What depends on the kind of server: a profile's presets, and the attributes that are read.

use crate::config::check::Problems;
use crate::config::raw::{RawAmbiguous, RawNumberMatch, RawProfile};

/// What is accepted as an attribute's name.
const AN_ATTRIBUTE: &str = "an attribute's name: a letter, then letters, digits and hyphens";

/// The kind of a directory's servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileConfig {
    /// OpenLDAP, and other servers that follow the standards.
    OpenLdap,
    /// Active Directory.
    ActiveDirectory,
    /// 389 Directory Server.
    Dirsrv,
    /// `FreeIPA`.
    FreeIpa,
}

/// The values that a profile presets.
pub(super) struct Presets {
    pub user_filter: &'static str,
    pub username_attribute: &'static str,
    pub id_attribute: &'static str,
    pub number_match: NumberMatchConfig,
}

impl From<Option<RawProfile>> for ProfileConfig {
    fn from(raw: Option<RawProfile>) -> Self {
        match raw {
            None | Some(RawProfile::OpenLdap) => Self::OpenLdap,
            Some(RawProfile::ActiveDirectory) => Self::ActiveDirectory,
            Some(RawProfile::Dirsrv) => Self::Dirsrv,
            Some(RawProfile::FreeIpa) => Self::FreeIpa,
        }
    }
}

impl From<RawNumberMatch> for NumberMatchConfig {
    fn from(raw: RawNumberMatch) -> Self {
        match raw {
            RawNumberMatch::Equality => Self::Equality,
            RawNumberMatch::Patterns => Self::Patterns,
        }
    }
}

impl ProfileConfig {
    pub(super) const fn presets(self) -> Presets {
        match self {
            Self::OpenLdap => Presets {
                user_filter: "(objectClass=inetOrgPerson)",
                username_attribute: "uid",
                id_attribute: "entryUUID",
                number_match: NumberMatchConfig::Equality,
            },
            Self::ActiveDirectory => Presets {
                user_filter: "(&(objectCategory=person)(objectClass=user))",
                username_attribute: "sAMAccountName",
                id_attribute: "objectGUID",
                number_match: NumberMatchConfig::Patterns,
            },
            Self::Dirsrv => Presets {
                user_filter: "(objectClass=inetOrgPerson)",
                username_attribute: "uid",
                id_attribute: "nsUniqueId",
                number_match: NumberMatchConfig::Equality,
            },
            Self::FreeIpa => Presets {
                user_filter: "(objectClass=inetOrgPerson)",
                username_attribute: "uid",
                id_attribute: "ipaUniqueID",
                number_match: NumberMatchConfig::Equality,
            },
        }
    }
}

/// How numbers are matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberMatchConfig {
    /// By whole values, on servers whose matching rule ignores spaces and hyphens.
    Equality,
    /// Also by anchored patterns, on servers that compare plain strings.
    Patterns,
}

/// The attributes that are read.
pub(super) struct Attributes {
    pub phone: Vec<String>,
    pub username: String,
    pub id: String,
}

pub(super) fn attributes(
    key: &str,
    presets: &Presets,
    phone: Option<Vec<String>>,
    username: Option<String>,
    id: Option<String>,
    problems: &mut Problems,
) -> Attributes {
    let phone = phone.unwrap_or_else(|| vec!["mobile".to_owned(), "telephoneNumber".to_owned()]);
    if phone.is_empty() {
        problems.add(
            &format!("{key}.phone_attributes"),
            "no attribute",
            "at least one, such as \"mobile\"",
        );
    }
    for (index, name) in phone.iter().enumerate() {
        if phone[..index].iter().any(|other| other.eq_ignore_ascii_case(name)) {
            problems.add(
                &format!("{key}.phone_attributes[{index}]"),
                format!("{name:?} a second time"),
                "each attribute once",
            );
        }
    }
    let username = username.unwrap_or_else(|| presets.username_attribute.to_owned());
    let id = id.unwrap_or_else(|| presets.id_attribute.to_owned());
    let attributes =
        phone.iter().enumerate().map(|(index, name)| (format!("phone_attributes[{index}]"), name));
    for (name, attribute) in attributes
        .chain([("username_attribute".to_owned(), &username), ("id_attribute".to_owned(), &id)])
    {
        if !is_attribute(attribute) {
            problems.add(&format!("{key}.{name}"), format!("{attribute:?}"), AN_ATTRIBUTE);
        }
    }
    Attributes { phone, username, id }
}

pub(super) fn pin_attribute(
    key: &str,
    attribute: Option<String>,
    ambiguous: Option<RawAmbiguous>,
    problems: &mut Problems,
) -> Option<String> {
    let by_pin = matches!(ambiguous, Some(RawAmbiguous::Pin));
    if by_pin != attribute.is_some() {
        problems.add(
            &format!("{key}.pin_attribute"),
            if by_pin { "nothing" } else { "a value without ambiguous = \"pin\"" },
            "the attribute that holds people's PINs, beside ambiguous = \"pin\"",
        );
    }
    if let Some(name) = attribute.as_deref().filter(|name| !is_attribute(name)) {
        problems.add(&format!("{key}.pin_attribute"), format!("{name:?}"), AN_ATTRIBUTE);
    }
    attribute
}

fn is_attribute(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
