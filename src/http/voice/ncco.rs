//! The dialect of Vonage's Voice API: JSON in, a call control object (NCCO) out.

mod request;
mod token;
mod writer;

use secrecy::SecretString;

use super::call::IncomingCall;
use super::dialect::{Dialect, PlatformRequest, Unusable};
use super::document::{Answer, Speech};
use super::texts::Sentences;

/// An endpoint that speaks with Vonage.
pub struct Ncco {
    /// The account's signature secret, or two while one replaces the other.
    pub secrets: Vec<SecretString>,
    /// The style of the voice; `None`: the language's first.
    pub style: Option<u16>,
}

impl Dialect for Ncco {
    fn request_type(&self) -> &'static str {
        "application/json"
    }

    fn document_type(&self) -> &'static str {
        "application/json"
    }

    fn read(&self, request: &PlatformRequest<'_>) -> Result<IncomingCall, Unusable> {
        let token = token::verify(&self.secrets, request).ok_or(Unusable::NotSigned)?;
        let call =
            request::read(request.body).map_err(|request::Unreadable| Unusable::Unreadable)?;
        Ok(IncomingCall { once: Some(token), ..call })
    }

    fn write(&self, answer: &Answer<'_>, speech: &Speech, sentences: &Sentences) -> Vec<u8> {
        writer::write(answer, speech, self.style, sentences)
    }
}
