//! How a domain controller is reached, and what happens when it is not.

use std::time::Duration;

use dialpass::directory::ldap::ServerUrl;
use dialpass::directory::{DirectoryError, PasswordCheck};
use dialpass::tls::client::tls_config;

use super::{TIMEOUT, by_name, by_number, check, directory, is_down, is_up, owners, user, with};
use crate::support::samba::{Samba, password_of};

const ANNA: &str = "+46701234567";

#[tokio::test(flavor = "multi_thread")]
async fn starttls_protects_searches_and_binds() {
    let samba = Samba::start();
    let directory = with(&samba, |settings| {
        settings.servers = vec![ServerUrl::parse(&samba.url()).unwrap()];
        settings.start_tls = true;
    });
    let anna = user(&directory, "LAB\\anna").await;
    assert_eq!(check(&directory, &anna, &password_of("anna")).await, Ok(PasswordCheck::Right));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_wants_no_password_in_clear_is_not_used_without_tls() {
    let samba = Samba::start();
    let directory = with(&samba, |settings| {
        settings.servers = vec![ServerUrl::parse(&samba.url()).unwrap()];
        settings.tls = None;
    });
    let detail = is_down(&directory, "result code 8").await;
    assert!(!detail.contains(crate::support::samba::GATEWAY_PASSWORD));
    assert_eq!(by_name(&directory, "anna").await.map(drop), Err(DirectoryError::Unavailable));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_another_ca_vouches_for_is_not_used() {
    let (samba, other) = (Samba::start(), Samba::start());
    let ca = std::fs::read(other.ca_pem()).unwrap();
    for (url, start_tls) in [(samba.ldaps_url(), false), (samba.url(), true)] {
        let directory = with(&samba, |settings| {
            settings.servers = vec![ServerUrl::parse(&url).unwrap()];
            settings.start_tls = start_tls;
            settings.tls = Some(tls_config(Some(&ca), None).unwrap());
        });
        is_down(&directory, "certificate").await;
        assert_eq!(by_name(&directory, "anna").await.map(drop), Err(DirectoryError::Unavailable));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_global_catalogue_is_a_directory_too() {
    let samba = Samba::start();
    let directory = with(&samba, |settings| {
        settings.servers = vec![ServerUrl::parse(&format!("{}:3269", samba.ldaps_url())).unwrap()];
    });
    assert_eq!(owners(&by_number(&directory, ANNA).await.unwrap(), ANNA), ["anna"]);
    let anna = user(&directory, "LAB\\anna").await;
    assert_eq!(check(&directory, &anna, &password_of("anna")).await, Ok(PasswordCheck::Right));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_controller_takes_over_from_one_that_falls_or_falls_silent() {
    let (mut first, second) = (Samba::start(), Samba::start());
    let both = || {
        let mut trusted = std::fs::read(first.ca_pem()).unwrap();
        trusted.extend(std::fs::read(second.ca_pem()).unwrap());
        tls_config(Some(&trusted), None).unwrap()
    };
    let directory = with(&first, |settings| {
        settings.servers.push(ServerUrl::parse(&second.ldaps_url()).unwrap());
        settings.tls = Some(both());
    });
    let before = user(&directory, "anna").await;
    first.stop();
    let found = by_number(&directory, ANNA).await.unwrap();
    assert_eq!(found.users[0].id, before.id);
    first.cont();
    is_up(&directory, 0, true).await;
    first.kill();
    let anna = user(&directory, "LAB\\anna").await;
    assert_eq!(anna.id, before.id);
    assert_eq!(check(&directory, &anna, &password_of("anna")).await, Ok(PasswordCheck::Right));
    is_up(&directory, 0, false).await;
    first.restart();
    is_up(&directory, 0, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_comes_back_is_used_again() {
    let mut samba = Samba::start();
    let directory = directory(&samba);
    let anna = user(&directory, "anna").await;
    samba.kill();
    assert!(check(&directory, &anna, &password_of("anna")).await.is_err());
    is_up(&directory, 0, false).await;
    samba.restart();
    is_up(&directory, 0, true).await;
    tokio::time::timeout(TIMEOUT, async {
        while by_number(&directory, ANNA).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(check(&directory, &anna, &password_of("anna")).await, Ok(PasswordCheck::Right));
}
