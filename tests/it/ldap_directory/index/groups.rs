//! Who may use the gateway, by an index that has read the groups.

use std::sync::Arc;
use std::time::Duration;

use dialpass::directory::ldap::{LdapDirectory, LdapSettings};
use dialpass::directory::{Directory, DirectoryError, Occasion};
use dialpass::domain::user::Membership::{self, Allowed, InExcludedGroup, NotInRequiredGroup};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::super::{by_number, deadline, settings};
use super::{is_live, person, state, synced, until, with_index};
use crate::support::slapd::{GROUPS, PEOPLE, Slapd};

const ANNA: &str = "+46701234567";
const BOB: &str = "+46702223344";
const ERIK: &str = "+46705556677";

fn group(name: &str) -> String {
    format!("cn={name},{GROUPS}")
}

async fn read(slapd: &Slapd, change: impl FnOnce(&mut LdapSettings)) -> Arc<LdapDirectory> {
    let mut settings = settings(&[slapd.url()]);
    change(&mut settings);
    let directory = with_index(settings, Duration::from_mins(15));
    is_live(&directory, true).await;
    until(&directory, |directory| state(directory).detail.contains("by the groups")).await;
    directory
}

async fn asked(
    directory: &LdapDirectory,
    caller: &str,
    occasion: Occasion,
) -> Result<Membership, DirectoryError> {
    let found = by_number(directory, caller).await.unwrap();
    let [user] = &found.users[..] else { panic!("{} users", found.users.len()) };
    directory.membership(user, occasion, deadline()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_the_index_admits_members_and_no_one_else() {
    let mut slapd = synced().start();
    let directory = read(&slapd, |settings| {
        settings.required_group = Some(group("otp"));
        settings.excluded_group = Some(group("barred"));
    })
    .await;
    for (caller, expected) in [
        (ANNA, Allowed),
        (BOB, Allowed),
        (ERIK, InExcludedGroup),
        ("+46812345678 ext. 12", NotInRequiredGroup),
    ] {
        for occasion in [Occasion::Call, Occasion::Login] {
            assert_eq!(asked(&directory, caller, occasion).await, Ok(expected), "{caller}");
        }
    }
    slapd.kill();
    is_live(&directory, false).await;
    assert_eq!(asked(&directory, ANNA, Occasion::Call).await, Ok(Allowed));
    assert_eq!(asked(&directory, BOB, Occasion::Call).await, Ok(Allowed));
    for (caller, occasion) in [(ANNA, Occasion::Login), (ERIK, Occasion::Call)] {
        let answer = asked(&directory, caller, occasion).await;
        assert_eq!(answer, Err(DirectoryError::Unavailable), "{caller}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_group_is_seen_at_the_login_at_the_latest() {
    let slapd = synced().start();
    let directory = read(&slapd, |settings| settings.required_group = Some(group("otp"))).await;
    slapd.modify(&format!(
        "dn: cn=staff,{GROUPS}\nchangetype: modify\ndelete: uniqueMember\n\
         uniqueMember: cn=deep,{GROUPS}\n"
    ));
    assert_eq!(asked(&directory, BOB, Occasion::Login).await, Ok(NotInRequiredGroup));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_dn_is_not_let_in_by_what_was_known_of_the_old_one() {
    let slapd = synced().start();
    let directory = read(&slapd, |settings| settings.required_group = Some(group("otp"))).await;
    let change = "changetype: modrdn\nnewrdn: uid=bobby\ndeleteoldrdn: 1";
    slapd.modify(&person("bob", change));
    super::has(&directory, BOB, &["bobby"]).await;
    assert_eq!(asked(&directory, BOB, Occasion::Call).await, Ok(NotInRequiredGroup));
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_members_admit_no_one() {
    let slapd = synced().hiding("member,uniqueMember").start();
    let mut settings = settings(&[slapd.url()]);
    settings.excluded_group = Some(group("barred"));
    let directory = with_index(settings, Duration::from_mins(15));
    until(&directory, |directory| state(directory).detail.contains("cannot be read")).await;
    for caller in [ANNA, ERIK] {
        let answer = asked(&directory, caller, Occasion::Call).await;
        assert_ne!(answer, Ok(Allowed), "{caller}");
    }
}

/// Which callers an index that has read the groups admits; a search admits the same.
async fn let_in(slapd: &Slapd, excluded: &str, callers: &[&'static str]) -> Vec<&'static str> {
    let indexed = read(slapd, |settings| settings.excluded_group = Some(excluded.to_owned())).await;
    let mut settings = settings(&[slapd.url()]);
    settings.excluded_group = Some(excluded.to_owned());
    let searched = LdapDirectory::new(settings, Handle::current());
    let mut allowed = Vec::new();
    for caller in callers {
        let by_search = asked(&searched, caller, Occasion::Call).await;
        assert_eq!(asked(&indexed, caller, Occasion::Call).await, by_search, "{caller}");
        if by_search == Ok(Allowed) {
            allowed.push(*caller);
        }
    }
    allowed
}

fn a_group(name: &str, members: &[&str]) -> String {
    let mut ldif =
        format!("dn: cn={name},{GROUPS}\nchangetype: add\nobjectClass: groupOfNames\ncn: {name}\n");
    for member in members {
        ldif.extend(["member: ", member, "\n"]);
    }
    ldif + "\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_whose_names_differ_only_in_punctuation_are_two() {
    let slapd = synced().start();
    let (anna, bob, erik) =
        (format!("uid=anna,{PEOPLE}"), format!("uid=bob,{PEOPLE}"), format!("uid=erik,{PEOPLE}"));
    slapd.modify(&a_group("team1", &[&anna]));
    slapd.modify(&a_group("team-1", &[&bob]));
    slapd.modify(&a_group("no otp", &[&erik]));
    slapd.modify(&a_group("no-otp", &[&group("team1"), &group("NO  OTP")]));
    assert_eq!(let_in(&slapd, &group("no-otp"), &[ANNA, BOB, ERIK]).await, [BOB]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_excluded_by_another_form_of_the_dn_is_excluded() {
    let slapd = synced().start();
    let forms = [
        ("uid=andr\u{e9}", "uid: andr\u{e9}\n", "uid=andre\u{301}"),
        ("uid=filip", "uid: filip\n", "uid=\u{fb01}lip"),
        ("uid=ola", "uid: ola\n", "uid=\u{ff4f}\u{ff4c}\u{ff41}"),
        ("uid=\u{c5}sa", "uid: \u{c5}sa\n", "UID=\u{e5}SA"),
        ("uid=a\\,b", "uid: a,b\n", "uid=a\\2Cb"),
        ("uid=c", "uid: c\n", "userid=c"),
        ("uid=d", "uid: d\n", "0.9.2342.19200300.100.1.1=\\64"),
        ("uid=e+cn=two", "uid: e\ncn: two\n", "cn=TWO+uid=e"),
        ("uid=f g", "uid: f g\n", "uid=F  G"),
    ];
    let mut callers = vec![BOB];
    let mut members = Vec::new();
    for (at, (rdn, naming, member)) in forms.into_iter().enumerate() {
        let number: &'static str = format!("+4670500000{at}").leak();
        slapd.modify(&format!(
            "dn: {rdn},{PEOPLE}\nchangetype: add\nobjectClass: inetOrgPerson\n{naming}cn: x\n\
             sn: x\nmobile: {number}\n"
        ));
        callers.push(number);
        members.push(format!("{member},{PEOPLE}"));
    }
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    slapd.modify(&a_group("written", &members));
    assert_eq!(let_in(&slapd, &group("written"), &callers).await, [BOB]);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_beside_an_excluded_group_are_no_groups_nested_in_it() {
    let slapd = synced().start();
    // One of them has been deleted since.
    let members = format!("member: uid=erik,{PEOPLE}\nmember: uid=gone,{PEOPLE}");
    slapd.modify(&format!(
        "dn: cn=here,{PEOPLE}\nchangetype: add\nobjectClass: groupOfNames\ncn: here\n{members}\n"
    ));
    assert_eq!(let_in(&slapd, &format!("cn=here,{PEOPLE}"), &[ANNA, BOB, ERIK]).await, [ANNA, BOB]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_which_a_group_is_not_there_is_not_followed() {
    let (first, second) = (synced().start(), synced().start());
    let mut settings = settings(&[first.url(), second.url()]);
    settings.excluded_group = Some(group("barred"));
    let directory = with_index(settings, Duration::from_mins(15));
    let live_from = |slapd: &Slapd| {
        let (from, read) = (format!("live from {}", slapd.url()), "by the groups");
        move |directory: &LdapDirectory| {
            let detail = state(directory).detail;
            detail.contains(&from) && detail.contains(read)
        }
    };
    until(&directory, live_from(&first)).await;
    first.modify(&format!(
        "dn: {}\nchangetype: modrdn\nnewrdn: cn=renamed\ndeleteoldrdn: 1\n",
        group("barred")
    ));
    let patience = Instant::now() + super::SECONDS * 3;
    while !live_from(&second)(&directory) {
        assert!(Instant::now() < patience, "{:?}", directory.states());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(asked(&directory, ANNA, Occasion::Call).await, Ok(Allowed));
    assert_eq!(asked(&directory, ERIK, Occasion::Call).await, Ok(InExcludedGroup));
    assert!(!directory.states()[0].up, "{:?}", directory.states());
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_members_of_a_nested_group_admit_no_one() {
    for rule in [
        "access to dn.exact=\"cn=leaving,ou=groups,dc=example,dc=com\" attrs=member by * none",
        "access to dn.exact=\"cn=leaving,ou=groups,dc=example,dc=com\" by * none",
    ] {
        let slapd = synced().setting(rule).start();
        let mut settings = settings(&[slapd.url()]);
        settings.excluded_group = Some(group("barred"));
        let directory = with_index(settings, Duration::from_mins(15));
        until(&directory, |directory| state(directory).detail.contains("groups")).await;
        for (caller, occasion) in
            [ANNA, ERIK].into_iter().flat_map(|of| [(of, Occasion::Call), (of, Occasion::Login)])
        {
            let answer = asked(&directory, caller, occasion).await;
            assert_eq!(answer, Ok(InExcludedGroup), "{caller} {rule}");
        }
        assert!(state(&directory).detail.contains("cannot be read"), "{:?}", state(&directory));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_of_the_groups_ages_while_the_people_are_in_step() {
    let mut elsewhere = Slapd::builder().without_tls().setting("access to * by * read").start();
    let slapd = synced().groups_of(&elsewhere).start();
    let mut settings = settings(&[slapd.url()]);
    settings.required_group = Some(group("otp"));
    let directory = with_index(settings, Duration::from_secs(3));
    is_live(&directory, true).await;
    until(&directory, |directory| state(directory).detail.contains("by the groups")).await;
    assert_eq!(asked(&directory, ANNA, Occasion::Call).await, Ok(Allowed));
    elsewhere.kill();
    let patience = Instant::now() + super::SECONDS;
    loop {
        let answer = asked(&directory, ANNA, Occasion::Call).await;
        if answer == Err(DirectoryError::Unavailable) {
            break;
        }
        assert!(Instant::now() < patience, "{answer:?} {:?}", state(&directory));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(state(&directory).up, "{:?}", state(&directory));
    elsewhere.restart();
    let patience = Instant::now() + super::SECONDS * 2;
    while asked(&directory, ANNA, Occasion::Call).await != Ok(Allowed) {
        assert!(Instant::now() < patience, "{:?}", state(&directory));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
