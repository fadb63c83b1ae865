//! Who is found by a number or a name.

use std::sync::Arc;

use dialpass::directory::ldap::{LdapDirectory, NumberMatch};
use dialpass::domain::account_state::AccountState;
use dialpass::domain::user::{Ambiguity, NotUnique};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::{by_name, by_number, directory, names, number, plan, settings, user};
use crate::support::slapd::Slapd;

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_form_of_a_number_is_found_in_either_mode() {
    let slapd = Slapd::start();
    for number_match in [NumberMatch::Equality, NumberMatch::Patterns] {
        let mut settings = settings(&[slapd.url()]);
        settings.number_match = number_match;
        let directory = LdapDirectory::new(settings, Handle::current());
        for form in 1..=8 {
            let caller = format!("+4670100000{form}");
            let found = by_number(&directory, &caller).await.unwrap();
            let user = found
                .exactly_one(&number(&caller), &plan(), Ambiguity::Refuse, None)
                .unwrap_or_else(|none| panic!("{none:?} for form {form}, {number_match:?}"));
            assert_eq!(user.username, format!("form{form}"));
            assert_eq!(user.locator, format!("uid=form{form},ou=people,dc=example,dc=com"));
            assert_eq!(user.numbers[0].rank, 0);
        }
        let found = by_number(&directory, "+46702223344").await.unwrap();
        assert_eq!((names(&found), found.users[0].numbers[0].rank), (vec!["bob"], 1));
        assert!(by_number(&directory, "+46700000000").await.unwrap().users.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_who_share_a_number_are_two_candidates() {
    let slapd = Slapd::start();
    let directory = directory(&[slapd.url()]);
    let found = by_number(&directory, "+46703334455").await.unwrap();
    assert_eq!((names(&found), found.truncated), (vec!["carl", "cecilia"], false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_with_an_extension_finds_only_who_has_that_extension() {
    let slapd = Slapd::start();
    let directory = directory(&[slapd.url()]);
    for (caller, name) in [("+46812345678 ext. 12", "evert"), ("+46812345678", "fia")] {
        let found = by_number(&directory, caller).await.unwrap();
        let one = found.exactly_one(&number(caller), &plan(), Ambiguity::Refuse, None);
        assert_eq!(one.unwrap().username, name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_people_than_the_size_limit_are_several() {
    let slapd = Slapd::start();
    let directory = directory(&[slapd.url()]);
    let caller = "+46709999999";
    let found = by_number(&directory, caller).await.unwrap();
    assert!(found.truncated && found.users.len() == 10);
    let one = found.exactly_one(&number(caller), &plan(), Ambiguity::PreferAttributeOrder, None);
    assert!(matches!(one, Err(NotUnique::SeveralUsers)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_finds_its_user_whatever_its_case() {
    let slapd = Slapd::start();
    let directory = directory(&[slapd.url()]);
    let bob = user(&directory, "BOB").await;
    assert_eq!((bob.username.as_str(), bob.account == AccountState::open()), ("bob", true));
    assert_eq!(bob.id.as_str(), "00000000-0000-4000-8000-000000000001");
    assert!(by_name(&directory, "nobody").await.unwrap().users.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_filter_syntax_finds_no_user() {
    let slapd = Slapd::start();
    let directory = directory(&[slapd.url()]);
    for name in ["*", "b*", "bob)(uid=*", "*)(objectClass=*", "x)(|(uid=bob", "\\62ob", "bob\\"] {
        let found = by_name(&directory, name).await.unwrap();
        assert!(found.users.is_empty() && !found.truncated, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_account_is_found_as_disabled_as_soon_as_it_is() {
    let slapd = Slapd::start();
    let directory = directory(&[slapd.url()]);
    assert_eq!(user(&directory, "diana").await.account, AccountState::enabled(false));
    assert_eq!(user(&directory, "erik").await.account, AccountState::open());
    slapd.modify(
        "dn: uid=erik,ou=people,dc=example,dc=com\nchangetype: modify\n\
         replace: userAccountControl\nuserAccountControl: 66050\n",
    );
    assert_eq!(user(&directory, "erik").await.account, AccountState::enabled(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_without_a_usable_id_makes_the_result_incomplete() {
    let slapd = Slapd::start();
    let mut settings = settings(&[slapd.url()]);
    settings.id_attribute = "employeeNumber".to_owned();
    let directory = LdapDirectory::new(settings, Handle::current());
    let found = by_number(&directory, "+46701234567").await.unwrap();
    assert!(found.users.is_empty() && found.truncated);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_filter_that_excludes_all_finds_no_user() {
    let slapd = Slapd::start();
    let mut settings = settings(&[slapd.url()]);
    settings.user_filter = "(&(objectClass=inetOrgPerson)(!(uid=anna)))".to_owned();
    let directory = LdapDirectory::new(settings, Handle::current());
    assert!(by_number(&directory, "+46701234567").await.unwrap().users.is_empty());
    assert_eq!(user(&directory, "bob").await.username, "bob");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_searches_at_once_are_each_answered_with_their_own_user() {
    let slapd = Slapd::builder().users(1000).without_log().start();
    let directory = directory(&[slapd.url()]);
    let mut searches = JoinSet::new();
    for at in 0..1000 {
        let directory = Arc::clone(&directory);
        searches.spawn(async move {
            let user = at + 1;
            let found = by_number(&directory, &format!("+4676{user:07}")).await.unwrap();
            assert_eq!(names(&found), [format!("user{user:04}")]);
        });
    }
    assert_eq!(searches.join_all().await.len(), 1000);
}

#[test]
fn requests_may_come_from_runtimes_other_than_the_directorys_own() {
    let slapd = Slapd::start();
    let own = tokio::runtime::Runtime::new().unwrap();
    let directory = Arc::new(LdapDirectory::new(settings(&[slapd.url()]), own.handle().clone()));
    let worker = || {
        let directory = Arc::clone(&directory);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                for _ in 0..20 {
                    assert_eq!(user(&directory, "anna").await.username, "anna");
                }
            });
        })
    };
    for thread in [worker(), worker(), worker()] {
        thread.join().unwrap();
    }
}
