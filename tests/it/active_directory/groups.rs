//! Who is in the groups that a tenant asks for, where the server follows nested groups.

use dialpass::directory::ldap::{LdapDirectory, LdapSettings};
use dialpass::directory::{AnswerGroups, Directory, DirectoryError, Occasion};
use dialpass::domain::user::Membership::{
    self, Allowed, Gone, InExcludedGroup, NotInRequiredGroup,
};

use super::{by_name, deadline, is_down, user, with};
use crate::support::samba::{STAFF, Samba, USERS, group};

fn dn(name: &str) -> String {
    format!("CN={name},{STAFF}")
}

async fn membership(directory: &LdapDirectory, name: &str) -> Result<Membership, DirectoryError> {
    let user = user(directory, name).await;
    directory.membership(&user, Occasion::Login, deadline()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_let_in_however_deep_their_group_is_nested() {
    let samba = Samba::start();
    for required in ["inner", "middle", "outer", "OUTER"] {
        let directory = with(&samba, |settings| settings.required_group = Some(dn(required)));
        assert_eq!(membership(&directory, "anna").await, Ok(Allowed), "{required}");
        assert_eq!(membership(&directory, "bob").await, Ok(NotInRequiredGroup), "{required}");
    }
    let directory = with(&samba, |settings| settings.required_group = Some(dn("suspended")));
    assert_eq!(membership(&directory, "anna").await, Ok(NotInRequiredGroup));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_names_the_groups_asked_for_that_the_user_is_in_at_any_depth() {
    let samba = Samba::start();
    let asked = [dn("OUTER"), dn("absent"), dn("suspended"), dn("inner")];
    let directory = with(&samba, |settings| settings.answer_groups = asked.to_vec());
    for (name, expected) in [("anna", vec![dn("OUTER"), dn("inner")]), ("bob", vec![])] {
        let user = user(&directory, name).await;
        let answer = directory.answer_groups(&user, deadline()).await;
        assert_eq!(answer, Ok(AnswerGroups::In(expected)), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_excluded_group_outweighs_the_required_one_and_follows_nested_groups_too() {
    let samba = Samba::start();
    samba.join("outer", &format!("CN=bob,{USERS}"));
    let directory = with(&samba, |settings| {
        settings.required_group = Some(dn("outer"));
        settings.excluded_group = Some(dn("suspended"));
    });
    assert_eq!(membership(&directory, "anna").await, Ok(Allowed));
    assert_eq!(membership(&directory, "bob").await, Ok(Allowed));
    samba.join("suspended", &format!("CN=middle,{STAFF}"));
    assert_eq!(membership(&directory, "anna").await, Ok(InExcludedGroup));
    assert_eq!(membership(&directory, "bob").await, Ok(Allowed));
    assert_eq!(membership(&directory, "carl").await, Ok(NotInRequiredGroup));
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_are_members_of_each_other_are_followed_to_an_end() {
    let samba = Samba::start();
    samba.join("inner", &format!("CN=outer,{STAFF}"));
    let directory = with(&samba, |settings| settings.required_group = Some(dn("outer")));
    assert_eq!(membership(&directory, "anna").await, Ok(Allowed));
    assert_eq!(membership(&directory, "bob").await, Ok(NotInRequiredGroup));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_whose_name_has_special_characters_is_a_group() {
    let samba = Samba::start();
    samba.modify(
        &group("a (b) \\* \\, c", Some(&format!("CN=anna,{USERS}")))
            .replace("sAMAccountName: a (b) \\* \\, c", "sAMAccountName: special"),
    );
    let directory = with(&samba, |settings| settings.required_group = Some(dn("a (b) \\* \\, c")));
    assert_eq!(membership(&directory, "anna").await, Ok(Allowed));
    assert_eq!(membership(&directory, "bob").await, Ok(NotInRequiredGroup));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_group_admits_no_one_and_is_named() {
    let samba = Samba::start();
    for change in [
        |settings: &mut LdapSettings| settings.required_group = Some(dn("outer-typo")),
        |settings: &mut LdapSettings| settings.excluded_group = Some(dn("outer-typo")),
    ] {
        let directory = with(&samba, change);
        is_down(&directory, "CN=outer-typo,OU=staff").await;
        assert_eq!(by_name(&directory, "anna").await.map(drop), Err(DirectoryError::Unavailable));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_there_any_more_is_not_let_in_and_said_to_be_gone() {
    let samba = Samba::start();
    let required = with(&samba, |settings| settings.required_group = Some(dn("outer")));
    let excluded = with(&samba, |settings| settings.excluded_group = Some(dn("suspended")));
    let anna = user(&required, "anna").await;
    samba.delete(&anna.locator);
    let answer = required.membership(&anna, Occasion::Login, deadline()).await;
    assert_eq!(answer, Ok(Gone));
    let answer = excluded.membership(&anna, Occasion::Login, deadline()).await;
    assert_eq!(answer, Ok(Gone));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_groups_of_another_user_who_took_the_dn_admit_no_one() {
    let samba = Samba::start();
    let required = with(&samba, |settings| settings.required_group = Some(dn("outer")));
    let bob = user(&required, "bob").await;
    samba.delete(&bob.locator);
    samba.add_person("bob", USERS, &[]);
    samba.join("outer", &bob.locator);
    let answer = required.membership(&bob, Occasion::Call, deadline()).await;
    assert_eq!(answer, Ok(Gone));
    let now = user(&required, "bob").await;
    assert_eq!(now.locator, bob.locator);
    assert_eq!(required.membership(&now, Occasion::Call, deadline()).await, Ok(Allowed));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_excluded_group_that_is_no_group_is_named_and_no_one_is_admitted() {
    let samba = Samba::start();
    for wrong in [format!("CN=bob,{USERS}"), STAFF.to_owned()] {
        let directory = with(&samba, |settings| settings.excluded_group = Some(wrong.clone()));
        is_down(&directory, &wrong).await;
        assert_eq!(by_name(&directory, "anna").await.map(drop), Err(DirectoryError::Unavailable));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_excluded_group_that_was_just_renamed_admits_no_one() {
    let samba = Samba::start();
    let directory = with(&samba, |settings| settings.excluded_group = Some(dn("suspended")));
    let anna = user(&directory, "anna").await;
    let asked = || directory.membership(&anna, Occasion::Login, deadline());
    assert_eq!(asked().await, Ok(Allowed));
    samba.rename(&dn("suspended"), "away", STAFF);
    assert_eq!(asked().await, Err(DirectoryError::Unavailable));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_memberships_can_be_read_an_excluded_group_admits_no_one() {
    let samba = Samba::start();
    let anna = format!("CN=anna,{USERS}");
    let only_anna = |settings: &mut LdapSettings| {
        settings.base_dns = vec![format!("CN=anna,{USERS}")];
        settings.excluded_group = Some(dn("suspended"));
    };
    let directory = with(&samba, only_anna);
    assert_eq!(membership(&directory, "anna").await, Ok(Allowed));
    // memberOf, from everybody who has logged in.
    samba.add_rights(&anna, "(OD;;RP;bf967991-0de6-11d0-a285-00aa003049e2;;AU)");
    let directory = with(&samba, only_anna);
    is_down(&directory, "memberOf").await;
    assert_eq!(by_name(&directory, "anna").await.map(drop), Err(DirectoryError::Unavailable));
}
