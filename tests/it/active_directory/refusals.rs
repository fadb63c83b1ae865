//! Why a password is refused.

use dialpass::directory::PasswordCheck::{Refused, Right};
use dialpass::directory::{Directory, DirectoryError};
use dialpass::domain::account_state::AccountState;
use dialpass::domain::account_state::PasswordRefusal::{
    AccountExpired, Disabled, LockedOut, MustChangePassword, NotFromHere, NotNow, PasswordExpired,
    WrongPassword,
};

use super::{check, directory, is_down, user, with};
use crate::support::samba::{Samba, password_of};

#[tokio::test(flavor = "multi_thread")]
async fn each_reason_is_given_only_with_the_right_password() {
    let samba = Samba::start();
    let directory = directory(&samba);
    for (name, expected) in [
        ("anna", Right),
        ("night", Refused(NotNow)),
        ("elsewhere", Refused(NotFromHere)),
        ("stale", Refused(PasswordExpired)),
        ("disabled", Refused(Disabled)),
        ("expired", Refused(AccountExpired)),
        ("mustchange", Refused(MustChangePassword)),
    ] {
        let person = user(&directory, name).await;
        assert_eq!(person.account, AccountState::enabled(name != "disabled"));
        assert_eq!(check(&directory, &person, &password_of(name)).await, Ok(expected), "{name}");
        let wrong = check(&directory, &person, "wrong").await;
        assert_eq!(wrong, Ok(Refused(WrongPassword)), "{name}");
    }
    assert!(directory.states()[0].up, "none of that is the server's failure");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lockout_is_reported_with_any_password() {
    let samba = Samba::start();
    let directory = directory(&samba);
    let locked = user(&directory, "locked").await;
    let right = password_of("locked");
    assert_eq!(check(&directory, &locked, &right).await, Ok(Right));
    for _ in 0..3 {
        assert_eq!(check(&directory, &locked, "wrong").await, Ok(Refused(WrongPassword)));
    }
    assert_eq!(check(&directory, &locked, &right).await, Ok(Refused(LockedOut)));
    assert_eq!(check(&directory, &locked, "wrong").await, Ok(Refused(LockedOut)));
    samba.set(&locked.locator, "lockoutTime", &["0"]);
    assert_eq!(check(&directory, &locked, &right).await, Ok(Right));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_gone_since_the_search_is_refused() {
    let samba = Samba::start();
    let directory = directory(&samba);
    let bob = user(&directory, "bob").await;
    samba.delete(&bob.locator);
    // Active Directory itself may say that there is no such user; Samba never does.
    let gone = check(&directory, &bob, &password_of("bob")).await;
    assert_eq!(gone, Ok(Refused(WrongPassword)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_that_is_refused_is_the_servers_failure_and_says_why() {
    let samba = Samba::start();
    let directory = with(&samba, |settings| {
        settings.bind_dn = format!("CN=disabled,{}", crate::support::samba::USERS);
        settings.bind_password = password_of("disabled").into();
    });
    let detail = is_down(&directory, "49").await;
    assert!(!detail.contains(&password_of("disabled")), "{detail}");
    let found = super::by_name(&directory, "anna").await.map(drop);
    assert_eq!(found, Err(DirectoryError::Unavailable));
}
