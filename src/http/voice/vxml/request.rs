//! Reads the fields that our own pages submit.

use crate::domain::call_trust::Vouching;
use crate::http::voice::call::IncomingCall;
use crate::http::voice::form::{Form, Twice};

/// The fields do not describe a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

impl From<Twice> for Unreadable {
    fn from(Twice: Twice) -> Self {
        Self
    }
}

/// The longest id of a call, in bytes.
const MAX_ID: usize = 64;

/// Reads a call. Fields that are not needed are ignored.
///
/// # Errors
/// [`Unreadable`] if a needed field is missing, empty or repeated, or the id could not be part of a
/// page.
pub(super) fn read(body: &[u8]) -> Result<IncomingCall, Unreadable> {
    let form = Form::read(body).ok_or(Unreadable)?;
    let needed = |name| form.one(name)?.filter(|value| !value.is_empty()).ok_or(Unreadable);
    let id = needed("callid")?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    if id.len() > MAX_ID || !id.bytes().all(is_plain) {
        return Err(Unreadable);
    }
    // Forwarded, unless the page says that it was not.
    let is_diverted = form.one("diverted")? != Some("false");
    Ok(IncomingCall {
        id: id.to_owned(),
        caller: Some(needed("caller")?.to_owned()),
        called: number(needed("called")?).to_owned(),
        vouching: Vouching { is_diverted, ..Vouching::default() },
        once: None,
        digits: form.one("pin")?.filter(|pin| !pin.is_empty()).map(str::to_owned),
    })
}

/// The number in a `tel:` or `sip:` URI (RFC 3966, RFC 3261 19.1).
fn number(uri: &str) -> &str {
    let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
    let is_known = ["tel", "sip", "sips"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let address = if is_known { rest } else { uri };
    address.split(['@', ';', '?']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: &str =
        "callid=c1&caller=tel%3A%2B46701234567&called=sip%3A%2B46101234567%40ivr.example";

    fn of(body: &str) -> Result<IncomingCall, Unreadable> {
        read(body.as_bytes())
    }

    #[test]
    fn a_call_is_read_from_what_the_page_submits() {
        let call = of(&format!("{CALL}&diverted=false&new=1&new=2")).expect("a call");
        assert_eq!((call.id.as_str(), call.caller.as_deref()), ("c1", Some("tel:+46701234567")));
        assert_eq!((call.called.as_str(), call.digits.as_deref()), ("+46101234567", None));
        assert!(!call.vouching.is_diverted);
        for body in [CALL, &format!("{CALL}&diverted=true"), &format!("{CALL}&diverted=")] {
            assert!(of(body).expect("a call").vouching.is_diverted, "{body}");
        }
        assert_eq!(
            of(&format!("{CALL}&pin=1234")).expect("a call").digits.as_deref(),
            Some("1234")
        );
        assert_eq!(of(&format!("{CALL}&pin=")).expect("a call").digits, None);
    }

    #[test]
    fn the_called_number_is_taken_out_of_its_uri() {
        for uri in [
            "+46101234567",
            "tel:+46101234567",
            "TEL:+46101234567;phone-context=a",
            "sip:+46101234567@ivr.example;user=phone",
            "sips:+46101234567@ivr.example?a=b",
        ] {
            assert_eq!(number(uri), "+46101234567", "{uri}");
        }
        assert_eq!(number("client:+46101234567"), "client:+46101234567");
    }

    #[test]
    fn what_lacks_or_repeats_a_field_or_cannot_stand_in_a_page_is_not_read() {
        for body in [
            "",
            "caller=tel%3A%2B46701234567&called=a",
            "callid=&caller=tel%3A%2B46701234567&called=a",
            "callid=c1&caller=&called=a",
            "callid=c1&caller=tel%3A%2B46701234567",
            "callid='%2Balert(1)%2B'&caller=a&called=a",
            "callid=%0A&caller=a&called=a",
            &format!("callid={}&caller=a&called=a", "a".repeat(65)),
            &format!("{CALL}&caller=tel%3A%2B46709999999"),
            &format!("{CALL}&pin=1&pin=2"),
            &format!("{CALL}&diverted=false&diverted=true"),
            &format!("{CALL}&new=%ff"),
        ] {
            assert_eq!(of(body), Err(Unreadable), "{body}");
        }
    }
}
