//! The LDAP adapter against a 389 Directory Server: what is common to its tests.

use std::sync::Arc;
use std::time::Duration;

use dialpass::directory::ldap::{
    AccountChecks, DEFAULT_SEARCHES_PER_CONNECTION, DEFAULT_SIZE_LIMIT, LdapDirectory,
    LdapSettings, Lookup, NumberMatch, Profile, ServerOrder, ServerUrl,
};
use dialpass::directory::{Directory, PasswordCheck};
use dialpass::domain::secret::Password;
use dialpass::domain::stored_number::NumberingPlan;
use dialpass::domain::user::{Candidates, TypedName, User};
use dialpass::tls::client::tls_config;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::support::dirsrv::{self, Dirsrv};

mod accounts;
mod groups;
mod index;
mod rejected;

const TIMEOUT: Duration = Duration::from_secs(2);

fn settings(server: &Dirsrv) -> LdapSettings {
    LdapSettings {
        servers: vec![ServerUrl::parse(&server.url()).expect("an address")],
        start_tls: false,
        tls: None,
        bind_dn: dirsrv::GATEWAY_DN.to_owned(),
        bind_password: dirsrv::GATEWAY_PASSWORD.to_owned().into(),
        profile: Profile::Dirsrv,
        server_order: ServerOrder::InOrder,
        base_dns: vec![dirsrv::PEOPLE.to_owned()],
        pin_attribute: None,
        required_group: None,
        excluded_group: None,
        answer_groups: Vec::new(),
        group_base_dn: None,
        lookup: Lookup::Search,
        user_filter: "(objectClass=inetOrgPerson)".to_owned(),
        phone_attributes: vec!["mobile".to_owned(), "telephoneNumber".to_owned()],
        username_attribute: "uid".to_owned(),
        id_attribute: "nsUniqueId".to_owned(),
        number_match: NumberMatch::Equality,
        size_limit: DEFAULT_SIZE_LIMIT,
        timeout: TIMEOUT,
        search_connections: 2,
        searches_per_connection: DEFAULT_SEARCHES_PER_CONNECTION,
        bind_connections: 4,
        plan: plan(),
        account_checks: AccountChecks::FromTheEntry,
    }
}

fn directory(settings: LdapSettings) -> Arc<LdapDirectory> {
    Arc::new(LdapDirectory::new(settings, Handle::current()))
}

fn plan() -> NumberingPlan {
    NumberingPlan::for_country("SE").expect("a country")
}

fn deadline() -> Instant {
    Instant::now() + 2 * TIMEOUT
}

async fn by_number(directory: &LdapDirectory, text: &str) -> Candidates {
    let number = plan().read_stored(text).expect("a number");
    directory.find_by_number(&number, deadline()).await.expect("the server answers")
}

/// The one user of this name.
async fn user(directory: &LdapDirectory, name: &str) -> User {
    let name = TypedName::parse(name).expect("a name that can be typed");
    let found = directory.find_by_name(&name, deadline()).await.expect("the server answers");
    let [user] = &found.users[..] else { panic!("{} users", found.users.len()) };
    user.clone()
}

fn names(found: &Candidates) -> Vec<&str> {
    let mut names: Vec<&str> = found.users.iter().map(|user| user.username.as_str()).collect();
    names.sort_unstable();
    names
}

async fn check(directory: &LdapDirectory, user: &User, password: &str) -> PasswordCheck {
    let password = Password::parse(password.to_owned()).expect("a password that can be typed");
    directory.check_password(user, &password, deadline()).await.expect("the server answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_by_number_and_by_name_and_log_in() {
    let server = Dirsrv::start();
    let directory = directory(settings(&server));
    for (caller, name) in [
        ("+46701234567", "anna"),
        ("+46702223344", "bob"),
        ("+46701000001", "form1"),
        ("+46701000002", "form2"),
        ("+46701000003", "form3"),
        ("+46701000004", "form4"),
    ] {
        assert_eq!(names(&by_number(&directory, caller).await), [name], "{caller}");
    }
    assert_eq!(names(&by_number(&directory, "+46703334455").await), ["carl", "cecilia"]);
    let anna = user(&directory, "ANNA").await;
    assert_eq!(anna.username, "anna");
    assert_eq!(check(&directory, &anna, "anna-secret").await, PasswordCheck::Right);
    assert_ne!(check(&directory, &anna, "bob-secret").await, PasswordCheck::Right);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_serves_over_tls_and_as_before_after_a_crash() {
    let mut server = Dirsrv::start();
    let tls = |url: &str, start_tls: bool| {
        let mut settings = settings(&server);
        settings.servers = vec![ServerUrl::parse(url).expect("an address")];
        settings.start_tls = start_tls;
        let authorities = std::fs::read(server.ca_pem()).expect("a file");
        settings.tls = Some(tls_config(Some(&authorities), None).expect("a CA"));
        directory(settings)
    };
    let both = [tls(&server.url(), true), tls(&server.ldaps_url(), false)];
    for directory in &both {
        assert_eq!(names(&by_number(directory, "+46701234567").await), ["anna"]);
    }
    server.set("anna", "mobile", &["+46 70 765 43 21"]);
    server.restart();
    let directory = directory(settings(&server));
    assert_eq!(names(&by_number(&directory, "+46707654321").await), ["anna"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_more_people_than_it_looks_through_one_is_found_where_the_attribute_is_indexed() {
    let server = Dirsrv::builder().users(5_200).indexing_mobile().start();
    let directory = directory(settings(&server));
    assert_eq!(names(&by_number(&directory, "+46760005199").await), ["user5199"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_whose_id_cannot_be_read_is_no_user() {
    let server = Dirsrv::builder().hiding("nsUniqueId").start();
    let found = by_number(&directory(settings(&server)), "+46701234567").await;
    assert!(found.users.is_empty() && found.truncated);
}
