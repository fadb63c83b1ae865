//! How a server writes people and groups: OpenLDAP, or Active Directory.

use super::changes::{Change, written};
use super::events::Variant;
use super::oracle::{EXCLUDED, REQUIRED};
use super::people::Person;
use crate::support::{samba, slapd};

/// The place of people who are not below the base.
pub const OUTSIDE: usize = 2;

/// The names that are in force.
#[derive(Clone)]
pub struct Layout {
    pub variant: Variant,
    pub groups: [&'static str; 5],
    /// Whether groups that exclude write the names of their members in another form.
    pub odd_members: bool,
    ous: [String; 3],
}

/// Names of groups that differ in more than punctuation.
pub const PLAIN: [&str; 5] = ["mg-users", "mg-barred", "mg-alfa", "mg-bravo", "mg-charlie"];
/// Names that are the same but for punctuation.
pub const ODD: [&str; 5] = ["mg-otp", "mg-no-otp", "mgteam-1", "mgteam1", "mg no otp"];

impl Layout {
    pub fn new(variant: Variant, groups: [&'static str; 5], odd_members: bool) -> Self {
        let ous = ["north".to_owned(), "south".to_owned(), "outside".to_owned()];
        Self { variant, groups, odd_members, ous }
    }

    fn is_samba(&self) -> bool {
        self.variant.is_samba()
    }

    fn top(&self) -> &'static str {
        if self.is_samba() { samba::BASE_DN } else { slapd::SUFFIX }
    }

    pub fn base(&self) -> String {
        format!("{}=model,{}", self.ou_type(), self.top())
    }

    const fn ou_type(&self) -> &'static str {
        if matches!(self.variant, Variant::Samba) { "OU" } else { "ou" }
    }

    fn groups_base(&self) -> String {
        format!("{}=mgroups,{}", self.ou_type(), self.top())
    }

    pub fn ou_dn(&self, ou: usize) -> String {
        let parent = if ou == OUTSIDE { self.top().to_owned() } else { self.base() };
        format!("{}={},{parent}", self.ou_type(), self.ous[ou])
    }

    pub fn rename_ou(&mut self, ou: usize, at: usize) -> String {
        self.ous[ou] = format!("ou{at}");
        format!("{}={}", self.ou_type(), self.ous[ou])
    }

    /// The entries above people and groups.
    pub fn frame(&self) -> Vec<Change> {
        let dns = [self.base(), self.groups_base()];
        let dns = dns.into_iter().chain((0..=OUTSIDE).map(|ou| self.ou_dn(ou)));
        let unit = || vec![("objectClass", vec![b"organizationalUnit".to_vec()])];
        dns.map(|dn| Change::Add { dn, attributes: unit() }).collect()
    }

    pub fn rdn(&self, person: &Person) -> String {
        format!("{}={}", if self.is_samba() { "CN" } else { "uid" }, person.name)
    }

    pub fn dn(&self, person: &Person) -> String {
        format!("{},{}", self.rdn(person), self.ou_dn(person.ou))
    }

    pub fn username(&self, person: &Person) -> String {
        if self.is_samba() { format!("u{}", person.id) } else { person.name.clone() }
    }

    pub fn password(id: usize) -> String {
        format!("person-{id}-Secret")
    }

    /// What the audit trail calls a person by whom nobody else is ever called.
    pub fn id_in_audit(event: &serde_json::Value, variant: Variant) -> Option<usize> {
        let (name, before) = if variant.is_samba() { ("username", "u") } else { ("user_id", UUID) };
        event[name].as_str()?.strip_prefix(before)?.parse().ok()
    }

    pub fn group_dn(&self, group: usize) -> String {
        let kind = if self.is_samba() { "CN" } else { "cn" };
        format!("{kind}={},{}", self.groups[group], self.groups_base())
    }

    /// A member's DN as a group has it.
    pub fn member_value(&self, group: usize, dn: &str) -> String {
        // Decomposed, the ligature undone, in capitals: the same to a server. Not where people are
        // let in: a text that is not understood lets in nobody by itself.
        let lets_in = [REQUIRED, 2].contains(&group);
        if !self.odd_members || lets_in {
            return dn.to_owned();
        }
        dn.replace('\u{e9}', "e\u{301}").replace('\u{fb01}', "fi").replace("uid=", "UID=")
    }

    pub fn new_person(&self, person: &Person) -> Change {
        let text = |text: &str| vec![text.as_bytes().to_vec()];
        let mut attributes = if self.is_samba() {
            let quoted = format!("\"{}\"", Self::password(person.id));
            vec![
                ("objectClass", text("user")),
                ("sAMAccountName", text(&self.username(person))),
                ("unicodePwd", vec![quoted.encode_utf16().flat_map(u16::to_le_bytes).collect()]),
            ]
        } else {
            vec![
                ("objectClass", ["inetOrgPerson", "accountFlags"].map(Into::into).to_vec()),
                ("uid", text(&person.name)),
                ("cn", text("x")),
                ("sn", text("x")),
                ("userPassword", text(&Self::password(person.id))),
                ("entryUUID", text(&format!("{UUID}{:012}", person.id))),
            ]
        };
        attributes.push(("userAccountControl", text("512")));
        let numbers = self.numbers(person).into_iter().filter(|(_, values)| !values.is_empty());
        attributes.extend(numbers);
        Change::Add { dn: self.dn(person), attributes }
    }

    pub fn replace_numbers(&self, person: &Person) -> Change {
        Change::Replace { dn: self.dn(person), attributes: self.numbers(person) }
    }

    fn numbers(&self, person: &Person) -> Vec<(&'static str, Vec<Vec<u8>>)> {
        let numbers = person.numbers.iter();
        let mut values: Vec<Vec<u8>> =
            numbers.map(|(number, form)| written(*number, *form).into_bytes()).collect();
        let rest = values.split_off(values.len().min(1));
        let more = if self.is_samba() { "otherMobile" } else { "telephoneNumber" };
        vec![("mobile", values), (more, rest)]
    }

    pub fn new_group(&self, group: usize) -> Change {
        let name = self.groups[group].as_bytes().to_vec();
        let attributes = if self.is_samba() {
            vec![("objectClass", vec![b"group".to_vec()]), ("sAMAccountName", vec![name])]
        } else {
            let class = ("objectClass", vec![b"groupOfNames".to_vec()]);
            vec![class, ("cn", vec![name]), ("member", vec![slapd::GATEWAY_DN.into()])]
        };
        Change::Add { dn: self.group_dn(group), attributes }
    }

    pub fn replace_members(&self, group: usize, mut values: Vec<Vec<u8>>, there: bool) -> Change {
        if !self.is_samba() {
            // A group of OpenLDAP is never empty.
            values.push(slapd::GATEWAY_DN.into());
        }
        let dn = if there || group != EXCLUDED { self.group_dn(group) } else { self.away() };
        Change::Replace { dn, attributes: vec![("member", values)] }
    }

    /// The excluded group's DN while it has another name.
    fn away(&self) -> String {
        self.group_dn(EXCLUDED).replacen("mg", "away", 1)
    }

    pub fn rename_excluded(&self, away: bool) -> Change {
        let (from, to) = (self.group_dn(EXCLUDED), self.away());
        let (dn, to) = if away { (from, to) } else { (to, from) };
        let rdn = to.split(',').next().expect("a DN").to_owned();
        Change::Rename { dn, rdn, parent: None }
    }

    /// The keys of a tenant's directory but for its servers.
    pub fn keys(&self, ca: Option<&std::path::Path>) -> String {
        let base = self.base();
        let Some(ca) = ca else {
            return format!(
                "bind_dn = \"{}\"\nbind_password = \"{}\"\nbase_dn = \"{base}\"\n",
                slapd::GATEWAY_DN,
                slapd::GATEWAY_PASSWORD
            );
        };
        format!(
            "profile = \"active-directory\"\nca_file = \"{}\"\nbind_dn = \"{}\"\n\
             bind_password = \"{}\"\nbase_dn = \"{base}\"\n\
             phone_attributes = [\"mobile\", \"otherMobile\"]\n",
            ca.display(),
            samba::GATEWAY_DN,
            samba::GATEWAY_PASSWORD
        )
    }
}

/// How people's ids begin in OpenLDAP: not as those of the people who are there anyway.
const UUID: &str = "00000000-0000-4000-9000-";
