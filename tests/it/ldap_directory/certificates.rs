//! Servers whose certificates or TLS cannot be used, made by openssl as administrators make them:
//! the log, readiness and check-directory say what to do.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dialpass::directory::Directory;
use dialpass::directory::ldap::LdapDirectory;
use dialpass::tls::client::tls_config;
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::settings;
use crate::support::ports::free_port;

/// Runs openssl in a folder.
fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .current_dir(folder)
        .args(arguments.split_whitespace())
        .output()
        .expect("openssl is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {said}");
}

/// A TLS server of openssl's; killed when it is dropped.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(folder: &Path, more: &str) -> Self {
        Self::start_at("127.0.0.1", folder, more)
    }

    fn start_at(host: &str, folder: &Path, more: &str) -> Self {
        let address = format!("{host}:{}", free_port());
        let mut child = Command::new("openssl")
            .current_dir(folder)
            .args(["s_server", "-accept", &address])
            .args(["-cert", "server.pem", "-key", "server.key", "-quiet"])
            .args(more.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        let patience = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&address).is_err() {
            assert!(child.try_wait().unwrap().is_none(), "s_server {more} ended");
            assert!(Instant::now() < patience, "s_server {more} listens");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a killed child ends");
    }
}

/// What readiness says of a TLS server, trusting `ca.pem`.
async fn said_of(folder: &Path, server: &Server) -> String {
    let mut settings = settings(&[format!("ldaps://{}", server.address)]);
    let ca = fs::read(folder.join("ca.pem")).unwrap();
    settings.tls = Some(tls_config(Some(&ca), None).expect("the CA can be used"));
    let directory = LdapDirectory::new(settings, Handle::current());
    for _ in 0..500 {
        let state = &directory.states()[0];
        if state.detail.contains("TLS failed") {
            return state.detail.clone();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", directory.states());
}

/// A folder with a CA, and a server's certificate for 127.0.0.1 by it, signed with `hash`.
fn certificates(hash: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    fs::write(at.join("san.cnf"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
        .unwrap();
    openssl(at, "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca");
    openssl(at, "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=server");
    openssl(
        at,
        &format!(
            "x509 -req -{hash} -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial \
             -extfile san.cnf -out server.pem"
        ),
    );
    folder
}

fn is_one_short_line(said: &str) {
    assert!(!said.contains('\n') && said.len() < 500, "{} characters: {said}", said.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_error_for_a_usual_self_signed_certificate_says_how_to_make_one() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    openssl(
        at,
        "req -x509 -newkey rsa:2048 -nodes -keyout server.key -out server.pem -subj /CN=dc \
         -addext subjectAltName=IP:127.0.0.1",
    );
    fs::copy(at.join("server.pem"), at.join("ca.pem")).unwrap();
    let said = said_of(at, &Server::start(at, "")).await;
    assert!(said.contains("CA's certificate as its own") && said.contains("CA:FALSE"), "{said}");
    is_one_short_line(&said);

    // As configured.
    openssl(
        at,
        "req -x509 -newkey rsa:2048 -nodes -keyout server.key -out server.pem -subj /CN=dc \
         -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE",
    );
    fs::copy(at.join("server.pem"), at.join("ca.pem")).unwrap();
    let server = Server::start(at, "");
    let ca = fs::read(at.join("ca.pem")).unwrap();
    let tls = tls_config(Some(&ca), None).unwrap();
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
    let stream = tokio::net::TcpStream::connect(&server.address).await.unwrap();
    tokio_rustls::TlsConnector::from((*tls).clone()).connect(name, stream).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_version_one_is_named_as_such() {
    let folder = certificates("sha256");
    let at = folder.path();
    openssl(
        at,
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem",
    );
    let said = said_of(at, &Server::start(at, "")).await;
    assert!(said.contains("version 1") && said.contains("subjectAltName"), "{said}");
    is_one_short_line(&said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_signed_with_sha_1_is_named_as_such() {
    let folder = certificates("sha1");
    let server = Server::start(folder.path(), "-cipher DEFAULT@SECLEVEL=0");
    let said = said_of(folder.path(), &server).await;
    assert!(said.contains("SHA-1") && said.contains("SHA-256"), "{said}");
    is_one_short_line(&said);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_error_for_a_server_with_only_cbc_or_old_tls_says_what_it_needs() {
    let folder = certificates("sha256");
    for (how, word) in [
        ("-tls1_2 -cipher ECDHE-RSA-AES128-SHA", "AES-GCM"),
        ("-tls1_2 -cipher AES128-SHA256", "AES-GCM"),
        ("-tls1_1 -cipher DEFAULT@SECLEVEL=0", "TLS 1.2"),
    ] {
        let said = said_of(folder.path(), &Server::start(folder.path(), how)).await;
        assert!(said.contains(word) && said.contains("CBC"), "{how}: {said}");
        is_one_short_line(&said);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_error_says_that_the_server_wants_a_client_certificate() {
    let folder = certificates("sha256");
    let server =
        Server::start(folder.path(), "-tls1_2 -Verify 1 -verify_return_error -CAfile ca.pem");
    let said = said_of(folder.path(), &server).await;
    assert!(said.contains("client certificate"), "{said}");
    is_one_short_line(&said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_at_an_ipv6_address_is_not_taken_by_another_address() {
    let folder = certificates("sha256");
    let server = Server::start_at("[::1]", folder.path(), "");
    let said = said_of(folder.path(), &server).await;
    assert!(said.contains("not valid for name") && said.contains("subjectAltName"), "{said}");
    assert!(!said.contains(".invalid"), "{said}");
}
