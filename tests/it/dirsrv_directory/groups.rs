//! Who is in the groups that a tenant asks for, in a server where a group may have no members.

use std::time::Duration;

use dialpass::directory::ldap::{IndexSettings, Lookup};
use dialpass::directory::{Directory, Occasion};
use dialpass::domain::user::Membership::{self, Allowed, InExcludedGroup};
use tokio::time::Instant;

use super::{by_number, deadline, directory, settings};
use crate::support::dirsrv::{Dirsrv, GROUPS};

const ANNA: &str = "+46701234567";
const ERIK: &str = "+46705556677";

/// What is said of these people at a call and at a login, by searches and by an index that has
/// looked at the groups.
async fn said(server: &Dirsrv, caller: &str) -> Vec<Membership> {
    let mut answers = Vec::new();
    let index = IndexSettings { poll: Duration::from_millis(500), ..IndexSettings::default() };
    for lookup in [Lookup::Search, Lookup::Index(index)] {
        let mut settings = settings(server);
        settings.excluded_group = Some(format!("cn=barred,{GROUPS}"));
        settings.lookup = lookup;
        let directory = directory(settings);
        let patience = Instant::now() + Duration::from_secs(30);
        let looked = || {
            let state = directory.states().pop().expect("there are states");
            lookup == Lookup::Search || state.detail.contains("groups")
        };
        while !looked() {
            assert!(Instant::now() < patience, "{:?}", directory.states());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let found = by_number(&directory, caller).await;
        for occasion in [Occasion::Call, Occasion::Login] {
            let answer = directory.membership(&found.users[0], occasion, deadline()).await;
            answers.push(answer.expect("the server answers"));
        }
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nested_group_without_members_excludes_no_one_and_a_hidden_one_excludes_all() {
    let server = Dirsrv::start();
    let leaving = format!("cn=leaving,{GROUPS}");
    assert_eq!(said(&server, ANNA).await, [Allowed; 4]);
    assert_eq!(said(&server, ERIK).await, [InExcludedGroup; 4]);
    server.modify(&format!("dn: {leaving}\nchangetype: modify\ndelete: member\n"));
    assert_eq!(said(&server, ANNA).await, [Allowed; 4], "without members");
    assert_eq!(said(&server, ERIK).await, [Allowed; 4], "without members");
    server.modify(&format!(
        "dn: {leaving}\nchangetype: modify\nadd: member\nmember: uid=erik,ou=people,dc=example,dc=com\n\
         -\nadd: aci\naci: (targetattr = \"member\")(version 3.0; acl \"hidden\"; \
         deny (all) userdn = \"ldap:///{}\";)\n",
        crate::support::dirsrv::GATEWAY_DN
    ));
    assert_eq!(said(&server, ANNA).await, [InExcludedGroup; 4], "hidden");
    assert_eq!(said(&server, ERIK).await, [InExcludedGroup; 4], "hidden");
}
