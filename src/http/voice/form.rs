//! The fields of a webhook's form, in the order sent.

use percent_encoding::percent_decode;
use url::form_urlencoded;

/// A form's fields. A field may come twice: the signature covers it, and [`Form::one`] refuses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form body; `None` if it is not UTF-8.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        // The parser would replace wrong bytes, and so read several bodies as one.
        percent_decode(body).decode_utf8().ok()?;
        Some(Self(form_urlencoded::parse(body).into_owned().collect()))
    }

    /// The fields.
    pub(super) fn fields(&self) -> &[(String, String)] {
        &self.0
    }

    /// A field's value.
    ///
    /// # Errors
    /// [`Twice`] if the field is repeated.
    pub(super) fn one(&self, name: &str) -> Result<Option<&str>, Twice> {
        let mut values = self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value);
        let value = values.next();
        if values.next().is_some() { Err(Twice) } else { Ok(value.map(String::as_str)) }
    }
}

/// A field came twice, so it is unknown which value is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Twice;
