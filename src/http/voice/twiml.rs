//! The dialect of Twilio (`TwiML`), which `SignalWire` (`cXML`) and Telnyx (`TeXML`) speak too: form
//! bodies in, XML out.

mod cut;
mod request;
mod signature;
mod writer;

use self::request::Unreadable;
pub use self::signature::Signature;
use self::signature::Signed;
use super::call::IncomingCall;
use super::dialect::{Dialect, PlatformRequest, Unusable};
use super::document::{Answer, Speech};
use super::form::Form;
use super::texts::Sentences;

/// An endpoint that speaks `TwiML`.
pub struct Twiml {
    /// How its requests are signed.
    pub signature: Signature,
}

impl Dialect for Twiml {
    fn request_type(&self) -> &'static str {
        "application/x-www-form-urlencoded"
    }

    fn document_type(&self) -> &'static str {
        "text/xml"
    }

    fn read(&self, request: &PlatformRequest<'_>) -> Result<IncomingCall, Unusable> {
        let PlatformRequest { headers, bases, target, body, now, has_keyed: _ } = *request;
        let form = Form::read(body).ok_or(Unusable::NotSigned)?;
        let fields = signature::signed_fields(&form);
        let signed = Signed { headers, bases, target, body, fields: &fields };
        if !self.signature.is_valid(&signed, now) {
            return Err(Unusable::NotSigned);
        }
        let call = request::read(&form).map_err(|Unreadable| Unusable::Unreadable)?;
        // The call's id tells a replay where no time is signed, so nothing else may have this one.
        let is_sure =
            self.signature.has_time() || cut::are_fields_as_sent(&form, &fields, &call.id);
        is_sure.then_some(call).ok_or(Unusable::Unreadable)
    }

    fn write(&self, answer: &Answer<'_>, speech: &Speech, sentences: &Sentences) -> Vec<u8> {
        writer::write(answer, speech, sentences)
    }
}
