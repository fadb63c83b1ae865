//! `FreeSWITCH`'s dialplan and its `mod_curl`, as their source has it: what the module is given is
//! divided at blanks outside of quotes, and the form is decoded once before it is sent.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::blocks;
use super::platforms::Question;

/// The elements of the dialplan, in their order.
fn elements() -> Vec<(String, Vec<(String, String)>)> {
    let block = blocks("FreeSWITCH").remove(0);
    let mut reader = Reader::from_str(&block);
    let mut elements = Vec::new();
    let read = |element: &BytesStart<'_>| {
        let attributes = element.attributes().map(Result::unwrap).map(|attribute| {
            let value = quick_xml::escape::unescape(&attribute.value).unwrap().into_owned();
            (attribute.key.as_ref().to_owned(), value)
        });
        (element.name().as_ref().to_owned(), attributes.collect())
    };
    loop {
        match reader.read_event().expect("XML") {
            Event::Start(element) | Event::Empty(element) => elements.push(read(&element)),
            Event::Eof => return elements,
            _ => {}
        }
    }
}

fn attribute<'a>(attributes: &'a [(String, String)], name: &str) -> &'a str {
    let found = attributes.iter().find(|(known, _)| known == name);
    found.map_or("", |(_, value)| value.as_str())
}

/// What the group of `^(\+?[0-9]{3,15})$` catches. PCRE's `$` also matches before a last line end.
pub fn number(caller: &str) -> Option<&str> {
    let caller = caller.strip_suffix('\n').unwrap_or(caller);
    let digits = caller.strip_prefix('+').unwrap_or(caller);
    let is_number =
        (3..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(caller)
}

/// What the recipe sends for a [`number`].
pub fn question(caller: &str) -> Question {
    let elements = elements();
    let condition = elements.iter().find(|(name, attributes)| {
        name == "condition" && attribute(attributes, "field") == "caller_id_number"
    });
    let expression = attribute(&condition.expect("a condition").1, "expression");
    assert_eq!(expression, r"^(\+?[0-9]{3,15})$");
    let number = number(caller).expect("a number");
    let curl =
        elements.iter().find(|(_, attributes)| attribute(attributes, "application") == "curl");
    let data = attribute(&curl.expect("curl").1, "data").replace("$1", number);
    let arguments = arguments(&data);
    let after = |word: &str| {
        let at = arguments.iter().position(|one| one == word).expect(word);
        arguments[at + 1].as_str()
    };
    assert!(arguments[0].ends_with(crate::support::wire::GET_OTP), "{data}");
    assert!(arguments.iter().any(|one| one == "secure"), "{data}");
    assert!(arguments.contains(&"Authorization: Bearer THE-TOKEN".to_owned()), "{data}");
    assert!(arguments.contains(&"Accept:text/plain".to_owned()), "{data}");
    assert_eq!(after("content-type"), Question::form().media_type);
    let body = sent(after("post"));
    Question { body, accept: Some("text/plain"), ..Question::form() }
}

/// The module's arguments.
fn arguments(data: &str) -> Vec<String> {
    let (mut arguments, mut is_quoted) = (vec![String::new()], false);
    for c in data.chars() {
        match c {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => arguments.push(String::new()),
            c => arguments.last_mut().expect("one").push(c),
        }
    }
    arguments
}

/// What the module sends of a form that it is given.
pub fn sent(given: &str) -> String {
    percent_decode_str(given).decode_utf8_lossy().into_owned()
}

/// What `url_encode` escapes, but for escapes, which it leaves as they are.
const UNSAFE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'&')
    .add(b'+')
    .add(b':')
    .add(b';')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'@');

/// A form with this number, escaped by `url_encode`.
pub fn escaped(caller: &str) -> String {
    format!("phonenumber={}", utf8_percent_encode(caller, UNSAFE))
}

#[test]
fn each_transfer_of_the_dialplan_leads_to_an_extension_of_it() {
    let elements = elements();
    let targets = elements.iter().filter(|(_, all)| attribute(all, "application") == "transfer");
    let targets: Vec<&str> =
        targets.map(|(_, all)| attribute(all, "data").split(' ').next().unwrap()).collect();
    assert_eq!(targets.len(), 3, "{targets:?}");
    for target in targets {
        let expression = format!("^{target}$");
        let is_there = elements.iter().any(|(name, all)| {
            name == "condition"
                && attribute(all, "field") == "destination_number"
                && attribute(all, "expression") == expression
        });
        assert!(is_there, "{target}");
    }
}
