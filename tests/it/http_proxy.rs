//! Who is calling through a proxy that forwards certificates and addresses.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dialpass::http::client_table::{CertificatePin, Credentials};
use dialpass::http::proxy::TrustedProxies;
use dialpass::http::tls::ClientVerifier;

use crate::http_harness::{Files, NOW, PBX, Running, SetClock, ask_plain, client, gate, start};
use crate::pki::{Ca, Issued, Leaf};

fn serve(files: &Files, trusted: &[&str]) -> Running {
    serve_with_crls(files, trusted, vec![files.path("crl.pem")])
}

fn serve_with_crls(files: &Files, trusted: &[&str], crls: Vec<PathBuf>) -> Running {
    let pin = CertificatePin::SanDns(PBX.dns.to_owned());
    let here = Some(vec!["192.0.2.0/24".parse().unwrap()]);
    let clients = vec![
        client("pbx", Credentials { certificate: Some(pin), ..Credentials::default() }),
        client("lab", Credentials { anonymous: here, ..Credentials::default() }),
    ];
    let mut gate = gate(clients, SetClock::at(NOW));
    gate.proxies = TrustedProxies(trusted.iter().map(|net| net.parse().unwrap()).collect());
    let state = ClientVerifier::watched(files.path("ca.pem"), crls);
    gate.forwarded_ca = Some(Arc::new(state.unwrap()));
    start(gate)
}

fn field(issued: &Issued) -> String {
    format!(":{}:", STANDARD.encode(issued.der()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_certificate_counts_only_from_a_trusted_proxy() {
    let files = Files::new();
    let certificate = field(&files.ca.client(PBX));
    let headers = [("client-cert", certificate.as_str()), ("forwarded", "for=192.0.2.1")];
    let trusting = serve(&files, &["127.0.0.1/32"]);
    assert_eq!(ask_plain(trusting.address, &headers).await, (200, "pbx".to_owned()));
    let wary = serve(&files, &["10.0.0.0/8"]);
    assert_eq!(ask_plain(wary.address, &headers).await, (401, "no_credential".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_certificate_is_verified_however_well_its_pin_fits() {
    let files = Files::new();
    files.write("crl.pem", &files.ca.crl(&[66]));
    let server = serve(&files, &["127.0.0.1/32"]);
    let foreign = Ca::new("second CA").client(PBX);
    let expired = files.ca.client(Leaf { ends: 2021, ..PBX });
    let revoked = files.ca.client(Leaf { serial: 66, ..PBX });
    for (issued, expected) in [
        (foreign, "certificate_untrusted"),
        (expired, "certificate_expired"),
        (revoked, "certificate_revoked"),
    ] {
        let headers = [("client-cert", &*field(&issued)), ("forwarded", "for=192.0.2.1")];
        assert_eq!(ask_plain(server.address, &headers).await, (403, expected.to_owned()));
    }
    for (bad, expected) in
        [("junk", "forwarded_certificate_malformed"), (":AAAA:", "certificate_unreadable")]
    {
        let headers = [("client-cert", bad), ("forwarded", "for=192.0.2.1")];
        assert_eq!(ask_plain(server.address, &headers).await, (403, expected.to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_chain_leads_to_the_trusted_ca() {
    let files = Files::new();
    let server = serve_with_crls(&files, &["127.0.0.1/32"], Vec::new());
    let middle = files.ca.intermediate("middle CA");
    let own = field(&middle.client(PBX));
    let chain = format!(":{}:", STANDARD.encode(middle.der()));
    let with = [("client-cert", own.as_str()), ("client-cert-chain", chain.as_str())];
    assert_eq!(ask_plain(server.address, &with).await, (200, "pbx".to_owned()));
    let untrusted = (403, "certificate_untrusted".to_owned());
    assert_eq!(ask_plain(server.address, &with[..1]).await, untrusted);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_an_anonymous_client_is_known_by_the_forwarded_address_only() {
    let files = Files::new();
    let server = serve(&files, &["127.0.0.1/32"]);
    let lab = (200, "lab".to_owned());
    let nobody = (401, "no_credential".to_owned());
    for (headers, expected) in [
        (&[("forwarded", "for=192.0.2.9")][..], &lab),
        (&[("forwarded", "for=192.0.2.9, for=127.0.0.1")], &lab),
        (&[("forwarded", "for=192.0.2.9, for=203.0.113.1")], &nobody),
        (&[("forwarded", "for=192.0.2.9, for=unknown")], &nobody),
        (&[("forwarded", "junk")], &nobody),
        (&[("x-forwarded-for", "192.0.2.9")], &nobody),
        (&[], &nobody),
    ] {
        assert_eq!(&ask_plain(server.address, headers).await, expected, "{headers:?}");
    }
}
