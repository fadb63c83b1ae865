//! What an entry says of one person in the index.

use ldap3::SearchEntry;
use uuid::Uuid;

use super::record::{Key, Person};
use crate::directory::ldap::settings::{LdapSettings, Profile};
use crate::directory::ldap::{changes, entry};
use crate::domain::user::NumberValue;

/// The attribute that tells an entry from all others, whatever it is called.
pub(super) fn key_attribute(settings: &LdapSettings) -> &'static str {
    match settings.profile {
        Profile::OpenLdap => "entryUUID",
        Profile::Dirsrv => "nsUniqueId",
        Profile::ActiveDirectory => "objectGUID",
    }
}

/// What an entry lacks without which it cannot be kept in step; `None` if nothing.
pub(super) fn hidden(entry: &SearchEntry, settings: &LdapSettings) -> Option<&'static str> {
    let needed = [key_attribute(settings), changes::attribute(settings.profile)];
    needed.into_iter().find(|name| entry::values(entry, name).is_empty())
}

/// The entry's own key; `None` if the service account may not read it.
pub(super) fn key(entry: &SearchEntry, settings: &LdapSettings) -> Option<Key> {
    let [value] = entry::values(entry, key_attribute(settings))[..] else { return None };
    match settings.profile {
        Profile::OpenLdap => {
            Uuid::parse_str(std::str::from_utf8(value).ok()?).ok().map(Uuid::into_bytes)
        }
        // The bytes of a UUID in groups of its own.
        Profile::Dirsrv => {
            let digits: Vec<u8> = value.iter().copied().filter(|byte| *byte != b'-').collect();
            hex::decode(digits).ok()?.try_into().ok()
        }
        Profile::ActiveDirectory => value.try_into().ok(),
    }
}

/// Reads an entry. Values that are no numbers are left out, as they cannot be anybody's.
pub(super) fn read(key: Key, entry: &SearchEntry, settings: &LdapSettings) -> Person {
    let mut user = entry::read(entry, settings, None).ok();
    let texts = match &mut user {
        Some(user) => std::mem::take(&mut user.numbers),
        None => entry::numbers(entry, &settings.phone_attributes),
    };
    let number = |value: NumberValue| Some((value.rank, settings.plan.read_stored(&value.text)?));
    Person { key, user, numbers: texts.into_iter().filter_map(number).collect() }
}
