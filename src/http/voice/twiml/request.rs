//! Reads the fields of an incoming call.

use crate::domain::call_trust::Vouching;
use crate::http::voice::call::{IncomingCall, is_from_the_network};
use crate::http::voice::form::{Form, Twice};

/// Reads a call. Fields that are not needed are ignored.
///
/// # Errors
/// [`Unreadable`] if a needed field is missing, empty or repeated.
pub(super) fn read(form: &Form) -> Result<IncomingCall, Unreadable> {
    let needed = |name| form.one(name)?.filter(|value| !value.is_empty()).ok_or(Unreadable);
    let caller = needed("From")?;
    let mut vouching = vouching(form)?;
    let forwarded = form.one("ForwardedFrom")?.is_some_and(|from| !from.is_empty());
    vouching.is_diverted |= forwarded;
    Ok(IncomingCall {
        id: needed("CallSid")?.to_owned(),
        caller: is_from_the_network(caller).then(|| caller.to_owned()),
        called: needed("To")?.to_owned(),
        vouching,
        once: None,
        digits: form.one("Digits")?.map(str::to_owned),
    })
}

/// The request does not describe a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

impl From<Twice> for Unreadable {
    fn from(Twice: Twice) -> Self {
        Self
    }
}

/// What the carrier vouches for: `StirVerstat` of Twilio and `SignalWire`, or Telnyx's attestation,
/// which counts only if Telnyx checked it.
fn vouching(form: &Form) -> Result<Vouching, Twice> {
    if let Some(verdict) = form.one("StirVerstat")? {
        return Ok(Vouching::parse(verdict));
    }
    let is_validated =
        form.one("ShakenStirValidated")?.is_some_and(|validated| validated == "true");
    let attestation = form.one("ShakenStirAttestation")?.filter(|_| is_validated);
    Ok(attestation.map(Vouching::parse).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::Attestation;

    fn of(body: &str) -> Result<IncomingCall, Unreadable> {
        read(&Form::read(body.as_bytes()).expect("UTF-8"))
    }

    const CALL: &str = "CallSid=CA1&From=%2B46701234567&To=%2B46101234567";

    #[test]
    fn a_call_is_read_from_its_fields() {
        let call =
            of(&format!("{CALL}&StirVerstat=TN-Validation-Passed-A&New=1&New=2")).expect("a call");
        assert_eq!((call.id.as_str(), call.caller.as_deref()), ("CA1", Some("+46701234567")));
        assert_eq!(call.called, "+46101234567");
        assert_eq!(call.vouching.attestation, Attestation::A);
        assert!(!call.vouching.is_diverted && call.digits.is_none());
        let keyed =
            of(&format!("{CALL}&Digits=1234&ForwardedFrom=%2B46709999999")).expect("a call");
        assert_eq!(keyed.digits.as_deref(), Some("1234"));
        assert!(keyed.vouching.is_diverted);
        let telnyx = format!("{CALL}&ShakenStirAttestation=B&ShakenStirValidated=");
        let vouched =
            |validated: &str| of(&format!("{telnyx}{validated}")).expect("a call").vouching;
        assert_eq!(vouched("true").attestation, Attestation::B);
        assert_eq!(vouched("false").attestation, Attestation::None);
    }

    #[test]
    fn a_call_that_lacks_or_repeats_a_needed_field_is_not_read() {
        for body in [
            "",
            "From=%2B46701234567&To=%2B46101234567",
            "CallSid=&From=%2B46701234567&To=%2B46101234567",
            "CallSid=CA1&To=%2B46101234567",
            "CallSid=CA1&From=%2B46701234567",
            &format!("{CALL}&From=%2B46701234568"),
            &format!("{CALL}&Digits=1&Digits=2"),
            &format!("{CALL}&StirVerstat=A&StirVerstat=B"),
        ] {
            assert_eq!(of(body), Err(Unreadable), "{body}");
        }
    }

    #[test]
    fn a_caller_by_sip_or_from_an_app_has_no_number() {
        for from in [
            "sip:%2B46701234567@evil.example",
            "client:%2B46701234567",
            "46701234567@sip.telnyx.com",
        ] {
            let call = of(&format!("CallSid=CA1&From={from}&To=%2B46101234567")).expect("a call");
            assert_eq!(call.caller, None, "{from}");
        }
    }
}
