//! `[server.proxy]` and the lists of proxies, checked: who is believed, and in which headers.

use actix_web::http::header::HeaderName;
use ipnet::IpNet;
use serde::Deserialize;

use super::check::Problems;
use super::pin::{self, RawPin};
use super::values::{Network, Sha256Hex};
use crate::http::authorization::SecretHash;
use crate::http::proxy::{AddressHeader, CertificateForm, ProxyRules};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProxy {
    pub address_header: Option<AddressHeader>,
    pub certificate_format: Option<RawCertificateForm>,
    pub certificate_header: Option<String>,
    pub secret_sha256: Option<Sha256Hex>,
    pub secret_header: Option<String>,
    pub certificate: Option<RawPin>,
}

/// The forms of certificates, some of which need the name of a header.
#[derive(Deserialize, Clone, Copy, Default)]
pub(super) enum RawCertificateForm {
    #[default]
    #[serde(rename = "rfc9440")]
    Rfc9440,
    #[serde(rename = "escaped-pem")]
    EscapedPem,
    #[serde(rename = "base64-der")]
    Base64Der,
    #[serde(rename = "xfcc")]
    Xfcc,
}

/// Checks `[server.proxy]`.
pub(super) fn check(
    raw: RawProxy,
    has_proxies: bool,
    verifies_clients: bool,
    problems: &mut Problems,
) -> ProxyRules {
    if !has_proxies {
        problems.add(
            "server.proxy",
            "a section about proxies, though server.trusted_proxies is empty",
            "server.trusted_proxies with the proxies' addresses",
        );
    }
    let name = raw
        .certificate_header
        .and_then(|name| header("server.proxy.certificate_header", &name, problems));
    let form = raw.certificate_format.unwrap_or_default();
    let certificate = certificate(form, name.clone(), problems);
    if raw.secret_header.is_some() && raw.secret_sha256.is_none() {
        problems.add(
            "server.proxy.secret_sha256",
            "nothing, though secret_header is set",
            "the SHA-256 of the secret that the proxy sends in that header, as 64 hexadecimal digits",
        );
    }
    let secret_header = raw.secret_header.unwrap_or_else(|| "X-Proxy-Secret".to_owned());
    let secret_name = header("server.proxy.secret_header", &secret_header, problems);
    if name.is_some() && name == secret_name {
        let accepted = "another header than certificate_header";
        problems.add("server.proxy.secret_header", format!("{secret_header:?}"), accepted);
    }
    let hash = raw.secret_sha256.map(|hash| SecretHash::new(hash.0));
    let secret = secret_name.zip(hash);
    let own_certificate =
        raw.certificate.and_then(|raw| pin::check("server.proxy.certificate", raw, problems));
    if own_certificate.is_some() && !verifies_clients {
        problems.add(
            "server.proxy.certificate",
            "a certificate, though the server requests none from those who connect",
            "[server.tls] with the client_ca that signed it, and client_certificates \"optional\" or \
             \"required\"",
        );
    }
    let address = raw.address_header.unwrap_or_default();
    ProxyRules { address, certificate, secret, own_certificate }
}

fn certificate(
    form: RawCertificateForm,
    name: Option<HeaderName>,
    problems: &mut Problems,
) -> CertificateForm {
    let key = "server.proxy.certificate_header";
    let named = |make: fn(HeaderName) -> CertificateForm, problems: &mut Problems| {
        let accepted = "the name of the header in which the proxy sends it";
        problems.required(key, name.clone(), accepted).map(make).unwrap_or_default()
    };
    match form {
        RawCertificateForm::Rfc9440 => {
            if let Some(name) = name {
                let accepted =
                    "no value, because the header is Client-Cert; or another certificate_format";
                problems.add(key, format!("{:?}", name.as_str()), accepted);
            }
            CertificateForm::Rfc9440
        }
        RawCertificateForm::EscapedPem => named(CertificateForm::EscapedPem, problems),
        RawCertificateForm::Base64Der => named(CertificateForm::Base64Der, problems),
        RawCertificateForm::Xfcc => CertificateForm::Xfcc(
            name.unwrap_or(HeaderName::from_static("x-forwarded-client-cert")),
        ),
    }
}

/// Headers with another meaning, here or in HTTP.
const OTHERS: [&str; 22] = [
    "Accept",
    "Accept-Language",
    "Authorization",
    "Client-Cert",
    "Client-Cert-Chain",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Date",
    "Expect",
    "Forwarded",
    "Host",
    "Origin",
    "TE",
    "Tenant",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "User-Agent",
    "X-Forwarded-For",
];

/// The name of a header that is read for nothing else.
fn header(key: &str, name: &str, problems: &mut Problems) -> Option<HeaderName> {
    let Ok(parsed) = HeaderName::try_from(name) else {
        let accepted = "a header's name: letters, digits, hyphens (RFC 9110 section 5.6.2)";
        problems.add(key, format!("{name:?}"), accepted);
        return None;
    };
    if OTHERS.iter().any(|other| name.eq_ignore_ascii_case(other)) {
        let accepted = "the name of a header that is used for nothing else";
        problems.add(key, format!("{name:?}, which has another meaning"), accepted);
    }
    Some(parsed)
}

/// Networks of proxies. A large part of the internet is refused: any host there could send headers.
pub(super) fn networks(key: &str, networks: &[Network], problems: &mut Problems) -> Vec<IpNet> {
    let networks: Vec<IpNet> = networks.iter().map(|network| network.0).collect();
    for (index, network) in networks.iter().enumerate() {
        let (least, is_mapped) = match network {
            IpNet::V4(_) => (8, false),
            // fc00::/7 has the addresses for private use.
            IpNet::V6(v6) => (7, v6.network().to_ipv4_mapped().is_some()),
        };
        if network.prefix_len() < least || is_mapped {
            problems.add(
                &format!("{key}[{index}]"),
                format!("{network}, a large part of the internet, which could send forged headers"),
                "the proxies' own addresses, such as \"10.0.0.4\" or \"10.0.0.0/24\"; at least /8 of \
                 IPv4, /7 of IPv6",
            );
        }
    }
    networks
}
