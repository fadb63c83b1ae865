//! The dialect of Twilio (`TwiML`), which `SignalWire` (`cXML`) and Telnyx (`TeXML`) speak too: form
//! bodies in, XML out.

mod form;
mod request;
mod signature;
mod writer;

use self::form::Form;
use self::request::Unreadable;
pub use self::signature::Signature;
use self::signature::Signed;
use super::call::IncomingCall;
use super::dialect::{Dialect, PlatformRequest, Unusable};
use super::document::{Answer, Speech};
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
        let signed = Signed { headers, bases, target, body, form: &form };
        if !self.signature.is_valid(&signed, now) {
            return Err(Unusable::NotSigned);
        }
        let call = request::read(&form).map_err(|Unreadable| Unusable::Unreadable)?;
        if self.signature.has_time() {
            return Ok(call);
        }
        let once = signature::signed_once(&signed).ok_or(Unusable::Unreadable)?;
        Ok(IncomingCall { signed: Some(once), ..call })
    }

    fn write(&self, answer: &Answer<'_>, speech: &Speech, sentences: &Sentences) -> Vec<u8> {
        writer::write(answer, speech, sentences)
    }
}
