//! What an account's own attributes say where no password is asked for, beside what a bind says.

use dialpass::directory::PasswordCheck::{Refused, Right};
use dialpass::directory::ldap::{AccountChecks, LdapDirectory};
use dialpass::domain::account_state::PasswordRefusal::{
    self, AccountExpired, Disabled, LockedOut, MustChangePassword, NotFromHere, NotNow,
    PasswordExpired, SmartCardRequired, WrongPassword,
};
use dialpass::domain::clock::{Clock as _, SystemClock};

use super::{check, user, with};
use crate::support::samba::{Samba, USERS, password_of};

async fn refusal(directory: &LdapDirectory, name: &str) -> Option<PasswordRefusal> {
    user(directory, name).await.account.refusal(SystemClock.now())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_entry_says_what_a_bind_would() {
    let samba = Samba::start();
    let directory = with(&samba, |settings| settings.account_checks = AccountChecks::FromTheEntry);
    let locked = user(&directory, "locked").await;
    assert_eq!(refusal(&directory, "locked").await, None);
    for _ in 0..3 {
        assert_eq!(check(&directory, &locked, "wrong").await, Ok(Refused(WrongPassword)));
    }
    for (name, expected) in [
        ("anna", None),
        ("night", Some(NotNow)),
        ("stale", Some(PasswordExpired)),
        ("disabled", Some(Disabled)),
        ("expired", Some(AccountExpired)),
        ("mustchange", Some(MustChangePassword)),
        ("locked", Some(LockedOut)),
    ] {
        assert_eq!(refusal(&directory, name).await, expected, "{name}");
        let person = user(&directory, name).await;
        let bind = check(&directory, &person, &password_of(name)).await;
        assert_eq!(bind, Ok(expected.map_or(Right, Refused)), "{name}");
    }
    samba.set(&locked.locator, "lockoutTime", &["0"]);
    assert_eq!(refusal(&directory, "locked").await, None);
    // From where somebody logs in is not the directory's to see.
    assert_eq!(refusal(&directory, "elsewhere").await, None);
    let elsewhere = user(&directory, "elsewhere").await;
    let bind = check(&directory, &elsewhere, &password_of("elsewhere")).await;
    assert_eq!(bind, Ok(Refused(NotFromHere)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_to_use_a_smart_card_is_refused() {
    let samba = Samba::start();
    let directory = with(&samba, |settings| settings.account_checks = AccountChecks::FromTheEntry);
    samba.set(&format!("CN=anna,{USERS}"), "userAccountControl", &["262656"]);
    assert_eq!(refusal(&directory, "anna").await, Some(SmartCardRequired));
    let anna = user(&directory, "anna").await;
    let bind = check(&directory, &anna, &password_of("anna")).await;
    // Samba does not say more.
    assert_eq!(bind, Ok(Refused(WrongPassword)));
}
