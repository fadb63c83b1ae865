//! The index against a domain controller, which is asked for changes every so often.

use dialpass::domain::account_state::AccountState;
use std::sync::Arc;
use std::time::Duration;

use dialpass::directory::ldap::{Confirm, IndexSettings, LdapDirectory, LdapSettings, Lookup};
use dialpass::directory::{DependencyState, Directory, DirectoryError, Occasion};
use dialpass::domain::user::Membership;
use tokio::time::Instant;

use super::{by_number, deadline, is_down, owners, with};
use crate::support::samba::{STAFF, Samba, USERS};

/// Longest until a change is seen, or a server taken up again.
const SECONDS: Duration = Duration::from_secs(8);

async fn live(samba: &Samba, change: impl FnOnce(&mut LdapSettings)) -> Arc<LdapDirectory> {
    let directory = with(samba, |settings| {
        settings.lookup = Lookup::Index(IndexSettings {
            max_age: Duration::from_mins(15),
            poll: Duration::from_millis(500),
            confirm: Confirm::Nothing,
            ..IndexSettings::default()
        });
        change(settings);
    });
    is_live(&directory, true).await;
    directory
}

fn state(directory: &LdapDirectory) -> DependencyState {
    directory.states().pop().expect("there are states")
}

async fn is_live(directory: &LdapDirectory, live: bool) {
    let patience = Instant::now() + SECONDS;
    while state(directory).up != live {
        assert!(Instant::now() < patience, "{:?}", directory.states());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until the people with a number are these; says where their entries are.
async fn has(directory: &LdapDirectory, caller: &str, whom: &[&str]) -> Vec<String> {
    let patience = Instant::now() + SECONDS;
    loop {
        let found = by_number(directory, caller).await.unwrap();
        let names = owners(&found, caller);
        if names == whom && !found.truncated {
            return found.users.into_iter().map(|user| user.locator).collect();
        }
        assert!(Instant::now() < patience, "{caller}: {names:?}, {:?}", state(directory));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn dn(name: &str) -> String {
    format!("CN={name},{USERS}")
}

/// Waits until the person with a number is at this DN.
async fn is_at(directory: &LdapDirectory, caller: &str, name: &str, dn: &str) {
    let patience = Instant::now() + SECONDS;
    loop {
        let there = has(directory, caller, &[name]).await;
        if there == [dn] {
            return;
        }
        assert!(Instant::now() < patience, "{name} is at {there:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_has_all_people_in_any_form_and_is_kept() {
    let samba = Samba::builder().crowd(1200).deletions_shown().start();
    let directory = live(&samba, |_| {}).await;
    for form in 1..=8 {
        has(&directory, &format!("+4670100000{form}"), &[&format!("form{form}")]).await;
    }
    has(&directory, "+46760000001", &["user0001"]).await;
    has(&directory, "+46760001200", &["user1200"]).await;
    has(&directory, "+46703334455", &["carl", "cecilia"]).await;
    has(&directory, "+46812345678 ext. 12", &["evert"]).await;
    let disabled = by_number(&directory, "+46702000001").await.unwrap();
    assert_eq!(disabled.users[0].account, AccountState::enabled(false));

    samba.set(&dn("anna"), "mobile", &["070.111/22-33"]);
    has(&directory, "+46701112233", &["anna"]).await;
    has(&directory, "+46701234567", &[]).await;

    samba.add_person("new", STAFF, &["otherMobile: +46 70 123 45 67"]);
    has(&directory, "+46701234567", &["new"]).await;

    samba.rename(&format!("CN=new,{STAFF}"), "newer", USERS);
    is_at(&directory, "+46701234567", "new", &dn("newer")).await;

    samba.set(&dn("anna"), "userAccountControl", &["514"]);
    let patience = Instant::now() + SECONDS;
    let account =
        async || by_number(&directory, "+46701112233").await.unwrap().users[0].account.clone();
    while account().await == AccountState::open() {
        assert!(Instant::now() < patience, "anna is not seen as disabled");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    samba.delete(&dn("newer"));
    has(&directory, "+46701234567", &[]).await;
    samba.set(&dn("anna"), "mobile", &[]);
    has(&directory, "+46701112233", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_deleted_unseen_is_gone_soon_all_the_same() {
    let samba = Samba::start();
    let directory = live(&samba, |_| {}).await;
    has(&directory, "+46701234567", &["anna"]).await;
    samba.delete(&dn("anna"));
    has(&directory, "+46701234567", &[]).await;
    has(&directory, "+46702223344", &["bob"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_the_base_or_the_filter_is_gone_and_an_ous_new_name_is_known() {
    let samba = Samba::builder().deletions_shown().start();
    // A deleted entry to be seen, so that nobody's id is read beside the changes.
    samba.delete(&dn("stale"));
    let directory = live(&samba, |settings| {
        settings.base_dns = vec![USERS.to_owned()];
        let filter = "(&(objectCategory=person)(objectClass=user)(!(description=external)))";
        settings.user_filter = filter.to_owned();
    })
    .await;
    has(&directory, "+46709998877", &[]).await;
    samba.rename(&dn("anna"), "anna", STAFF);
    has(&directory, "+46701234567", &[]).await;
    samba.set(&dn("bob"), "description", &["external"]);
    has(&directory, "+46702223344", &[]).await;
    samba.rename(&format!("CN=otto,{STAFF}"), "otto", USERS);
    has(&directory, "+46709998877", &["otto"]).await;

    let everywhere = live(&samba, |_| {}).await;
    is_at(&everywhere, "+46701234567", "anna", &format!("CN=anna,{STAFF}")).await;
    samba.modify(&format!(
        "dn: {STAFF}\nchangetype: modrdn\nnewrdn: OU=personnel\ndeleteoldrdn: 1\n"
    ));
    let there = "CN=anna,OU=personnel,DC=lab,DC=example,DC=org";
    is_at(&everywhere, "+46701234567", "anna", there).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_served_through_and_what_changed_meanwhile_is_known_after_it() {
    let mut samba = Samba::builder().deletions_shown().start();
    let directory = live(&samba, |_| {}).await;
    samba.stop();
    is_live(&directory, false).await;
    has(&directory, "+46701234567", &["anna"]).await;
    samba.cont();
    is_live(&directory, true).await;
    samba.kill();
    is_live(&directory, false).await;
    has(&directory, "+46701234567", &["anna"]).await;
    samba.restart();
    samba.delete(&dn("anna"));
    samba.set(&dn("bob"), "telephoneNumber", &["070-123 45 68"]);
    is_live(&directory, true).await;
    has(&directory, "+46701234567", &[]).await;
    has(&directory, "+46701234568", &["bob"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_controller_is_read_from_the_start() {
    let (mut first, second) = (Samba::start(), Samba::start());
    // Both are copies of one, so their numbers of changes are alike and say different things.
    second.delete(&dn("anna"));
    second.set(&dn("bob"), "mobile", &["+46 70 123 45 67"]);
    let mut trust = std::fs::read(first.ca_pem()).unwrap();
    trust.extend(std::fs::read(second.ca_pem()).unwrap());
    let directory = live(&first, |settings| {
        let url = dialpass::directory::ldap::ServerUrl::parse(&second.ldaps_url());
        settings.servers.push(url.unwrap());
        settings.tls = Some(dialpass::tls::client::tls_config(Some(&trust), None).unwrap());
    })
    .await;
    has(&directory, "+46701234567", &["anna"]).await;
    first.kill();
    has(&directory, "+46701234567", &["bob"]).await;
    is_live(&directory, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_controller_the_index_admits_nested_members_and_no_one_else() {
    let mut samba = Samba::start();
    samba.join("suspended", &dn("bob"));
    for (required, excluded, allowed, refused) in [
        (Some("outer"), None, "+46701234567", "+46702223344"),
        (None, Some("suspended"), "+46701234567", "+46702223344"),
    ] {
        samba.restart();
        let directory = live(&samba, |settings| {
            let group = |name: &str| format!("CN={name},{STAFF}");
            settings.required_group = required.map(group);
            settings.excluded_group = excluded.map(group);
        })
        .await;
        let patience = Instant::now() + SECONDS;
        while !state(&directory).detail.contains("by the groups") {
            assert!(Instant::now() < patience, "{:?}", state(&directory));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        samba.kill();
        is_live(&directory, false).await;
        let anna = &by_number(&directory, allowed).await.unwrap().users[0];
        let bob = &by_number(&directory, refused).await.unwrap().users[0];
        let asked = |user, occasion| directory.membership(user, occasion, deadline());
        assert_eq!(asked(anna, Occasion::Call).await, Ok(Membership::Allowed));
        for (user, occasion) in [(anna, Occasion::Login), (bob, Occasion::Call)] {
            assert_eq!(asked(user, occasion).await, Err(DirectoryError::Unavailable));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_one_persons_changes_are_hidden_there_is_no_index_and_what_is_hidden_is_said() {
    let samba = Samba::start();
    // uSNChanged, from everybody who has logged in.
    samba.add_rights(&dn("anna"), "(OD;;RP;bf967a6f-0de6-11d0-a285-00aa003049e2;;AU)");
    let directory = with(&samba, |settings| {
        settings.lookup = Lookup::Index(IndexSettings {
            max_age: Duration::from_mins(15),
            poll: Duration::from_millis(500),
            confirm: Confirm::Nothing,
            ..IndexSettings::default()
        });
    });
    let patience = Instant::now() + SECONDS;
    while !state(&directory).detail.contains("uSNChanged") {
        assert!(Instant::now() < patience, "{:?}", state(&directory));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!state(&directory).up);
    has(&directory, "+46701234567", &["anna"]).await;
}

/// Waits until the server is down for this reason, and the index has looked at the groups, or
/// cannot; what it then says of anna at a call.
async fn at_a_call(directory: &LdapDirectory, reason: &str) -> Result<Membership, DirectoryError> {
    is_down(directory, reason).await;
    let patience = Instant::now() + SECONDS;
    let looked = |detail: &str| {
        ["by the groups", "cannot be read", "no server"].iter().any(|one| detail.contains(one))
    };
    while !looked(&state(directory).detail) {
        assert!(Instant::now() < patience, "{:?}", state(directory));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let found = by_number(directory, "+46701234567").await?;
    directory.membership(&found.users[0], Occasion::Call, deadline()).await
}

/// An index that may not be live.
fn indexed(samba: &Samba, change: impl FnOnce(&mut LdapSettings)) -> Arc<LdapDirectory> {
    with(samba, |settings| {
        settings.lookup = Lookup::Index(IndexSettings {
            max_age: Duration::from_mins(15),
            poll: Duration::from_millis(500),
            confirm: Confirm::Nothing,
            ..IndexSettings::default()
        });
        change(settings);
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_group_admits_no_one_by_the_index() {
    let samba = Samba::start();
    let typo = format!("CN=outer-typo,{STAFF}");
    for change in [
        |settings: &mut LdapSettings, group: &str| settings.required_group = Some(group.to_owned()),
        |settings: &mut LdapSettings, group: &str| settings.excluded_group = Some(group.to_owned()),
    ] {
        for wrong in [&typo, STAFF] {
            let directory = indexed(&samba, |settings| change(settings, wrong));
            let answer = at_a_call(&directory, wrong).await;
            assert_eq!(answer, Err(DirectoryError::Unavailable), "{wrong}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_an_excluded_group_is_renamed_the_index_admits_no_one() {
    let samba = Samba::start();
    let suspended = format!("CN=suspended,{STAFF}");
    let directory =
        live(&samba, |settings| settings.excluded_group = Some(suspended.clone())).await;
    let becomes = async |expected| {
        let patience = Instant::now() + SECONDS * 2;
        loop {
            let anna = &by_number(&directory, "+46701234567").await.unwrap().users[0];
            let answer = directory.membership(anna, Occasion::Call, deadline()).await;
            let known = state(&directory).detail.contains("by the groups");
            if answer == expected && known == answer.is_ok() {
                return;
            }
            assert!(Instant::now() < patience, "{answer:?} {:?}", state(&directory));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    becomes(Ok(Membership::Allowed)).await;
    samba.rename(&suspended, "away", STAFF);
    becomes(Err(DirectoryError::Unavailable)).await;
    samba.rename(&format!("CN=away,{STAFF}"), "suspended", STAFF);
    becomes(Ok(Membership::Allowed)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_memberships_can_be_read_the_index_admits_no_one() {
    let samba = Samba::start();
    let only_anna = |settings: &mut LdapSettings| {
        settings.base_dns = vec![dn("anna")];
        settings.excluded_group = Some(format!("CN=suspended,{STAFF}"));
    };
    // memberOf, from everybody who has logged in.
    samba.add_rights(&dn("anna"), "(OD;;RP;bf967991-0de6-11d0-a285-00aa003049e2;;AU)");
    let directory = indexed(&samba, only_anna);
    let answer = at_a_call(&directory, "memberOf").await;
    assert_eq!(answer, Err(DirectoryError::Unavailable));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_memberships_become_hidden_the_index_admits_no_one() {
    let samba = Samba::start();
    let directory = live(&samba, |settings| {
        settings.base_dns = vec![dn("anna")];
        settings.excluded_group = Some(format!("CN=suspended,{STAFF}"));
    })
    .await;
    let anna = &by_number(&directory, "+46701234567").await.unwrap().users[0];
    let may = directory.membership(anna, Occasion::Call, deadline()).await;
    assert_eq!(may, Ok(Membership::Allowed));
    // memberOf, from everybody who has logged in.
    samba.add_rights(&dn("anna"), "(OD;;RP;bf967991-0de6-11d0-a285-00aa003049e2;;AU)");
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        let may = directory.membership(anna, Occasion::Call, deadline()).await;
        if may == Err(DirectoryError::Unavailable) {
            return;
        }
        assert!(Instant::now() < patience, "{may:?} {:?}", directory.states());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_deleted_after_deletions_came_to_be_hidden_is_gone_soon() {
    let samba = Samba::builder().deletions_shown().start();
    samba.delete(&dn("stale"));
    let directory = live(&samba, |_| {}).await;
    has(&directory, "+46701234567", &["anna"]).await;
    samba.delete(&dn("bob"));
    has(&directory, "+46702223344", &[]).await;
    samba.hide_deletions();
    samba.delete(&dn("anna"));
    has(&directory, "+46701234567", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_whose_files_were_put_back_is_read_anew() {
    let mut samba = Samba::builder().deletions_shown().start();
    samba.kill();
    samba.keep_data();
    samba.restart();
    let directory = live(&samba, |_| {}).await;
    samba.set(&dn("anna"), "mobile", &["+46 70 111 22 33"]);
    has(&directory, "+46701112233", &["anna"]).await;
    samba.kill();
    is_live(&directory, false).await;
    // More changes than there were, so that the controller's number is higher than before.
    let change = |at: u32| {
        let bob = dn("bob");
        format!("dn: {bob}\nchangetype: modify\nreplace: description\ndescription: {at}\n\n")
    };
    samba.put_data_back(&(0..50).map(change).collect::<String>());
    samba.restart();
    let patience = Instant::now() + Duration::from_mins(1);
    while owners(&by_number(&directory, "+46701234567").await.unwrap(), "+46701234567") != ["anna"]
    {
        assert!(Instant::now() < patience, "{:?}", state(&directory));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_changes_come_to_be_hidden_there_is_no_index_any_more() {
    let samba = Samba::builder().deletions_shown().start();
    // A deleted entry to be seen, so that nobody's id is read beside the changes.
    samba.delete(&dn("stale"));
    let directory = live(&samba, |_| {}).await;
    for name in ["anna", "bob"] {
        // uSNChanged, from everybody who has logged in.
        samba.add_rights(&dn(name), "(OD;;RP;bf967a6f-0de6-11d0-a285-00aa003049e2;;AU)");
    }
    let patience = Instant::now() + Duration::from_secs(30);
    while state(&directory).up || !state(&directory).detail.contains("uSNChanged") {
        assert!(Instant::now() < patience, "{:?}", state(&directory));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
