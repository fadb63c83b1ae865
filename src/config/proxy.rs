//! `[server.proxy]` and the lists of proxies, checked: who is believed, and in which headers.

use ipnet::IpNet;

use super::check::Problems;
use super::clients::{self, PinConfig};
use super::raw::{RawAddressHeader, RawCertificateForm, RawProxy};
use super::values::Network;

/// `[server.proxy]`: what the headers of trusted proxies say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProxyConfig {
    /// Where they tell the caller's address.
    pub address_header: AddressHeaderConfig,
    /// How they pass on the caller's certificate.
    pub certificate: CertificateFormConfig,
    /// The header and the SHA-256 of the secret that they show.
    pub secret: Option<(String, [u8; 32])>,
    /// The certificate that they show.
    pub own_certificate: Option<PinConfig>,
}

/// Where proxies tell the caller's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AddressHeaderConfig {
    /// `Forwarded`.
    #[default]
    Forwarded,
    /// `X-Forwarded-For`.
    XForwardedFor,
}

/// How proxies pass on the caller's certificate; with the header's name where there is no one name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CertificateFormConfig {
    /// `Client-Cert`.
    #[default]
    Rfc9440,
    /// Percent-encoded PEM.
    EscapedPem(String),
    /// DER in base64.
    Base64Der(String),
    /// Envoy's list.
    Xfcc(String),
}

/// Checks `[server.proxy]`.
pub(super) fn check(
    raw: RawProxy,
    has_proxies: bool,
    verifies_clients: bool,
    problems: &mut Problems,
) -> ProxyConfig {
    if !has_proxies {
        problems.add(
            "server.proxy",
            "what proxies send, though none is trusted",
            "server.trusted_proxies with the proxies' addresses",
        );
    }
    let address_header = match raw.address_header {
        None | Some(RawAddressHeader::Forwarded) => AddressHeaderConfig::Forwarded,
        Some(RawAddressHeader::XForwardedFor) => AddressHeaderConfig::XForwardedFor,
    };
    let name = raw.certificate_header.map(|name| {
        header("server.proxy.certificate_header", &name, problems);
        name.to_ascii_lowercase()
    });
    let form = raw.certificate_format.unwrap_or(RawCertificateForm::Rfc9440);
    let certificate = certificate(form, name.clone(), problems);
    if raw.secret_header.is_some() && raw.secret_sha256.is_none() {
        problems.add(
            "server.proxy.secret_sha256",
            "nothing, though secret_header is set: the proxy would prove nothing",
            "the SHA-256 of the secret that the proxy sends in that header, as 64 hexadecimal digits",
        );
    }
    let secret_header = raw.secret_header.unwrap_or_else(|| "X-Proxy-Secret".to_owned());
    header("server.proxy.secret_header", &secret_header, problems);
    let is_the_certificates =
        name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(&secret_header));
    if is_the_certificates {
        let accepted = "another header than certificate_header";
        problems.add("server.proxy.secret_header", format!("{secret_header:?}"), accepted);
    }
    let secret = raw.secret_sha256.map(|hash| (secret_header.to_ascii_lowercase(), hash.0));
    let own_certificate =
        raw.certificate.and_then(|raw| clients::pin("server.proxy.certificate", raw, problems));
    if own_certificate.is_some() && !verifies_clients {
        problems.add(
            "server.proxy.certificate",
            "a certificate of the proxy's own, though none is asked for",
            "[server.tls] with the client_ca that signed it, and client_certificates \"optional\" or \
             \"required\"",
        );
    }
    ProxyConfig { address_header, certificate, secret, own_certificate }
}

fn certificate(
    form: RawCertificateForm,
    name: Option<String>,
    problems: &mut Problems,
) -> CertificateFormConfig {
    let key = "server.proxy.certificate_header";
    let named = |problems: &mut Problems| {
        let accepted = "the name of the header in which the proxy sends it";
        problems.required(key, name.clone(), accepted).unwrap_or_default()
    };
    match form {
        RawCertificateForm::Rfc9440 => {
            if let Some(name) = name {
                let accepted = "no key: the header is Client-Cert; or another certificate_format";
                problems.add(key, format!("{name:?}"), accepted);
            }
            CertificateFormConfig::Rfc9440
        }
        RawCertificateForm::EscapedPem => CertificateFormConfig::EscapedPem(named(problems)),
        RawCertificateForm::Base64Der => CertificateFormConfig::Base64Der(named(problems)),
        RawCertificateForm::Xfcc => CertificateFormConfig::Xfcc(
            name.unwrap_or_else(|| "x-forwarded-client-cert".to_owned()),
        ),
    }
}

/// Headers that are read for something else, here or by all of HTTP.
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

fn header(key: &str, name: &str, problems: &mut Problems) {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        let accepted = "a header's name: letters, digits, hyphens (RFC 9110 section 5.6.2)";
        problems.add(key, format!("{name:?}"), accepted);
    } else if OTHERS.iter().any(|other| name.eq_ignore_ascii_case(other)) {
        let accepted = "the name of a header of its own, which nothing else is read from";
        problems.add(key, format!("{name:?}, which says something else"), accepted);
    }
}

/// Networks of proxies. One that is most of the internet would have anybody believed.
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
                format!("{network}, whose headers anybody could send"),
                "the proxies' own addresses, such as \"10.0.0.4\" or \"10.0.0.0/24\"; at least /8 of \
                 IPv4, /7 of IPv6",
            );
        }
    }
    networks
}
