//! A JSON body in which no object names a key twice, so that it has one reading.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A JSON value, as far as webhooks need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Json {
    /// An object.
    Object(BTreeMap<String, Json>),
    /// A string.
    Text(String),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// A number or an array.
    Other,
}

/// A member has another type than it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WrongType;

impl Json {
    /// Parses a body; `None` if it is not JSON, is nested more than 127 deep, or an object in it
    /// names a key twice.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// A member of this object.
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.get(name),
            Self::Text(_) | Self::Bool(_) | Self::Null | Self::Other => None,
        }
    }

    /// A member that is a string; `None` if it is missing or `null`.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, WrongType> {
        match self.member(name) {
            None | Some(Self::Null) => Ok(None),
            Some(Self::Text(text)) => Ok(Some(text)),
            Some(Self::Object(_) | Self::Bool(_) | Self::Other) => Err(WrongType),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = map.next_entry()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a key twice"));
            }
        }
        Ok(Json::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Json, A::Error> {
        while array.next_element::<Json>()?.is_some() {}
        Ok(Json::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_once_in_each_object() {
        let json = Json::parse(br#"{"a":"b","c":{"a":null,"d":[1,-1,1.5,{"a":"x"}],"e":true}}"#);
        let json = json.expect("JSON");
        assert_eq!(json.text("a"), Ok(Some("b")));
        assert_eq!((json.text("z"), json.text("c")), (Ok(None), Err(WrongType)));
        let inner = json.member("c").expect("an object");
        assert_eq!((inner.text("a"), inner.text("d")), (Ok(None), Err(WrongType)));
        assert_eq!(inner.member("e"), Some(&Json::Bool(true)));
        for twice in [
            r#"{"a":"b","a":"c"}"#,
            r#"{"a":"b","\u0061":"b"}"#,
            r#"{"a":{"b":1,"b":1}}"#,
            r#"{"a":[{"b":1,"b":1}]}"#,
        ] {
            assert_eq!(Json::parse(twice.as_bytes()), None, "{twice}");
        }
    }

    #[test]
    fn what_is_no_json_or_too_deep_is_not_read() {
        let deep = format!("{}{}", "[".repeat(60_000), "]".repeat(60_000));
        for text in ["", "{", "{}{}", "{\"a\":\"\n\"}", "{\"a\":\"\\ud800\"}", &deep] {
            assert_eq!(Json::parse(text.as_bytes()), None);
        }
        assert_eq!(Json::parse(b"{\"a\":\"\xff\"}"), None);
        assert_eq!(Json::parse(b"[]").expect("JSON").text("a"), Ok(None));
    }
}
