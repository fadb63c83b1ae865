//! What the platform is to do with a call, before a dialect writes it down.

use super::call::IncomingCall;
use crate::domain::otp::Otp;

/// How an endpoint speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speech {
    /// The platform's name of a voice; `None`: its own for the language.
    pub voice: Option<String>,
    /// Whether pauses between digits are written as SSML, which only some voices understand.
    pub ssml: bool,
    /// How often the code is spoken.
    pub repeat: u8,
    /// Whether refused calls are rejected before they are answered, so that nothing is billed.
    pub rejects: bool,
}

/// What the caller hears.
pub enum Answer<'a> {
    /// The code, in this language's words.
    Code(&'a Otp),
    /// That there is no code, whatever the reason.
    Refusal,
    /// The question for a PIN.
    AskPin {
        /// Where the platform sends it.
        url: &'a str,
        /// The call, for platforms that describe it the first time only.
        call: &'a IncomingCall,
    },
}
