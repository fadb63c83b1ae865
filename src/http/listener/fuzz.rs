//! PROXY headers as a load balancer that is broken, or whose clients break it, might send them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::connection_limits::{FIXED, parse_proxy_header, variable_length};
use crate::fuzzing::{Target, outcome, seeds};

/// Targets for [`crate::fuzzing`].
pub(crate) fn targets() -> Vec<Target> {
    vec![proxy_header()]
}

/// A header with this command, family and rest.
fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).expect("short").to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, rest].concat()
}

fn proxy_header() -> Target {
    let four = [203, 0, 113, 7, 192, 0, 2, 1, 3, 232, 1, 187];
    let six: Vec<u8> = (0..36).collect();
    let more = [&four[..], &[4, 0, 2, 0, 0, 0xea, 0, 3, 1, 2, 3]].concat();
    Target {
        kind: "PROXY headers",
        share: 90,
        seeds: seeds([
            header(0x21, 0x11, &four),
            header(0x21, 0x21, &six),
            header(0x21, 0x11, &more),
            header(0x20, 0x00, &[]),
            header(0x20, 0x11, &four),
            header(0x21, 0x12, &four),
            header(0x21, 0x31, &[b'/'; 216]),
            b"PROXY TCP4 203.0.113.7 192.0.2.1 1000 443\r\n".to_vec(),
        ]),
        words: &[
            "\r\n\r\n\0\r\nQUIT\n",
            "\x21\x11",
            "\x21\x21",
            "\x20\0",
            "\x21\0",
            "\x22",
            "\x11\0\x0c",
            "\x21\0\x24",
            "\x0f\x01",
            "\x10\0",
            "\x04\0\x02",
            "PROXY ",
        ],
        read: Box::new(read),
    }
}

/// Reads a header as from a connection, and compares the address with the bytes at the position that the protocol gives it (haproxy's proxy-protocol.txt, section 2.2).
fn read(input: &[u8]) -> u64 {
    let Some(fixed) = input.first_chunk::<FIXED>() else { return outcome(()) };
    let Ok(rest) = variable_length(fixed) else { return outcome(false) };
    let Some(header) = input.get(..FIXED + rest) else { return outcome(true) };
    let told = parse_proxy_header(header);
    match &told {
        Ok(Some(told)) => {
            assert_eq!(header[12], 0x21, "only what is proxied tells of a client");
            assert_eq!(Some(*told), source(header), "the address that stands there");
        }
        Ok(None) => assert_eq!(header[12], 0x20, "only the load balancer's own has no client"),
        Err(_) => {}
    }
    let told = told.map(|told| told.map(|told| told.is_ipv4()));
    let is_known = matches!(header[12], 0x20 | 0x21);
    outcome((
        told.map_err(|error| error.kind() as u8),
        is_known,
        header[13] & 0x33,
        rest.min(40) / 4,
    ))
}

/// The client's address by the positions of its bytes.
fn source(header: &[u8]) -> Option<SocketAddr> {
    let rest = &header[FIXED..];
    let (address, port): (IpAddr, _) = match header[13] {
        0x11 => (Ipv4Addr::from(*rest.first_chunk()?).into(), rest.get(8..10)?),
        0x21 => (Ipv6Addr::from(*rest.first_chunk()?).into(), rest.get(32..34)?),
        _ => return None,
    };
    Some(SocketAddr::new(address, u16::from_be_bytes(port.try_into().ok()?)))
}
