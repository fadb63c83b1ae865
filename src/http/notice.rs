//! Log lines for administrators about a peer's mistakes, each kind at most once a minute, so that
//! such requests cannot fill the log.

use std::sync::atomic::{AtomicI64, Ordering};

use actix_web::HttpRequest;

use super::authorization::SHORTEST_SECRET;
use super::client_table::ClientEntry;
use super::proxy::{AddressHeader, CertificateForm, ProxyRules, TrustedProxies};
use crate::domain::clock::Timestamp;

/// Shortest interval between two lines of a kind.
const PAUSE_SECS: i64 = 60;

/// When a kind of line was last written.
pub(super) struct OncePerMinute(AtomicI64);

impl OncePerMinute {
    pub(super) const fn new() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }

    /// Whether a line may be written now; if so, counts it as written.
    pub(super) fn may(&self, now: Timestamp) -> bool {
        let (last, now) = (self.0.load(Ordering::Relaxed), now.as_secs());
        // Setting the clock back must not silence it.
        let due = now < last || now.saturating_sub(last) >= PAUSE_SECS;
        due && self.0.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Headers with the caller's address that some proxies send but the gateway does not read.
const ADDRESSES: [&str; 4] = ["x-forwarded-for", "x-real-ip", "x-client-ip", "true-client-ip"];

/// Headers with the caller's certificate that some proxies send but the gateway does not read.
const CERTIFICATES: [&str; 8] = [
    "x-ssl-client-cert",
    "ssl-client-cert",
    "x-client-cert",
    "x-forwarded-client-cert",
    "x-forwarded-tls-client-cert",
    "x-amzn-mtls-clientcert",
    "x-amzn-mtls-clientcert-leaf",
    "x-arr-clientcert",
];

/// Warns that a proxy's headers are not read, and says what it should send.
pub(super) fn unread_headers(
    request: &HttpRequest,
    proxies: &TrustedProxies,
    rules: &ProxyRules,
    now: Timestamp,
) {
    static ADDRESS: OncePerMinute = OncePerMinute::new();
    static CERTIFICATE: OncePerMinute = OncePerMinute::new();
    let Some(peer) = request.peer_addr().map(|peer| peer.ip()) else { return };
    let has = |name: &&&str| request.headers().contains_key(**name);
    let trusted = proxies.trust(peer);
    let (address, certificate) = (rules.address.name(), rules.certificate.header());
    let unread = |names: &'static [&str], read: &str| {
        let found = names.iter().find(has).copied();
        found.filter(|_| !(trusted && request.headers().contains_key(read)))
    };
    if let Some(header) = unread(&ADDRESSES, address).filter(|_| ADDRESS.may(now)) {
        let send = match rules.address {
            AddressHeader::Forwarded => {
                "have it send Forwarded (RFC 7239), `Forwarded: for=192.0.2.1`, or set \
                 server.proxy.address_header"
            }
            AddressHeader::XForwardedFor => {
                "have it send X-Forwarded-For, which server.proxy.address_header says"
            }
        };
        let advice = advice(header == address, trusted, send);
        tracing::warn!(
            %peer,
            header,
            "a proxy's header with the caller's address is not read, so the caller is counted and \
             shown as the proxy: {advice}"
        );
    }
    if let Some(header) = unread(&CERTIFICATES, certificate).filter(|_| CERTIFICATE.may(now)) {
        let advice = certificate_advice(&rules.certificate, header, trusted);
        tracing::warn!(
            %peer,
            header,
            "a proxy's header with the caller's certificate is not read: {advice}"
        );
    }
}

/// What to do about a header with a certificate that is not read.
fn certificate_advice(form: &CertificateForm, header: &str, is_trusted: bool) -> String {
    let read = form.header();
    let send = match form {
        CertificateForm::Rfc9440 => {
            "have it send Client-Cert (RFC 9440), the DER in base64 between colons, or set \
             server.proxy.certificate_format"
                .to_owned()
        }
        CertificateForm::EscapedPem(_)
        | CertificateForm::Base64Der(_)
        | CertificateForm::Xfcc(_) => format!(
            "have it send {read}, which server.proxy.certificate_header says, or name {header} there"
        ),
    };
    advice(header == read, is_trusted, &send)
}

/// What to do about a header that is not read: to have another sent, unless it is the one that is
/// read from proxies that are trusted.
fn advice(is_the_one: bool, is_trusted: bool, send: &str) -> String {
    const TRUST: &str = "name the proxy in server.trusted_proxies";
    match (is_the_one, is_trusted) {
        (true, _) => TRUST.to_owned(),
        (false, true) => send.to_owned(),
        (false, false) => format!("{send}, and {TRUST}"),
    }
}

/// Warns that a client's secret is short. This shows only at a request, because the configuration
/// holds just its hash.
pub(super) fn short_secret(client: &ClientEntry, now: Timestamp) {
    static LAST: OncePerMinute = OncePerMinute::new();
    if LAST.may(now) {
        tracing::warn!(
            tenant = %client.tenant,
            client = client.name,
            "a client's secret is shorter than {SHORTEST_SECRET} characters and may be guessed: give it \
             one that `dialpass new-secret` made"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_once_a_minute() {
        let (once, at) = (OncePerMinute::new(), |secs: i64| Timestamp::from_millis(secs * 1000));
        assert!(once.may(at(1_000)));
        assert!(!once.may(at(1_059)));
        assert!(once.may(at(1_060)));
        assert!(once.may(at(500)), "the clock was set back");
    }

    #[test]
    fn what_to_do_about_a_certificates_header_is_what_is_not_done_yet() {
        let own = CertificateForm::EscapedPem("x-ssl-client-cert".parse().expect("a name"));
        let told = |form: &CertificateForm, header, is_trusted| {
            let told = certificate_advice(form, header, is_trusted);
            let says = |what: &str| told.contains(what);
            (says("certificate_format"), says("certificate_header"), says("trusted_proxies"))
        };
        let other = "x-client-cert";
        assert_eq!(told(&CertificateForm::Rfc9440, other, true), (true, false, false));
        assert_eq!(told(&CertificateForm::Rfc9440, other, false), (true, false, true));
        assert_eq!(told(&own, other, true), (false, true, false));
        assert_eq!(told(&own, other, false), (false, true, true));
        assert_eq!(told(&own, "x-ssl-client-cert", false), (false, false, true));
    }
}
