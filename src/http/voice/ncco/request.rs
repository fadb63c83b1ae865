//! Reads the body of an answer webhook, or of what the caller keyed.

use crate::domain::call_trust::Vouching;
use crate::http::voice::call::{IncomingCall, is_from_the_network};
use crate::http::voice::json::{Json, WrongType};

/// The body does not describe a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

impl From<WrongType> for Unreadable {
    fn from(WrongType: WrongType) -> Self {
        Self
    }
}

/// What members begin with that repeat a header of a SIP request.
const SIP_HEADER: &str = "sipheader_";

/// Reads a call. Members that are not needed are ignored.
///
/// # Errors
/// [`Unreadable`] if a needed member is missing, empty, repeated or of another type, or if the body
/// is that of an event, which the same secret signs.
pub(super) fn read(body: &[u8]) -> Result<IncomingCall, Unreadable> {
    let json = Json::parse(body).ok_or(Unreadable)?;
    let Json::Object(members) = &json else { return Err(Unreadable) };
    let needed = |name| json.text(name)?.filter(|text| !text.is_empty()).ok_or(Unreadable);
    if members.contains_key("status") {
        return Err(Unreadable);
    }
    let from = needed("from")?;
    // An app, or a SIP request, chose the caller's name itself.
    let is_other = members.iter().any(|(name, value)| {
        let name = name.to_ascii_lowercase();
        (name == "from_user" && *value != Json::Null) || name.starts_with(SIP_HEADER)
    });
    let digits = match json.member("dtmf") {
        None | Some(Json::Null) => None,
        Some(dtmf @ Json::Object(_)) => dtmf.text("digits")?,
        Some(Json::Text(_) | Json::Bool(_) | Json::Other) => return Err(Unreadable),
    };
    Ok(IncomingCall {
        id: needed("uuid")?.to_owned(),
        caller: (!is_other && is_from_the_network(from)).then(|| with_plus(from)),
        called: with_plus(needed("to")?),
        vouching: Vouching::default(),
        once: None,
        digits: digits.filter(|digits| !digits.is_empty()).map(str::to_owned),
    })
}

/// A number as E.164: Vonage leaves out the plus of international numbers, and sends no others.
fn with_plus(number: &str) -> String {
    if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("+{number}")
    } else {
        number.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn call() -> Value {
        json!({
            "from": "46701234567", "to": "46101234567", "uuid": "u1", "conversation_uuid": "CON-1",
            "endpoint_type": "phone", "from_user": null,
        })
    }

    fn with(name: &str, value: Value) -> Result<IncomingCall, Unreadable> {
        let mut call = call();
        call[name] = value;
        read(call.to_string().as_bytes())
    }

    #[test]
    fn numbers_without_plus_are_international() {
        let call = with("new", json!([1])).expect("a call");
        assert_eq!((call.id.as_str(), call.called.as_str()), ("u1", "+46101234567"));
        assert_eq!(call.caller.as_deref(), Some("+46701234567"));
        for (from, caller) in [
            ("492111234567", "+492111234567"),
            ("0701234567", "+0701234567"),
            ("+46701234567", "+46701234567"),
            ("anonymous", "anonymous"),
        ] {
            let call = with("from", json!(from)).expect("a call");
            assert_eq!(call.caller.as_deref(), Some(caller));
        }
    }

    #[test]
    fn a_caller_by_sip_or_from_an_app_has_no_number() {
        for (name, value) in [
            ("from", "sip:46701234567@a.example"),
            ("from_user", "46701234567"),
            ("SipHeader_User-to-User", "1"),
        ] {
            assert_eq!(with(name, json!(value)).expect("a call").caller, None, "{name}");
        }
    }

    #[test]
    fn what_was_keyed_is_read_as_digits() {
        let keyed = |dtmf: Value| with("dtmf", dtmf);
        let digits = |dtmf: Value| keyed(dtmf).expect("a call").digits;
        assert_eq!(digits(json!({"digits": "1234", "timed_out": false})).as_deref(), Some("1234"));
        assert_eq!(digits(json!({"digits": "", "timed_out": true})), None);
        assert_eq!(digits(json!({"digits": null})), None);
        assert_eq!(keyed(json!("1234")), Err(Unreadable));
        assert_eq!(keyed(json!({"digits": 1234})), Err(Unreadable));
    }

    #[test]
    fn what_is_no_call_is_not_read() {
        for (name, value) in [
            ("uuid", json!("")),
            ("from", json!(46_701_234_567_u64)),
            ("to", json!(null)),
            ("status", json!("answered")),
        ] {
            assert_eq!(with(name, value), Err(Unreadable), "{name}");
        }
        let twice = call().to_string().replacen('{', "{\"from\":\"46709999999\",", 1);
        assert_eq!(read(twice.as_bytes()), Err(Unreadable));
        assert_eq!(read(b"[]"), Err(Unreadable));
    }
}
