//! Many logins at once.

use std::collections::HashMap;

use futures_util::future::join_all;

use super::{gateway, logins};
use crate::faults::load::User;
use crate::support::freeradius::{FreeRadius, request};
use crate::support::gateway::wait_until;
use crate::support::slapd::Slapd;

/// How many people log in.
const USERS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_log_in_twice_at_once_each_is_accepted_once() {
    let slapd = Slapd::builder().users(USERS).without_tls().start();
    let gateway = gateway(&slapd);
    let freeradius = FreeRadius::before(&gateway);
    let users: Vec<_> = (1..=USERS).map(User).collect();
    let numbers: Vec<_> = users.iter().map(|user| user.number()).collect();
    let codes = join_all(numbers.iter().map(|number| gateway.code(number))).await;
    let logins_of = |(user, code): (&User, &String)| {
        let password = user.password() + code;
        let login = request(&[
            ("User-Name", &user.name()),
            ("User-Password", &password),
            ("Message-Authenticator", "0x00"),
        ]);
        login.repeat(2)
    };
    let requests: String = users.iter().zip(&codes).map(logins_of).collect();
    let parallel = (2 * USERS).to_string();
    let said = freeradius.radclient(&["-r", "10", "-t", "2", "-p", &parallel], &requests);
    let mut accepted = HashMap::new();
    let mut lines = said.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("Received Access-Accept ") {
            let name = lines.next().expect("its name").trim().to_owned();
            *accepted.entry(name).or_insert(0) += 1;
        }
    }
    assert_eq!(accepted.len(), USERS, "{said}");
    assert!(accepted.values().all(|times| *times == 1), "{accepted:?}");
    assert_eq!(said.matches("Received Access-Reject ").count(), USERS);
    wait_until("all events", || logins(&gateway).len() == 2 * USERS);
}
