//! Who is calling through a proxy that forwards certificates and addresses.

use std::path::PathBuf;
use std::sync::Arc;

use actix_web::http::header::HeaderName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dialpass::http::authorization::SecretHash;
use dialpass::http::client_table::{CertificatePin, Credentials};
use dialpass::http::proxy::{CertificateForm, ProxyRules, TrustedProxies};
use dialpass::tls::server::{ClientCertificates, ClientVerifier};

use crate::support::http_harness::{
    Files, NOW, PBX, Running, SetClock, ask, ask_plain, client, gate, start,
};
use crate::support::pki::{Ca, Issued, Leaf};

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
    let state = ClientVerifier::reloadable(files.path("ca.pem"), crls);
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

/// Serves with `rules`, over TLS if there is a server certificate to show.
fn serve_by(files: &Files, rules: ProxyRules, tls: Option<ClientCertificates>) -> Running {
    let pin = CertificatePin::SanDns(PBX.dns.to_owned());
    let credentials = Credentials { certificate: Some(pin), ..Credentials::default() };
    let mut gate = gate(vec![client("pbx", credentials)], SetClock::at(NOW));
    gate.proxies = TrustedProxies(vec!["127.0.0.1/32".parse().unwrap()]);
    gate.proxy_rules = rules;
    gate.forwarded_ca = Some(Arc::new(
        ClientVerifier::reloadable(files.path("ca.pem"), vec![files.path("crl.pem")]).unwrap(),
    ));
    gate.tls = tls.map(|certificates| files.tls(certificates));
    start(gate)
}

/// As nginx, F5 and the load balancers of AWS write it.
fn escaped(pem: &str) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    utf8_percent_encode(pem, NON_ALPHANUMERIC).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_counts_in_the_form_that_is_configured_and_in_no_other() {
    let files = Files::new();
    let issued = files.ca.client(PBX);
    let pem = escaped(&issued.certificate);
    let der = STANDARD.encode(issued.der());
    let middle = STANDARD.encode(files.ca.der());
    let name = || HeaderName::from_static("x-client");
    let sent = [
        (CertificateForm::Rfc9440, "client-cert", format!(":{der}:")),
        (CertificateForm::EscapedPem(name()), "x-client", pem.clone()),
        (CertificateForm::EscapedPem(name()), "x-client", issued.certificate.replace('\n', "%0A")),
        (CertificateForm::Base64Der(name()), "x-client", der.clone()),
        (CertificateForm::Base64Der(name()), "x-client", format!("{der},{middle}")),
        (CertificateForm::Base64Der(name()), "x-client", der.replace('+', "%2B")),
        (
            CertificateForm::Xfcc(name()),
            "x-client",
            format!("By=spiffe://a;Hash=ab;Subject=\"CN=a,O=b;c\";Cert=\"{pem}\";DNS=pbx.example"),
        ),
        // What was there before the proxy next to us saw the caller is not its word.
        (
            CertificateForm::Xfcc(name()),
            "x-client",
            format!("Hash=ab;Cert=\"junk,Hash=ab;Chain=\"{pem}\";cert=\"{pem}\""),
        ),
    ];
    for (form, header, value) in &sent {
        let rules = ProxyRules { certificate: form.clone(), ..ProxyRules::default() };
        let server = serve_by(&files, rules, None);
        let headers = [("forwarded", "for=192.0.2.1"), (*header, value.as_str())];
        let answer = ask_plain(server.address, &headers).await;
        assert_eq!(answer, (200, "pbx".to_owned()), "{form:?} {value}");
        let others = [("client-cert", sent[0].2.as_str()), ("ssl-client-cert", pem.as_str())];
        for other in others.iter().filter(|(name, _)| name != header) {
            let answer = ask_plain(server.address, &[*other]).await;
            assert_eq!(answer, (401, "no_credential".to_owned()), "{form:?} {other:?}");
        }
    }
    let rules = ProxyRules { certificate: CertificateForm::Xfcc(name()), ..ProxyRules::default() };
    let server = serve_by(&files, rules, None);
    for bad in [format!("Cert=\"{pem}\",Hash=ab"), format!("Cert=\"{pem}\";Cert=\"{pem}\",")] {
        let answer = ask_plain(server.address, &[("x-client", &bad)]).await;
        assert_eq!(answer, (403, "forwarded_certificate_malformed".to_owned()), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_has_to_show_what_it_is_known_by_is_not_believed_without() {
    let files = Files::new();
    let own = field(&files.ca.client(PBX));
    let forwarded = [("client-cert", own.as_str()), ("forwarded", "for=192.0.2.1")];
    let (pbx, unproven) = ((200, "pbx".to_owned()), (403, "proxy_unproven".to_owned()));

    let header = HeaderName::from_static("x-proxy-secret");
    let secret = Some((header, SecretHash::of(b"right")));
    let server = serve_by(&files, ProxyRules { secret, ..ProxyRules::default() }, None);
    for (shown, expected) in [
        (&["right"][..], &pbx),
        (&["wrong"], &unproven),
        (&["right", "right"], &unproven),
        (&[""], &unproven),
        (&[], &unproven),
    ] {
        let secrets = shown.iter().map(|secret| ("x-proxy-secret", *secret));
        let headers: Vec<_> = forwarded.into_iter().chain(secrets).collect();
        assert_eq!(&ask_plain(server.address, &headers).await, expected, "{shown:?}");
    }

    let pin = CertificatePin::SanDns("proxy.example".to_owned());
    let rules = ProxyRules { own_certificate: Some(pin), ..ProxyRules::default() };
    let server = serve_by(&files, rules, Some(ClientCertificates::Optional));
    let proxy = files.ca.client(Leaf { dns: "proxy.example", serial: 20, ..PBX });
    let other = files.ca.client(Leaf { dns: "other.example", serial: 21, ..PBX });
    for (shown, expected) in [(Some(&proxy), &pbx), (Some(&other), &unproven), (None, &unproven)] {
        let answer = ask(server.address, &files.client(shown), &forwarded).await.unwrap();
        assert_eq!(&answer, expected);
    }
}
