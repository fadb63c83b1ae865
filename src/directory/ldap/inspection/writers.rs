//! Who may write the phone attributes: in Active Directory by people's security descriptors, in
//! OpenLDAP by its access rules, as far as they are visible.

use std::collections::BTreeMap;

use ldap3::controls::RawControl;
use ldap3::{Scope, SearchEntry};

use super::super::values::values;
use super::LdapInspection;
use super::access_rules;
use super::reader::{ReadError, Reader, Search};
use super::security_descriptor::{
    Ace, Dacl, Grant, Guid, WRITE_PROPERTY, owner, owner_rights, sid,
};
use super::servers::Product;
use crate::directory::inspection::{SelfWrite, WritableAttribute};

/// The control that selects which parts of a security descriptor to send ([MS-ADTS]
/// 3.1.1.3.4.1.11).
const SD_FLAGS: &str = "1.2.840.113556.1.4.801";
/// `SEQUENCE { INTEGER 5 }`: the owner and the DACL; the rest requires more rights.
const OWNER_AND_DACL: [u8; 5] = [0x30, 0x03, 0x02, 0x01, 0x05];

/// The object classes of people: a right granted for a class covers all attributes.
const CLASSES: [Guid; 2] = [
    // user, bf967aba-0de6-11d0-a285-00aa003049e2
    [0xba, 0x7a, 0x96, 0xbf, 0xe6, 0x0d, 0xd0, 0x11, 0xa2, 0x85, 0, 0xaa, 0, 0x30, 0x49, 0xe2],
    // inetOrgPerson, 4828cc14-1437-45bc-9b07-ad6f015e5f28
    [0x14, 0xcc, 0x28, 0x48, 0x37, 0x14, 0xbc, 0x45, 0x9b, 7, 0xad, 0x6f, 1, 0x5e, 0x5f, 0x28],
];

/// An attribute as access lists identify it.
pub(super) struct Protected {
    pub name: String,
    pub own: Guid,
    set: Option<Guid>,
}

/// What is known of a person's rights.
struct Rights {
    dacl: Dacl,
    /// The owner of the person's entry.
    owner: Option<Vec<u8>>,
    own_sid: Vec<u8>,
    /// The person's groups, including nested ones and the primary group. Everyone is in at least
    /// one, so an empty list means that they cannot be read.
    groups: Vec<Vec<u8>>,
}

impl LdapInspection {
    pub(super) async fn who_writes(&self, people: &[String], examples: usize) -> SelfWrite {
        let mut reader = match self.reader().await {
            Ok((_, reader)) => reader,
            Err(error) => return self.not_checked(false, error.detail, Vec::new()),
        };
        let product = Product::of(&mut reader).await;
        match product.schema.filter(|_| product.active_directory) {
            Some(schema) => self.by_descriptors(&mut reader, &schema, people, examples).await,
            None => self.by_rules(&mut reader).await,
        }
    }

    async fn by_rules(&self, reader: &mut Reader) -> SelfWrite {
        let rules = access_rules::suspicious(reader, &self.guarded()).await;
        let why = match &rules {
            None => "the server does not show over LDAP what people may write",
            Some(rules) if rules.is_empty() => {
                "no rule in cn=config says so in plain words; sets, groups and regular \
                 expressions were not followed"
            }
            Some(_) => "these rules in cn=config may let people, unless one before them forbids it",
        };
        self.not_checked(false, why.to_owned(), rules.unwrap_or_default())
    }

    fn not_checked(&self, active_directory: bool, why: String, rules: Vec<String>) -> SelfWrite {
        let hint = if active_directory { self.hint_for_ad(&[]) } else { self.hint_for_slapd() };
        SelfWrite::NotChecked { why, rules, hint }
    }

    async fn by_descriptors(
        &self,
        reader: &mut Reader,
        schema: &str,
        people: &[String],
        examples: usize,
    ) -> SelfWrite {
        let protected = match self.protected(reader, schema).await {
            Ok(protected) => protected,
            Err(why) => return self.not_checked(true, why, Vec::new()),
        };
        let mut found: Vec<WritableAttribute> = Vec::new();
        let (mut unreadable, mut groups_unreadable) = (0, 0);
        for dn in people {
            match rights(reader, dn).await {
                Ok(Some(rights)) => {
                    groups_unreadable += usize::from(rights.groups.is_empty());
                    note(&mut found, dn, &rights, &protected, examples);
                }
                Ok(None) => unreadable += 1,
                Err(error) => return self.not_checked(true, error.to_string(), Vec::new()),
            }
        }
        if unreadable == people.len() {
            let why = "the service account may not read any person's rights (nTSecurityDescriptor)";
            return self.not_checked(true, why.to_owned(), Vec::new());
        }
        let hint = self.hint_for_ad(&protected);
        SelfWrite::Checked {
            people: people.len(),
            unreadable,
            groups_unreadable,
            writable: found,
            hint,
        }
    }

    /// The guarded attributes with their GUIDs, from the schema.
    async fn protected(&self, reader: &mut Reader, schema: &str) -> Result<Vec<Protected>, String> {
        let asked = ["lDAPDisplayName", "schemaIDGUID", "attributeSecurityGUID"];
        let mut protected = Vec::new();
        for name in &self.guarded() {
            let filter = format!("(&(objectClass=attributeSchema)(lDAPDisplayName={name}))");
            let mut search = Search::below(schema, &filter, &asked, 0);
            search.scope = Scope::OneLevel;
            let answer = reader.ask(search).await.map_err(|error| error.to_string())?;
            let own = answer.entries.first().and_then(|entry| guid(entry, "schemaIDGUID"));
            let (Some(found), Some(own)) = (answer.entries.first(), own) else {
                return Err(format!("the schema does not show the attribute {name}"));
            };
            let set = guid(found, "attributeSecurityGUID");
            protected.push(Protected { name: name.clone(), own, set });
        }
        Ok(protected)
    }
}

/// A person's rights; `None` if this account may not read them.
async fn rights(reader: &mut Reader, dn: &str) -> Result<Option<Rights>, ReadError> {
    let mut search = Search::of_entry(dn, &["nTSecurityDescriptor", "objectSid", "tokenGroups"]);
    let control =
        RawControl { ctype: SD_FLAGS.to_owned(), crit: false, val: Some(OWNER_AND_DACL.to_vec()) };
    search.controls = vec![control];
    let answer = reader.ask(search).await?;
    let Some(found) = answer.entries.first() else { return Ok(None) };
    let [bytes] = values(found, "nTSecurityDescriptor")[..] else { return Ok(None) };
    let (Ok(dacl), Ok(owner)) = (Dacl::read(bytes), owner(bytes)) else { return Ok(None) };
    let sids = |attribute| -> Vec<Vec<u8>> {
        values(found, attribute).into_iter().map(<[u8]>::to_vec).collect()
    };
    let own_sid = sids("objectSid").into_iter().next().unwrap_or_default();
    Ok(Some(Rights { dacl, owner, own_sid, groups: sids("tokenGroups") }))
}

fn guid(entry: &SearchEntry, attribute: &str) -> Option<Guid> {
    values(entry, attribute).first().and_then(|value| (*value).try_into().ok())
}

/// Adds what this person may write.
fn note(
    found: &mut Vec<WritableAttribute>,
    dn: &str,
    rights: &Rights,
    protected: &[Protected],
    examples: usize,
) {
    let mut somebody = somebody(&rights.own_sid, &rights.groups);
    let dacl = &rights.dacl;
    let owns = rights.owner.as_ref().is_some_and(|owner| somebody.contains_key(owner));
    // Rights given to owners replace their implicit ones ([MS-DTYP] 2.5.3.2).
    let unlimited = owns && !dacl.limits_owners();
    if owns {
        somebody.insert(owner_rights(), "the owner of the entry");
    }
    let sids: Vec<Vec<u8>> = somebody.keys().cloned().collect();
    for attribute in protected {
        let mut objects = vec![attribute.own];
        objects.extend(attribute.set);
        objects.extend(CLASSES);
        let by = match dacl.lets_write(&sids, &objects) {
            None if unlimited => "the owner of the entry, who may change its rights".to_owned(),
            None => continue,
            Some(Grant::NoList) => "no access list at all".to_owned(),
            Some(Grant::Ace(ace)) => format!("{}, {}", somebody[&ace.sid], right(ace, attribute)),
        };
        let known = found.iter().position(|known| known.attribute == attribute.name);
        let at = known.unwrap_or_else(|| {
            found.push(WritableAttribute {
                attribute: attribute.name.clone(),
                people: 0,
                examples: Vec::new(),
                by: Vec::new(),
            });
            found.len() - 1
        });
        let writable = &mut found[at];
        writable.people += 1;
        if writable.examples.len() < examples {
            writable.examples.push(dn.to_owned());
        }
        if !writable.by.contains(&by) {
            writable.by.push(by);
        }
    }
}

/// All SIDs that a person has when logged in, with their names ([MS-DTYP] 2.4.2.4).
fn somebody(own_sid: &[u8], groups: &[Vec<u8>]) -> BTreeMap<Vec<u8>, &'static str> {
    let mut somebody = BTreeMap::from([
        (sid(5, &[10]), "SELF"),
        (sid(1, &[0]), "Everyone"),
        (sid(5, &[2]), "NETWORK"),
        (sid(5, &[11]), "Authenticated Users"),
        (sid(5, &[15]), "This Organization"),
        (sid(5, &[32, 545]), "Users"),
    ]);
    if let Some((domain, _)) = own_sid.split_last_chunk::<4>() {
        somebody.insert([domain, &513_u32.to_le_bytes()].concat(), "Domain Users");
        somebody.insert(own_sid.to_vec(), "the person");
    }
    // Administrators' rights over all users are not what a person's stolen password gives away.
    for group in groups.iter().filter(|group| !is_of_administrators(group)) {
        somebody.entry(group.clone()).or_insert("a group they are in");
    }
    somebody
}

/// Whether a group administers a whole domain ([MS-DTYP] 2.4.2.4): Administrators and Account
/// Operators; Domain, Schema and Enterprise Admins.
fn is_of_administrators(group: &[u8]) -> bool {
    let last = group.last_chunk::<4>().map(|part| u32::from_le_bytes(*part));
    let builtin = [sid(5, &[32, 544]), sid(5, &[32, 548])];
    builtin.iter().any(|one| one == group)
        || group.get(1) == Some(&5) && matches!(last, Some(512 | 518 | 519))
}

/// The right by which the attribute can be written.
fn right(ace: &Ace, attribute: &Protected) -> String {
    match ace.object {
        Some(object) if object == attribute.own => format!("by the attribute {}", attribute.name),
        Some(object) if Some(object) == attribute.set => {
            format!("by the property set {}", property_set(object))
        }
        Some(_) => "by the class".to_owned(),
        None if ace.mask & WRITE_PROPERTY == 0 => "by a right over the whole entry".to_owned(),
        None => "by all attributes".to_owned(),
    }
}

/// The name of a property set that every domain has ([MS-ADTS] 3.1.1.2.3.3).
fn property_set(guid: Guid) -> String {
    let text = uuid::Uuid::from_bytes_le(guid).to_string();
    match text.as_str() {
        "77b5b886-944a-11d1-aebd-0000f80367c1" => "Personal Information".to_owned(),
        "e48d0154-bcf8-11d1-8702-00c04fb96050" => "Public Information".to_owned(),
        "e45795b2-9455-11d1-aebd-0000f80367c1" => "Phone and Mail Options".to_owned(),
        "e45795b3-9455-11d1-aebd-0000f80367c1" => "Web Information".to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_also_one_of_the_domains_users() {
        let own = sid(5, &[21, 1, 2, 3, 1104]);
        let group = sid(5, &[21, 1, 2, 3, 1200]);
        let users = sid(5, &[21, 1, 2, 3, 513]);
        let somebody = somebody(&own, &[group.clone(), users]);
        assert_eq!(somebody[&group], "a group they are in");
        assert_eq!(somebody[&sid(5, &[21, 1, 2, 3, 513])], "Domain Users");
        assert_eq!(somebody[&own], "the person");
        assert_eq!(super::somebody(&[], &[]).len(), 6);
        let administrators = [sid(5, &[32, 544]), sid(5, &[21, 1, 2, 3, 512])];
        assert_eq!(super::somebody(&[], &administrators).len(), 6);
    }

    #[test]
    fn an_owner_may_write_unless_the_list_says_what_owners_may() {
        let own = sid(5, &[21, 1, 2, 3, 1104]);
        let protected = [Protected { name: "mobile".to_owned(), own: [1; 16], set: None }];
        let by = |owner: &[u8], mask: Option<u32>| {
            let ace = |mask| Ace { allows: true, mask, object: None, sid: owner_rights() };
            let rights = Rights {
                dacl: Dacl::Entries(mask.map(ace).into_iter().collect()),
                owner: Some(owner.to_vec()),
                own_sid: own.clone(),
                groups: Vec::new(),
            };
            let mut found = Vec::new();
            note(&mut found, "CN=anna", &rights, &protected, 1);
            found.pop().map(|found: WritableAttribute| found.by.concat())
        };
        assert_eq!(by(&sid(5, &[21, 1, 2, 3, 512]), None), None);
        assert!(by(&own, None).is_some_and(|by| by.contains("the owner of the entry")));
        assert_eq!(by(&own, Some(0x10)), None, "owners may only read");
        assert!(by(&own, Some(WRITE_PROPERTY)).is_some());
    }

    #[test]
    fn the_classes_are_written_as_they_are_stored() {
        let text = |guid| uuid::Uuid::from_bytes_le(guid).to_string();
        assert_eq!(text(CLASSES[0]), "bf967aba-0de6-11d0-a285-00aa003049e2");
        assert_eq!(text(CLASSES[1]), "4828cc14-1437-45bc-9b07-ad6f015e5f28");
    }
}
