//! How the database is talked to: `sslmode` as libpq reads it, certificates both ways, passwords.

use super::schema::migrate;
use crate::support::gateway::wait_until;
use crate::support::pki::Ca;
use crate::support::postgres::{PASSWORD, Postgres, ROLE};

/// `[store]` for a database of a server with TLS, by this name and `sslmode`, with these keys.
fn store(server: &Postgres, database: &str, host: &str, mode: &str, keys: &str) -> String {
    let port = server.host_port().split_once(':').expect("a port").1.to_owned();
    format!("url = \"postgres://{ROLE}@{host}:{port}/{database}?sslmode={mode}\"\n{keys}")
}

fn ca_file(path: &std::path::Path) -> String {
    format!("ca_file = \"{}\"\n", path.display())
}

/// A server with TLS, and a folder whose `other.pem` is a CA that has nothing to do with it.
fn with_another_ca() -> (Postgres, tempfile::TempDir) {
    let server = Postgres::builder().with_tls(&Ca::new("the database's CA")).without_fsync();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("other.pem"), Ca::new("another CA").pem()).unwrap();
    (server.start(), folder)
}

#[test]
fn each_sslmode_asks_of_the_certificate_what_libpq_does() {
    let (server, folder) = with_another_ca();
    let (database, other_file) = (server.database(), folder.path().join("other.pem"));
    let password = format!("password = \"{PASSWORD}\"\n");
    let (ours, other) = (ca_file(&server.ca_pem()), ca_file(&other_file));
    let none = String::new();
    // The certificate is for `localhost`.
    for (mode, host, ca, works) in [
        ("verify-full", "localhost", &ours, true),
        ("verify-full", "127.0.0.1", &ours, false),
        ("verify-full", "localhost", &other, false),
        ("verify-full", "localhost", &none, false),
        ("verify-ca", "localhost", &ours, true),
        ("verify-ca", "127.0.0.1", &ours, true),
        ("verify-ca", "127.0.0.1", &other, false),
        ("require", "127.0.0.1", &none, true),
        ("require", "127.0.0.1", &ours, true),
        ("require", "127.0.0.1", &other, false),
        ("prefer", "127.0.0.1", &none, true),
        ("allow", "127.0.0.1", &none, true),
        ("disable", "127.0.0.1", &none, false),
    ] {
        let said = migrate(&store(&server, &database, host, mode, &format!("{password}{ca}")));
        assert_eq!(said.is_ok(), works, "{mode}, {host}, {ca:?}: {said:?}");
        if let Err(said) = said {
            let why = if mode == "disable" { "no encryption" } else { "certificate" };
            assert!(said.contains(why), "{mode}: {said}");
            assert!(!said.contains(PASSWORD), "{said}");
        }
    }
}

#[test]
fn a_client_certificate_of_the_role_is_a_way_in_without_a_password() {
    let (servers, clients) = (Ca::new("servers"), Ca::new("clients"));
    let server = Postgres::builder()
        .with_tls(&servers)
        .with_client_certificates(&clients)
        .without_fsync()
        .start();
    let database = server.database();
    let folder = tempfile::tempdir().unwrap();
    let shown = |ca: &Ca, name: &str| {
        let issued = ca.client_named(name);
        let (certificate, key) =
            (folder.path().join("client.pem"), folder.path().join("client.key"));
        std::fs::write(&certificate, issued.certificate).unwrap();
        std::fs::write(&key, issued.key).unwrap();
        let keys = format!(
            "{}client_certificate = \"{}\"\nclient_private_key = \"{}\"\n",
            ca_file(&server.ca_pem()),
            certificate.display(),
            key.display()
        );
        let by_keys = migrate(&store(&server, &database, "localhost", "verify-full", &keys));
        let mode = format!(
            "verify-full&sslrootcert={}&sslcert={}&sslkey={}",
            server.ca_pem().display(),
            certificate.display(),
            key.display()
        );
        let by_url = migrate(&store(&server, &database, "localhost", &mode, ""));
        assert_eq!(by_keys.is_ok(), by_url.is_ok(), "{by_keys:?}, {by_url:?}");
        by_keys
    };
    assert!(shown(&clients, ROLE).is_ok());
    assert!(shown(&clients, "somebody").is_err());
    assert!(shown(&servers, ROLE).is_err());
    let without = ca_file(&server.ca_pem());
    let said =
        migrate(&store(&server, &database, "localhost", "verify-full", &without)).unwrap_err();
    assert!(said.contains("certificate"), "{said}");
}

#[test]
fn with_a_wrong_password_it_does_not_start_and_says_so_without_it() {
    let server = Postgres::shared();
    let database = server.database();
    let wrong = server.store_keys(&database).replace(PASSWORD, "hunter2-is-wrong");
    let said = migrate(&wrong).unwrap_err();
    assert!(said.contains("password authentication failed"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");

    let said =
        does_not_start(server, &database, |config| config.replace(PASSWORD, "hunter2-is-wrong"));
    assert!(said.contains("store.url") && said.contains("password authentication failed"));
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn with_a_ca_that_does_not_vouch_for_the_server_it_does_not_start() {
    let (server, folder) = with_another_ca();
    let (database, other_file) = (server.database(), folder.path().join("other.pem"));
    let right = server.ca_pem().display().to_string();
    let said = does_not_start(&server, &database, |config| {
        config.replace(&right, &other_file.display().to_string())
    });
    assert!(said.contains("store.url") && said.contains("certificate"), "{said}");

    let plain = Postgres::shared();
    let database = plain.database();
    let said = does_not_start(plain, &database, |config| {
        config.replace("sslmode=disable", "sslmode=require")
    });
    assert!(said.contains("does not support TLS"), "{said}");
}

/// Starts the program on a database with a changed configuration; what it says as it ends.
fn does_not_start(
    server: &Postgres,
    database: &str,
    change: impl FnOnce(String) -> String,
) -> String {
    let folder = crate::support::gateway::folder();
    let config = crate::cluster::in_database(
        &crate::faults::load::config(&[("t1", "http")], &["ldap://127.0.0.1:9"]),
        &[server],
        database,
    );
    let path = folder.path().join("dialpass.toml");
    std::fs::write(&path, change(config)).unwrap();
    let mut serving = std::process::Command::new(env!("CARGO_BIN_EXE_dialpass"))
        .args(["serve", "--config"])
        .arg(path)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("it ends", || serving.try_wait().unwrap().is_some());
    let output = serving.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}
