//! What a trusted proxy in front of us says about the caller: its address and its certificate.
//!
//! From any other peer these headers are ignored.

use std::net::IpAddr;

use forwarded_header_value::ForwardedHeaderValue;
use ipnet::IpNet;
use rustls::pki_types::CertificateDer;
use sfv::{BareItem, Item, List, ListEntry, Parser};

use super::certificate::ClientCertificate;

/// Longest chain taken from a proxy, the client's own certificate not counted.
const MAX_INTERMEDIATES: usize = 8;

/// The networks whose proxies are believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(pub Vec<IpNet>);

impl TrustedProxies {
    /// Whether a proxy at `address` is believed.
    #[must_use]
    pub fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The address the request came from: `peer` itself, or, when that is a trusted proxy, the
    /// rightmost `for` of its `Forwarded` (RFC 7239) that is no trusted proxy. `None` if the
    /// proxy does not say, or says something that cannot be read as an address.
    #[must_use]
    pub fn caller<'a>(
        &self,
        peer: IpAddr,
        forwarded: impl IntoIterator<Item = &'a [u8]>,
    ) -> Option<IpAddr> {
        if !self.trust(peer) {
            return Some(peer.to_canonical());
        }
        let lines: Result<Vec<_>, _> = forwarded.into_iter().map(std::str::from_utf8).collect();
        let header = lines.ok()?.join(",");
        if !splits_safely(&header) {
            return None;
        }
        for hop in ForwardedHeaderValue::from_forwarded(&header).ok()?.iter().rev() {
            let address = hop.forwarded_for_ip()?.to_canonical();
            if !self.trust(address) {
                return Some(address);
            }
        }
        None
    }
}

/// Whether commas and semicolons stand only between elements. The parser splits at each one,
/// so a quoted one (in a `host` that the caller chose) could pass for an element of its own.
fn splits_safely(header: &str) -> bool {
    let mut quoted = false;
    for character in header.chars() {
        match character {
            '"' => quoted = !quoted,
            '\\' => return false,
            ',' | ';' if quoted => return false,
            _ => {}
        }
    }
    !quoted
}

/// A trusted proxy's `Client-Cert` or `Client-Cert-Chain` that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedClientCert;

/// Reads `Client-Cert` and `Client-Cert-Chain` (RFC 9440) of a request from a trusted proxy.
/// `None` if the caller brought no certificate. What is returned is not verified yet.
///
/// # Errors
/// If a header is there but cannot be read, or the chain comes without the certificate.
pub fn forwarded_certificate<'a>(
    client_cert: impl IntoIterator<Item = &'a [u8]>,
    client_cert_chain: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Option<ClientCertificate>, MalformedClientCert> {
    let mut own = client_cert.into_iter();
    let intermediates: Vec<&[u8]> = client_cert_chain.into_iter().collect();
    let own = match (own.next(), own.next()) {
        (None, _) if intermediates.is_empty() => return Ok(None),
        (Some(value), None) => value,
        _ => return Err(MalformedClientCert),
    };
    let item: Item = Parser::new(own).parse().map_err(|_| MalformedClientCert)?;
    let mut chain = vec![certificate(item.bare_item)?];
    let list: List =
        Parser::new(&intermediates.join(&b","[..])).parse().map_err(|_| MalformedClientCert)?;
    if list.len() > MAX_INTERMEDIATES {
        return Err(MalformedClientCert);
    }
    for entry in list {
        let ListEntry::Item(item) = entry else { return Err(MalformedClientCert) };
        chain.push(certificate(item.bare_item)?);
    }
    Ok(Some(ClientCertificate::new(chain)))
}

fn certificate(item: BareItem) -> Result<CertificateDer<'static>, MalformedClientCert> {
    match item {
        BareItem::ByteSequence(der) => Ok(CertificateDer::from(der)),
        _ => Err(MalformedClientCert),
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
        proxies().caller(peer.parse().unwrap(), values).map(|address| address.to_string())
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
    fn a_quoted_host_cannot_pass_for_an_address() {
        let forged = "for=192.0.2.1;host=\"a,for=198.51.100.7;x=\"";
        assert_eq!(caller("10.0.0.2", &[forged]), None);
        assert_eq!(caller("10.0.0.2", &["for=198.51.100.7;host=\"a", "for=192.0.2.1"]), None);
    }

    #[test]
    fn what_is_no_byte_sequence_is_malformed() {
        let none: [&[u8]; 0] = [];
        assert!(forwarded_certificate(none, none).unwrap().is_none());
        for bad in ["", "AAAA", "\"AAAA\"", ":AAAA", ":AA AA:", ":AAAA:, :AAAA:"] {
            assert!(forwarded_certificate([bad.as_bytes()], none).is_err(), "{bad}");
        }
        let one = &b":AAAA:"[..];
        assert!(forwarded_certificate([one, one], none).is_err());
        assert!(forwarded_certificate(none, [one]).is_err());
        assert!(forwarded_certificate([one], [&b"(:AAAA:)"[..]]).is_err());
        assert!(forwarded_certificate([one], [&b":AAAA:, :AAAA:"[..], one]).unwrap().is_some());
    }
}
