//! What shows that the index is in step, and what it does where it is not.

use std::time::Duration;

use dialpass::directory::{Directory, DirectoryError};
use tokio::time::Instant;

use super::super::{by_number, settings};
use super::{has, has_within, is_live, live, person, state, synced, until, with_index};
use crate::support::slapd::GATEWAY_DN;

const ANNA: &str = "+46701234567";
/// Longest until a change is known that the server has not told of.
const UNTOLD: Duration = Duration::from_mins(1);
/// Longest until a server is read again where an operator has mended something, or that comes
/// before the one followed.
const MENDED: Duration = Duration::from_secs(30);

fn read() -> String {
    format!("to * by dn.exact={GATEWAY_DN} read by * none")
}

/// Anna's number becomes bob's.
fn given_away() -> String {
    person("anna", "changetype: modify\nreplace: mobile\nmobile: 070-111 22 33")
        + &person("bob", "changetype: modify\nreplace: mobile\nmobile: 070-123 45 67")
}

async fn is_refused(directory: &dialpass::directory::ldap::LdapDirectory) {
    let patience = Instant::now() + MENDED;
    loop {
        match by_number(directory, ANNA).await {
            Err(DirectoryError::Unavailable) => return,
            other => assert!(Instant::now() < patience, "{other:?} {:?}", state(directory)),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_are_taken_away_end_the_index_and_their_return_has_all_be_read_anew() {
    let slapd = synced().configurable().start();
    let directory = with_index(settings(&[slapd.url()]), Duration::from_secs(4));
    is_live(&directory, true).await;
    has(&directory, ANNA, &["anna"]).await;
    slapd.access(&["to * by * none"]);
    slapd.modify(&given_away());
    is_refused(&directory).await;
    slapd.access(&[&read()]);
    has_within(MENDED, &directory, ANNA, &["bob"]).await;
    is_live(&directory, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_is_renamed_ends_the_index() {
    let slapd = synced().start();
    let directory = with_index(settings(&[slapd.url()]), Duration::from_secs(4));
    is_live(&directory, true).await;
    slapd.modify(
        "dn: ou=people,dc=example,dc=com\nchangetype: modrdn\nnewrdn: ou=former\ndeleteoldrdn: 1\n",
    );
    is_refused(&directory).await;
    slapd.modify(
        "dn: ou=former,dc=example,dc=com\nchangetype: modrdn\nnewrdn: ou=people\ndeleteoldrdn: 1\n",
    );
    has_within(MENDED, &directory, ANNA, &["anna"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_changes_come_to_be_hidden_there_is_no_index_until_they_are_seen() {
    let mut slapd = synced().configurable().start();
    let directory = live(&[slapd.url()]).await;
    slapd.access(&["to attrs=entryCSN by * none", &read()]);
    slapd.modify(&given_away());
    until(&directory, |directory| {
        !state(directory).up && state(directory).detail.contains("entryCSN")
    })
    .await;
    // Its own settings, with all rights, are those of before.
    slapd.restart();
    has_within(MENDED, &directory, ANNA, &["bob"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_a_connection_lost_while_it_was_away_are_missed() {
    let mut slapd = synced().configurable().start();
    let directory = live(&[slapd.url()]).await;
    slapd.kill();
    is_live(&directory, false).await;
    slapd.modify_unheard(&given_away());
    // Before the index connects, hide from the account what reports changes.
    slapd.hide("entryCSN");
    slapd.restart();
    until(&directory, |directory| state(directory).detail.contains("entryCSN")).await;
    assert!(!state(&directory).up, "{:?}", state(&directory));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_restored_from_a_backup_is_read_anew() {
    let mut slapd = synced().start();
    slapd.kill();
    slapd.keep_data();
    slapd.restart();
    let directory = live(&[slapd.url()]).await;
    slapd.modify(&given_away());
    has(&directory, ANNA, &["bob"]).await;
    slapd.kill();
    is_live(&directory, false).await;
    slapd.put_data_back();
    // After this, what the server counts by is later than what the index knows.
    slapd.modify_unheard(&person(
        "erik",
        "changetype: modify\nreplace: description\ndescription: x",
    ));
    slapd.restart();
    has_within(UNTOLD, &directory, ANNA, &["anna"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_by_a_clock_that_was_set_back_is_known() {
    let mut slapd = synced().start();
    let directory = live(&[slapd.url()]).await;
    slapd.modify(&person("erik", "changetype: modify\nreplace: description\ndescription: x"));
    slapd.kill();
    is_live(&directory, false).await;
    slapd.modify_unheard_at("-1h", &given_away());
    slapd.restart();
    has_within(UNTOLD, &directory, ANNA, &["bob"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_entries_are_read_regularly_while_calls_are_served() {
    use dialpass::directory::ldap::{Confirm, IndexSettings, LdapDirectory, Lookup};

    let slapd = synced().start();
    let mut settings = settings(&[slapd.url()]);
    settings.lookup = Lookup::Index(IndexSettings {
        full_read: Duration::from_secs(2),
        confirm: Confirm::Nothing,
        ..IndexSettings::default()
    });
    let directory = LdapDirectory::new(settings, tokio::runtime::Handle::current());
    is_live(&directory, true).await;
    let reads = || directory.index_figures().expect("there is an index").full_reads;
    let patience = Instant::now() + MENDED;
    let before = reads();
    while reads() < before + 3 {
        assert!(Instant::now() < patience, "{:?}", state(&directory));
        assert!(state(&directory).up, "{:?}", state(&directory));
        has(&directory, ANNA, &["anna"]).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_that_comes_first_is_followed_again_after_its_return() {
    let (mut first, second) = (synced().start(), synced().start());
    // The second one lags.
    second.modify(&given_away());
    let directory = live(&[first.url(), second.url()]).await;
    has(&directory, ANNA, &["anna"]).await;
    first.kill();
    has_within(MENDED, &directory, ANNA, &["bob"]).await;
    is_live(&directory, true).await;
    let detail = state(&directory).detail;
    let says = format!("{} comes first", first.url());
    assert!(detail.contains(&second.url()) && detail.contains(&says), "{detail}");
    first.restart();
    has_within(MENDED, &directory, ANNA, &["anna"]).await;
    is_live(&directory, true).await;
    let detail = state(&directory).detail;
    assert!(detail.contains(&first.url()) && !detail.contains("comes first"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ou_above_people_that_is_renamed_or_moved_is_known_at_once() {
    let slapd = synced().start();
    slapd.modify(
        "dn: ou=a,ou=people,dc=example,dc=com\nchangetype: add\nobjectClass: organizationalUnit\n\n\
         dn: ou=former,dc=example,dc=com\nchangetype: add\nobjectClass: organizationalUnit\n\n\
         dn: uid=anna,ou=people,dc=example,dc=com\nchangetype: modrdn\nnewrdn: uid=anna\n\
         deleteoldrdn: 1\nnewsuperior: ou=a,ou=people,dc=example,dc=com\n",
    );
    let directory = live(&[slapd.url()]).await;
    let is_at = async |dn: &str| {
        let patience = Instant::now() + MENDED;
        while has(&directory, ANNA, &["anna"]).await.users[0].locator != dn {
            assert!(Instant::now() < patience, "{:?}", state(&directory));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    is_at("uid=anna,ou=a,ou=people,dc=example,dc=com").await;
    let moved = |from: &str, to: &str, below: &str| {
        slapd.modify(&format!(
            "dn: {from}\nchangetype: modrdn\nnewrdn: {to}\ndeleteoldrdn: 1\nnewsuperior: {below}\n"
        ));
    };
    moved("ou=a,ou=people,dc=example,dc=com", "ou=b", "ou=people,dc=example,dc=com");
    is_at("uid=anna,ou=b,ou=people,dc=example,dc=com").await;
    moved("ou=b,ou=people,dc=example,dc=com", "ou=b", "ou=former,dc=example,dc=com");
    has_within(MENDED, &directory, ANNA, &[]).await;
    moved("ou=b,ou=former,dc=example,dc=com", "ou=a", "ou=people,dc=example,dc=com");
    has_within(MENDED, &directory, ANNA, &["anna"]).await;
    is_at("uid=anna,ou=a,ou=people,dc=example,dc=com").await;
}
