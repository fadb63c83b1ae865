//! What the index does while servers are away, and what it knows when they are back.

use std::time::Duration;

use dialpass::directory::DirectoryError;

use super::super::{TIMEOUT, by_number, settings};
use super::{added, has, is_live, live, person, state, synced, until, with_index};

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_while_the_server_was_away_is_seen_when_it_is_back() {
    let mut slapd = synced().start();
    let directory = live(&[slapd.url()]).await;
    has(&directory, "+46701234567", &["anna"]).await;
    for turn in 0..3 {
        slapd.kill();
        is_live(&directory, false).await;
        let gone = format!("user{:04}", turn + 10);
        let caller = format!("+4676{:07}", turn + 10);
        has(&directory, &caller, &[&gone]).await;
        slapd.modify_unheard(
            &(person(&gone, "changetype: delete")
                + &added(&format!("new{turn}"), &format!("+46 70 888 00 {turn:02}"))),
        );
        let searches = slapd.searches();
        slapd.restart();
        is_live(&directory, true).await;
        // Only what changed is read: everybody would be asked for in pages.
        assert_eq!(slapd.searches(), searches + 1);
        has(&directory, &caller, &[]).await;
        has(&directory, &format!("+46708880{turn:03}"), &[&format!("new{turn}")]).await;
        has(&directory, "+46701234567", &["anna"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_calls_are_served_until_the_index_is_too_old() {
    let mut slapd = synced().start();
    let directory = with_index(settings(&[slapd.url()]), Duration::from_secs(4));
    is_live(&directory, true).await;
    slapd.kill();
    is_live(&directory, false).await;
    has(&directory, "+46701234567", &["anna"]).await;
    assert!(state(&directory).detail.contains("stale"), "{:?}", state(&directory));
    until(&directory, |directory| state(directory).detail.contains("calls are searched")).await;
    let answer = by_number(&directory, "+46701234567").await;
    assert!(matches!(answer, Err(DirectoryError::Unavailable)), "{answer:?}");
    slapd.restart();
    is_live(&directory, true).await;
    has(&directory, "+46701234567", &["anna"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_ends_liveness_and_is_followed_again_when_it_speaks() {
    let slapd = synced().start();
    let directory = live(&[slapd.url()]).await;
    slapd.stop();
    is_live(&directory, false).await;
    assert!(state(&directory).detail.contains(&format!("{TIMEOUT:?}")), "{:?}", state(&directory));
    has(&directory, "+46701234567", &["anna"]).await;
    slapd.cont();
    is_live(&directory, true).await;
    slapd.modify(&person("anna", "changetype: delete"));
    has(&directory, "+46701234567", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_takes_over_with_all_that_is_different_there() {
    let (mut first, second) = (synced().start(), synced().start());
    second.modify(&person("anna", "changetype: delete"));
    second.modify(&added("axel", "+46 70 123 45 67"));
    let directory = live(&[first.url(), second.url()]).await;
    has(&directory, "+46701234567", &["anna"]).await;
    first.kill();
    has(&directory, "+46701234567", &["axel"]).await;
    is_live(&directory, true).await;
    assert!(state(&directory).detail.contains(&second.url()), "{:?}", state(&directory));
    has(&directory, "+46760000300", &["user0300"]).await;
    second.modify(&person("axel", "changetype: delete"));
    has(&directory, "+46701234567", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_yet_is_indexed_when_it_comes() {
    let mut slapd = synced().start();
    slapd.kill();
    let directory = with_index(settings(&[slapd.url()]), Duration::from_mins(15));
    let answer = by_number(&directory, "+46701234567").await;
    assert!(matches!(answer, Err(DirectoryError::Unavailable)), "{answer:?}");
    slapd.restart();
    is_live(&directory, true).await;
    has(&directory, "+46701234567", &["anna"]).await;
}
