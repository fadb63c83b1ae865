//! The address of a person who logs in, as used to count failures.

use std::net::{IpAddr, Ipv6Addr};

use sha2::{Digest, Sha256};

/// Where a login comes from: an IPv4 address, or the /64 of an IPv6 address, because a client with
/// one address there has them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// Normalizes an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            v4 @ IpAddr::V4(_) => v4,
        })
    }

    /// Parses what a login service sends; `None` if it is not an address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok().map(Self::of)
    }

    /// The address, or its network's.
    #[must_use]
    pub const fn ip(self) -> IpAddr {
        self.0
    }

    /// The address's key in the store.
    #[must_use]
    pub fn key(self) -> u64 {
        let digest = Sha256::new().chain_update(b"dialpass client address v1 ");
        let digest = match self.0 {
            IpAddr::V4(v4) => digest.chain_update(v4.octets()),
            IpAddr::V6(v6) => digest.chain_update(v6.octets()),
        };
        let digest = digest.finalize();
        digest[..8].iter().fold(0, |key, byte| key << 8 | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_counts_by_its_64_and_an_ipv4_one_by_itself() {
        let of = |text| ClientAddress::parse(text).expect("an address");
        assert_eq!(of("2001:db8::1"), of("2001:db8:0:0:ffff::2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1").key(), of("192.0.2.2").key());
        for text in ["", "unknown", "192.0.2.1:443", "192.0.2", "host.example"] {
            assert_eq!(ClientAddress::parse(text), None, "{text}");
        }
    }
}
