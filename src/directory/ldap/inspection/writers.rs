//! Who may write the phone attributes: in Active Directory by the security descriptors of people,
//! in OpenLDAP by its rules, as far as they can be seen.

use std::collections::BTreeMap;

use ldap3::controls::RawControl;
use ldap3::{Scope, SearchEntry};

use super::access_rules;
use super::reader::{ReadError, Reader, Search};
use super::security_descriptor::{Ace, Dacl, Grant, Guid, WRITE_PROPERTY, sid};
use super::servers::Product;
use super::{LdapInspection, entry};
use crate::directory::inspection::{SelfWrite, WritableAttribute};

/// The control that says which parts of a security descriptor to send ([MS-ADTS] 3.1.1.3.4.1.11).
const SD_FLAGS: &str = "1.2.840.113556.1.4.801";
/// `SEQUENCE { INTEGER 4 }`: only the list of who may do what; the rest takes more rights.
const ONLY_DACL: [u8; 5] = [0x30, 0x03, 0x02, 0x01, 0x04];
/// Most people who are named.
const EXAMPLES: usize = 5;

/// The classes people are of: a right given by class is one over all attributes.
const CLASSES: [Guid; 2] = [
    // user, bf967aba-0de6-11d0-a285-00aa003049e2
    [0xba, 0x7a, 0x96, 0xbf, 0xe6, 0x0d, 0xd0, 0x11, 0xa2, 0x85, 0, 0xaa, 0, 0x30, 0x49, 0xe2],
    // inetOrgPerson, 4828cc14-1437-45bc-9b07-ad6f015e5f28
    [0x14, 0xcc, 0x28, 0x48, 0x37, 0x14, 0xbc, 0x45, 0x9b, 7, 0xad, 0x6f, 1, 0x5e, 0x5f, 0x28],
];

/// An attribute as access lists know it.
struct Protected {
    name: String,
    own: Guid,
    set: Option<Guid>,
}

impl LdapInspection {
    pub(super) async fn who_writes(&self, people: &[String]) -> SelfWrite {
        let mut reader = match self.reader().await {
            Ok((_, reader)) => reader,
            Err(error) => return self.not_checked(false, error.detail, Vec::new()),
        };
        let product = Product::of(&mut reader).await;
        match product.schema.filter(|_| product.active_directory) {
            Some(schema) => self.by_descriptors(&mut reader, &schema, people).await,
            None => self.by_rules(&mut reader).await,
        }
    }

    async fn by_rules(&self, reader: &mut Reader) -> SelfWrite {
        let rules = access_rules::suspicious(reader, &self.settings.phone_attributes).await;
        let why = match &rules {
            None => "the server does not tell over LDAP what people may write",
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
    ) -> SelfWrite {
        let protected = match self.protected(reader, schema).await {
            Ok(protected) => protected,
            Err(why) => return self.not_checked(true, why, Vec::new()),
        };
        let mut found: Vec<WritableAttribute> = Vec::new();
        let mut unreadable = 0;
        for dn in people {
            match descriptor(reader, dn).await {
                Ok(Some((dacl, own_sid))) => note(&mut found, dn, &dacl, &own_sid, &protected),
                Ok(None) => unreadable += 1,
                Err(error) => return self.not_checked(true, error.to_string(), Vec::new()),
            }
        }
        if unreadable == people.len() {
            let why = "the service account may not read anybody's rights (nTSecurityDescriptor)";
            return self.not_checked(true, why.to_owned(), Vec::new());
        }
        let hint = self.hint_for_ad(&protected);
        SelfWrite::Checked { people: people.len(), unreadable, writable: found, hint }
    }

    /// The phone attributes with their GUIDs, from the schema.
    async fn protected(&self, reader: &mut Reader, schema: &str) -> Result<Vec<Protected>, String> {
        let asked = ["lDAPDisplayName", "schemaIDGUID", "attributeSecurityGUID"];
        let mut protected = Vec::new();
        for name in &self.settings.phone_attributes {
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

    fn hint_for_slapd(&self) -> Vec<String> {
        let first = self.settings.phone_attributes.first().map_or("mobile", String::as_str);
        let all = self.settings.phone_attributes.join(",");
        let account = &self.settings.bind_dn;
        let base = self.settings.base_dns.first().map_or("", String::as_str);
        vec![
            format!(
                "check, on the server, with a person's DN for uid=anna (write must be DENIED): \
                 slapacl -F /etc/ldap/slapd.d -D \"uid=anna,{base}\" -b \"uid=anna,{base}\" \
                 \"{first}/write\""
            ),
            format!(
                "close, as the first rule of the database: olcAccess: {{0}}to attrs={all} by \
                 dn.exact=\"{account}\" read by users read by * none   (and before those `by … write` for \
                 whoever keeps the numbers)"
            ),
        ]
    }

    fn hint_for_ad(&self, protected: &[Protected]) -> Vec<String> {
        let names = self.settings.phone_attributes.iter();
        let dsacls: Vec<_> = names.map(|name| format!("'NT AUTHORITY\\SELF:WP;{name}'")).collect();
        let text = |guid| uuid::Uuid::from_bytes_le(guid).to_string();
        let mut sddl: Vec<_> =
            protected.iter().map(|own| format!("(OD;;WP;{};;PS)", text(own.own))).collect();
        if sddl.is_empty() {
            sddl.push("(OD;;WP;schemaIDGUID;;PS)".to_owned());
        }
        let base = self.settings.base_dns.first().map_or("", String::as_str);
        vec![
            "best: keep the numbers in an attribute that only administrators write, and name it \
             in phone_attributes"
                .to_owned(),
            format!(
                "or deny it on each person (an inherited denial comes too late, after what each \
                 person is given explicitly): Get-ADUser -SearchBase \"{base}\" -Filter * | \
                 ForEach-Object {{ dsacls $_.DistinguishedName /D {} }}",
                dsacls.join(" ")
            ),
            format!(
                "in Samba: samba-tool dsacl set --objectdn=\"CN=…\" --sddl=\"{}\"",
                sddl.concat()
            ),
            "and have new people made so: take SELF's write right out of the class user's \
             defaultSecurityDescriptor in the schema, or deny it as each person is made"
                .to_owned(),
        ]
    }
}

/// Somebody's access list and SID; `None` if this account may not read them.
async fn descriptor(reader: &mut Reader, dn: &str) -> Result<Option<(Dacl, Vec<u8>)>, ReadError> {
    let mut search = Search::of_entry(dn, &["nTSecurityDescriptor", "objectSid"]);
    let control =
        RawControl { ctype: SD_FLAGS.to_owned(), crit: false, val: Some(ONLY_DACL.to_vec()) };
    search.controls = vec![control];
    let answer = reader.ask(search).await?;
    let Some(found) = answer.entries.first() else { return Ok(None) };
    let [bytes] = entry::values(found, "nTSecurityDescriptor")[..] else { return Ok(None) };
    let own_sid = entry::values(found, "objectSid").first().map_or(Vec::new(), |sid| sid.to_vec());
    Ok(Dacl::read(bytes).ok().map(|dacl| (dacl, own_sid)))
}

fn guid(entry: &SearchEntry, attribute: &str) -> Option<Guid> {
    entry::values(entry, attribute).first().and_then(|value| (*value).try_into().ok())
}

/// Adds what this person may write.
fn note(
    found: &mut Vec<WritableAttribute>,
    dn: &str,
    dacl: &Dacl,
    own_sid: &[u8],
    protected: &[Protected],
) {
    let somebody = somebody(own_sid);
    let sids: Vec<Vec<u8>> = somebody.keys().cloned().collect();
    for attribute in protected {
        let mut objects = vec![attribute.own];
        objects.extend(attribute.set);
        objects.extend(CLASSES);
        let Some(grant) = dacl.lets_write(&sids, &objects) else { continue };
        let by = match grant {
            Grant::NoList => "no access list at all".to_owned(),
            Grant::Ace(ace) => format!("{}, {}", somebody[&ace.sid], right(ace, attribute)),
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
        if writable.examples.len() < EXAMPLES {
            writable.examples.push(dn.to_owned());
        }
        if !writable.by.contains(&by) {
            writable.by.push(by);
        }
    }
}

/// Everything that a person is when they log in, with its name ([MS-DTYP] 2.4.2.4).
fn somebody(own_sid: &[u8]) -> BTreeMap<Vec<u8>, &'static str> {
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
    somebody
}

/// By which right the attribute can be written.
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

/// The name of a property set, if it is one that every domain has ([MS-ADTS] 3.1.1.2.3.3).
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
        let somebody = somebody(&own);
        assert_eq!(somebody[&sid(5, &[21, 1, 2, 3, 513])], "Domain Users");
        assert_eq!(somebody[&own], "the person");
        assert_eq!(super::somebody(&[]).len(), 6);
    }

    #[test]
    fn the_classes_are_written_as_they_are_stored() {
        let text = |guid| uuid::Uuid::from_bytes_le(guid).to_string();
        assert_eq!(text(CLASSES[0]), "bf967aba-0de6-11d0-a285-00aa003049e2");
        assert_eq!(text(CLASSES[1]), "4828cc14-1437-45bc-9b07-ad6f015e5f28");
    }
}
