//! How each platform fills in its recipe.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{ANNA, blocks, freeswitch, read};

/// The platform's id of each call.
pub const CALL_ID: &str = "f2b3c0de-abcd-4bcd-8bcd-abcdefabcdef";

/// A request for a caller's code.
#[derive(Debug, Clone)]
pub struct Question {
    pub media_type: &'static str,
    pub body: String,
    pub accept: Option<&'static str>,
}

impl Question {
    /// A form without fields.
    pub fn form() -> Self {
        Self { media_type: "application/x-www-form-urlencoded", body: String::new(), accept: None }
    }
}

/// A platform with its recipe.
pub struct Platform {
    pub name: &'static str,
    /// The forms in which it has Anna's number.
    pub callers: &'static [&'static str],
    /// Whether it asks for this caller's code at all.
    asks: fn(&str) -> bool,
    /// What it sends.
    fill: fn(&str) -> Question,
}

impl Platform {
    /// What it sends for a caller; `None` if it asks nothing.
    pub fn question(&self, caller: &str) -> Option<Question> {
        (self.asks)(caller).then(|| (self.fill)(caller))
    }
}

const fn asks_for_all(
    name: &'static str,
    fill: fn(&str) -> Question,
    callers: &'static [&'static str],
) -> Platform {
    Platform { name, callers, asks: |_| true, fill }
}

/// The platforms.
pub static PLATFORMS: [Platform; 6] = [
    asks_for_all("Genesys Cloud", genesys, &["tel:+46701234567", ANNA]),
    Platform {
        name: "FreeSWITCH",
        callers: &[ANNA, "46701234567", "0701234567"],
        asks: |caller| freeswitch::number(caller).is_some(),
        fill: freeswitch::question,
    },
    asks_for_all("Cisco UCCX", uccx, &["0701234567", ANNA]),
    asks_for_all("Webex Contact Center", webex, &[ANNA]),
    asks_for_all("NICE CXone", cxone, &[ANNA, "46701234567"]),
    asks_for_all("3CX", three_cx, &[ANNA, "0701234567"]),
];

/// The only block of a section, without the last line end.
fn block(heading: &str) -> String {
    let mut blocks = blocks(heading);
    assert_eq!(blocks.len(), 1, "{heading}");
    blocks.remove(0).trim_end().to_owned()
}

/// What URIs reserve, but for the marks of RFC 3986 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Velocity: each `$esc.uriEncode("${input.NAME}")` becomes the input, percent-encoded.
fn genesys(caller: &str) -> Question {
    let action: Value =
        serde_json::from_str(&read("integrations/genesys-cloud-getotp.custom.json")).unwrap();
    let request = &action["config"]["request"];
    assert_eq!(request["headers"]["Content-Type"], Question::form().media_type);
    assert_eq!(request["headers"]["Accept"], "application/json");
    let template = request["requestTemplate"].as_str().expect("a template");
    let mut parts = template.split("$esc.uriEncode(\"${input.");
    let mut body = parts.next().expect("a part").to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}\")").expect("its end");
        let input = match name {
            "ANI" => caller,
            "CONVERSATION_ID" => CALL_ID,
            name => panic!("an input {name}"),
        };
        body.extend(utf8_percent_encode(input, RESERVED));
        body.push_str(rest);
    }
    assert!(!body.contains('$'), "all inputs are escaped: {body}");
    Question { body, accept: Some("application/json"), ..Question::form() }
}

/// The expression that leaves only digits and plus signs, in Java and in C#.
const ONLY_DIGITS: &str = "\"[^0-9+]\", \"\")";

fn only_digits(caller: &str) -> String {
    caller.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect()
}

fn uccx(caller: &str) -> Question {
    let expression = format!("\"phonenumber=\" + caller.replaceAll({ONLY_DIGITS}");
    assert_eq!(block("Cisco UCCX"), expression);
    Question { body: format!("phonenumber={}", only_digits(caller)), ..Question::form() }
}

/// Pebble: the filter is Java's `URLEncoder`.
fn webex(caller: &str) -> Question {
    let escaped: String = url::form_urlencoded::byte_serialize(caller.as_bytes()).collect();
    let template = block("Webex Contact Center");
    let body = template.replace("{{ NewPhoneContact.ANI | urlencode }}", &escaped);
    assert!(body != template && !body.contains("{{"), "{template}");
    Question { body, ..Question::form() }
}

/// `asjson()` is JSON from the platform's own writer.
fn cxone(caller: &str) -> Question {
    let snippet = block("NICE CXone");
    assert!(snippet.contains("question.phonenumber = ANI\n"), "{snippet}");
    assert!(snippet.ends_with("{question.asjson()}\""), "{snippet}");
    let body = json!({ "phonenumber": caller }).to_string();
    Question { media_type: "application/json", body, accept: None }
}

fn three_cx(caller: &str) -> Question {
    let [clean, content] = &blocks("3CX")[..] else { panic!("two blocks") };
    assert!(clean.contains(&format!("Regex.Replace(number, {ONLY_DIGITS};")), "{clean}");
    assert_eq!(content.trim_end(), "CONCATENATE(\"phonenumber=\",clean.ReturnValue)");
    let body = format!("phonenumber={}", only_digits(caller));
    Question { body, accept: Some("text/plain"), ..Question::form() }
}
