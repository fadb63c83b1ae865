//! What an entry says of its account where no password is asked for, beside what a bind says.

use std::sync::Arc;
use std::time::Duration;

use dialpass::directory::Directory;
use dialpass::directory::PasswordCheck::{Refused, Right};
use dialpass::directory::ldap::{AccountChecks, IndexSettings, LdapDirectory, Lookup};
use dialpass::domain::account_state::PasswordRefusal::{
    self, Disabled, LockedOut, MustChangePassword,
};
use dialpass::domain::clock::{Clock as _, SystemClock};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::{by_number, check, settings, user};
use crate::support::slapd::{PEOPLE, Slapd, SlapdBuilder};

fn with_policy() -> SlapdBuilder {
    Slapd::builder().without_tls().with_password_policy()
}

fn directory(slapd: &Slapd, lookup: Lookup) -> Arc<LdapDirectory> {
    let mut settings = settings(&[slapd.url()]);
    settings.account_checks = AccountChecks::FromTheEntry;
    settings.lookup = lookup;
    Arc::new(LdapDirectory::new(settings, Handle::current()))
}

fn set(slapd: &Slapd, uid: &str, attribute: &str, value: &str) {
    slapd.modify(&format!(
        "dn: uid={uid},{PEOPLE}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_entry_says_what_a_bind_would() {
    let slapd = with_policy().start();
    let directory = directory(&slapd, Lookup::Search);
    set(&slapd, "bob", "pwdReset", "TRUE");
    set(&slapd, "erik", "pwdAccountLockedTime", "000001010000Z");
    set(&slapd, "form1", "pwdEndTime", "20200101000000Z");
    set(&slapd, "form2", "pwdEndTime", "20900101000000Z");
    set(&slapd, "form3", "pwdStartTime", "20900101000000Z");
    let fia = user(&directory, "fia").await;
    for _ in 0..2 {
        assert_eq!(check(&directory, &fia, "wrong").await, Ok(super::WRONG));
    }
    for (name, expected) in [
        ("anna", None),
        ("bob", Some(MustChangePassword)),
        ("erik", Some(LockedOut)),
        ("fia", Some(LockedOut)),
        ("form1", Some(LockedOut)),
        ("form2", None),
        ("form3", Some(LockedOut)),
    ] {
        let person = user(&directory, name).await;
        assert_eq!(person.account.refusal(SystemClock.now()), expected, "{name}");
        let bind = check(&directory, &person, &format!("{name}-secret")).await;
        assert_eq!(bind, Ok(expected.map_or(Right, Refused)), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_person_of_the_index_the_entry_is_asked_at_the_call() {
    let mut slapd = with_policy().with_sync().start();
    let index = IndexSettings {
        max_age: Duration::from_mins(15),
        poll: Duration::from_secs(2),
        ..IndexSettings::default()
    };
    let directory = directory(&slapd, Lookup::Index(index));
    let patience = Instant::now() + Duration::from_secs(10);
    while !directory.states().pop().is_some_and(|state| state.is_optional && state.up) {
        assert!(Instant::now() < patience, "{:?}", directory.states());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let at_call = async |number: &str| -> Option<PasswordRefusal> {
        let found = by_number(&directory, number).await.unwrap();
        let [person] = &found.users[..] else { panic!("{} users", found.users.len()) };
        person.account.refusal(SystemClock.now())
    };
    assert_eq!(at_call("+46701234567").await, None);
    assert_eq!(at_call("+46704445566").await, Some(Disabled));
    // Followers of changes do not see the policy's lock.
    let anna = user(&directory, "anna").await;
    for _ in 0..2 {
        assert_eq!(check(&directory, &anna, "wrong").await, Ok(super::WRONG));
    }
    assert_eq!(at_call("+46701234567").await, Some(LockedOut));
    slapd.modify(&format!("dn: uid=bob,{PEOPLE}\nchangetype: delete\n"));
    assert!(by_number(&directory, "+46702223344").await.unwrap().users.is_empty());
    // Without a server no one logs in; calls go on from the index.
    slapd.kill();
    assert_eq!(at_call("+46705556677").await, None);
    assert_eq!(at_call("+46704445566").await, Some(Disabled));
}
