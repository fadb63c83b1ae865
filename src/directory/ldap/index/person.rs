//! Reads a person's index data from an entry.

use ldap3::SearchEntry;
use uuid::Uuid;

use super::record::{Key, Person};
use crate::directory::ldap::settings::{LdapSettings, Profile};
use crate::directory::ldap::values::values;
use crate::directory::ldap::{changes, entry};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::user::{NumberValue, User};

/// The attribute that identifies an entry regardless of its name.
pub(super) fn key_attribute(settings: &LdapSettings) -> &'static str {
    match settings.profile {
        Profile::OpenLdap => "entryUUID",
        Profile::Dirsrv => "nsUniqueId",
        Profile::ActiveDirectory => "objectGUID",
    }
}

/// The attribute whose absence keeps an entry from being followed; `None` if nothing is missing.
pub(super) fn hidden(entry: &SearchEntry, settings: &LdapSettings) -> Option<&'static str> {
    let needed = [key_attribute(settings), changes::attribute(settings.profile)];
    needed.into_iter().find(|name| values(entry, name).is_empty())
}

/// The entry's key; `None` if the service account may not read it.
pub(super) fn key(entry: &SearchEntry, settings: &LdapSettings) -> Option<Key> {
    let [value] = values(entry, key_attribute(settings))[..] else { return None };
    match settings.profile {
        Profile::OpenLdap => {
            Uuid::parse_str(std::str::from_utf8(value).ok()?).ok().map(Uuid::into_bytes)
        }
        // The bytes of a UUID, grouped differently.
        Profile::Dirsrv => {
            let digits: Vec<u8> = value.iter().copied().filter(|byte| *byte != b'-').collect();
            hex::decode(digits).ok()?.try_into().ok()
        }
        Profile::ActiveDirectory => value.try_into().ok(),
    }
}

/// A filter for the person with this key.
pub(in crate::directory::ldap) fn filter(key: &Key, settings: &LdapSettings) -> String {
    let value = match settings.profile {
        Profile::OpenLdap => Uuid::from_bytes(*key).to_string(),
        // A UUID's digits, grouped as `8-8-8-8`.
        Profile::Dirsrv => {
            let digits = hex::encode(key);
            [&digits[..8], &digits[8..16], &digits[16..24], &digits[24..]].join("-")
        }
        Profile::ActiveDirectory => {
            key.iter().flat_map(|byte| ["\\".to_owned(), hex::encode([*byte])]).collect()
        }
    };
    format!("(&{}({}={value}))", settings.user_filter, key_attribute(settings))
}

/// Reads an entry. Values that are not phone numbers are left out: no caller can have them.
pub(super) fn read(key: Key, entry: &SearchEntry, settings: &LdapSettings) -> Person {
    if let Ok(user) = entry::read(entry, settings, None) {
        return of(key, user, settings);
    }
    let texts = entry::numbers(entry, &settings.phone_attributes);
    Person { key, user: None, numbers: numbers(texts, settings) }
}

/// The same for a user whose entry has already been read.
pub(super) fn of(key: Key, mut user: User, settings: &LdapSettings) -> Person {
    let numbers = numbers(std::mem::take(&mut user.numbers), settings);
    Person { key, user: Some(user), numbers }
}

fn numbers(texts: Vec<NumberValue>, settings: &LdapSettings) -> Vec<(usize, PhoneNumber)> {
    let number = |value: NumberValue| Some((value.rank, settings.plan.read_stored(&value.text)?));
    texts.into_iter().filter_map(number).collect()
}
