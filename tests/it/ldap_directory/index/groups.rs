//! Who may use the gateway, by an index that has read the groups.

use std::sync::Arc;
use std::time::Duration;

use dialpass::directory::ldap::{LdapDirectory, LdapSettings};
use dialpass::directory::{Directory, DirectoryError, Occasion};
use dialpass::domain::user::Membership::{self, Allowed, InExcludedGroup, NotInRequiredGroup};

use super::super::{by_number, deadline, settings};
use super::{is_live, person, state, synced, until, with_index};
use crate::slapd::{GROUPS, Slapd};

const ANNA: &str = "+46701234567";
const BOB: &str = "+46702223344";
const ERIK: &str = "+46705556677";

fn group(name: &str) -> String {
    format!("cn={name},{GROUPS}")
}

async fn read(slapd: &Slapd, change: impl FnOnce(&mut LdapSettings)) -> Arc<LdapDirectory> {
    let mut settings = settings(&[slapd.url()]);
    change(&mut settings);
    let directory = with_index(settings, Duration::from_mins(15));
    is_live(&directory, true).await;
    until(&directory, |directory| state(directory).detail.contains("by the groups")).await;
    directory
}

async fn asked(
    directory: &LdapDirectory,
    caller: &str,
    occasion: Occasion,
) -> Result<Membership, DirectoryError> {
    let found = by_number(directory, caller).await.unwrap();
    let [user] = &found.users[..] else { panic!("{} users", found.users.len()) };
    directory.membership(user, occasion, deadline()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_let_in_at_a_call_without_a_server_and_nobody_else_is() {
    let mut slapd = synced().start();
    let directory = read(&slapd, |settings| {
        settings.required_group = Some(group("otp"));
        settings.excluded_group = Some(group("barred"));
    })
    .await;
    for (caller, expected) in [
        (ANNA, Allowed),
        (BOB, Allowed),
        (ERIK, InExcludedGroup),
        ("+46812345678 ext. 12", NotInRequiredGroup),
    ] {
        for occasion in [Occasion::Call, Occasion::Login] {
            assert_eq!(asked(&directory, caller, occasion).await, Ok(expected), "{caller}");
        }
    }
    slapd.kill();
    is_live(&directory, false).await;
    assert_eq!(asked(&directory, ANNA, Occasion::Call).await, Ok(Allowed));
    assert_eq!(asked(&directory, BOB, Occasion::Call).await, Ok(Allowed));
    for (caller, occasion) in [(ANNA, Occasion::Login), (ERIK, Occasion::Call)] {
        let answer = asked(&directory, caller, occasion).await;
        assert_eq!(answer, Err(DirectoryError::Unavailable), "{caller}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_group_is_seen_at_the_login_at_the_latest() {
    let slapd = synced().start();
    let directory = read(&slapd, |settings| settings.required_group = Some(group("otp"))).await;
    slapd.modify(&format!(
        "dn: cn=staff,{GROUPS}\nchangetype: modify\ndelete: uniqueMember\n\
         uniqueMember: cn=deep,{GROUPS}\n"
    ));
    assert_eq!(asked(&directory, BOB, Occasion::Login).await, Ok(NotInRequiredGroup));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_dn_is_not_let_in_by_what_was_known_of_the_old_one() {
    let slapd = synced().start();
    let directory = read(&slapd, |settings| settings.required_group = Some(group("otp"))).await;
    let change = "changetype: modrdn\nnewrdn: uid=bobby\ndeleteoldrdn: 1";
    slapd.modify(&person("bob", change));
    super::has(&directory, BOB, &["bobby"]).await;
    assert_eq!(asked(&directory, BOB, Occasion::Call).await, Ok(NotInRequiredGroup));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_members_cannot_be_read_nobody_is_let_in() {
    let slapd = synced().hiding("member,uniqueMember").start();
    let mut settings = settings(&[slapd.url()]);
    settings.excluded_group = Some(group("barred"));
    let directory = with_index(settings, Duration::from_mins(15));
    until(&directory, |directory| state(directory).detail.contains("cannot be read")).await;
    for caller in [ANNA, ERIK] {
        let answer = asked(&directory, caller, Occasion::Call).await;
        assert_ne!(answer, Ok(Allowed), "{caller}");
    }
}
