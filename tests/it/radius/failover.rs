//! Many users log in through two RADIUS servers, each before a node of its own, while a server and a
//! node are killed and come back.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use tokio::task::JoinSet;

use super::logins;
use crate::cluster::{on_postgres, patient};
use crate::faults::load::{Asker, User};
use crate::support::freeradius::{FreeRadius, SECRET, gateway_by};
use crate::support::gateway::{Gateway, folder, pinned};
use crate::support::pki::Ca;
use crate::support::postgres::Postgres;
use crate::support::radius_client::RadiusClient;
use crate::support::slapd::Slapd;

const USERS: usize = 2_000;
/// How many of them log in at a time.
const AT_ONCE: usize = 16;

/// What the users share.
struct Stage {
    nodes: [Asker; 2],
    client: RadiusClient,
    next: AtomicUsize,
    accepted: AtomicUsize,
}

impl Stage {
    /// The code that a user hears, by whichever node is up.
    async fn code(&self, user: User) -> String {
        let begun = Instant::now();
        loop {
            for node in &self.nodes {
                if let (200, Some(code)) = node.call("t1", user).await {
                    return code;
                }
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{user:?} hears a code");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The codes that a user needed, of which the last was accepted: a user who is rejected calls
    /// again, once for each of the two faults.
    async fn log_in(&self, user: User) -> Vec<String> {
        let mut codes = Vec::new();
        while codes.len() < 3 {
            let code = self.code(user).await;
            let password = user.password() + &code;
            codes.push(code);
            let accepted = self.client.login(&user.name(), &password).await;
            if accepted.expect("a server replies within the client's retries") {
                self.accepted.fetch_add(1, Ordering::Relaxed);
                return codes;
            }
        }
        panic!("{user:?} is accepted");
    }

    async fn until_accepted(&self, count: usize) {
        let begun = Instant::now();
        while self.accepted.load(Ordering::Relaxed) < count {
            assert!(begun.elapsed() < Duration::from_mins(2), "{count} are accepted");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Two nodes of one service.
fn nodes(slapd: &Slapd) -> [Gateway; 2] {
    let (ca, postgres) = (Ca::new("ca"), Postgres::shared());
    let config = patient(&on_postgres(slapd, &[postgres], &postgres.database()));
    let folders = [folder(), folder()];
    let key = |at: usize| folders[at].path().join("server-key.hex");
    std::fs::copy(key(0), key(1)).unwrap();
    folders.map(|folder| gateway_by(&ca, folder, &pinned(&config)))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute"]
async fn a_server_and_a_node_that_are_killed_cost_no_login_and_no_code_is_accepted_twice() {
    let slapd = Slapd::builder().users(USERS).without_tls().without_log().start();
    let [first, second] = nodes(&slapd);
    let mut servers = [FreeRadius::before(&first), FreeRadius::before(&second)];
    let ports = servers.iter().map(FreeRadius::port).collect();
    let stage = Arc::new(Stage {
        nodes: [Asker::of(&first), Asker::of(&second)],
        client: RadiusClient::new(SECRET, ports),
        next: AtomicUsize::new(1),
        accepted: AtomicUsize::new(0),
    });
    let mut users = JoinSet::new();
    for _ in 0..AT_ONCE {
        let stage = Arc::clone(&stage);
        users.spawn(async move {
            let mut done = Vec::new();
            loop {
                let user = User(stage.next.fetch_add(1, Ordering::Relaxed));
                if user.0 > USERS {
                    return done;
                }
                done.push((user, stage.log_in(user).await));
            }
        });
    }
    let begun = Instant::now();
    stage.until_accepted(USERS / 5).await;
    servers[0].kill();
    stage.until_accepted(2 * USERS / 5).await;
    servers[0].restart();
    let mut second = second;
    second.kill();
    stage.until_accepted(3 * USERS / 5).await;
    let second = second.restart();
    let done: Vec<_> = users.join_all().await.into_iter().flatten().collect();
    println!("{USERS} logins in {:?}", begun.elapsed());

    assert_eq!(done.len(), USERS);
    let mut accepted: HashMap<String, usize> = HashMap::new();
    let earlier = second.earlier_audit();
    let events = logins(&first).into_iter().chain(logins(&second)).chain(earlier);
    for event in events.filter(|event| event["reason"] == "logged_in") {
        *accepted.entry(event["username"].as_str().expect("a name").to_owned()).or_default() += 1;
    }
    let mut again = 0;
    for (user, codes) in &done {
        again += codes.len() - 1;
        let times = accepted.get(&user.name()).copied().unwrap_or_default();
        assert!(times <= codes.len(), "{user:?}: {codes:?}, accepted {times} times");
    }
    let codes = done.iter().flat_map(|(user, codes)| codes.iter().map(|code| (*user, code)));
    let tried = stream::iter(codes).map(|(user, code)| stage.nodes[0].login("t1", user, code));
    let tried: Vec<_> = tried.buffer_unordered(100).collect().await;
    assert!(tried.iter().all(|status| *status == 403), "each code is used up: {tried:?}");
    println!("{again} called again, because the reply was lost with the server or the node");
    assert!(again <= 2 * AT_ONCE, "those who were logging in when something was killed: {again}");
}
