//! The index, for which everybody is read again and again.

use std::sync::Arc;
use std::time::Duration;

use dialpass::directory::ldap::{IndexSettings, LdapDirectory, Lookup};
use dialpass::directory::{DependencyState, Directory};
use dialpass::domain::account_state::PasswordRefusal::LockedOut;
use dialpass::domain::clock::{Clock as _, SystemClock};
use tokio::time::Instant;

use super::{by_number, directory, names, settings};
use crate::support::dirsrv::{Dirsrv, PEOPLE};

/// Longest until a change is seen, or a server taken up again.
const SECONDS: Duration = Duration::from_secs(30);

fn indexed(server: &Dirsrv) -> Arc<LdapDirectory> {
    let mut settings = settings(server);
    let index = IndexSettings {
        max_age: Duration::from_mins(15),
        poll: Duration::from_millis(500),
        ..IndexSettings::default()
    };
    settings.lookup = Lookup::Index(index);
    directory(settings)
}

fn state(directory: &LdapDirectory) -> DependencyState {
    directory.states().pop().expect("there are states")
}

async fn until(directory: &LdapDirectory, what: impl Fn(DependencyState) -> bool) {
    let patience = Instant::now() + SECONDS;
    while !what(state(directory)) {
        assert!(Instant::now() < patience, "{:?}", directory.states());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until the people with a number are these.
async fn has(directory: &LdapDirectory, caller: &str, whom: &[&str]) {
    let patience = Instant::now() + SECONDS;
    loop {
        let found = by_number(directory, caller).await;
        if names(&found) == whom && !found.truncated {
            return;
        }
        assert!(Instant::now() < patience, "{caller} {:?} {:?}", names(&found), state(directory));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn person(uid: &str, rest: &str) -> String {
    format!("dn: uid={uid},{PEOPLE}\n{rest}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_has_all_people_in_any_form_and_is_kept() {
    let server = Dirsrv::builder().users(600).start();
    let directory = indexed(&server);
    until(&directory, |state| state.up).await;
    has(&directory, "+46703334455", &["carl", "cecilia"]).await;

    server.set("anna", "mobile", &["070.111/22-33"]);
    has(&directory, "+46701112233", &["anna"]).await;
    has(&directory, "+46701234567", &[]).await;
    server.modify(&person(
        "new",
        "changetype: add\nobjectClass: inetOrgPerson\nuid: new\ncn: x\nsn: x\n\
         mobile: +46 70 123 45 67",
    ));
    has(&directory, "+46701234567", &["new"]).await;
    server.modify(&person("new", "changetype: modrdn\nnewrdn: uid=newer\ndeleteoldrdn: 1"));
    has(&directory, "+46701234567", &["newer"]).await;
    server.modify(&person("newer", "changetype: delete"));
    has(&directory, "+46701234567", &[]).await;
    server.modify(
        "dn: ou=else,dc=example,dc=com\nchangetype: add\nobjectClass: organizationalUnit\n\
         ou: else\n",
    );
    let away = "changetype: modrdn\nnewrdn: uid=bob\ndeleteoldrdn: 0\n\
        newsuperior: ou=else,dc=example,dc=com";
    server.modify(&person("bob", away));
    has(&directory, "+46702223344", &[]).await;
    server.set("anna", "mobile", &[]);
    has(&directory, "+46701112233", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_while_not_listening_are_seen_afterwards() {
    let mut server = Dirsrv::builder().start();
    let directory = indexed(&server);
    until(&directory, |state| state.up).await;
    for round in 0..3 {
        server.kill();
        until(&directory, |state| !state.up).await;
        has(&directory, "+46702223344", if round == 0 { &["bob"] } else { &[] }).await;
        server.restart();
        server.set("anna", "mobile", &[&format!("+46 70 765 43 2{round}")]);
        if round == 0 {
            server.modify(&person("bob", "changetype: delete"));
        }
        until(&directory, |state| state.up).await;
        has(&directory, &format!("+4670765432{round}"), &["anna"]).await;
        has(&directory, "+46702223344", &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_seen_at_the_call() {
    let server = Dirsrv::builder().start();
    let directory = indexed(&server);
    until(&directory, |state| state.up).await;
    server.set("anna", "nsAccountLock", &["true"]);
    let found = by_number(&directory, "+46701234567").await;
    assert_eq!(found.users[0].account.refusal(SystemClock.now()), Some(LockedOut));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_more_people_than_it_looks_through_all_are_read_by_an_account_without_limits() {
    let server = Dirsrv::builder().users(5_200).unlimited().start();
    let directory = indexed(&server);
    until(&directory, |state| state.up).await;
    for at in 1..=5_200 {
        let number = format!("+4676{at:07}");
        assert_eq!(names(&by_number(&directory, &number).await), [format!("user{at:04}")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_may_not_read_all_has_no_index_and_the_log_says_what_to_do() {
    let server = Dirsrv::builder().users(5_200).indexing_mobile().start();
    let directory = indexed(&server);
    until(&directory, |state| state.detail.contains("nsLookThroughLimit")).await;
    assert_eq!(names(&by_number(&directory, "+46701234567").await), ["anna"]);
}
