//! The request that sends a text: parsed once from its settings, filled in for each message.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use secrecy::SecretString;
use serde_json::Value;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::pattern::{Pattern, Place, Position, Reader};
use super::settings::{Body, RequestSettings, SettingsError, Text};
use crate::domain::stored_number::NumberingPlan;
use crate::domain::text_message::TextMessage;

const EVERYWHERE: &[Place] = &[Place::Phone, Place::PhoneDigits, Place::Message];
/// Not the message: a header field has no line breaks and only ASCII.
const NUMBER: &[Place] = &[Place::Phone, Place::PhoneDigits];
const NOWHERE: &[Place] = &[];

/// Header fields that belong to the connection or describe the body's length.
const NOT_TO_BE_SET: [&str; 6] =
    ["host", "content-length", "transfer-encoding", "connection", "te", "upgrade"];

/// The settings and the message do not make a valid request.
#[derive(Debug)]
pub(super) struct Unmakeable;

/// The request that sends a text.
pub struct Request {
    method: Method,
    url: Pattern,
    encrypted: bool,
    headers: Vec<(HeaderName, Pattern)>,
    body: BodyPattern,
}

enum BodyPattern {
    None,
    Json(Json),
    Form(Vec<(String, Pattern)>),
}

/// JSON whose strings may have placeholders.
enum Json {
    Text(Pattern),
    Fixed(Value),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Request {
    /// Parses the settings and tries them on an example.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn new(settings: &RequestSettings) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(&settings.variables, settings.preset);
        let (url, encrypted) = url(settings, &mut reader)?;
        let headers = headers(settings, &mut reader)?;
        let body = match &settings.body {
            Body::None => BodyPattern::None,
            Body::Json(value) => BodyPattern::Json(json("json", value, &mut reader)?),
            Body::Form(fields) => {
                let mut read = Vec::new();
                for (name, value) in fields {
                    let key = format!("form.{name}");
                    read.push((name.clone(), reader.read(value, &anywhere(&key))?));
                }
                BodyPattern::Form(read)
            }
        };
        reader.finish()?;
        let request = Self { method: settings.method.into(), url, encrypted, headers, body };
        request.try_out()?;
        Ok(request)
    }

    /// Whether it uses TLS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// The request for a message.
    pub(super) fn make(&self, message: &TextMessage) -> Result<reqwest::Request, Unmakeable> {
        let url = Url::parse(&self.url.fill(message)).map_err(|_| Unmakeable)?;
        let mut request = reqwest::Request::new(self.method.clone(), url);
        *request.headers_mut() = self.header_map(message)?;
        let (kind, body) = match &self.body {
            BodyPattern::None => return Ok(request),
            BodyPattern::Json(json) => ("application/json", json.fill(message).to_string()),
            BodyPattern::Form(fields) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                for (name, value) in fields {
                    form.append_pair(name, &value.fill(message));
                }
                ("application/x-www-form-urlencoded", form.finish())
            }
        };
        let headers = request.headers_mut();
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(kind));
        *request.body_mut() = Some(body.into());
        Ok(request)
    }

    fn header_map(&self, message: &TextMessage) -> Result<HeaderMap, Unmakeable> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let text = value.fill(message);
            if !text.is_ascii() {
                return Err(Unmakeable);
            }
            let mut value = HeaderValue::from_str(&text).map_err(|_| Unmakeable)?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        Ok(headers)
    }

    /// Builds a request for an example message, to find invalid settings in advance.
    fn try_out(&self) -> Result<(), SettingsError> {
        let to = NumberingPlan::read_e164("+46701234567").expect("a number in Sweden");
        let example = TextMessage { to, body: Zeroizing::new("Your code is 123456".to_owned()) };
        if self.header_map(&example).is_err() {
            let found = "a value that a header field cannot have";
            return Err(SettingsError::new("headers", found, "printable ASCII"));
        }
        if self.make(&example).is_err() {
            return Err(SettingsError::new("url", "not a URL once it is filled", "a URL"));
        }
        Ok(())
    }
}

fn anywhere(key: &str) -> Position<'_> {
    Position { key, places: EVERYWHERE, encoded: false, secret: false }
}

/// The URL, and whether it is https. Before the path only variables are allowed, and they are not
/// encoded.
fn url(
    settings: &RequestSettings,
    reader: &mut Reader<'_>,
) -> Result<(Pattern, bool), SettingsError> {
    const ACCEPTED: &str = "https://HOST[:PORT]/PATH[?QUERY]";
    let wrong = |found: &str| Err(SettingsError::new("url", found, ACCEPTED));
    let text = settings.url.expose();
    // A leading `{server}` may include the scheme.
    let after_scheme =
        if text.starts_with('{') { 0 } else { text.find("://").map_or(0, |at| at + 3) };
    let path_at = text[after_scheme..].find(['/', '?', '#']);
    let (origin, path) = text.split_at(path_at.map_or(text.len(), |at| after_scheme + at));
    let position = Position { key: "url", places: NOWHERE, encoded: false, secret: false };
    let origin = reader.read(origin, &position)?.text();
    if origin.contains('@') {
        return wrong("an account in the URL; set basic instead");
    }
    let bare = origin.split_once("://").is_some_and(|(_, host)| {
        !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-.:[]_".contains(c))
    });
    let Some(parsed) = Url::parse(&origin).ok().filter(|url| bare && url.has_host()) else {
        return wrong("not a URL with a host");
    };
    let encrypted = match parsed.scheme() {
        "https" => true,
        "http" if settings.allow_plain_http || is_loopback(&parsed) => false,
        "http" => {
            let found = "http:// beyond this machine, which would send codes unencrypted";
            let accepted = "https://, or allow_plain_http = true to accept that";
            return Err(SettingsError::new("url", found, accepted));
        }
        _ => return wrong("a scheme that is neither https nor http"),
    };
    if path.contains('#') {
        return wrong("a fragment (#), which is never sent");
    }
    let position = Position { key: "url", places: EVERYWHERE, encoded: true, secret: false };
    let mut url = reader.read(path, &position)?;
    url.put_before(SecretString::from(origin.as_str()));
    Ok((url, encrypted))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn headers(
    settings: &RequestSettings,
    reader: &mut Reader<'_>,
) -> Result<Vec<(HeaderName, Pattern)>, SettingsError> {
    let mut headers: Vec<(HeaderName, Pattern)> = Vec::new();
    for (name, text) in &settings.headers {
        let key = format!("headers.{name}");
        let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
            return Err(SettingsError::new(&key, "not a header field name", "such as X-Api-Key"));
        };
        if NOT_TO_BE_SET.contains(&parsed.as_str()) {
            let found = "a header field that the connection sets itself";
            return Err(SettingsError::new(&key, found, "other header fields"));
        }
        if headers.iter().any(|(known, _)| *known == parsed) {
            return Err(SettingsError::new(&key, "the same field twice", "each field once"));
        }
        headers.push((parsed, read_text(&key, text, NUMBER, reader)?));
    }
    if let Some((username, password)) = &settings.basic {
        if headers.iter().any(|(name, _)| *name == AUTHORIZATION) {
            let accepted = "one of them";
            return Err(SettingsError::new(
                "basic",
                "both basic and headers.Authorization",
                accepted,
            ));
        }
        let username = read_text("basic.username", username, NOWHERE, reader)?.text();
        let password = read_text("basic.password", password, NOWHERE, reader)?.text();
        if username.contains(':') {
            let found = "a name with a colon, which ends the name (RFC 7617)";
            return Err(SettingsError::new("basic.username", found, "a name without colons"));
        }
        let both = Zeroizing::new(format!("{}:{}", *username, *password));
        let value = SecretString::from(format!("Basic {}", STANDARD.encode(both.as_bytes())));
        headers.push((AUTHORIZATION, Pattern::fixed(value)));
    }
    Ok(headers)
}

fn read_text(
    key: &str,
    text: &Text,
    places: &[Place],
    reader: &mut Reader<'_>,
) -> Result<Pattern, SettingsError> {
    match text {
        Text::Whole(text) => Ok(Pattern::fixed(text.expose().into())),
        Text::Pattern(text) => {
            let position = Position { key, places, encoded: false, secret: true };
            reader.read(text.expose(), &position)
        }
    }
}

fn json(key: &str, value: &Value, reader: &mut Reader<'_>) -> Result<Json, SettingsError> {
    Ok(match value {
        Value::String(text) => Json::Text(reader.read(text, &anywhere(key))?),
        Value::Array(all) => {
            let mut list = Vec::new();
            for (index, value) in all.iter().enumerate() {
                list.push(json(&format!("{key}[{index}]"), value, reader)?);
            }
            Json::List(list)
        }
        Value::Object(fields) => {
            let mut object = Vec::new();
            for (name, value) in fields {
                object.push((name.clone(), json(&format!("{key}.{name}"), value, reader)?));
            }
            Json::Object(object)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Json::Fixed(value.clone()),
    })
}

impl Json {
    fn fill(&self, message: &TextMessage) -> Value {
        match self {
            Self::Text(pattern) => Value::String(pattern.fill(message).to_string()),
            Self::Fixed(value) => value.clone(),
            Self::List(list) => list.iter().map(|json| json.fill(message)).collect(),
            Self::Object(fields) => {
                let fill = |(name, json): &(String, Self)| (name.clone(), json.fill(message));
                Value::Object(fields.iter().map(fill).collect())
            }
        }
    }
}
