//! The LDAP adapter against OpenLDAP: what is common to its tests.

use std::sync::Arc;
use std::time::Duration;

use dialpass::directory::ldap::{
    AccountChecks, DEFAULT_SEARCHES_PER_CONNECTION, DEFAULT_SIZE_LIMIT, LdapDirectory,
    LdapSettings, Lookup, NumberMatch, Profile, ServerOrder, ServerUrl,
};
use dialpass::directory::{Directory, DirectoryError, PasswordCheck};
use dialpass::domain::account_state::PasswordRefusal;
use dialpass::domain::phone_number::PhoneNumber;
use dialpass::domain::secret::Password;
use dialpass::domain::stored_number::NumberingPlan;
use dialpass::domain::user::{Candidates, TypedName, User};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::support::slapd;

mod accounts;
mod addresses;
mod certificates;
mod failure;
mod groups;
mod index;
mod logs;
mod lookup;
mod password;
mod rejected;
mod tls;
mod written_forms;

/// What a server says of a wrong password.
const WRONG: PasswordCheck = PasswordCheck::Refused(PasswordRefusal::WrongPassword);

/// How long one operation may take in these tests.
const TIMEOUT: Duration = Duration::from_secs(2);

fn settings(servers: &[String]) -> LdapSettings {
    LdapSettings {
        servers: servers.iter().map(|url| ServerUrl::parse(url).expect("an address")).collect(),
        start_tls: false,
        tls: None,
        bind_dn: slapd::GATEWAY_DN.to_owned(),
        bind_password: slapd::GATEWAY_PASSWORD.to_owned().into(),
        profile: Profile::OpenLdap,
        server_order: ServerOrder::InOrder,
        base_dns: vec![slapd::PEOPLE.to_owned()],
        pin_attribute: None,
        required_group: None,
        excluded_group: None,
        answer_groups: Vec::new(),
        group_base_dn: None,
        lookup: Lookup::Search,
        user_filter: "(objectClass=inetOrgPerson)".to_owned(),
        phone_attributes: vec!["mobile".to_owned(), "telephoneNumber".to_owned()],
        username_attribute: "uid".to_owned(),
        id_attribute: "entryUUID".to_owned(),
        number_match: NumberMatch::Equality,
        size_limit: DEFAULT_SIZE_LIMIT,
        timeout: TIMEOUT,
        search_connections: 2,
        searches_per_connection: DEFAULT_SEARCHES_PER_CONNECTION,
        bind_connections: 4,
        plan: plan(),
        account_checks: AccountChecks::AtTheBind,
    }
}

fn directory(servers: &[String]) -> Arc<LdapDirectory> {
    Arc::new(LdapDirectory::new(settings(servers), Handle::current()))
}

fn plan() -> NumberingPlan {
    NumberingPlan::for_country("SE").expect("a country")
}

fn number(text: &str) -> PhoneNumber {
    plan().read_stored(text).expect("a number")
}

/// As the service sets it: room for a server that is silent and another one that answers.
fn deadline() -> Instant {
    Instant::now() + 2 * TIMEOUT
}

async fn by_number(directory: &LdapDirectory, text: &str) -> Result<Candidates, DirectoryError> {
    directory.find_by_number(&number(text), deadline()).await
}

async fn by_name(directory: &LdapDirectory, name: &str) -> Result<Candidates, DirectoryError> {
    let name = TypedName::parse(name).expect("a name that can be typed");
    directory.find_by_name(&name, deadline()).await
}

async fn check(
    directory: &LdapDirectory,
    user: &User,
    password: &str,
) -> Result<PasswordCheck, DirectoryError> {
    let password = Password::parse(password.to_owned()).expect("a password that can be typed");
    directory.check_password(user, &password, deadline()).await
}

/// The one user of this name.
async fn user(directory: &LdapDirectory, name: &str) -> User {
    let found = by_name(directory, name).await.expect("a server answers");
    let [user] = &found.users[..] else { panic!("{} users", found.users.len()) };
    user.clone()
}

fn names(found: &Candidates) -> Vec<&str> {
    let mut names: Vec<&str> = found.users.iter().map(|user| user.username.as_str()).collect();
    names.sort_unstable();
    names
}

/// Asks for anna until she is found, and says how long that took; fails after `patience`.
async fn works_within(directory: &LdapDirectory, patience: Duration) -> Duration {
    let begun = Instant::now();
    loop {
        match by_number(directory, "+46701234567").await {
            Ok(found) if names(&found) == ["anna"] => return begun.elapsed(),
            other => assert!(begun.elapsed() < patience, "{other:?} after {patience:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the directory says that its server `at` is up, or not.
async fn is_up(directory: &LdapDirectory, at: usize, up: bool) {
    let patience = Instant::now() + Duration::from_secs(5);
    while directory.states()[at].up != up {
        assert!(Instant::now() < patience, "{:?}", directory.states());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
