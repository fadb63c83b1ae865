//! What a trusted proxy in front of us says about the caller: its address and its certificate, and
//! how the proxy itself is known.
//!
//! From any other peer these headers are ignored.

mod certificate;
mod list;

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use forwarded_header_value::Identifier;
use ipnet::IpNet;
use serde::Deserialize;

pub use self::certificate::{CertificateForm, MalformedClientCert};
use super::authorization::SecretHash;
use super::client_table::CertificatePin;

/// The networks whose proxies are believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(pub Vec<IpNet>);

/// The header in which proxies tell the caller's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum AddressHeader {
    /// `Forwarded` (RFC 7239).
    #[default]
    Forwarded,
    /// `X-Forwarded-For`: addresses between commas.
    #[serde(rename = "X-Forwarded-For")]
    XForwardedFor,
}

impl AddressHeader {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::XForwardedFor => "x-forwarded-for",
        }
    }

    /// The address that an element of the list tells.
    fn address(self, element: &[u8]) -> Option<IpAddr> {
        let node = match self {
            Self::Forwarded => list::parameter(element, "for")?,
            Self::XForwardedFor => std::str::from_utf8(element).ok()?.trim().to_owned(),
        };
        Some(node.parse::<Identifier>().ok()?.ip()?.to_canonical())
    }
}

/// How trusted proxies pass on who the caller is, and how they are known themselves.
#[derive(Debug, Clone, Default)]
pub struct ProxyRules {
    /// Where they tell the caller's address.
    pub address: AddressHeader,
    /// How they pass on the caller's certificate.
    pub certificate: CertificateForm,
    /// The header and the secret that they show in each request.
    pub secret: Option<(HeaderName, SecretHash)>,
    /// The certificate that they show on their connections.
    pub own_certificate: Option<CertificatePin>,
}

impl ProxyRules {
    /// Whether a request has the secret that proxies must send, if any.
    #[must_use]
    pub fn has_secret(&self, request: &HttpRequest) -> bool {
        let Some((header, secret)) = &self.secret else { return true };
        let mut values = request.headers().get_all(header).map(HeaderValue::as_bytes);
        let (value, more) = (values.next(), values.next());
        more.is_none() && value.is_some_and(|value| SecretHash::of(value).matches(secret))
    }
}

impl TrustedProxies {
    /// Whether a proxy at `address` is believed.
    #[must_use]
    pub fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The address the request came from: `peer` itself, or, when that is a trusted proxy, the
    /// rightmost in the header that is not a trusted proxy. `None` if the proxy sends no address or
    /// an unreadable one.
    ///
    /// The list is read from its end, where the trusted proxy has added to it, and no further than
    /// to the first address that is not a trusted proxy: whatever the caller wrote before it is
    /// ignored, even if it is broken.
    #[must_use]
    pub fn caller<'a>(
        &self,
        peer: IpAddr,
        header: AddressHeader,
        lines: impl IntoIterator<Item = &'a [u8]>,
    ) -> Option<IpAddr> {
        if !self.trust(peer) {
            return Some(peer.to_canonical());
        }
        let lines: Vec<&[u8]> = lines.into_iter().collect();
        for element in lines.into_iter().rev().flat_map(|line| list::from_the_right(line, b',')) {
            let address = header.address(element)?;
            if !self.trust(address) {
                return Some(address);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> TrustedProxies {
        TrustedProxies(vec!["10.0.0.0/24".parse().unwrap(), "2001:db8::/64".parse().unwrap()])
    }

    fn caller(peer: &str, forwarded: &[&str]) -> Option<String> {
        let values = forwarded.iter().map(|value| value.as_bytes());
        let peer = peer.parse().unwrap();
        let caller = proxies().caller(peer, AddressHeader::Forwarded, values);
        caller.map(|address| address.to_string())
    }

    #[test]
    fn an_untrusted_peer_is_the_caller_whatever_it_says() {
        assert_eq!(caller("192.0.2.9", &["for=10.1.1.1"]).as_deref(), Some("192.0.2.9"));
        assert_eq!(caller("::ffff:192.0.2.9", &[]).as_deref(), Some("192.0.2.9"));
    }

    #[test]
    fn the_rightmost_address_that_is_no_trusted_proxy_is_the_caller() {
        let seen = [
            (&["for=192.0.2.1"][..], Some("192.0.2.1")),
            (&["for=198.51.100.7, for=192.0.2.1;proto=https, for=10.0.0.3"], Some("192.0.2.1")),
            (&["for=198.51.100.7", "for=192.0.2.1"], Some("192.0.2.1")),
            (&["For=\"[2001:db8:1::5]:4711\";by=10.0.0.2"], Some("2001:db8:1::5")),
            (&["for=\"192.0.2.1:8443\""], Some("192.0.2.1")),
            (&["for=10.0.0.3"], None),
            (&["for=192.0.2.1, for=unknown"], None),
            (&["for=192.0.2.1, for=_hidden"], None),
            (&["for=192.0.2.1, proto=https"], None),
            (&["for=not-an-address"], None),
            (&["garbage"], None),
            (&[""], None),
            (&[], None),
        ];
        for (header, expected) in seen {
            assert_eq!(caller("10.0.0.2", header).as_deref(), expected, "{header:?}");
        }
        assert_eq!(caller("::ffff:10.0.0.2", &["for=192.0.2.1"]).as_deref(), Some("192.0.2.1"));
    }

    #[test]
    fn what_stands_in_front_neither_hides_the_caller_nor_stands_for_it() {
        let own = "for=192.0.2.1";
        for front in [
            "garbage",
            "for=",
            "for=\"",
            "for=\"a",
            "\"",
            "\\",
            "for=198.51.100.7;host=\"a",
            "for=unknown",
            "for=10.0.0.3",
            ",,;=",
            "for=198.51.100.7",
            "\u{e5}",
            "for=\"[::1",
            "secret=_\"\\",
        ] {
            let one_line = format!("{front}, {own}");
            assert_eq!(caller("10.0.0.2", &[&one_line]).as_deref(), Some("192.0.2.1"), "{front}");
            assert_eq!(caller("10.0.0.2", &[front, own]).as_deref(), Some("192.0.2.1"), "{front}");
            let two_proxies = format!("{front}, {own}, for=10.0.0.3");
            assert_eq!(
                caller("10.0.0.2", &[&two_proxies]).as_deref(),
                Some("192.0.2.1"),
                "{front}"
            );
        }
    }

    #[test]
    fn a_quoted_host_cannot_pass_for_an_address() {
        for host in ["a,for=198.51.100.7;x=", "a;for=198.51.100.7", "a\\\",for=198.51.100.7;x=\\\""]
        {
            let told = format!("for=192.0.2.1;host=\"{host}\"");
            assert_eq!(caller("10.0.0.2", &[&told]).as_deref(), Some("192.0.2.1"), "{host}");
        }
        assert_eq!(caller("10.0.0.2", &["for=192.0.2.1;for=198.51.100.7"]), None);
    }

    #[test]
    fn a_list_of_addresses_is_read_in_the_same_way() {
        let caller = |lines: &[&str]| {
            let lines = lines.iter().map(|line| line.as_bytes());
            let peer = "10.0.0.2".parse().unwrap();
            let caller = proxies().caller(peer, AddressHeader::XForwardedFor, lines);
            caller.map(|address| address.to_string())
        };
        let v4 = Some("192.0.2.1".to_owned());
        for told in [
            "192.0.2.1",
            "192.0.2.1:8443",
            "junk,192.0.2.1",
            "192.0.2.1, 10.0.0.3",
            "\", 192.0.2.1",
        ] {
            assert_eq!(caller(&[told]), v4, "{told}");
        }
        assert_eq!(caller(&["198.51.100.7", "192.0.2.1"]), v4);
        assert_eq!(caller(&["[2001:db8:1::5]:4711"]).as_deref(), Some("2001:db8:1::5"));
        assert_eq!(caller(&["2001:db8:1::5"]).as_deref(), Some("2001:db8:1::5"));
        for told in ["", "192.0.2.1, unknown", "192.0.2.1,", "for=192.0.2.1"] {
            assert_eq!(caller(&[told]), None, "{told}");
        }
        assert_eq!(caller(&[]), None);
    }
}
