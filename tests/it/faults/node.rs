//! The gateway itself is killed: what it answered stands, what it used stays used.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::load::{Asker, User, config};
use crate::support::gateway::{Gateway, PATIENCE};
use crate::support::slapd::Slapd;

/// What a user knows when the gateway is killed.
#[derive(Debug, Clone, Default)]
struct Known {
    code: Option<String>,
    login: Login,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Login {
    #[default]
    NotTried,
    NotAnswered,
    Answered(u16),
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_under_load_it_loses_no_issued_code_and_accepts_none_twice() {
    const USERS: usize = 240;
    let slapd = Slapd::builder().without_log().start();
    let mut gateway = Gateway::start(&config(&[("t1", "http")], &[&slapd.url()]));
    let known: Arc<Mutex<HashMap<User, Known>>> = Arc::default();
    let turns = Arc::new(tokio::sync::Semaphore::new(24));
    let mut users = JoinSet::new();
    for user in (1..=USERS).map(User) {
        let (asker, known, turns) = (Asker::of(&gateway), Arc::clone(&known), Arc::clone(&turns));
        users.spawn(async move {
            let _turn = turns.acquire().await;
            if let (200, Some(code)) = asker.call("t1", user).await {
                known.lock().unwrap().entry(user).or_default().code = Some(code.clone());
                // Every third logs in at once.
                if user.0.is_multiple_of(3) {
                    known.lock().unwrap().entry(user).or_default().login = Login::NotAnswered;
                    let status = asker.login("t1", user, &code).await;
                    if status != 0 {
                        known.lock().unwrap().entry(user).or_default().login =
                            Login::Answered(status);
                    }
                }
            }
        });
    }
    let begun = Instant::now();
    let logged_in = || {
        let known = known.lock().unwrap();
        known.values().filter(|known| known.login == Login::Answered(200)).count()
    };
    while logged_in() < 30 {
        assert!(begun.elapsed() < PATIENCE, "logins: {}", gateway.log());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    gateway.kill();
    while users.join_next().await.is_some() {}
    let begun = Instant::now();
    let gateway = gateway.restart();
    println!("ready again after {:?}", begun.elapsed());

    let asker = Asker::of(&gateway);
    let known = known.lock().unwrap().clone();
    let mut tries = JoinSet::new();
    for (user, Known { code, login }) in known.clone() {
        let (asker, code) = (asker.clone(), code.expect("each one listed has a code"));
        tries.spawn(async move {
            let first = asker.login("t1", user, &code).await;
            let second = asker.login("t1", user, &code).await;
            (user, login, first, second)
        });
    }
    let (mut told, mut used, mut unknown) = (0, 0, 0);
    for (user, login, first, second) in tries.join_all().await {
        match login {
            Login::NotTried => {
                told += 1;
                assert_eq!((first, second), (200, 403), "told and not used: {user:?}");
            }
            Login::Answered(200) => {
                used += 1;
                assert_eq!((first, second), (403, 403), "used: {user:?}");
            }
            Login::Answered(status) => panic!("a right login was answered with {status}"),
            Login::NotAnswered => {
                unknown += 1;
                assert_eq!(second, 403, "used now or before: {user:?}");
            }
        }
    }
    println!("killed: {told} codes told, {used} used, {unknown} logins without an answer");
    assert!(told > 0 && used > 0 && known.len() < USERS, "it was killed while they asked");
    // A caller who heard no code calls again.
    for user in (1..=USERS).map(User).filter(|user| !known.contains_key(user)) {
        let (status, code) = asker.call("t1", user).await;
        assert_eq!(status, 200);
        assert_eq!(asker.login("t1", user, &code.expect("a code")).await, 200);
    }
}
