//! Reads a user from an entry. An entry that cannot be identified belongs to no user but counts, so
//! that it never makes another entry the only match.

use ldap3::SearchEntry;

use super::account;
use super::settings::LdapSettings;
use super::values::{names, values};
use crate::domain::user::{NumberValue, Pin, User, UserId};

/// Why an entry is unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum EntryError {
    /// The id attribute is absent, empty, multi-valued, or not an id.
    #[error("has no single usable value in its id attribute")]
    NoId,
    /// The username attribute is absent or empty.
    #[error("has no value in its username attribute")]
    NoUsername,
    /// Some numbers are missing: Active Directory returns at most 1,500 values of an attribute at
    /// once ([MS-ADTS] 3.1.1.3.1.3.3).
    #[error("has more numbers in an attribute than the server returns at once")]
    NumbersLeftOut,
}

/// Reads an entry. If it has several usernames, picks the one that equals `typed` (ignoring case).
///
/// # Errors
/// [`EntryError`] if the entry does not identify one user.
pub(super) fn read(
    entry: &SearchEntry,
    settings: &LdapSettings,
    typed: Option<&str>,
) -> Result<User, EntryError> {
    let phones = &settings.phone_attributes;
    if phones.iter().any(|attribute| is_cut_off(entry, attribute)) {
        return Err(EntryError::NumbersLeftOut);
    }
    Ok(User {
        id: id(entry, &settings.id_attribute).ok_or(EntryError::NoId)?,
        username: username(entry, &settings.username_attribute, typed)
            .ok_or(EntryError::NoUsername)?,
        locator: entry.dn.clone(),
        account: account::read(entry, settings.profile, settings.account_checks),
        numbers: numbers(entry, phones),
        pins: settings.pin_attribute.as_deref().map(|name| pins(entry, name)).unwrap_or_default(),
        language: language(entry),
    })
}

/// The attributes to read.
pub(super) fn attributes(settings: &LdapSettings) -> Vec<String> {
    let mut attributes = vec![settings.id_attribute.clone(), settings.username_attribute.clone()];
    let account = account::attributes(settings.profile, settings.account_checks);
    attributes.extend(account.into_iter().map(str::to_owned));
    attributes.extend(settings.phone_attributes.iter().cloned());
    attributes.extend(settings.pin_attribute.clone());
    attributes.push(LANGUAGE.to_owned());
    attributes
}

/// Whether the server returned only part of an attribute's values (`mobile;range=0-1499`; the last
/// part ends in `*`).
fn is_cut_off(entry: &SearchEntry, attribute: &str) -> bool {
    let is_part = |key: &String| {
        let options = key.split(';').skip(1);
        let mut ranges = options.filter_map(|option| option.strip_prefix("range="));
        names(key, attribute) && ranges.any(|range| range != "0-*")
    };
    entry.attrs.keys().chain(entry.bin_attrs.keys()).any(is_part)
}

/// The entry's user id; `None` if it has no usable one.
pub(super) fn id(entry: &SearchEntry, attribute: &str) -> Option<UserId> {
    let [value] = values(entry, attribute)[..] else { return None };
    let text = if attribute.eq_ignore_ascii_case("objectGUID") {
        guid(value.try_into().ok()?)
    } else if attribute.eq_ignore_ascii_case("objectSid") {
        hex::encode(value)
    } else {
        match std::str::from_utf8(value) {
            Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
            _ => hex::encode(value),
        }
    };
    UserId::parse(text)
}

/// A GUID in the notation of Active Directory's tools: the first three groups are little-endian
/// ([MS-DTYP] 2.3.4).
fn guid(bytes: [u8; 16]) -> String {
    uuid::Uuid::from_bytes_le(bytes).to_string()
}

fn username(entry: &SearchEntry, attribute: &str, typed: Option<&str>) -> Option<String> {
    let names: Vec<&str> = values(entry, attribute)
        .into_iter()
        .filter_map(|value| std::str::from_utf8(value).ok())
        .collect();
    let typed = typed.map(str::to_lowercase);
    let same = names.iter().find(|name| typed.as_ref() == Some(&name.to_lowercase()));
    same.or(names.first()).map(|name| (*name).to_owned())
}

pub(super) fn numbers(entry: &SearchEntry, attributes: &[String]) -> Vec<NumberValue> {
    let mut numbers = Vec::new();
    for (rank, attribute) in attributes.iter().enumerate() {
        for value in values(entry, attribute) {
            if let Ok(text) = std::str::from_utf8(value) {
                numbers.push(NumberValue { rank, text: text.to_owned() });
            }
        }
    }
    numbers
}

/// The attribute of `inetOrgPerson` for a person's languages (RFC 2798 2.7).
const LANGUAGE: &str = "preferredLanguage";

fn language(entry: &SearchEntry) -> Option<String> {
    let [value] = values(entry, LANGUAGE)[..] else { return None };
    std::str::from_utf8(value).ok().map(str::to_owned)
}

fn pins(entry: &SearchEntry, attribute: &str) -> Vec<Pin> {
    let values = values(entry, attribute).into_iter();
    values.filter_map(|value| Pin::parse(std::str::from_utf8(value).ok()?)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn settings(id_attribute: &str) -> LdapSettings {
        let mut settings = crate::directory::ldap::settings::tests::settings();
        settings.id_attribute = id_attribute.to_owned();
        settings
    }

    /// An entry as ldap3 builds it: an attribute with any non-UTF-8 value is binary.
    fn entry(values: &[(&str, &[&[u8]])]) -> SearchEntry {
        let (mut attrs, mut bin_attrs) = (HashMap::new(), HashMap::new());
        for (name, values) in values {
            let text: Result<Vec<String>, _> =
                values.iter().map(|value| String::from_utf8(value.to_vec())).collect();
            match text {
                Ok(text) => drop(attrs.insert((*name).to_owned(), text)),
                Err(_) => drop(
                    bin_attrs
                        .insert((*name).to_owned(), values.iter().map(|v| v.to_vec()).collect()),
                ),
            }
        }
        SearchEntry { dn: "uid=anna,dc=example,dc=com".to_owned(), attrs, bin_attrs }
    }

    fn id_of(attribute: &str, value: &[u8]) -> Option<String> {
        let entry = entry(&[(attribute, &[value]), ("uid", &[b"anna"])]);
        read(&entry, &settings(attribute), None).ok().map(|user| user.id.as_str().to_owned())
    }

    #[test]
    fn an_object_guid_is_shown_as_its_own_tools_show_it() {
        let bytes = [
            0x44, 0x33, 0x22, 0x11, 0x66, 0x55, 0x88, 0x77, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,
            0xff, 0x00,
        ];
        let shown = Some("11223344-5566-7788-99aa-bbccddeeff00".to_owned());
        assert_eq!(id_of("objectGUID", &bytes), shown);
        assert_eq!(
            id_of("objectguid", b"abcdefghijklmnop"),
            Some("64636261-6665-6867-696a-6b6c6d6e6f70".to_owned()),
            "a GUID that is UTF-8 by chance"
        );
        assert_eq!(id_of("objectGUID", b"short"), None);
    }

    #[test]
    fn other_ids_are_text_or_hex() {
        assert_eq!(id_of("entryUUID", b"e0a0-1").as_deref(), Some("e0a0-1"));
        assert_eq!(id_of("objectSid", b"abc").as_deref(), Some("616263"));
        assert_eq!(id_of("guid", &[0xff, 0x01]).as_deref(), Some("ff01"));
        assert_eq!(id_of("guid", &[0x41, 0x01]).as_deref(), Some("4101"));
    }

    #[test]
    fn an_entry_without_one_id_or_without_a_name_is_unusable() {
        let read = |values: &[(&str, &[&[u8]])]| {
            read(&entry(values), &settings("entryUUID"), None).map(|user| user.username)
        };
        assert_eq!(read(&[("uid", &[b"anna"])]), Err(EntryError::NoId));
        assert_eq!(read(&[("uid", &[b"anna"]), ("entryUUID", &[])]), Err(EntryError::NoId));
        assert_eq!(read(&[("uid", &[b"anna"]), ("entryUUID", &[b""])]), Err(EntryError::NoId));
        let twice: &[&[u8]] = &[b"1", b"2"];
        assert_eq!(read(&[("uid", &[b"anna"]), ("entryUUID", twice)]), Err(EntryError::NoId));
        assert_eq!(read(&[("entryUUID", &[b"1"])]), Err(EntryError::NoUsername));
    }

    #[test]
    fn an_entry_whose_numbers_the_server_left_out_in_part_is_unusable() {
        let read = |attribute: &str| {
            let numbers: &[&[u8]] = &[b"+46701234567", b"+46701234568"];
            let values = [("entryUUID", &[b"1" as &[u8]] as &[&[u8]]), ("uid", &[b"anna"])];
            let entry = entry(&[values[0], values[1], (attribute, numbers)]);
            super::read(&entry, &settings("entryUUID"), None).map(|user| user.numbers.len())
        };
        assert_eq!(read("mobile;range=0-1499"), Err(EntryError::NumbersLeftOut));
        assert_eq!(read("Mobile;range=1500-*"), Err(EntryError::NumbersLeftOut));
        for whole in ["mobile", "mobile;range=0-*", "mobile;lang-sv"] {
            assert_eq!(read(whole), Ok(2), "{whole}");
        }
        assert_eq!(read("member;range=0-1499"), Ok(0), "no number");
    }

    #[test]
    fn of_several_names_the_one_typed_is_taken() {
        let entry = entry(&[("entryUUID", &[b"1"]), ("UID", &[b"anna", b"Anna.Berg"])]);
        let name = |typed| read(&entry, &settings("entryUUID"), typed).unwrap().username;
        assert_eq!(name(Some("ANNA.berg")), "Anna.Berg");
        assert_eq!(name(Some("else")), "anna");
        assert_eq!(name(None), "anna");
    }

    #[test]
    fn numbers_have_the_rank_of_their_attribute_whatever_its_case_and_options() {
        let entry = entry(&[
            ("entryUUID", &[b"1"]),
            ("uid", &[b"anna"]),
            ("TelephoneNumber", &[b"08-1", &[0xff]]),
            ("mobile;lang-sv", &[b"070-1"]),
            ("homePhone", &[b"08-2"]),
        ]);
        let user = read(&entry, &settings("entryUUID"), None).unwrap();
        let found: Vec<_> =
            user.numbers.iter().map(|value| (value.rank, value.text.as_str())).collect();
        assert_eq!(found, [(0, "070-1"), (1, "08-1")]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic_and_ids_are_never_shared(
            one in proptest::collection::vec(any::<u8>(), 16),
            other in proptest::collection::vec(any::<u8>(), 16),
        ) {
            prop_assume!(one != other);
            prop_assert_ne!(id_of("objectGUID", &one), id_of("objectGUID", &other));
            prop_assert_ne!(id_of("objectSid", &one), id_of("objectSid", &other));
            prop_assert!(id_of("any", &one).is_some());
        }
    }
}
