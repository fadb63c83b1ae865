//! The dialect of `VoiceXML` browsers (W3C `VoiceXML` 2.1): contact centres and IVRs that fetch pages.
//! A browser signs nothing, so a client of the API asks, with its own credential. The first page
//! holds no secret: it has the browser send the call.

mod request;
mod writer;

use super::call::IncomingCall;
use super::dialect::{Dialect, FirstPage, PlatformRequest, Unusable};
use super::document::{Answer, Speech};
use super::texts::Sentences;

/// An endpoint for `VoiceXML` browsers.
pub struct Vxml {
    /// The name of the tenant's client that asks.
    pub client: String,
}

impl Dialect for Vxml {
    fn request_type(&self) -> &'static str {
        "application/x-www-form-urlencoded"
    }

    fn document_type(&self) -> &'static str {
        "application/voicexml+xml"
    }

    fn first_page(&self) -> Option<&dyn FirstPage> {
        Some(self)
    }

    fn read(&self, request: &PlatformRequest<'_>) -> Result<IncomingCall, Unusable> {
        request::read(request.body).map_err(|request::Unreadable| Unusable::Unreadable)
    }

    fn write(&self, answer: &Answer<'_>, speech: &Speech, sentences: &Sentences) -> Vec<u8> {
        writer::write(answer, speech, sentences)
    }
}

impl FirstPage for Vxml {
    fn client(&self) -> &str {
        &self.client
    }

    fn write(&self, url: &str, call: &str, speech: &Speech, sentences: &Sentences) -> Vec<u8> {
        writer::first_page(url, call, speech, sentences)
    }
}
