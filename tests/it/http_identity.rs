//! Who is calling over real TLS: certificates, their end, their revocation, and reloads.

use std::sync::Arc;
use std::time::Duration;

use dialpass::http::authorization::SecretHash;
use dialpass::http::client_table::{CertificatePin, ClientEntry, Credentials};
use dialpass::tls::server::{
    ClientCertificates, ClientVerifier, TlsError, TlsSettings, TlsState, load,
};
use rustls::HandshakeKind;
use rustls::pki_types::UnixTime;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::support::gateway::wait_until;
use crate::support::http_harness::{
    Files, NOW, PBX, Running, SetClock, ask, client, connect, gate, send, start,
};
use crate::support::pki::{Ca, Issued, Leaf};

fn clients() -> Vec<ClientEntry> {
    let uri = CertificatePin::SanUri(PBX.uri.to_owned());
    let anyone = Credentials {
        anonymous: Some(vec!["127.0.0.0/8".parse().unwrap()]),
        ..Credentials::default()
    };
    let bearer = Some(SecretHash::of(b"secret"));
    vec![
        client("pbx", Credentials { certificate: Some(uri), ..Credentials::default() }),
        client("token", Credentials { bearer, ..Credentials::default() }),
        client("anyone", anyone),
    ]
}

fn serve(files: &Files, need: ClientCertificates) -> (Running, Arc<TlsState>, Arc<SetClock>) {
    let (tls, clock) = (files.tls(need), SetClock::at(NOW));
    let mut gate = gate(clients(), clock.clone());
    gate.tls = Some(Arc::clone(&tls));
    (start(gate), tls, clock)
}

fn answer(status: u16, body: &str) -> (u16, String) {
    (status, body.to_owned())
}

async fn asked(server: &Running, files: &Files, own: Option<&Issued>) -> Option<(u16, String)> {
    ask(server.address, &files.client(own), &[]).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn where_certificates_are_optional_a_client_may_come_with_or_without() {
    let files = Files::new();
    let (server, ..) = serve(&files, ClientCertificates::Optional);
    let pbx = files.ca.client(PBX);
    assert_eq!(asked(&server, &files, Some(&pbx)).await, Some(answer(200, "pbx")));
    assert_eq!(asked(&server, &files, None).await, Some(answer(200, "anyone")));
    let other = files.ca.client(Leaf { uri: "urn:example:other", serial: 11, ..PBX });
    let unlisted = answer(403, "certificate_unlisted");
    assert_eq!(asked(&server, &files, Some(&other)).await, Some(unlisted));
    let with_token = [("authorization", "Bearer secret")];
    let both = ask(server.address, &files.client(Some(&pbx)), &with_token).await.unwrap();
    assert_eq!(both, answer(403, "credentials_disagree"));
    let both = ask(server.address, &files.client(Some(&other)), &with_token).await.unwrap();
    assert_eq!(both, answer(200, "token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_certificates_are_required_a_connection_without_one_fails() {
    let files = Files::new();
    let (server, ..) = serve(&files, ClientCertificates::Required);
    assert_eq!(asked(&server, &files, None).await, None);
    let pbx = files.ca.client(PBX);
    assert_eq!(asked(&server, &files, Some(&pbx)).await, Some(answer(200, "pbx")));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_certificates_are_off_none_counts() {
    let files = Files::new();
    let (server, ..) = serve(&files, ClientCertificates::Off);
    let pbx = files.ca.client(PBX);
    assert_eq!(asked(&server, &files, Some(&pbx)).await, Some(answer(200, "anyone")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_another_ca_or_expired_or_for_servers_gets_no_connection() {
    let files = Files::new();
    let (server, ..) = serve(&files, ClientCertificates::Optional);
    let foreign = Ca::new("second CA").client(PBX);
    let namesake = Ca::new("first CA").client(PBX);
    let expired = files.ca.client(Leaf { ends: 2021, ..PBX });
    let for_servers = files.ca.server(12);
    for bad in [&foreign, &namesake, &expired, &for_servers] {
        assert_eq!(asked(&server, &files, Some(bad)).await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_expires_ends_at_the_next_request_of_an_open_connection() {
    let files = Files::new();
    let (server, _, clock) = serve(&files, ClientCertificates::Optional);
    let pbx = files.ca.client(PBX);
    let mut open = connect(server.address, &files.client(Some(&pbx))).await.unwrap();
    assert_eq!(send(&mut open, &[]).await.unwrap(), answer(200, "pbx"));
    clock.advance(60 * 365 * 24 * 3600);
    assert_eq!(send(&mut open, &[]).await.unwrap(), answer(403, "certificate_expired"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_certificate_ends_on_open_and_new_and_resumed_connections() {
    let files = Files::new();
    let (server, tls, _) = serve(&files, ClientCertificates::Optional);
    let pbx = files.ca.client(PBX);
    let config = files.client(Some(&pbx));

    let mut first = connect(server.address, &config).await.unwrap();
    assert_eq!(send(&mut first, &[]).await.unwrap(), answer(200, "pbx"));
    let mut open = connect(server.address, &config).await.unwrap();
    assert_eq!(send(&mut open, &[]).await.unwrap(), answer(200, "pbx"));
    assert_eq!(open.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed));

    files.write("crl.pem", &files.ca.crl(&[PBX.serial]));
    assert!(tls.changed());
    tls.reload().unwrap();
    assert_eq!(send(&mut open, &[]).await.unwrap(), answer(403, "certificate_revoked"));
    assert!(ask(server.address, &config, &[]).await.is_err());
    assert_eq!(asked(&server, &files, None).await, Some(answer(200, "anyone")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_server_certificate_is_for_new_connections_and_drops_none() {
    let files = Files::new();
    let (server, tls, _) = serve(&files, ClientCertificates::Optional);
    let config = files.client(None);
    let before = tls.current();
    let mut open = connect(server.address, &config).await.unwrap();
    assert_eq!(send(&mut open, &[]).await.unwrap(), answer(200, "anyone"));

    let second = files.write_server(2);
    let watching = tokio::spawn(Arc::clone(&tls).watch(Duration::from_millis(20)));
    wait_until("the new certificate is read", || tls.current().id != before.id);
    watching.abort();
    assert_eq!(send(&mut open, &[]).await.unwrap(), answer(200, "anyone"));
    let new = connect(server.address, &config).await.unwrap();
    assert_eq!(new.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
    assert_eq!(new.get_ref().1.peer_certificates().unwrap()[0], second.der());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_fails_keeps_what_was() {
    let files = Files::new();
    let (server, tls, _) = serve(&files, ClientCertificates::Optional);
    files.write("server.key", &files.ca.server(3).key);
    let error = tls.reload().unwrap_err();
    assert!(matches!(error, TlsError::KeyMismatch { .. }), "{error}");
    assert_eq!(asked(&server, &files, None).await, Some(answer(200, "anyone")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_never_shakes_hands_is_closed() {
    let files = Files::new();
    let (server, ..) = serve(&files, ClientCertificates::Optional);
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(5), silent.read(&mut [0])).await;
    assert!(matches!(closed, Ok(Ok(0) | Err(_))));
}

#[test]
fn an_error_names_the_file_and_what_is_wrong_with_it() {
    let files = Files::new();
    files.write("empty.pem", "");
    files.write("junk.crl", "junk");
    let good = files.settings(ClientCertificates::Optional);
    let empty = || files.path("empty.pem");
    let cases: [(TlsSettings, &str); 8] = [
        (TlsSettings { certificate: files.path("gone.pem"), ..good.clone() }, "gone.pem: cannot"),
        (TlsSettings { certificate: empty(), ..good.clone() }, "empty.pem: has no certificate"),
        (TlsSettings { private_key: empty(), ..good.clone() }, "empty.pem: has no private key"),
        (TlsSettings { client_ca: None, ..good.clone() }, "no client CA file is given"),
        (TlsSettings { client_ca: Some(empty()), ..good.clone() }, "empty.pem: has no certificate"),
        (
            TlsSettings { crl_files: vec![files.path("junk.crl")], ..good.clone() },
            "junk.crl: is not",
        ),
        (TlsSettings { crl_files: vec![empty()], ..good.clone() }, "empty.pem: is not"),
        (
            TlsSettings { crl_files: vec![files.path("ca.pem")], ..good.clone() },
            "no revocation list",
        ),
    ];
    for (settings, expected) in cases {
        let error = load(&settings).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    files.write("other.key", &files.ca.server(9).key);
    let mismatch = TlsSettings { private_key: files.path("other.key"), ..good.clone() };
    let error = load(&mismatch).unwrap_err().to_string();
    assert!(error.contains("other.key: the key is not that of the certificate"), "{error}");
    assert_eq!(load(&good).unwrap().certificate_expires_at, 3_786_912_000);
}

#[test]
fn every_client_ca_of_a_file_counts_whatever_editors_put_before_it() {
    let (files, second) = (Files::new(), Ca::new("second CA"));
    let verifies = |text: &str, ca: &Ca| {
        files.write("clients.pem", text);
        let verifier = ClientVerifier::load(&files.path("clients.pem"), &[])?;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW.unsigned_abs()));
        Ok::<_, TlsError>(verifier.verify(&ca.client(PBX).der(), &[], now).is_ok())
    };
    let (one, two) = (files.ca.pem(), second.pem());
    for text in [
        format!("{one}{two}"),
        format!("\u{feff}{one}{two}"),
        format!("{one}\u{feff}{two}"),
        format!("{}{two}", one.trim_end()),
        format!("{one}{two}").replace('\n', "\n  "),
    ] {
        assert!(verifies(&text, &files.ca).unwrap(), "{text}");
        assert!(verifies(&text, &second).unwrap(), "{text}");
        assert!(!verifies(&text, &Ca::new("third CA")).unwrap(), "{text}");
    }
    // Who is trusted is not guessed at.
    let broken = format!("{one}{}", two.replacen("MII", "!!!", 1));
    let error = verifies(&broken, &files.ca).unwrap_err().to_string();
    let line = one.lines().count() + 1;
    assert!(error.contains(&format!("certificate at line {line}")), "{error}");
}
