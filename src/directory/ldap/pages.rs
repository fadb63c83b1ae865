//! The control for paged results (RFC 2696).

use ldap3::asn1::{PL, parse_tag};
use ldap3::controls::{Control, PagedResults, RawControl};

/// The control's OID.
pub(super) const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";

/// Requests a page of `size` entries: the first with an empty cookie, each later one with the
/// cookie from the page before.
pub(super) fn page(size: i32, cookie: Vec<u8>) -> RawControl {
    PagedResults { size, cookie }.into()
}

/// The cookie of the next page: empty after the last page, `None` if the server does not page.
pub(super) fn next_page(controls: &[Control]) -> Option<Vec<u8>> {
    let control = controls.iter().find(|control| control.1.ctype == PAGED_RESULTS)?;
    cookie(control.1.val.as_deref()?)
}

/// The cookie in `SEQUENCE { size INTEGER, cookie OCTET STRING }`. The library's own parser panics
/// if a server sends anything else.
fn cookie(value: &[u8]) -> Option<Vec<u8>> {
    let (_, sequence) = parse_tag(value).ok()?;
    let PL::C(mut parts) = sequence.payload else { return None };
    match (parts.len(), parts.pop()?.payload) {
        (2, PL::P(cookie)) => Some(cookie),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cookie_is_read_back_whatever_its_length() {
        for length in [0, 1, 127, 128, 300, 70_000] {
            let sent = vec![0xc0; length];
            let control = page(500, sent.clone());
            assert_eq!(cookie(&control.val.unwrap()), Some(sent), "{length}");
        }
        assert_eq!(next_page(&[]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = cookie(&bytes);
        }
    }
}
