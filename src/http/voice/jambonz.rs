//! The dialect of jambonz, the open-source voice platform: JSON in, a JSON array of verbs out.

mod caller_source;
mod request;
mod signature;
mod writer;

use secrecy::SecretString;

pub use self::caller_source::CallerSource;

use super::call::IncomingCall;
use super::dialect::{Dialect, PlatformRequest, Unusable};
use super::document::{Answer, Speech};
use super::texts::Sentences;

/// An endpoint that speaks with jambonz.
pub struct Jambonz {
    /// The account's webhook secret, or two while one replaces the other.
    pub secrets: Vec<SecretString>,
    /// Where a call's number is taken from.
    pub caller: CallerSource,
}

impl Dialect for Jambonz {
    fn request_type(&self) -> &'static str {
        "application/json"
    }

    fn document_type(&self) -> &'static str {
        "application/json"
    }

    fn read(&self, request: &PlatformRequest<'_>) -> Result<IncomingCall, Unusable> {
        if !signature::is_valid(&self.secrets, request) {
            return Err(Unusable::NotSigned);
        }
        request::read(request.body, self.caller, request.has_keyed)
            .map_err(|request::Unreadable| Unusable::Unreadable)
    }

    fn write(&self, answer: &Answer<'_>, speech: &Speech, sentences: &Sentences) -> Vec<u8> {
        writer::write(answer, speech, sentences)
    }
}
