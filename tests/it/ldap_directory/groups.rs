//! Who is in the groups that a tenant asks for, on a server that does not follow nested groups.

use dialpass::directory::ldap::{LdapDirectory, LdapSettings};
use dialpass::directory::{AnswerGroups, Directory, DirectoryError, Occasion};
use dialpass::domain::user::Membership::{
    self, Allowed, Gone, InExcludedGroup, NotInRequiredGroup, TooNested,
};
use tokio::runtime::Handle;

use super::{deadline, is_up, settings, user};
use crate::support::slapd::{GROUPS, PEOPLE, Slapd};

fn group(name: &str) -> String {
    format!("cn={name},{GROUPS}")
}

async fn membership(directory: &LdapDirectory, name: &str) -> Result<Membership, DirectoryError> {
    let user = user(directory, name).await;
    directory.membership(&user, Occasion::Login, deadline()).await
}

fn with(slapd: &Slapd, change: impl FnOnce(&mut LdapSettings)) -> LdapDirectory {
    let mut settings = settings(&[slapd.url()]);
    change(&mut settings);
    LdapDirectory::new(settings, Handle::current())
}

/// Gives anna's DN to another user.
fn replace_anna(slapd: &Slapd) {
    slapd.modify(&format!(
        "dn: uid=anna,{PEOPLE}\nchangetype: delete\n\n\
         dn: uid=anna,{PEOPLE}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: anna\ncn: x\n\
         sn: x\n"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_the_required_group_are_let_in_however_deep_their_group_is_nested() {
    let slapd = Slapd::start();
    let directory = with(&slapd, |settings| settings.required_group = Some(group("otp")));
    for (name, expected) in [
        ("anna", Allowed),
        ("fia", Allowed),
        ("bob", Allowed),
        ("carl", NotInRequiredGroup),
        ("evert", NotInRequiredGroup),
    ] {
        assert_eq!(membership(&directory, name).await, Ok(expected), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_excluded_group_outweighs_the_required_one() {
    let slapd = Slapd::start();
    let directory = with(&slapd, |settings| {
        settings.required_group = Some(group("otp"));
        settings.excluded_group = Some(group("barred"));
    });
    for (name, expected) in [
        ("anna", Allowed),
        ("bob", Allowed),
        ("erik", InExcludedGroup),
        ("carl", InExcludedGroup),
        ("evert", NotInRequiredGroup),
    ] {
        assert_eq!(membership(&directory, name).await, Ok(expected), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_group_is_seen_at_the_next_question() {
    let slapd = Slapd::start();
    let directory = with(&slapd, |settings| settings.required_group = Some(group("otp")));
    assert_eq!(membership(&directory, "bob").await, Ok(Allowed));
    slapd.modify(&format!(
        "dn: cn=staff,{GROUPS}\nchangetype: modify\ndelete: uniqueMember\n\
         uniqueMember: cn=deep,{GROUPS}\n"
    ));
    assert_eq!(membership(&directory, "bob").await, Ok(NotInRequiredGroup));
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_followed_only_where_they_are_said_to_be() {
    let slapd = Slapd::start();
    let elsewhere = |settings: &mut LdapSettings| {
        settings.required_group = Some(group("otp"));
        settings.group_base_dn = Some("ou=guests,dc=example,dc=com".to_owned());
    };
    let directory = with(&slapd, elsewhere);
    assert_eq!(membership(&directory, "anna").await, Ok(Allowed), "directly");
    assert_eq!(membership(&directory, "bob").await, Ok(NotInRequiredGroup));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_group_admits_no_one_and_is_named() {
    let slapd = Slapd::start();
    for change in [
        |settings: &mut LdapSettings| settings.required_group = Some(group("otp-typo")),
        |settings: &mut LdapSettings| settings.excluded_group = Some(group("otp-typo")),
    ] {
        let mut settings = settings(&[slapd.url()]);
        change(&mut settings);
        let directory = LdapDirectory::new(settings, Handle::current());
        is_up(&directory, 0, false).await;
        let patience = tokio::time::Instant::now() + super::TIMEOUT;
        while !directory.states()[0].detail.contains("cn=otp-typo,ou=groups") {
            assert!(tokio::time::Instant::now() < patience, "{:?}", directory.states());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let found = super::by_name(&directory, "anna").await;
        assert_eq!(found.map(drop), Err(DirectoryError::Unavailable));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_the_service_account_may_not_read_admits_no_one() {
    let slapd = Slapd::builder().hiding("member,uniqueMember").start();
    let required = with(&slapd, |settings| settings.required_group = Some(group("otp")));
    assert_eq!(membership(&required, "anna").await, Ok(NotInRequiredGroup));
    let excluded = with(&slapd, |settings| settings.excluded_group = Some(group("barred")));
    assert_eq!(membership(&excluded, "anna").await, Ok(InExcludedGroup));
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_members_of_a_nested_group_exclude_all_users() {
    for rule in [
        "access to dn.exact=\"cn=leaving,ou=groups,dc=example,dc=com\" attrs=member by * none",
        "access to dn.exact=\"cn=leaving,ou=groups,dc=example,dc=com\" by * none",
    ] {
        let slapd = Slapd::builder().setting(rule).start();
        let directory = with(&slapd, |settings| settings.excluded_group = Some(group("barred")));
        for name in ["anna", "erik"] {
            assert_eq!(membership(&directory, name).await, Ok(InExcludedGroup), "{name} {rule}");
        }
        let required = with(&slapd, |settings| settings.required_group = Some(group("barred")));
        assert_eq!(membership(&required, "carl").await, Ok(Allowed), "{rule}");
        assert_eq!(membership(&required, "erik").await, Ok(NotInRequiredGroup), "{rule}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_among_the_members_of_an_excluded_group_are_no_groups() {
    let slapd = Slapd::start();
    // Groups and people in one place; one person has been deleted since.
    slapd.modify(&format!(
        "dn: cn=here,{PEOPLE}\nchangetype: add\nobjectClass: groupOfNames\ncn: here\n\
         member: uid=fia,{PEOPLE}\nmember: uid=gone,{PEOPLE}\nmember: cn=there,{PEOPLE}\n\n\
         dn: cn=there,{PEOPLE}\nchangetype: add\nobjectClass: groupOfNames\ncn: there\n\
         member: uid=evert,{PEOPLE}\n"
    ));
    let excluded = format!("cn=here,{PEOPLE}");
    let directory = with(&slapd, |settings| settings.excluded_group = Some(excluded));
    for (name, expected) in
        [("anna", Allowed), ("fia", InExcludedGroup), ("evert", InExcludedGroup)]
    {
        assert_eq!(membership(&directory, name).await, Ok(expected), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_in_more_groups_than_are_followed_is_refused_with_the_reason() {
    for slapd in [Slapd::builder().with_sync().start(), Slapd::start()] {
        let groups = (0..=1000).map(|at| {
            format!(
                "dn: cn=many{at},{GROUPS}\nchangetype: add\nobjectClass: groupOfNames\n\
                 cn: many{at}\nmember: uid=evert,{PEOPLE}\n\n"
            )
        });
        slapd.modify(&groups.collect::<String>());
        let required = with(&slapd, |settings| settings.required_group = Some(group("otp")));
        assert_eq!(membership(&required, "evert").await, Ok(TooNested));
        assert_eq!(membership(&required, "anna").await, Ok(Allowed));
        let excluded = with(&slapd, |settings| settings.excluded_group = Some(group("barred")));
        assert_eq!(membership(&excluded, "evert").await, Ok(TooNested));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_groups_no_server_is_asked() {
    let slapd = Slapd::start();
    let directory = with(&slapd, |_| {});
    let anna = user(&directory, "anna").await;
    slapd.stop();
    let answer = directory.membership(&anna, Occasion::Call, deadline()).await;
    slapd.cont();
    assert_eq!(answer, Ok(Allowed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_in_groups_too_deep_to_follow_is_refused() {
    let slapd = Slapd::start();
    let group_in = |name: &str, member: &str| {
        format!(
            "dn: cn={name},{GROUPS}\nchangetype: add\nobjectClass: groupOfNames\ncn: {name}\n\
             member: {member}\n\n"
        )
    };
    let mut ldif = group_in("level0", "uid=evert,ou=people,dc=example,dc=com");
    for level in 1..=20 {
        ldif += &group_in(&format!("level{level}"), &format!("cn=level{},{GROUPS}", level - 1));
    }
    slapd.modify(&ldif);
    for (top, expected) in [("level15", Allowed), ("level20", TooNested)] {
        let directory = with(&slapd, |settings| settings.required_group = Some(group(top)));
        assert_eq!(membership(&directory, "evert").await, Ok(expected), "{top}");
        assert_eq!(membership(&directory, "anna").await, Ok(NotInRequiredGroup), "{top}");
    }
    let directory = with(&slapd, |settings| settings.excluded_group = Some(group("level20")));
    assert_eq!(membership(&directory, "evert").await, Ok(TooNested));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_names_the_groups_asked_for_that_the_user_is_in_at_any_depth() {
    let slapd = Slapd::start();
    let absent = "cn=absent,ou=nowhere,dc=example,dc=com".to_owned();
    let asked = [group("staff"), absent, group("barred"), group("OTP"), group("loop")];
    let directory = with(&slapd, |settings| settings.answer_groups = asked.to_vec());
    for (name, expected) in [
        ("anna", &[group("OTP")][..]),
        ("bob", &[group("staff"), group("OTP"), group("loop")]),
        ("erik", &[group("barred"), group("OTP")]),
        ("evert", &[]),
    ] {
        let user = user(&directory, name).await;
        let answer = directory.answer_groups(&user, deadline()).await;
        assert_eq!(answer, Ok(AnswerGroups::In(expected.to_vec())), "{name}");
    }
    let none = with(&slapd, |_| {});
    let anna = user(&none, "anna").await;
    assert_eq!(none.answer_groups(&anna, deadline()).await, Ok(AnswerGroups::NotAsked));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_groups_of_another_user_who_took_the_dn_are_not_named() {
    let slapd = Slapd::start();
    let directory = with(&slapd, |settings| settings.answer_groups = vec![group("otp")]);
    let before = user(&directory, "anna").await;
    replace_anna(&slapd);
    let now = user(&directory, "anna").await;
    let answer = directory.answer_groups(&now, deadline()).await;
    assert_eq!(answer, Ok(AnswerGroups::In(vec![group("otp")])));
    assert_eq!(directory.answer_groups(&before, deadline()).await, Ok(AnswerGroups::Gone));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_deleted_since_the_search_is_in_no_group() {
    let slapd = Slapd::start();
    let directory = with(&slapd, |settings| settings.excluded_group = Some(group("barred")));
    let mut gone = user(&directory, "anna").await;
    gone.locator = format!("uid=gone,{PEOPLE}");
    let answer = directory.membership(&gone, Occasion::Call, deadline()).await;
    assert_eq!(answer, Ok(Gone));
    let directory = with(&slapd, |settings| settings.required_group = Some(group("otp")));
    assert_eq!(directory.membership(&gone, Occasion::Call, deadline()).await, Ok(Gone));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_groups_of_another_user_who_took_the_dn_admit_no_one() {
    let slapd = Slapd::start();
    let required = with(&slapd, |settings| settings.required_group = Some(group("otp")));
    let before = user(&required, "anna").await;
    replace_anna(&slapd);
    let now = user(&required, "anna").await;
    assert_eq!(now.locator, before.locator);
    for occasion in [Occasion::Call, Occasion::Login] {
        assert_eq!(required.membership(&before, occasion, deadline()).await, Ok(Gone));
        assert_eq!(required.membership(&now, occasion, deadline()).await, Ok(Allowed));
    }
}
