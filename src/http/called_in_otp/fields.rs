//! Splits a body of the two operations, JSON or a form, into its fields. All values are strings.

use percent_encoding::percent_decode;
use serde::Deserializer;
use serde::de::{Deserialize, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tokio::time::timeout_at;
use zeroize::Zeroizing;

use super::bad_body::BadBody;
use crate::domain::text_file::BYTE_ORDER_MARK;
use crate::http::body;
use crate::http::refused::{Refusal, Refused};
use crate::http::request_context::RequestContext;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// The fields that an operation knows, with their values in a body.
pub(super) struct Fields {
    names: &'static [&'static str],
    texts: Vec<Option<Zeroizing<String>>>,
}

/// An operation's request body.
pub(super) trait Body: Sized {
    /// The fields that it knows; all others are ignored.
    const FIELDS: &'static [&'static str];

    /// Builds the body from its fields.
    ///
    /// # Errors
    /// If a field is missing or contradicts another.
    fn take(fields: Fields) -> Result<Self, BadBody>;
}

/// Reads the body, until the deadline. Checks its media type first, then its size, then its contents.
pub(super) async fn read<T: Body>(context: &mut RequestContext) -> Result<T, Refusal> {
    let RequestContext { request, payload, deadline, .. } = context;
    let is_form = body::is_declared_as(request, FORM);
    let body = body::read(request, payload, if is_form { FORM } else { JSON });
    let body = timeout_at(*deadline, body).await;
    let body = body.map_err(|_| Refusal::plain(Refused::BodyTooSlow))??;
    let read = if is_form { of_form } else { of_json };
    Ok(read(&body, T::FIELDS).and_then(T::take)?)
}

impl Fields {
    fn none(names: &'static [&'static str]) -> Self {
        Self { names, texts: names.iter().map(|_| None).collect() }
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| *known == name)
    }

    /// An optional field.
    pub(super) fn optional(&mut self, name: &'static str) -> Option<String> {
        let position = self.position(name)?;
        self.texts[position].take().map(|mut text| std::mem::take(&mut *text))
    }

    /// A required field.
    ///
    /// # Errors
    /// [`BadBody::Missing`].
    pub(super) fn required(&mut self, name: &'static str) -> Result<String, BadBody> {
        self.optional(name).ok_or(BadBody::Missing(name))
    }
}

/// Reads a form as sent by browsers and phone systems, `a=b&c=d`.
pub(super) fn of_form(body: &[u8], names: &'static [&'static str]) -> Result<Fields, BadBody> {
    if body.trim_ascii_start().first() == Some(&b'{') {
        return Err(BadBody::JsonAsForm);
    }
    let escapes = body.split(|byte| *byte == b'%').skip(1);
    if !escapes
        .into_iter()
        .all(|rest| rest.len() >= 2 && rest[..2].iter().all(u8::is_ascii_hexdigit))
    {
        return Err(BadBody::NoEscape);
    }
    // The parser would put U+FFFD there, and so map many texts to one.
    if percent_decode(body).decode_utf8().is_err() {
        return Err(BadBody::NotUtf8);
    }
    let mut fields = Fields::none(names);
    for pair in body.split(|byte| *byte == b'&') {
        let Some((name, text)) = url::form_urlencoded::parse(pair).next() else { continue };
        let Some(position) = fields.position(&name) else { continue };
        let mut text = Zeroizing::new(text.into_owned());
        if fields.names[position] == PHONE_NUMBER {
            with_its_plus(pair, &mut text);
        }
        if fields.texts[position].replace(text).is_some() {
            return Err(BadBody::Twice(fields.names[position]));
        }
    }
    Ok(fields)
}

/// The field whose plus signs are literal.
pub(super) const PHONE_NUMBER: &str = "phonenumber";

/// Restores a plus that was sent unescaped before a number. In a form `+` means a space, and phone
/// systems that paste a number into one forget that. Only restores a plus before a digit at the
/// start of a number: at the start of the value, or after the colon of `tel:` and `sip:`.
fn with_its_plus(pair: &[u8], text: &mut String) {
    let value = pair.split(|byte| *byte == b'=').skip(1).collect::<Vec<_>>().join(&b'=');
    let escaped_colon = [&b"%3A"[..], b"%3a"].into_iter();
    let colon = escaped_colon.chain([&b":"[..]]).find_map(|colon| {
        let at = value.windows(colon.len()).position(|window| window == colon)?;
        Some(at + colon.len())
    });
    let begins = |at: usize| {
        value.get(at) == Some(&b'+') && value.get(at + 1).is_some_and(u8::is_ascii_digit)
    };
    let blank = if begins(0) {
        Some(0)
    } else if colon.is_some_and(begins) {
        text.find(": ").map(|colon| colon + 1)
    } else {
        None
    };
    if let Some(at) = blank {
        text.replace_range(at..=at, "+");
    }
}

/// Reads a JSON object.
pub(super) fn of_json(body: &[u8], names: &'static [&'static str]) -> Result<Fields, BadBody> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let Ok(text) = std::str::from_utf8(body) else { return Err(BadBody::NotUtf8) };
    // Serde would also accept an array of the fields' values.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(if text.contains('\0') { BadBody::NotUtf8 } else { BadBody::NoObject });
    }
    let object = Object { fields: Fields::none(names), problem: None };
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = reader.deserialize_map(object).and_then(|object| reader.end().map(|()| object));
    let read =
        read.map_err(|_| if text.contains('\0') { BadBody::NotUtf8 } else { BadBody::NoObject })?;
    match read.problem {
        Some(problem) => Err(problem),
        None => Ok(read.fields),
    }
}

/// The fields read so far from an object, and their first problem.
struct Object {
    fields: Fields,
    problem: Option<BadBody>,
}

impl<'de> Visitor<'de> for Object {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        let mut seen = vec![false; self.fields.names.len()];
        while let Some(name) = map.next_key::<String>()? {
            let Some(position) = self.fields.position(&name) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let known = self.fields.names[position];
            match map.next_value()? {
                Value::Text(text) => self.fields.texts[position] = Some(text),
                Value::Null => {}
                Value::Other => {
                    self.problem.get_or_insert(BadBody::NotText(known));
                }
            }
            if std::mem::replace(&mut seen[position], true) {
                self.problem.get_or_insert(BadBody::Twice(known));
            }
        }
        Ok(self)
    }
}

/// A field's value, as far as it matters.
enum Value {
    Text(Zeroizing<String>),
    Null,
    Other,
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }
}
