//! What the service account may read in OpenLDAP, and how that is taken away: by who is in a group.

use std::time::Instant;

use super::changes::Change;
use super::run::Run;
use super::site;
use crate::support::slapd;

/// Who may read the model's people.
pub const READERS: &str = "cn=readers,dc=example,dc=com";
/// Who else may read what reports changes.
pub const SEEING_CHANGES: &str = "cn=seeing-changes,dc=example,dc=com";

/// The lines of `slapd.conf` that go by the groups.
pub fn rules() -> [String; 2] {
    let rule = |what: &str, group: &str| {
        let people = format!("dn.subtree=\"ou=model,{}\"", slapd::SUFFIX);
        format!("access to {people}{what} by group.exact=\"{group}\" read by * none")
    };
    [rule(" attrs=entryCSN", SEEING_CHANGES), rule("", READERS)]
}

/// A group with the service account in it.
pub fn readers(group: &str) -> Change {
    let name = group.split(['=', ',']).nth(1).expect("a DN");
    let attributes = vec![
        ("objectClass", vec![b"groupOfNames".to_vec()]),
        ("cn", vec![name.into()]),
        ("member", vec![slapd::GATEWAY_DN.into()]),
    ];
    Change::Add { dn: group.to_owned(), attributes }
}

impl Run {
    /// Lets the service account read the people, or not.
    pub async fn let_read(&mut self, may: bool) {
        let begun = Instant::now();
        self.let_be_in(READERS, may).await;
        self.oracle.readable(begun, Instant::now(), may);
    }

    /// Whether the service account may read what reports changes.
    pub async fn let_see_changes(&mut self, may: bool) {
        self.let_be_in(SEEING_CHANGES, may).await;
    }

    async fn let_be_in(&mut self, group: &str, may: bool) {
        let mut ldap = self.site.admin().await;
        let who = if may { slapd::GATEWAY_DN } else { slapd::ADMIN_DN };
        let attributes = vec![("member", vec![who.into()])];
        site::make(&mut ldap, &Change::Replace { dn: group.to_owned(), attributes }).await;
    }
}
