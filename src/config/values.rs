//! Values as written: digests, dates, networks and addresses.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::{IpNet, Ipv4Net};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use crate::domain::clock::Timestamp;

/// One text or several.
#[derive(Debug, Clone)]
pub struct OneOrMore(pub Vec<String>);

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMoreVisitor;
        impl<'de> Visitor<'de> for OneOrMoreVisitor {
            type Value = OneOrMore;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a list of texts")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMore, E> {
                Ok(OneOrMore(vec![text.to_owned()]))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut all: A) -> Result<OneOrMore, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = all.next_element()? {
                    texts.push(text);
                }
                Ok(OneOrMore(texts))
            }
        }
        deserializer.deserialize_any(OneOrMoreVisitor)
    }
}

/// The SHA-256 of empty input, which some tools print if they are given none.
const EMPTY_SHA256: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// A SHA-256 value as 64 hexadecimal digits. Errors show only the text's length, because people
/// paste the secret itself here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sha256Hex(pub [u8; 32]);

impl fmt::Debug for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha256Hex(…)")
    }
}

impl<'de> Deserialize<'de> for Sha256Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refuse = |found: String| {
            de::Error::custom(format!(
                "invalid value: {found}, expected a SHA-256 value as 64 hexadecimal digits \
                 (`dialpass new-secret` prints one with each secret)"
            ))
        };
        let toml::Value::String(text) = toml::Value::deserialize(deserializer)? else {
            return Err(refuse("a value that is not text".to_owned()));
        };
        let mut digest = [0; 32];
        hex::decode_to_slice(text.trim(), &mut digest)
            .map_err(|_| refuse(format!("text of {} characters", text.chars().count())))?;
        if digest == EMPTY_SHA256 {
            return Err(refuse("the SHA-256 of an empty secret".to_owned()));
        }
        Ok(Self(digest))
    }
}

/// A day such as `"2027-06-30"`, valid until it ends (UTC), or a time (RFC 3339).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Until(pub Timestamp);

impl Until {
    fn parse(text: &str) -> Option<Self> {
        let time = match text.parse::<jiff::civil::Date>() {
            Ok(day) if text.len() == "2027-06-30".len() => {
                let next = day.tomorrow().ok()?;
                next.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()
            }
            _ => text.parse::<jiff::Timestamp>().ok()?,
        };
        Some(Self(Timestamp::from_millis(time.as_millisecond())))
    }
}

impl<'de> Deserialize<'de> for Until {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => text,
            toml::Value::Datetime(time) => time.to_string(),
            other => other.to_string(),
        };
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "invalid value: {text:?}, expected a day such as \"2027-06-30\" or a time such as \
                 \"2027-06-30T12:00:00Z\""
            ))
        })
    }
}

/// A network (`10.0.0.0/8`) or a single address (`10.1.2.3`).
#[derive(Debug, Clone, Copy)]
pub struct Network(pub IpNet);

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map(|network| Self(canonical(network)))
            .map_err(|_| {
                de::Error::custom(format!(
                    "invalid value: {text:?}, expected an address (10.1.2.3) or a network (10.0.0.0/8)"
                ))
            })
    }
}

/// An IPv4 network that is written as IPv6 does (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2), as
/// IPv4; others as they are. IPv4 peers are compared as IPv4.
fn canonical(network: IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    let IpNet::V6(v6) = network else { return network };
    let v4 = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(MAPPED));
    v4.and_then(|(address, length)| Ipv4Net::new(address, length).ok()).map_or(network, IpNet::V4)
}

/// An IP address and a port to listen on.
#[derive(Debug, Clone, Copy)]
pub struct Address(pub SocketAddr);

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const ACCEPTED: &str = "an IP address and a port, such as \"127.0.0.1:8443\"";
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => text.parse().map(Self).map_err(|_| {
                de::Error::custom(format!("invalid value: {text:?}, expected {ACCEPTED}"))
            }),
            other => Err(de::Error::custom(format!("invalid type: {other}, expected {ACCEPTED}"))),
        }
    }
}
