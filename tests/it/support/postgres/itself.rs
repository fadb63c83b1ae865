//! That the servers do what tests of the gateway rely on.

use std::path::Path;
use std::process::Command;

use super::{PASSWORD, Postgres, ROLE, template};
use crate::support::pki::Ca;

/// Who somebody is who comes to this address with these variables for `psql`, or the refusal.
fn asked(url: &str, environment: &[(&str, &str)]) -> Result<String, String> {
    let output = Command::new(template::program("psql"))
        .args(["-X", "-A", "-t", "-w", "-c", "SELECT current_user", url])
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn alive(pids: &[String]) -> Vec<String> {
    let state = |pid: &String| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok();
    let lives = |pid: &&String| state(pid).is_some_and(|stat| !stat.contains(") Z "));
    pids.iter().filter(lives).cloned().collect()
}

fn family(postgres: &Postgres) -> Vec<String> {
    let pid = postgres.pid();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.split_whitespace().map(str::to_owned).chain([pid]).collect()
}

#[test]
fn a_killed_server_comes_back_with_what_it_answered_and_leaves_nothing() {
    let mut postgres = Postgres::start();
    let database = postgres.database();
    postgres.psql(&database, "CREATE TABLE kept (n int)");
    postgres.psql(&database, "INSERT INTO kept VALUES (1), (2)");
    let (address, pids) = (postgres.host_port(), family(&postgres));
    assert!(pids.len() > 3, "{pids:?}");
    postgres.kill();
    assert_eq!(alive(&pids), Vec::<String>::new());
    postgres.restart();
    assert_eq!(postgres.host_port(), address);
    assert_eq!(postgres.psql(&database, "SELECT sum(n) FROM kept"), "3");

    let (pids, folder) = (family(&postgres), postgres.shell.folder().to_owned());
    let memory = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
    let memory = memory.lines().nth(6).unwrap().split_whitespace().last().unwrap().to_owned();
    let shared = || std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
    let listed =
        |text: &str| text.lines().any(|line| line.split_whitespace().nth(1) == Some(&memory));
    assert!(listed(&shared()));
    drop(postgres);
    assert_eq!(alive(&pids), Vec::<String>::new());
    assert!(!listed(&shared()) && !folder.exists());
}

#[test]
fn a_stopped_server_takes_connections_and_says_nothing_until_it_goes_on() {
    let postgres = Postgres::start();
    let url = postgres.url("postgres");
    let asking = |seconds| asked(&url, &[("PGPASSWORD", PASSWORD), ("PGCONNECT_TIMEOUT", seconds)]);
    assert_eq!(asking("20").as_deref(), Ok(ROLE));
    postgres.stop();
    std::net::TcpStream::connect(postgres.host_port()).expect("it can be connected to");
    let refusal = asking("2").expect_err("nothing is said");
    assert!(refusal.contains("timeout expired"), "{refusal}");
    assert!(postgres.processes() > 3);
    postgres.cont();
    assert_eq!(asking("20").as_deref(), Ok(ROLE));
    postgres.wait_until("nobody is left", || postgres.connections() == 0);
}

#[test]
fn a_standby_has_what_was_committed_and_takes_over() {
    let mut primary = Postgres::start();
    let database = primary.database();
    primary.psql(&database, "CREATE TABLE kept (n int)");
    let mut standby = primary.standby();
    primary.psql(&database, "INSERT INTO kept VALUES (1)");
    // It is on the standby's disk; applying it comes after.
    primary.kill();
    standby.promote();
    assert_eq!(standby.psql(&database, "SELECT n FROM kept"), "1");
    standby.psql(&database, "INSERT INTO kept VALUES (2)");
    let either = Postgres::url_of(&[&primary, &standby], &database);
    assert_eq!(asked(&either, &[("PGPASSWORD", PASSWORD)]).as_deref(), Ok(ROLE));
    standby.restart();
    assert_eq!(standby.psql(&database, "SELECT sum(n) FROM kept"), "3");
}

#[test]
fn without_its_synchronous_standby_a_server_commits_nothing() {
    let primary = Postgres::start();
    let standby = primary.standby();
    standby.stop();
    let database = std::thread::scope(|scope| {
        let making = scope.spawn(|| primary.database());
        primary.wait_until("a commit that waits", || {
            let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
            primary.psql("postgres", sql) == "1"
        });
        assert!(!making.is_finished());
        standby.cont();
        making.join().unwrap()
    });
    assert_eq!(primary.psql(&database, "SELECT 1"), "1");
}

#[test]
fn with_tls_there_is_no_other_way_in_and_the_password_counts() {
    let ca = Ca::new("the database's CA");
    let postgres = Postgres::builder().with_tls(&ca).without_fsync().start();
    let ca = postgres.ca_pem().display().to_string();
    let url = postgres.url("postgres");
    let with = |url: &str, password| {
        asked(url, &[("PGSSLROOTCERT", ca.as_str()), ("PGPASSWORD", password)])
    };
    assert_eq!(with(&url, PASSWORD).as_deref(), Ok(ROLE));
    let keys: toml::Table = postgres.store_keys("postgres").parse().unwrap();
    assert_eq!((keys["url"].as_str(), keys["ca_file"].as_str()), (Some(&*url), Some(&*ca)));
    assert!(with(&url, "guess").is_err());
    assert!(with(&url.replace("verify-full", "disable"), PASSWORD).is_err());
}

#[test]
fn with_client_certificates_the_certificate_of_the_role_is_the_way_in() {
    let (servers, clients) = (Ca::new("servers"), Ca::new("clients"));
    let postgres = Postgres::builder()
        .with_tls(&servers)
        .with_client_certificates(&clients)
        .without_fsync()
        .start();
    let folder = tempfile::tempdir().unwrap();
    let shown = |ca: &Ca, name: &str| {
        let issued = ca.client_named(name);
        let (certificate, key) =
            (folder.path().join("client.pem"), folder.path().join("client.key"));
        std::fs::write(&certificate, issued.certificate).unwrap();
        std::fs::write(&key, issued.key).unwrap();
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        let path = |path: &Path| path.display().to_string();
        let environment = [
            ("PGSSLROOTCERT", path(&postgres.ca_pem())),
            ("PGSSLCERT", path(&certificate)),
            ("PGSSLKEY", path(&key)),
            ("PGPASSWORD", PASSWORD.to_owned()),
        ];
        asked(
            &postgres.url("postgres"),
            &environment.each_ref().map(|(name, value)| (*name, value.as_str())),
        )
    };
    assert_eq!(shown(&clients, ROLE).as_deref(), Ok(ROLE));
    assert!(shown(&clients, "somebody").is_err());
    assert!(shown(&servers, ROLE).is_err());
}

#[test]
fn databases_of_the_shared_server_are_the_roles_own() {
    let (one, other) = std::thread::scope(|scope| {
        let [one, other] = [(); 2].map(|()| scope.spawn(|| Postgres::shared().database()));
        (one.join().unwrap(), other.join().unwrap())
    });
    assert_ne!(one, other);
    let shared = Postgres::shared();
    let owner =
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()";
    assert_eq!(
        (shared.psql(&one, owner).as_str(), shared.psql(&other, owner).as_str()),
        (ROLE, ROLE)
    );
}
