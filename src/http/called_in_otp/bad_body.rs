//! What is wrong with a body, as getOTP's and validateOTP's clients see it.

use thiserror::Error;

use crate::http::refused::{Refusal, Refused};

/// What is wrong with a body, as shown to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum BadBody {
    /// It is in another encoding, such as Latin-1 or UTF-16.
    #[error("the body is not in UTF-8, which is needed")]
    NotUtf8,
    /// It is declared as JSON but is not a JSON object.
    #[error("the body is not a JSON object")]
    NoObject,
    /// It is declared as a form but looks like JSON.
    #[error("the body is declared as a form but is JSON: send Content-Type: application/json")]
    JsonAsForm,
    /// A percent sign in a form is not followed by two hexadecimal digits.
    #[error("the form has a percent sign that begins no escape: write it as %25")]
    NoEscape,
    /// A required field is missing.
    #[error("the field {0} is missing")]
    Missing(&'static str),
    /// A field appears more than once.
    #[error("the field {0} appears twice")]
    Twice(&'static str),
    /// A field's value is not a string, for example a number.
    #[error("the field {0} is not a string")]
    NotText(&'static str),
    /// A passcode already holds password and code, so neither may be sent as well.
    #[error("the field passcode holds password and otp, so neither may be sent as well")]
    PasscodeAndMore,
}

impl From<BadBody> for Refusal {
    fn from(bad: BadBody) -> Self {
        Self::plain(Refused::BadRequest(bad.to_string().into()))
    }
}
