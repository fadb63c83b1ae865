//! The index against OpenLDAP: what it answers, how fresh it stays, and what it does without a
//! server.

use std::sync::Arc;
use std::time::Duration;

use dialpass::directory::DependencyState;
use dialpass::directory::ldap::{Confirm, IndexSettings, LdapDirectory, LdapSettings, Lookup};
use dialpass::domain::user::{Ambiguity, Candidates};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::{by_number, names, number, plan, settings};
use crate::support::slapd::{Slapd, SlapdBuilder};

mod confirming;
mod freshness;
mod groups;
mod outages;
mod proof;
mod strange_servers;

/// Longest until a change is seen, or a server taken up again.
const SECONDS: Duration = Duration::from_secs(6);

pub(super) fn synced() -> SlapdBuilder {
    Slapd::builder().without_tls().with_sync()
}

/// With an index that is asked alone.
fn with_index(settings: LdapSettings, max_age: Duration) -> Arc<LdapDirectory> {
    indexed(settings, max_age, Confirm::Nothing)
}

fn indexed(mut settings: LdapSettings, max_age: Duration, confirm: Confirm) -> Arc<LdapDirectory> {
    settings.lookup = Lookup::Index(IndexSettings { max_age, confirm, ..IndexSettings::default() });
    Arc::new(LdapDirectory::new(settings, Handle::current()))
}

/// An index that is served for long, and live.
async fn live(servers: &[String]) -> Arc<LdapDirectory> {
    let directory = with_index(settings(servers), Duration::from_mins(15));
    is_live(&directory, true).await;
    directory
}

fn state(directory: &LdapDirectory) -> DependencyState {
    use dialpass::directory::Directory;
    let state = directory.states().pop().expect("there are states");
    assert!(state.is_optional && state.name.starts_with("index of ldap://"), "{state:?}");
    state
}

/// Waits until the index says that it is live, or not.
pub(super) async fn is_live(directory: &LdapDirectory, live: bool) {
    until(directory, |directory| state(directory).up == live).await;
}

async fn until(directory: &LdapDirectory, what: impl Fn(&LdapDirectory) -> bool) {
    let patience = Instant::now() + SECONDS;
    while !what(directory) {
        assert!(Instant::now() < patience, "{:?}", state(directory));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until the people with a number are these.
async fn has(directory: &LdapDirectory, caller: &str, whom: &[&str]) -> Candidates {
    has_within(SECONDS, directory, caller, whom).await
}

async fn has_within(
    patience: Duration,
    directory: &LdapDirectory,
    caller: &str,
    whom: &[&str],
) -> Candidates {
    let patience = Instant::now() + patience;
    loop {
        let found = by_number(directory, caller).await;
        let seen = format!("{caller} {:?} {:?}", found.as_ref().map(names), state(directory));
        match found {
            Ok(found) if names(&found) == whom => return found,
            _ => assert!(Instant::now() < patience, "{seen}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn person(uid: &str, rest: &str) -> String {
    format!("dn: uid={uid},ou=people,dc=example,dc=com\n{rest}\n\n")
}

fn added(uid: &str, mobile: &str) -> String {
    let rest = format!(
        "changetype: add\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: x\nsn: x\nmobile: {mobile}"
    );
    person(uid, &rest)
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_looked_up_in_the_index_and_not_on_the_server() {
    let slapd = synced().start();
    let directory = live(&[slapd.url()]).await;
    let searches = slapd.searches();
    for form in 1..=8 {
        let caller = format!("+4670100000{form}");
        let found = by_number(&directory, &caller).await.unwrap();
        let user = found.exactly_one(&number(&caller), &plan(), Ambiguity::Refuse, None).unwrap();
        assert_eq!(user.username, format!("form{form}"));
        assert_eq!(user.locator, format!("uid=form{form},ou=people,dc=example,dc=com"));
    }
    for user in 1..=300 {
        let found = by_number(&directory, &format!("+4676{user:07}")).await.unwrap();
        assert_eq!(names(&found), [format!("user{user:04}")]);
    }
    assert!(by_number(&directory, "+46700000000").await.unwrap().users.is_empty());
    assert_eq!(slapd.searches(), searches);
    assert!(state(&directory).detail.contains("live"), "{:?}", state(&directory));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_says_of_a_number_what_a_search_says() {
    let slapd = synced().start();
    let indexed = live(&[slapd.url()]).await;
    let searched = super::directory(&[slapd.url()]);
    let callers = ["+46701234567", "+46702223344", "+46703334455", "+46704445566", "+46705556677"]
        .into_iter()
        .chain(["+46812345678", "+46812345678 ext. 12", "+46709999999", "+46760000001"]);
    for caller in callers {
        let (of_index, of_search) = (
            by_number(&indexed, caller).await.unwrap(),
            by_number(&searched, caller).await.unwrap(),
        );
        assert_eq!(of_index.truncated, of_search.truncated, "{caller}");
        for ambiguity in [Ambiguity::Refuse, Ambiguity::PreferAttributeOrder] {
            let one = |found: &Candidates| {
                let one = found.clone().exactly_one(&number(caller), &plan(), ambiguity, None);
                one.map(|user| (user.id, user.username, user.locator, user.account))
            };
            assert_eq!(one(&of_index), one(&of_search), "{caller} {ambiguity:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_in_a_form_that_no_search_finds_is_found_by_the_index() {
    let slapd = synced().start();
    slapd.modify(&added("weird", "070.123/45-68"));
    let directory = live(&[slapd.url()]).await;
    has(&directory, "+46701234568", &["weird"]).await;
    assert!(
        by_number(&super::directory(&[slapd.url()]), "+46701234568")
            .await
            .unwrap()
            .users
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn people_below_several_bases_are_in_one_index() {
    let slapd = synced().start();
    slapd.modify(
        "dn: ou=visitors,dc=example,dc=com\nchangetype: add\nobjectClass: organizationalUnit\n\n\
         dn: uid=gustav,ou=visitors,dc=example,dc=com\nchangetype: add\n\
         objectClass: inetOrgPerson\nuid: gustav\ncn: x\nsn: x\nmobile: 070-123 45 67\n\n",
    );
    let mut settings = settings(&[slapd.url()]);
    settings.base_dns.push("ou=visitors,dc=example,dc=com".to_owned());
    let directory = with_index(settings, Duration::from_mins(15));
    is_live(&directory, true).await;
    has(&directory, "+46701234567", &["anna", "gustav"]).await;
    slapd.modify("dn: uid=gustav,ou=visitors,dc=example,dc=com\nchangetype: delete\n");
    has(&directory, "+46701234567", &["anna"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_without_a_usable_id_keeps_its_number_from_others() {
    let slapd = synced().start();
    let mut settings = settings(&[slapd.url()]);
    settings.id_attribute = "employeeNumber".to_owned();
    let directory = with_index(settings, Duration::from_mins(15));
    is_live(&directory, true).await;
    let found = by_number(&directory, "+46701234567").await.unwrap();
    assert!(found.users.is_empty() && found.truncated);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_would_hide_changes_has_no_index_and_says_what_is_hidden() {
    let slapd = synced().hiding("entryCSN").start();
    let directory = with_index(settings(&[slapd.url()]), Duration::from_mins(15));
    until(&directory, |directory| state(directory).detail.contains("entryCSN")).await;
    let searches = slapd.searches();
    assert_eq!(names(&by_number(&directory, "+46701234567").await.unwrap()), ["anna"]);
    assert!(slapd.searches() > searches && !state(&directory).up, "{:?}", state(&directory));
}
