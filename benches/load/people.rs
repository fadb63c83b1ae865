//! The benchmark's people, the same in a file and in a directory server. Each has one number,
//! stored as E.164; their ids are spread evenly, like random UUIDs.

use std::io::{self, Write};

/// The tree that the directory server holds.
pub const BASE: &str = "dc=example,dc=com";
/// The entry below which the people are.
pub const PEOPLE: &str = "ou=people,dc=example,dc=com";
/// The account that searches; not a person.
pub const ACCOUNT: &str = "cn=gateway,dc=example,dc=com";
/// The password of all people and of the account.
pub const PASSWORD: &str = "correct horse battery";

/// A person's name.
pub fn username(person: u32) -> String {
    format!("user{person:07}")
}

/// A person's number.
pub fn number(person: u32) -> String {
    format!("+467{person:08}")
}

/// A person's entry.
pub fn dn(person: u32) -> String {
    format!("uid={},{PEOPLE}", username(person))
}

/// A person's stable id.
pub fn id(person: u32) -> String {
    let (high, low) = (mix(u64::from(person) << 1), mix(u64::from(person) << 1 | 1));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff,
    )
}

/// The finalizer of splitmix64: a bijection, so that no two people share an id.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The person at step `turn` of an endless walk through `people`, which visits each person once
/// before repeating any, in a scattered order.
pub fn at_turn(turn: u64, people: u32) -> u32 {
    // A prime larger than any number of people, so they share no factor.
    const STRIDE: u64 = 1_000_000_007;
    let place = (turn % u64::from(people)) * STRIDE % u64::from(people);
    u32::try_from(place).unwrap_or_default()
}

/// Writes a people file. It has no passwords: argon2 is slow on purpose and would dominate the
/// measurement.
pub fn write_toml(count: u32, out: &mut impl Write) -> io::Result<()> {
    for person in 0..count {
        writeln!(
            out,
            "[[people]]\nid = \"{}\"\nusername = \"{}\"\nnumbers = [\"{}\"]",
            id(person),
            username(person),
            number(person)
        )?;
    }
    out.flush()
}

/// Writes the whole tree as LDIF for `slapadd`, with `password` as the hash of all people.
pub fn write_ldif(count: u32, password: &str, out: &mut impl Write) -> io::Result<()> {
    write!(
        out,
        "dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n\
         dn: {ACCOUNT}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n\
         cn: gateway\nuserPassword: {password}\n\n\
         dn: {PEOPLE}\nobjectClass: organizationalUnit\nou: people\n\n"
    )?;
    for person in 0..count {
        let name = username(person);
        write!(
            out,
            "dn: {}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\n\
             mobile: {}\nuserPassword: {password}\nentryUUID: {}\n\n",
            dn(person),
            number(person),
            id(person)
        )?;
    }
    out.flush()
}
