//! Whose password is right.

use std::sync::Arc;
use std::time::Duration;

use dialpass::directory::PasswordCheck::{Refused, Right};
use dialpass::directory::{Directory, DirectoryError};
use dialpass::domain::account_state::PasswordRefusal::NoSuchUser;
use dialpass::domain::secret::Password;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::{TIMEOUT, WRONG, check, deadline, directory, is_up, user};
use crate::support::slapd::Slapd;

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_right_for_its_own_user_only() {
    let slapd = Slapd::start();
    let directory = directory(&[slapd.url()]);
    let bob = user(&directory, "bob").await;
    assert_eq!(check(&directory, &bob, "bob-secret").await, Ok(Right));
    assert_eq!(check(&directory, &bob, "anna-secret").await, Ok(WRONG));
    assert_eq!(check(&directory, &bob, "bob-secret").await, Ok(Right));
    assert_eq!(slapd.binds_of("bob"), 3);
    let mut gone = bob.clone();
    gone.locator = "uid=gone,ou=people,dc=example,dc=com".to_owned();
    assert_eq!(check(&directory, &gone, "bob-secret").await, Ok(WRONG));
    gone.locator = String::new();
    assert_eq!(check(&directory, &gone, "bob-secret").await, Ok(Refused(NoSuchUser)));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_passwords_at_once_are_each_judged_for_their_own_user() {
    let slapd = Slapd::start();
    let directory = directory(&[slapd.url()]);
    let mut checks = JoinSet::new();
    for at in 1..=100_usize {
        let directory = Arc::clone(&directory);
        checks.spawn(async move {
            let person = user(&directory, &format!("user{at:04}")).await;
            let right = at % 3 != 0;
            let typed = format!("secret-{}", if right { at } else { at + 1 });
            let expected = if right { Right } else { WRONG };
            assert_eq!(check(&directory, &person, &typed).await, Ok(expected));
        });
    }
    assert_eq!(checks.join_all().await.len(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn binds_never_change_whose_connection_searches_use() {
    let slapd = Slapd::start();
    let directory = directory(&[slapd.url()]);
    for _ in 0..10 {
        let anna = user(&directory, "anna").await;
        assert_eq!(check(&directory, &anna, "anna-secret").await, Ok(Right));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_is_dropped_does_not_answer_the_next_one() {
    let slapd = Slapd::start();
    let directory = directory(&[slapd.url()]);
    let (anna, bob) = (user(&directory, "anna").await, user(&directory, "bob").await);
    for _ in 0..50 {
        let dropped = timeout(Duration::from_micros(300), check(&directory, &anna, "anna-secret"));
        let _ = dropped.await;
        assert_eq!(check(&directory, &bob, "wrong").await, Ok(WRONG));
        assert_eq!(check(&directory, &bob, "bob-secret").await, Ok(Right));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_may_have_arrived_is_not_repeated_elsewhere() {
    let (first, second) = (Slapd::start(), Slapd::start());
    let directory = directory(&[first.url(), second.url()]);
    let anna = user(&directory, "anna").await;
    // Has a connection in the pool, so that the next bind is sent.
    assert_eq!(check(&directory, &anna, "anna-secret").await, Ok(Right));
    first.stop();
    let answer = check(&directory, &anna, "anna-secret").await;
    assert_eq!(answer, Err(DirectoryError::TimedOut));
    assert_eq!(second.binds_of("anna"), 0);
    // By now the first is known to be silent.
    assert_eq!(check(&directory, &anna, "anna-secret").await, Ok(Right));
    assert_eq!(second.binds_of("anna"), 1);
    first.cont();
    is_up(&directory, 0, true).await;
    // The answer to the bind that nobody waited for is not taken for another's.
    assert_eq!(check(&directory, &anna, "wrong").await, Ok(WRONG));
    assert_eq!(check(&directory, &anna, "anna-secret").await, Ok(Right));
    assert_eq!(second.binds_of("anna"), 1);
}

// On one thread, so that the order of events is the order of work.
#[tokio::test]
async fn a_check_that_was_not_sent_goes_to_the_next_server() {
    let (mut first, second) = (Slapd::start(), Slapd::start());
    let directory = directory(&[first.url(), second.url()]);
    let anna = user(&directory, "anna").await;
    assert_eq!(check(&directory, &anna, "anna-secret").await, Ok(Right));
    // The server closes its connections in the order of their making, this one last: when its end
    // is seen here, the directory has seen that of the others.
    let url = first.url();
    let address = url.strip_prefix("ldap://").expect("an LDAP URL");
    let mut witness = TcpStream::connect(address).await.expect("it listens");
    first.kill();
    // The end may be an error.
    let _ = timeout(TIMEOUT, witness.read(&mut [0])).await.expect("it is closed");
    assert_eq!(check(&directory, &anna, "anna-secret").await, Ok(Right));
    assert_eq!((first.binds_of("anna"), second.binds_of("anna")), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_the_password_is_sent_nowhere() {
    let mut slapd = Slapd::start();
    let directory = directory(&[slapd.url()]);
    let anna = user(&directory, "anna").await;
    slapd.kill();
    assert!(check(&directory, &anna, "anna-secret").await.is_err());
    is_up(&directory, 0, false).await;
    let begun = Instant::now();
    assert_eq!(check(&directory, &anna, "anna-secret").await, Err(DirectoryError::Unavailable));
    assert!(begun.elapsed() < TIMEOUT / 2);
    let password = Password::parse("anna-secret".to_owned()).unwrap();
    let passed = directory.check_password(&anna, &password, deadline() - 3 * TIMEOUT).await;
    assert!(passed.is_err());
}
