//! One person as bytes. What can be derived is left out: an id equal to the entry's key, a username
//! that ends the first RDN, and the parent DN that many share.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::{closures, varint};
use crate::domain::account_state::AccountState;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::user::{NumberValue, Pin, User, UserId};

/// Identifies an entry regardless of its name: its `entryUUID` or `objectGUID`.
pub(in crate::directory::ldap) type Key = [u8; 16];

/// An entry with a phone number.
pub(in crate::directory::ldap) struct Person {
    pub key: Key,
    /// The user, whose own `numbers` are ignored; `None` if the entry yields no user.
    pub user: Option<User>,
    /// Each number with its attribute's rank.
    pub numbers: Vec<(usize, PhoneNumber)>,
}

const USABLE: u8 = 1;
/// The record ends with reasons against the user's logins.
const CLOSURES: u8 = 2;
/// The id is the key, as a UUID.
const ID_IS_UUID: u8 = 4;
/// The id is the key, as Active Directory writes a GUID.
const ID_IS_GUID: u8 = 8;
/// The first RDN ends with the username.
const NAME_IN_DN: u8 = 16;
/// The record ends with PINs.
const PINS: u8 = 32;

/// Maximum number of shared parent DNs. Beyond that, a DN is stored whole.
const MOST_PARENTS: usize = 1 << 16;

/// The parent DNs, each stored once for all entries that share it.
#[derive(Default)]
pub(super) struct Parents {
    texts: Vec<Box<str>>,
    places: HashMap<Box<str>, usize>,
}

impl Parents {
    /// The index of `parent`, added if new; `None` if there are too many.
    fn place(&mut self, parent: &str) -> Option<usize> {
        if let Some(place) = self.places.get(parent) {
            return Some(*place);
        }
        let place = self.texts.len();
        if place >= MOST_PARENTS {
            return None;
        }
        self.texts.push(parent.into());
        self.places.insert(parent.into(), place);
        Some(place)
    }
}

/// A number as it is compared: its digits and its extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Number<'a> {
    pub digits: u128,
    pub extension: &'a [u8],
}

impl<'a> Number<'a> {
    /// `None` if it has more digits than any real number.
    pub(super) fn of(number: &'a PhoneNumber) -> Option<Self> {
        // No country code starts with zero, so the digits determine the number.
        let digits = number.as_str().strip_prefix('+')?.parse().ok()?;
        Some(Self { digits, extension: number.extension().unwrap_or_default().as_bytes() })
    }
}

/// Writes a person.
pub(super) fn write(to: &mut Vec<u8>, person: &Person, parents: &mut Parents) {
    to.extend_from_slice(&person.key);
    let flags_at = to.len();
    let mut flags = 0;
    to.push(flags);
    let mut seen = HashSet::new();
    let numbers =
        person.numbers.iter().filter_map(|(rank, number)| Some((*rank, Number::of(number)?)));
    // A number's first attribute counts. All numbers are kept: dropping one would make someone else
    // its only owner.
    let numbers: Vec<(usize, Number)> =
        numbers.filter(|(_, number)| person.numbers.len() == 1 || seen.insert(*number)).collect();
    varint::put(to, numbers.len() as u128);
    for (rank, number) in numbers {
        varint::put(to, rank as u128);
        varint::put(to, number.digits);
        varint::put_bytes(to, number.extension);
    }
    if let Some(user) = &person.user {
        flags |= USABLE;
        flags |= write_id(to, person.key, user.id.as_str());
        flags |= write_names(to, user, parents);
        if !user.pins.is_empty() {
            flags |= PINS;
            varint::put(to, user.pins.len() as u128);
            user.pins.iter().for_each(|pin| varint::put_bytes(to, pin.expose().as_bytes()));
        }
        if !user.account.restrictions().is_empty() {
            flags |= CLOSURES;
            closures::put(to, &user.account);
        }
    }
    to[flags_at] = flags;
}

fn write_id(to: &mut Vec<u8>, key: Key, id: &str) -> u8 {
    if Uuid::from_bytes(key).to_string() == id {
        ID_IS_UUID
    } else if Uuid::from_bytes_le(key).to_string() == id {
        ID_IS_GUID
    } else {
        varint::put_bytes(to, id.as_bytes());
        0
    }
}

fn write_names(to: &mut Vec<u8>, user: &User, parents: &mut Parents) -> u8 {
    let (first, parent) = split_dn(&user.locator);
    let place = parent.and_then(|parent| parents.place(parent));
    let first = if place.is_some() { first } else { &user.locator };
    varint::put(to, place.map_or(0, |place| place as u128 + 1));
    varint::put_bytes(to, first.as_bytes());
    if first.ends_with(&user.username) {
        varint::put(to, user.username.len() as u128);
        NAME_IN_DN
    } else {
        varint::put_bytes(to, user.username.as_bytes());
        0
    }
}

/// The first RDN of a DN, and what follows its comma (RFC 4514: a comma inside a value is escaped
/// with a backslash).
fn split_dn(dn: &str) -> (&str, Option<&str>) {
    let mut escaped = false;
    for (at, byte) in dn.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b',' => return (&dn[..at], Some(&dn[at + 1..])),
            _ => {}
        }
    }
    (dn, None)
}

/// The key in a record.
pub(super) fn key(record: &[u8]) -> &Key {
    record.first_chunk().expect("a record starts with its key")
}

/// The distinct numbers in a record, with their ranks.
pub(super) fn numbers(record: &[u8]) -> impl Iterator<Item = (usize, Number<'_>)> {
    let mut rest = &record[17..];
    let count = varint::take_length(&mut rest);
    (0..count).map(move |_| take_number(&mut rest))
}

fn take_number<'a>(from: &mut &'a [u8]) -> (usize, Number<'a>) {
    let rank = varint::take_length(from);
    let digits = varint::take(from);
    (rank, Number { digits, extension: varint::take_bytes(from) })
}

/// The user in a record; `None` if the entry yields no user.
pub(super) fn user(record: &[u8], parents: &Parents) -> Option<User> {
    let flags = record[16];
    let mut rest = &record[17..];
    let numbers = (0..varint::take_length(&mut rest))
        .map(|_| {
            let (rank, number) = take_number(&mut rest);
            NumberValue { rank, text: text(number) }
        })
        .collect();
    if flags & USABLE == 0 {
        return None;
    }
    let id = take_id(flags, key(record), &mut rest);
    let (locator, first) = take_dn(&mut rest, parents);
    let username = if flags & NAME_IN_DN == 0 {
        varint::take_text(&mut rest)
    } else {
        &first[first.len() - varint::take_length(&mut rest)..]
    };
    let username = username.to_owned();
    let count = if flags & PINS == 0 { 0 } else { varint::take_length(&mut rest) };
    let pins = (0..count).filter_map(|_| Pin::parse(varint::take_text(&mut rest))).collect();
    let account =
        if flags & CLOSURES == 0 { AccountState::open() } else { closures::take(&mut rest) };
    // The language is not indexed: the entry is read to confirm a match, and has it.
    let language = None;
    Some(User { id: UserId::parse(id)?, username, locator, account, numbers, pins, language })
}

/// The DN of the user in a record; `None` if the entry yields no user.
pub(super) fn dn(record: &[u8], parents: &Parents) -> Option<String> {
    let flags = record[16];
    let mut rest = &record[17..];
    for _ in 0..varint::take_length(&mut rest) {
        take_number(&mut rest);
    }
    if flags & USABLE == 0 {
        return None;
    }
    take_id(flags, key(record), &mut rest);
    Some(take_dn(&mut rest, parents).0)
}

fn take_id(flags: u8, key: &Key, from: &mut &[u8]) -> String {
    if flags & ID_IS_UUID != 0 {
        Uuid::from_bytes(*key).to_string()
    } else if flags & ID_IS_GUID != 0 {
        Uuid::from_bytes_le(*key).to_string()
    } else {
        varint::take_text(from).to_owned()
    }
}

/// A DN and its first RDN.
fn take_dn<'a>(from: &mut &'a [u8], parents: &Parents) -> (String, &'a str) {
    let place = varint::take_length(from);
    let first = varint::take_text(from);
    let dn = match place.checked_sub(1).and_then(|place| parents.texts.get(place)) {
        Some(parent) => [first, ",", parent].concat(),
        None => first.to_owned(),
    };
    (dn, first)
}

/// The number as text that a numbering plan parses to the same number.
fn text(number: Number) -> String {
    let extension = String::from_utf8_lossy(number.extension);
    if extension.is_empty() {
        format!("+{}", number.digits)
    } else {
        format!("+{};ext={extension}", number.digits)
    }
}
