//! What an entry says of its account where no password is asked for, beside what a bind says.

use dialpass::directory::PasswordCheck::{Refused, Right};
use dialpass::domain::account_state::PasswordRefusal::{
    AccountExpired, LockedOut, MustChangePassword, PasswordExpired,
};
use dialpass::domain::clock::{Clock as _, SystemClock};

use super::{check, directory, settings, user};
use crate::support::dirsrv::Dirsrv;

#[tokio::test(flavor = "multi_thread")]
async fn the_entry_says_what_a_bind_would() {
    let server = Dirsrv::start();
    server.modify(
        "dn: cn=config\nchangetype: modify\nreplace: passwordLockout\npasswordLockout: on\n-\n\
         replace: passwordMaxFailure\npasswordMaxFailure: 2\n-\n\
         replace: passwordMustChange\npasswordMustChange: on\n-\n\
         replace: passwordExp\npasswordExp: on\n-\n\
         replace: passwordGraceLimit\npasswordGraceLimit: 0\n",
    );
    let directory = directory(settings(&server));
    server.set("bob", "nsAccountLock", &["true"]);
    server.set("carl", "nsAccountLock", &["false"]);
    // By the administrator, so that it has to be changed.
    server.set("fia", "userPassword", &["fia-secret"]);
    server.set("form1", "passwordExpirationTime", &["20200101000000Z"]);
    let erik = user(&directory, "erik").await;
    for _ in 0..2 {
        assert_ne!(check(&directory, &erik, "wrong").await, Right);
    }
    for (name, expected) in [
        ("anna", None),
        ("bob", Some(LockedOut)),
        ("carl", None),
        ("erik", Some(LockedOut)),
        ("fia", Some(MustChangePassword)),
        ("form1", Some(PasswordExpired)),
    ] {
        let person = user(&directory, name).await;
        assert_eq!(person.account.refusal(SystemClock.now()), expected, "{name}");
        let bind = check(&directory, &person, &format!("{name}-secret")).await;
        assert_eq!(bind, expected.map_or(Right, Refused), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_locked_locks_its_people() {
    let server = Dirsrv::start();
    let directory = directory(settings(&server));
    server.modify(
        "dn: cn=locked,ou=people,dc=example,dc=com\nchangetype: add\nobjectClass: top\n\
         objectClass: ldapsubentry\nobjectClass: nsRoleDefinition\n\
         objectClass: nsSimpleRoleDefinition\nobjectClass: nsManagedRoleDefinition\ncn: locked\n\n\
         dn: cn=lock,ou=people,dc=example,dc=com\nchangetype: add\nobjectClass: top\n\
         objectClass: ldapsubentry\nobjectClass: cosSuperDefinition\n\
         objectClass: cosClassicDefinition\ncn: lock\n\
         cosTemplateDn: ou=people,dc=example,dc=com\ncosSpecifier: nsRole\n\
         cosAttribute: nsAccountLock operational\n\n\
         dn: cn=\"cn=locked,ou=people,dc=example,dc=com\",ou=people,dc=example,dc=com\n\
         changetype: add\nobjectClass: top\nobjectClass: extensibleObject\n\
         objectClass: costemplate\nobjectClass: ldapsubentry\ncosPriority: 1\n\
         nsAccountLock: true\n",
    );
    server.set("anna", "nsRoleDN", &["cn=locked,ou=people,dc=example,dc=com"]);
    let anna = user(&directory, "anna").await;
    assert_eq!(anna.account.refusal(SystemClock.now()), Some(LockedOut));
    assert_eq!(check(&directory, &anna, "anna-secret").await, Refused(LockedOut));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_freeipa_says_of_an_account_counts() {
    let server = Dirsrv::start();
    let directory = directory(settings(&server));
    for (time, expected) in [("20200101000000Z", Some(AccountExpired)), ("20900101000000Z", None)] {
        server.set("anna", "krbPrincipalExpiration", &[time]);
        let anna = user(&directory, "anna").await;
        assert_eq!(anna.account.refusal(SystemClock.now()), expected, "{time}");
    }
}
