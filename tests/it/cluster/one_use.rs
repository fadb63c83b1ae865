//! However many logins come at once with one code, and to whichever nodes, one is accepted.

use futures_util::{StreamExt, stream};
use std::sync::Arc;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::{Cluster, NODES, on_postgres, patient};
use crate::faults::load::User;
use crate::support::gateway::wait_until;
use crate::support::postgres::Postgres;
use crate::support::slapd::Slapd;

const USERS: usize = 500;
const TRIES: usize = 20;

/// Users at a time.
const AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_thousand_logins_over_three_nodes_each_code_is_accepted_once() {
    let slapd = Slapd::builder().users(USERS).without_tls().without_log().start();
    let postgres = Postgres::shared();
    let config = on_postgres(&slapd, &[postgres], &postgres.database());
    let cluster = Cluster::start(&patient(&config));
    cluster.until_up(NODES).await;

    let asker = &cluster.asker();
    let outcomes = stream::iter((1..=USERS).map(User)).map(|user| async move {
        let (status, code) = asker.call("t1", user).await;
        assert_eq!(status, 200, "{user:?}");
        let (code, start) = (Arc::new(code.expect("a code")), Arc::new(Barrier::new(TRIES)));
        let mut tries = JoinSet::new();
        for _ in 0..TRIES {
            let (asker, code, start) = (asker.clone(), Arc::clone(&code), Arc::clone(&start));
            tries.spawn(async move {
                start.wait().await;
                asker.login("t1", user, &code).await
            });
        }
        (user, tries.join_all().await)
    });
    let outcomes: Vec<_> = outcomes.buffer_unordered(AT_ONCE).collect().await;
    assert_eq!(outcomes.len(), USERS);
    for (user, tries) in outcomes {
        let count = |status| tries.iter().filter(|one| **one == status).count();
        assert_eq!((count(200), count(403)), (1, TRIES - 1), "{user:?}: {tries:?}");
    }

    let logins = |at: usize, reason: Option<&str>| {
        let events = cluster.node(at).audit();
        let logins = events.iter().filter(|event| event["operation"] == "validateOTP");
        logins.filter(|event| reason.is_none_or(|reason| event["reason"] == reason)).count()
    };
    let all = || (0..NODES).map(|at| logins(at, None)).collect::<Vec<_>>();
    wait_until("every login is in a log", || all().iter().sum::<usize>() == USERS * TRIES);
    let accepted: Vec<_> = (0..NODES).map(|at| logins(at, Some("logged_in"))).collect();
    println!("logins: by node {:?}, accepted {accepted:?}", all());
    assert_eq!(accepted.iter().sum::<usize>(), USERS);
    assert!(all().iter().all(|count| *count > USERS * TRIES / 4), "each has its share");
    assert!(accepted.iter().all(|count| *count > 0));
}
