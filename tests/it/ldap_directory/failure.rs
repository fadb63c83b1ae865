//! What happens when servers die, fall silent, and come back.

use std::sync::Arc;
use std::time::Duration;

use dialpass::directory::{Directory, DirectoryError};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{TIMEOUT, by_number, directory, is_up, names, works_within};
use crate::support::slapd::Slapd;

/// Longest that a server which came back may go unused.
const COMEBACK: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed_is_used_again_within_seconds_of_its_restart() {
    let mut slapd = Slapd::start();
    let directory = directory(&[slapd.url()]);
    works_within(&directory, COMEBACK).await;
    slapd.kill();
    let answer = by_number(&directory, "+46701234567").await;
    assert!(matches!(answer, Err(DirectoryError::Unavailable)), "{answer:?}");
    is_up(&directory, 0, false).await;
    let begun = Instant::now();
    let answer = by_number(&directory, "+46701234567").await;
    assert!(matches!(answer, Err(DirectoryError::Unavailable)), "{answer:?}");
    assert!(begun.elapsed() < TIMEOUT, "skipped at once");
    slapd.restart();
    works_within(&directory, COMEBACK).await;
    is_up(&directory, 0, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_between_two_searches_is_not_noticed() {
    let mut slapd = Slapd::start();
    let directory = directory(&[slapd.url()]);
    works_within(&directory, COMEBACK).await;
    is_up(&directory, 0, true).await;
    for _ in 0..3 {
        slapd.restart();
        let found = by_number(&directory, "+46701234567").await.unwrap();
        assert_eq!(names(&found), ["anna"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_yet_is_used_when_it_comes() {
    let mut slapd = Slapd::start();
    slapd.kill();
    let directory = directory(&[slapd.url()]);
    let answer = by_number(&directory, "+46701234567").await;
    assert!(matches!(answer, Err(DirectoryError::Unavailable)), "{answer:?}");
    slapd.restart();
    works_within(&directory, COMEBACK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_server_answers_while_the_first_is_down() {
    let (mut first, second) = (Slapd::start(), Slapd::start());
    let directory = directory(&[first.url(), second.url()]);
    works_within(&directory, COMEBACK).await;
    is_up(&directory, 0, true).await;
    assert_eq!(second.searches(), 0);
    first.kill();
    for _ in 0..20 {
        assert_eq!(names(&by_number(&directory, "+46701234567").await.unwrap()), ["anna"]);
    }
    assert!(second.searches() >= 20);
    assert!(!directory.states()[0].up && !directory.states()[0].detail.is_empty());
    first.restart();
    is_up(&directory, 0, true).await;
    let (of_first, of_second) = (first.searches(), second.searches());
    works_within(&directory, COMEBACK).await;
    assert_eq!((first.searches(), second.searches()), (of_first + 1, of_second));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_costs_one_timeout_once_and_is_used_again_when_it_speaks() {
    let (first, second) = (Slapd::start(), Slapd::start());
    let directory = directory(&[first.url(), second.url()]);
    works_within(&directory, COMEBACK).await;
    is_up(&directory, 1, true).await;
    first.stop();
    let begun = Instant::now();
    assert_eq!(names(&by_number(&directory, "+46701234567").await.unwrap()), ["anna"]);
    let cost = begun.elapsed();
    assert!(cost >= TIMEOUT && cost < 2 * TIMEOUT, "{cost:?}");
    for _ in 0..50 {
        let begun = Instant::now();
        assert_eq!(names(&by_number(&directory, "+46701234567").await.unwrap()), ["anna"]);
        assert!(begun.elapsed() < TIMEOUT, "{:?}", begun.elapsed());
    }
    first.cont();
    is_up(&directory, 0, true).await;
    let of_second = second.searches();
    works_within(&directory, COMEBACK).await;
    assert_eq!(second.searches(), of_second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_alone_is_given_up_at_the_timeout() {
    let slapd = Slapd::start();
    let directory = directory(&[slapd.url()]);
    works_within(&directory, COMEBACK).await;
    slapd.stop();
    let begun = Instant::now();
    let mut asked = JoinSet::new();
    for _ in 0..300 {
        let directory = Arc::clone(&directory);
        asked.spawn(async move { by_number(&directory, "+46701234567").await.map(drop) });
    }
    for answer in asked.join_all().await {
        assert!(answer.is_err());
    }
    assert!(begun.elapsed() < 2 * TIMEOUT, "{:?}", begun.elapsed());
    slapd.cont();
    works_within(&directory, COMEBACK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_under_way_at_a_kill_are_answered_by_the_other_server() {
    let (mut first, second) = (Slapd::start(), Slapd::start());
    let directory = directory(&[first.url(), second.url()]);
    works_within(&directory, COMEBACK).await;
    let mut searches = JoinSet::new();
    for at in 0..600 {
        let directory = Arc::clone(&directory);
        searches.spawn(async move {
            let user = at % 300 + 1;
            let found = by_number(&directory, &format!("+4676{user:07}")).await.unwrap();
            assert_eq!(names(&found), [format!("user{user:04}")]);
        });
    }
    for _ in 0..20 {
        searches.join_next().await.expect("a search").expect("its answer");
    }
    first.kill();
    assert_eq!(searches.join_all().await.len(), 580);
}
