//! Active Directory, by the adapter and through the real program, against a Samba domain
//! controller: what is common to these tests.

use std::sync::Arc;
use std::time::Duration;

use dialpass::directory::ldap::{
    AccountChecks, DEFAULT_SEARCHES_PER_CONNECTION, DEFAULT_SIZE_LIMIT, LdapDirectory,
    LdapSettings, Lookup, NumberMatch, Profile, ServerOrder, ServerUrl,
};
use dialpass::directory::{Directory, DirectoryError, PasswordCheck};
use dialpass::domain::secret::Password;
use dialpass::domain::stored_number::NumberingPlan;
use dialpass::domain::user::{Candidates, TypedName, User};
use dialpass::tls::client::tls_config;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::support::samba::{self, Samba};

mod accounts;
mod check_directory;
mod groups;
mod index;
mod logins;
mod lookup;
mod names;
mod refusals;
mod rights;
mod servers;

/// How long one operation may take in these tests.
const TIMEOUT: Duration = Duration::from_secs(2);

fn settings(samba: &Samba) -> LdapSettings {
    let ca = std::fs::read(samba.ca_pem()).unwrap();
    LdapSettings {
        servers: vec![ServerUrl::parse(&samba.ldaps_url()).unwrap()],
        start_tls: false,
        tls: Some(tls_config(Some(&ca), None).unwrap()),
        bind_dn: samba::GATEWAY_DN.to_owned(),
        bind_password: samba::GATEWAY_PASSWORD.to_owned().into(),
        profile: Profile::ActiveDirectory,
        server_order: ServerOrder::InOrder,
        base_dns: vec![samba::BASE_DN.to_owned()],
        pin_attribute: None,
        required_group: None,
        excluded_group: None,
        answer_groups: Vec::new(),
        group_base_dn: None,
        lookup: Lookup::Search,
        user_filter: "(&(objectCategory=person)(objectClass=user))".to_owned(),
        phone_attributes: ["mobile", "telephoneNumber", "otherMobile", "otherTelephone"]
            .map(str::to_owned)
            .to_vec(),
        username_attribute: "sAMAccountName".to_owned(),
        id_attribute: "objectGUID".to_owned(),
        number_match: NumberMatch::Patterns,
        size_limit: DEFAULT_SIZE_LIMIT,
        timeout: TIMEOUT,
        search_connections: 2,
        searches_per_connection: DEFAULT_SEARCHES_PER_CONNECTION,
        bind_connections: 4,
        plan: plan(),
        account_checks: AccountChecks::AtTheBind,
    }
}

fn directory(samba: &Samba) -> Arc<LdapDirectory> {
    with(samba, |_| {})
}

fn with(samba: &Samba, change: impl FnOnce(&mut LdapSettings)) -> Arc<LdapDirectory> {
    let mut settings = settings(samba);
    change(&mut settings);
    Arc::new(LdapDirectory::new(settings, Handle::current()))
}

fn plan() -> NumberingPlan {
    NumberingPlan::for_country("SE").unwrap()
}

fn deadline() -> Instant {
    Instant::now() + 2 * TIMEOUT
}

async fn by_number(directory: &LdapDirectory, text: &str) -> Result<Candidates, DirectoryError> {
    let number = plan().read_stored(text).unwrap();
    directory.find_by_number(&number, deadline()).await
}

async fn by_name(directory: &LdapDirectory, name: &str) -> Result<Candidates, DirectoryError> {
    directory.find_by_name(&TypedName::parse(name).unwrap(), deadline()).await
}

async fn check(
    directory: &LdapDirectory,
    user: &User,
    password: &str,
) -> Result<PasswordCheck, DirectoryError> {
    let password = Password::parse(password.to_owned()).unwrap();
    directory.check_password(user, &password, deadline()).await
}

/// The one user of this name.
async fn user(directory: &LdapDirectory, name: &str) -> User {
    let found = by_name(directory, name).await.expect("a server answers");
    let [user] = &found.users[..] else { panic!("{name}: {} users", found.users.len()) };
    user.clone()
}

/// The usernames of those whose stored number is this one, by the same rule as a call's.
fn owners(found: &Candidates, number: &str) -> Vec<String> {
    let plan = plan();
    let number = plan.read_stored(number);
    let has =
        |user: &&User| user.numbers.iter().any(|value| plan.read_stored(&value.text) == number);
    let mut names: Vec<_> = found.users.iter().filter(has).map(|u| u.username.clone()).collect();
    names.sort_unstable();
    names
}

/// Waits until the directory says that its server `at` is up, or not.
async fn is_up(directory: &LdapDirectory, at: usize, up: bool) {
    let patience = Instant::now() + Duration::from_secs(10);
    while directory.states()[at].up != up {
        assert!(Instant::now() < patience, "{:?}", directory.states());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until the directory says that its one server is down, and why; `reason` is a part of
/// that.
async fn is_down(directory: &LdapDirectory, reason: &str) -> String {
    let patience = Instant::now() + Duration::from_secs(10);
    loop {
        let state = directory.states().swap_remove(0);
        if !state.up && state.detail.contains(reason) {
            return state.detail;
        }
        assert!(Instant::now() < patience, "{state:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
