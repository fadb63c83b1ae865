//! Reads the body of a webhook: the call, with the headers of its SIP request.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use super::caller_source::CallerSource;
use super::writer::{OURS, TAG};
use crate::domain::call_trust::Vouching;
use crate::domain::caller_id::{is_withheld_word, says_withheld};
use crate::http::voice::call::{IncomingCall, is_from_the_network};
use crate::http::voice::json::{Json, WrongType};

/// What is looked up for callers that the SIP request hides: a word for a withheld number.
const WITHHELD: &str = "anonymous";

/// The body does not describe a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

impl From<WrongType> for Unreadable {
    fn from(WrongType: WrongType) -> Self {
        Self
    }
}

/// Reads a call. Members that are not needed are ignored. The caller is taken from the SIP request.
/// What the caller keyed comes without one, so there it is what was noted with the question.
///
/// # Errors
/// [`Unreadable`] if a needed member is missing, empty, repeated or of another type, or if the body
/// is that of another webhook, which the same secret signs.
pub(super) fn read(
    body: &[u8],
    source: CallerSource,
    has_keyed: bool,
) -> Result<IncomingCall, Unreadable> {
    let json = Json::parse(body).ok_or(Unreadable)?;
    let needed = |name| json.text(name)?.filter(|text| !text.is_empty()).ok_or(Unreadable);
    if needed("direction")? != "inbound" {
        return Err(Unreadable);
    }
    let (caller, is_diverted) = if has_keyed {
        let ours = json.member(TAG).and_then(|tag| tag.member(OURS)).ok_or(Unreadable)?;
        let Some(Json::Bool(is_diverted)) = ours.member("diverted") else {
            return Err(Unreadable);
        };
        (ours.text("caller")?.map(str::to_owned), *is_diverted)
    } else {
        let headers = Headers::of(&json)?;
        let named = json.text("caller_name")?.filter(|name| !name.trim().is_empty());
        // The platform's own reading of the caller: P-Asserted-Identity, where there is one.
        let from = needed("from")?;
        let is_hidden = headers.ask_for_privacy()
            || named.is_some_and(is_withheld_word)
            || is_withheld_word(from);
        let caller = if is_hidden {
            Some(WITHHELD)
        } else {
            headers.caller(source).filter(|_| is_from_the_network(from))
        };
        (caller.map(str::to_owned), headers.are_diverted())
    };
    let digits = match json.text("reason")? {
        Some("dtmfDetected") => json.text("digits")?.map(str::to_owned),
        _ => None,
    };
    Ok(IncomingCall {
        id: needed("call_sid")?.to_owned(),
        caller,
        called: needed("to")?.to_owned(),
        // Nobody has verified an `Identity` header.
        vouching: Vouching { is_diverted, ..Vouching::default() },
        once: None,
        digits,
    })
}

/// The headers of the call's SIP request, by names in lower case.
struct Headers<'j>(BTreeMap<String, &'j Json>);

impl<'j> Headers<'j> {
    fn of(json: &'j Json) -> Result<Self, Unreadable> {
        let headers = json.member("sip").and_then(|sip| sip.member("headers"));
        let Some(Json::Object(members)) = headers else { return Err(Unreadable) };
        let by_name: BTreeMap<_, _> =
            members.iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        if by_name.len() != members.len() {
            return Err(Unreadable);
        }
        Ok(Self(by_name))
    }

    /// A header's value, if it comes once.
    fn value(&self, name: &str) -> Option<&'j str> {
        match self.0.get(name) {
            Some(Json::Text(text)) => Some(text),
            Some(Json::Object(_) | Json::Bool(_) | Json::Null | Json::Other) | None => None,
        }
    }

    /// The address of who calls: a word for a withheld number if any of the addresses says so, and
    /// `None` if a `From` is missing or unreadable, as it might say so.
    fn caller(&self, source: CallerSource) -> Option<&'j str> {
        let (from, asserted) = (self.value("from")?, self.value("p-asserted-identity"));
        let is_asserted_withheld = asserted.is_some_and(|one| says_withheld(one) == Ok(true));
        if says_withheld(from).ok()? || is_asserted_withheld {
            return Some(WITHHELD);
        }
        match source {
            CallerSource::From => Some(from),
            CallerSource::PAssertedIdentity => asserted,
        }
    }

    /// Whether the caller asked that the number stays hidden (RFC 3323 4.2, RFC 3325 9.3).
    fn ask_for_privacy(&self) -> bool {
        let Some(privacy) = self.0.get("privacy") else { return false };
        let Json::Text(privacy) = privacy else { return true };
        let hides = |word: &str| {
            ["id", "user", "header"].iter().any(|hiding| word.trim().eq_ignore_ascii_case(hiding))
        };
        privacy.split([';', ',']).any(hides)
    }

    /// Whether the call was forwarded: a `Diversion` (RFC 5806), or a `History-Info` (RFC 7044) that
    /// tells of more than the number that was called first.
    fn are_diverted(&self) -> bool {
        let tells_of_more = |history: &&Json| match history {
            Json::Text(history) => !is_of_the_first_target(history),
            Json::Object(_) | Json::Bool(_) | Json::Null | Json::Other => true,
        };
        self.0.contains_key("diversion") || self.0.get("history-info").is_some_and(tells_of_more)
    }
}

/// Whether a `History-Info` is the one entry that the first request has: `<sip:…>;index=1`.
///
/// Forwarding adds an entry (`index=1.1`), a parameter (`mp`, `rc`; RFC 7044 5) or a cause: as a
/// parameter of the URI (RFC 4458), or as a percent-encoded `Reason` in it (RFC 7044 5.1). What
/// cannot be read may hide one of these.
fn is_of_the_first_target(history: &str) -> bool {
    let entry = history.rsplit_once('>').and_then(|(before, parameters)| {
        let (name, uri) = before.split_once('<')?;
        Some((name, percent_decode_str(uri).decode_utf8().ok()?, parameters))
    });
    let Some((name, uri, parameters)) = entry else { return false };
    let plain = |text: &str| text.replace(char::is_whitespace, "").to_ascii_lowercase();
    let uri = plain(&uri);
    let is_alone = !name.contains([',', ';']) && !uri.contains(['<', '>']);
    let names_a_cause = ["cause=", "reason="].iter().any(|cause| uri.contains(cause));
    is_alone && !names_a_cause && plain(parameters) == ";index=1"
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::policy::Attestation;

    const FROM: &str = "<sip:+46701234567@a.example>;tag=1";

    fn call() -> Value {
        json!({
            "call_sid": "c1", "direction": "inbound", "from": "+46701234567", "to": "+46101234567",
            "sip": {"headers": {"from": FROM}},
        })
    }

    fn of(call: &Value, source: CallerSource) -> Result<IncomingCall, Unreadable> {
        read(call.to_string().as_bytes(), source, false)
    }

    fn with_header(name: &str, value: &str) -> IncomingCall {
        let mut call = call();
        call["sip"]["headers"][name] = json!(value);
        of(&call, CallerSource::From).expect("a call")
    }

    #[test]
    fn a_call_is_read_with_what_its_sip_request_says() {
        let read = of(&call(), CallerSource::From).expect("a call");
        assert_eq!((read.id.as_str(), read.called.as_str()), ("c1", "+46101234567"));
        assert_eq!(read.caller.as_deref(), Some(FROM));
        assert!(!read.vouching.is_diverted && read.digits.is_none());
        for hidden in ["id", "ID;critical", "none; user", "header"] {
            assert_eq!(with_header("Privacy", hidden).caller.as_deref(), Some("anonymous"));
        }
        assert_eq!(with_header("privacy", "none").caller.as_deref(), Some(FROM));
        assert!(with_header("Diversion", "<sip:+46709999999@a.example>").vouching.is_diverted);
        let history = "<sip:+46709999999@a.example;cause=302>;index=1.1";
        assert!(with_header("history-info", history).vouching.is_diverted);
        let unchanged = with_header("history-info", "<sip:+46101234567@a.example>;index=1");
        assert!(!unchanged.vouching.is_diverted);
        let identity =
            with_header("identity", "eyJhbGciOiJFUzI1NiJ9.e30.x;info=<https://a.example>");
        assert_eq!(identity.vouching.attestation, Attestation::None, "nobody verified it");
    }

    #[test]
    fn the_header_from_says_who_calls_whatever_the_platform_read() {
        let caller = |json_from: &str, header: Value| {
            let mut call = call();
            call["from"] = json!(json_from);
            call["sip"]["headers"]["from"] = header;
            call["sip"]["headers"]["p-asserted-identity"] = json!("<sip:+46709999999@a.example>");
            of(&call, CallerSource::From).expect("a call").caller
        };
        assert_eq!(caller("+46709999999", json!(FROM)).as_deref(), Some(FROM));
        let named = "\"A\" <sip:+46701234567@a.example>;tag=1";
        assert_eq!(caller("+46709999999", json!(named)).as_deref(), Some(named));
        for none in [json!(null), json!([FROM]), json!("<sip:a@x>, <sip:b@x>"), json!("\"A <a>")] {
            assert_eq!(caller("+46701234567", none.clone()), None, "{none}");
        }
    }

    #[test]
    fn a_caller_who_is_hidden_anywhere_counts_as_withheld() {
        let asserted = "<sip:+46701234567@a.example>";
        let hides = |change: &dyn Fn(&mut Value)| {
            [CallerSource::From, CallerSource::PAssertedIdentity].map(|source| {
                let mut call = call();
                call["sip"]["headers"]["p-asserted-identity"] = json!(asserted);
                change(&mut call);
                of(&call, source).expect("a call").caller.as_deref() == Some("anonymous")
            })
        };
        assert_eq!(hides(&|_| ()), [false, false]);
        assert_eq!(hides(&|call| call["caller_name"] = json!("")), [false, false]);
        let alice = json!("\"Alice\" <sip:alice@a.example>");
        assert_eq!(hides(&|call| call["sip"]["headers"]["from"] = alice.clone()), [false, false]);
        for name in ["anonymous", "Anonymous", " ANONYMOUS "] {
            assert_eq!(hides(&|call| call["caller_name"] = json!(name)), [true, true]);
        }
        assert_eq!(hides(&|call| call["from"] = json!("anonymous")), [true, true]);
        for address in [
            "\"Anonymous\" <sip:+46701234567@a.example>;tag=1",
            "aNoNyMoUs <sip:+46701234567@a.example>;tag=1",
            "<sip:+46701234567@anonymous.invalid>;tag=1",
            "<sip:anonymous@a.example>;tag=1",
        ] {
            for name in ["from", "p-asserted-identity"] {
                let change = |call: &mut Value| call["sip"]["headers"][name] = json!(address);
                assert_eq!(hides(&change), [true, true], "{name}: {address}");
            }
        }
    }

    #[test]
    fn a_history_of_more_than_the_first_target_is_a_diversion() {
        let is_diverted = |history: &str| with_header("History-Info", history).vouching.is_diverted;
        for first in [
            "<sip:+46101234567@a.example>;index=1",
            "<sip:+46101234567@a.example;user=phone>; Index = 1",
            "\"Support\" <sip:%2B46101234567@a.example?Privacy=none>;index=1",
        ] {
            assert!(!is_diverted(first), "{first}");
        }
        for forwarded in [
            "<sip:+46701@x?Reason=SIP%3Bcause%3D302>;index=1",
            "<sip:+46701@x?reason=SIP%3b%20Cause%20%3d%20302>;index=1",
            "<sip:+46701@x?Reason=SIP%3Bcause%3D302%3Btext%3D%22Moved%22>;index=1.1",
            "<sip:+46701@x?Reason=SIP%3Bcause%3D486>;index=1, <sip:b@x>;index=1.1",
            "<sip:+46701@x?%52eason=Q.850>;index=1",
            "<sip:+46701@x;cause=302>;index=1",
            "<sip:+46701@x;c%61use=302>;index=1",
            "<sip:a@x>;index=1,<sip:b@x>;index=1.1",
            "<sip:a@x>;index=1, <sip:b@x>;index=1",
            "sip:a@x;index=1, <sip:b@x>;index=1",
            "<sip:+46701@x>;index=1.1",
            "<sip:+46701@x>;index=1.1;mp=1",
            "<sip:+46701@x>;index=1;rc=1",
            "<sip:+46701@x>;index=1;np=1",
            "<sip:+46701@x>",
            "<sip:%ff@x>;index=1",
            "sip:+46701@x",
            "",
        ] {
            assert!(is_diverted(forwarded), "{forwarded}");
        }
        for unreadable in [json!(["<sip:a@x>;index=1"]), json!(null), json!({})] {
            let mut call = call();
            call["sip"]["headers"]["history-info"] = unreadable;
            assert!(of(&call, CallerSource::From).expect("a call").vouching.is_diverted);
        }
    }

    #[test]
    fn the_asserted_identity_takes_the_place_of_from() {
        let source = CallerSource::PAssertedIdentity;
        assert_eq!(of(&call(), source).expect("a call").caller, None, "none is asserted");
        let mut asserted = call();
        asserted["sip"]["headers"]["P-Asserted-Identity"] = json!("<sip:+46700000001@a.example>");
        let caller = of(&asserted, source).expect("a call").caller;
        assert_eq!(caller.as_deref(), Some("<sip:+46700000001@a.example>"));
        asserted["sip"]["headers"]["p-asserted-identity"] = json!("<sip:+46700000002@a.example>");
        assert_eq!(of(&asserted, source), Err(Unreadable), "two are asserted");
    }

    #[test]
    fn what_was_keyed_comes_with_what_was_noted() {
        let keyed = |reason: &str, noted: &Value| {
            let keyed = json!({
                "call_sid": "c1", "direction": "inbound", "from": "+46709999999",
                "to": "+46101234567", "reason": reason, "digits": "1234", "customer_data": noted,
            });
            read(keyed.to_string().as_bytes(), CallerSource::From, true)
        };
        let noted = json!({"dialpass": {"caller": "+46701234567", "diverted": true}});
        let call = keyed("dtmfDetected", &noted).expect("a call");
        assert_eq!(call.caller.as_deref(), Some("+46701234567"));
        assert_eq!((call.digits.as_deref(), call.vouching.is_diverted), (Some("1234"), true));
        assert_eq!(keyed("timeout", &noted).expect("a call").digits, None);
        for noted in [json!(null), json!({}), json!({"dialpass": {"caller": "+46701234567"}})] {
            assert_eq!(keyed("dtmfDetected", &noted), Err(Unreadable), "{noted}");
        }
    }

    #[test]
    fn what_is_no_incoming_call_is_not_read() {
        for (name, value) in [
            ("call_sid", json!("")),
            ("call_sid", json!(1)),
            ("direction", json!("outbound")),
            ("direction", json!(null)),
            ("from", json!("")),
            ("from", json!(["+46701234567"])),
            ("to", json!(null)),
            ("sip", json!(null)),
            ("sip", json!({"headers": []})),
        ] {
            let mut call = call();
            call[name] = value;
            assert_eq!(of(&call, CallerSource::From), Err(Unreadable), "{call}");
        }
        let body = call().to_string().replacen('{', "{\"from\":\"+46709999999\",", 1);
        assert_eq!(read(body.as_bytes(), CallerSource::From, false), Err(Unreadable));
        for from in ["sip:+46701234567@a.example", "46701234567@a.example"] {
            let mut call = call();
            call["from"] = json!(from);
            assert_eq!(of(&call, CallerSource::From).expect("a call").caller, None, "{from}");
        }
    }
}
