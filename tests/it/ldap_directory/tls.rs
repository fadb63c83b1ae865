//! Who is trusted, and that nothing is said in clear where TLS is asked for.

use std::fs;

use dialpass::directory::DirectoryError;
use dialpass::directory::PasswordCheck::Right;
use dialpass::directory::ldap::{LdapDirectory, LdapSettings};
use dialpass::tls::client::tls_config;
use tokio::runtime::Handle;

use super::{WRONG, by_number, check, names, settings, user};
use crate::support::slapd::Slapd;

/// Settings that trust the CA of `trusted`.
fn trusting(trusted: &Slapd, url: String) -> LdapSettings {
    let ca = fs::read(trusted.ca_pem()).expect("the CA was written");
    let mut settings = settings(&[url]);
    settings.tls = Some(tls_config(Some(&ca), None).expect("a CA"));
    settings
}

async fn works(settings: LdapSettings) {
    let directory = LdapDirectory::new(settings, Handle::current());
    let found = by_number(&directory, "+46701234567").await.expect("a server answers");
    assert_eq!(names(&found), ["anna"]);
    let anna = user(&directory, "anna").await;
    assert_eq!(check(&directory, &anna, "anna-secret").await, Ok(Right));
    assert_eq!(check(&directory, &anna, "wrong").await, Ok(WRONG));
}

/// Asserts that no search works, and returns what operators read.
async fn is_refused(settings: LdapSettings) -> String {
    use dialpass::directory::Directory;
    let directory = LdapDirectory::new(settings, Handle::current());
    let answer = by_number(&directory, "+46701234567").await;
    assert!(matches!(answer, Err(DirectoryError::Unavailable)), "{answer:?}");
    let state = directory.states().remove(0);
    assert!(!state.up);
    state.detail
}

#[tokio::test(flavor = "multi_thread")]
async fn ldaps_and_start_tls_work_with_the_directorys_own_ca() {
    let slapd = Slapd::start();
    works(trusting(&slapd, slapd.ldaps_url())).await;
    let mut start_tls = trusting(&slapd, slapd.url());
    start_tls.start_tls = true;
    works(start_tls).await;
    let by_name = slapd.ldaps_url().replace("127.0.0.1", "localhost");
    works(trusting(&slapd, by_name)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_another_ca_vouches_for_is_refused() {
    let (slapd, other) = (Slapd::start(), Slapd::start());
    let detail = is_refused(trusting(&other, slapd.ldaps_url())).await;
    assert!(detail.contains("certificate"), "{detail}");
    let mut start_tls = trusting(&other, slapd.url());
    start_tls.start_tls = true;
    let detail = is_refused(start_tls).await;
    assert!(detail.contains("certificate"), "{detail}");
    assert_eq!(slapd.searches(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_tls_that_is_refused_does_not_go_on_in_clear() {
    let (plain, other) = (Slapd::builder().without_tls().start(), Slapd::start());
    let mut settings = trusting(&other, plain.url());
    settings.start_tls = true;
    let detail = is_refused(settings).await;
    assert!(detail.contains("StartTLS was refused"), "{detail}");
    assert_eq!(plain.searches(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_without_a_configuration_is_refused() {
    let slapd = Slapd::start();
    let detail = is_refused(settings(&[slapd.ldaps_url()])).await;
    assert!(detail.contains("no TLS configuration"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_service_account_is_named_as_the_cause() {
    let slapd = Slapd::start();
    let mut wrong = settings(&[slapd.url()]);
    wrong.bind_password = "wrong".to_owned().into();
    assert!(is_refused(wrong).await.contains("check bind_dn"));
    let mut empty = settings(&[slapd.url()]);
    empty.bind_password = String::new().into();
    assert!(is_refused(empty).await.contains("without a password"));
    let mut nowhere = settings(&[slapd.url()]);
    nowhere.base_dns = vec!["ou=nowhere,dc=example,dc=com".to_owned()];
    assert!(is_refused(nowhere).await.contains("check base_dn"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_file_counts_whole_whatever_editors_put_before_it() {
    let (slapd, other) = (Slapd::start(), Slapd::start());
    let (own, others) =
        (fs::read_to_string(slapd.ca_pem()).unwrap(), fs::read_to_string(other.ca_pem()).unwrap());
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for text in [
        format!("\u{feff}{own}{others}"),
        format!("{others}\u{feff}{own}"),
        format!("{}{own}", others.trim_end()),
        format!("{broken}{own}"),
    ] {
        let mut settings = settings(&[slapd.ldaps_url()]);
        settings.tls = Some(tls_config(Some(text.as_bytes()), None).expect("a CA"));
        works(settings).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_at_an_ipv6_address_proves_that_address() {
    let slapd = Slapd::builder().on_ipv6().start();
    works(trusting(&slapd, slapd.url())).await;
    works(trusting(&slapd, slapd.ldaps_url())).await;
    let mut start_tls = trusting(&slapd, slapd.url());
    start_tls.start_tls = true;
    works(start_tls).await;
}
