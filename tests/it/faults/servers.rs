//! Several directory servers, one of them silent or slow, and how the load is shared.

use std::time::{Duration, Instant};

use super::load::{COMEBACK, Load, Operation, Seen, config, summary};
use super::proxy::Proxy;
use crate::support::gateway::Gateway;
use crate::support::slapd::Slapd;

/// The default `timeout` of one directory operation.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The configuration of one tenant on these servers, with `more` keys of its directory.
fn with(servers: &[&str], more: &str) -> String {
    config(&[("t1", "http")], servers).replacen("bind_dn", &format!("{more}\nbind_dn"), 1)
}

fn failed(seen: &[Seen], operation: Operation) -> usize {
    seen.iter().filter(|one| one.operation == operation && one.status != 200).count()
}

/// Waits until the server's share of searches grows.
async fn searched_again(slapd: &Slapd) {
    let (before, begun) = (slapd.searches(), Instant::now());
    while slapd.searches() < before + 5 {
        assert!(begun.elapsed() < 2 * COMEBACK, "it is asked again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_costs_its_timeout_once_and_no_call_fails() {
    let users = 16;
    let (first, second) = (Slapd::start(), Slapd::start());
    let gateway = Gateway::start(&with(&[&first.url(), &second.url()], ""));
    let load = Load::start(&gateway, &["t1"], users);
    load.until_served(&["t1"], Instant::now(), 100).await;
    first.stop();
    let silent = Instant::now();
    load.until("calls long after the silence", |seen| {
        seen.iter().filter(|one| one.begun > silent + 2 * TIMEOUT).count() > 200
    })
    .await;
    first.cont();
    searched_again(&first).await;
    let seen = load.end().await;

    let calls = || seen.iter().filter(|one| one.operation == Operation::Call);
    let slow: Vec<_> = calls().filter(|one| one.took > TIMEOUT / 2).collect();
    println!(
        "outage: the first of two silent: {}; {} calls waited for it",
        summary(&seen),
        slow.len(),
    );
    assert_eq!(failed(&seen, Operation::Call), 0);
    assert!(failed(&seen, Operation::Login) <= users, "passwords that were under way");
    assert!(!slow.is_empty() && slow.len() <= users, "one wait for each that was waiting");
    let noticed = slow.iter().map(|one| one.ended()).min().expect("somebody waited");
    assert!(noticed < silent + TIMEOUT + TIMEOUT / 2, "{:?}", noticed - silent);
    for one in &slow {
        assert!(one.begun < noticed, "asked after it was known: {one:?}");
        assert!(one.ended() < noticed + TIMEOUT / 4, "waited on when it was known: {one:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_server_is_left_for_another_and_used_again_when_it_is_quick() {
    let users = 8;
    let (first, second) = (Slapd::start(), Slapd::start());
    let proxy = Proxy::before(&first).await;
    let gateway = Gateway::start(&with(&[&proxy.url(), &second.url()], ""));
    let load = Load::start(&gateway, &["t1"], users);
    load.until_served(&["t1"], Instant::now(), 100).await;
    assert_eq!(second.searches(), 0, "the first is preferred");

    let lag = Duration::from_millis(900);
    proxy.delay(lag);
    let slow = Instant::now();
    gateway.wait_for_line("directory server is slow");
    let left = Instant::now();
    load.until_served(&["t1"], left, 200).await;
    proxy.delay(Duration::ZERO);
    searched_again(&first).await;
    gateway.wait_for_line("directory server is quick again");
    let seen = load.end().await;

    let late: Vec<_> = seen.iter().filter(|one| one.took >= lag).collect();
    println!(
        "outage: the first of two {lag:?} slow: {}; left after {:.2?}, {} requests waited for it",
        summary(&seen),
        left - slow,
        late.len(),
    );
    assert_eq!(failed(&seen, Operation::Call) + failed(&seen, Operation::Login), 0);
    assert!(!late.is_empty());
    assert!(late.iter().all(|one| one.begun <= left), "none goes to a server known to be slow");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_turns_each_server_gets_its_share_and_one_that_dies_costs_no_call() {
    let users = 8;
    let (mut first, second) = (Slapd::start(), Slapd::start());
    let more = "server_order = \"round-robin\"";
    let gateway = Gateway::start(&with(&[&first.url(), &second.url()], more));
    let load = Load::start(&gateway, &["t1"], users);
    load.until_served(&["t1"], Instant::now(), 200).await;
    let (of_first, of_second) = (first.searches(), second.searches());
    let all = of_first + of_second;
    assert!(of_first * 3 > all && of_second * 3 > all, "{of_first} and {of_second}");

    first.kill();
    load.until_served(&["t1"], Instant::now(), 100).await;
    first.restart();
    searched_again(&first).await;
    let seen = load.end().await;
    println!(
        "outage: one of two that take turns killed and back: {}; searches before: {of_first} and \
         {of_second}",
        summary(&seen)
    );
    assert_eq!(failed(&seen, Operation::Call), 0);
    assert!(failed(&seen, Operation::Login) <= users, "passwords that were under way");
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_ask_at_once_the_connections_are_as_many_as_configured() {
    let slapd = Slapd::builder().without_log().start();
    let proxy = Proxy::before(&slapd).await;
    let more = "search_connections = 2\nbind_connections = 5";
    let gateway = Gateway::start(&with(&[&proxy.url()], more));
    // So slow that all of them wait at once.
    proxy.delay(Duration::from_millis(50));
    let load = Load::start(&gateway, &["t1"], 100);
    load.until_served(&["t1"], Instant::now(), 300).await;
    let seen = load.end().await;
    println!(
        "outage: 100 users at once over a server 50 ms away: {}; connections {}",
        summary(&seen),
        proxy.most_connections()
    );
    assert_eq!(failed(&seen, Operation::Call) + failed(&seen, Operation::Login), 0);
    assert_eq!(proxy.most_connections(), 7, "2 for searches, 5 for passwords");
}
