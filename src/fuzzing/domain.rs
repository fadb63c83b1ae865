//! Readers of phone numbers, names and texts.

use super::{Target, outcome, seeds};
use crate::domain::authenticator::AuthenticatorName;
use crate::domain::caller_id::{BareDigits, CallerIdPlan, kind, shape};
use crate::domain::client_address::ClientAddress;
use crate::domain::confirmation_request::ApprovalMessage;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::registered_user::{RecoveryCode, RegisteredName};
use crate::domain::stored_number::NumberingPlan;
use crate::domain::text_message::Template;
use crate::domain::user::TypedName;

const CALLERS: [&str; 25] = [
    "094900000000000000000",
    "+46701234567",
    "0701234567",
    "070-123 45 67",
    "0046701234567",
    "0701234567;ext=12",
    "tel:+46-70-123-45-67",
    "tel:701234567;phone-context=+46",
    "sip:+46701234567@pbx.example.com",
    "sips:0701234567@192.0.2.1:5061;transport=tls;user=phone",
    "\"Anna\" <sip:0701234567@pbx>",
    "Anna \\\"B\\\" <tel:+46701234567>;tag=abc",
    "<sip:+46701234567;cpc=ordinary@pbx;user=phone>",
    "\"0709999999\" <0701234567>",
    "+46 (0)70 123 45 67",
    "anonymous",
    "Anonymous <sip:anonymous@anonymous.invalid>",
    "unknown",
    "",
    "+",
    "112",
    "sip:%2B46701234567@pbx",
    "+5215512345678",
    "+1 (212) 555-0123 x45",
    "+390612345678",
];

const CALLER_WORDS: &[&str] = &[
    "+46",
    "00",
    "701234567",
    "tel:",
    "sip:",
    "sips:",
    ";ext=",
    ";isub=",
    ";phone-context=",
    ";user=phone",
    "<",
    ">",
    "\"",
    "@pbx.example.com",
    "x12",
    "ext. 5",
    "anonymous",
    "(0)",
    "%2B",
    ";npdi;rn=+1",
    "[::1]",
];

pub(super) fn targets() -> Vec<Target> {
    vec![
        Target {
            kind: "caller IDs, name-addr",
            share: 200,
            seeds: seeds(CALLERS),
            words: CALLER_WORDS,
            read: Box::new(|input| caller(&String::from_utf8_lossy(input))),
        },
        Target {
            kind: "stored numbers",
            share: 150,
            seeds: seeds(CALLERS),
            words: CALLER_WORDS,
            read: Box::new(|input| stored(&String::from_utf8_lossy(input))),
        },
        Target {
            kind: "SMS templates, messages, names",
            share: 160,
            seeds: seeds([
                "Your code is {{CODE}}. Do not share it with anyone.",
                "Din kod: {{CODE}} för \u{20ac}5",
                "Pay CHF 100\nto Åsa",
                "anna@example.com",
                "Anna's iPhone 📱",
                "ABCD-EFGH-IJKL-MN23",
                "192.0.2.1",
                "2001:db8::1",
                "DOMAIN\\anna",
            ]),
            words: &["{{CODE}}", "{{", "}}", "{CODE}", "€", "^", "\u{c}", "::", "255", "@", "\\"],
            read: Box::new(|input| texts(&String::from_utf8_lossy(input))),
        },
    ]
}

/// A number that was read can be read again in its written form.
fn reads_back(number: &PhoneNumber) {
    let text = number.as_str();
    assert!(text.starts_with('+') && text.len() <= 20, "{text}");
    assert!(text[1..].bytes().all(|byte| byte.is_ascii_digit()), "{text}");
    assert_ne!(number.to_string(), text, "masked");
    assert!(number.spellings().contains(number), "{text}");
}

fn caller(text: &str) -> u64 {
    let mut seen = Vec::new();
    for (country, prefix, bare_digits) in [
        ("SE", "", BareDigits::Either),
        ("US", "9", BareDigits::National),
        ("IT", "0", BareDigits::International),
    ] {
        let numbering = NumberingPlan::for_country(country).expect("a country");
        let ids = CallerIdPlan { numbering, outside_line_prefix: prefix.to_owned(), bare_digits };
        let read = ids.read(text);
        if let Ok(number) = &read {
            reads_back(number);
        }
        seen.push(read.map(|number| number.as_str().len()).map_err(|error| format!("{error:?}")));
        let _ = ids.explain(text);
    }
    let shape = shape(text);
    outcome((seen, kind(text), shape.len().min(12)))
}

fn stored(text: &str) -> u64 {
    let mut seen = Vec::new();
    for country in ["SE", "US", "IT", "MX", "AR", "CI"] {
        let plan = NumberingPlan::for_country(country).expect("a country");
        let read = plan.read_stored(text);
        if let Some(number) = &read {
            reads_back(number);
        }
        let reading = format!("{:?}", plan.stored_reading(text));
        seen.push((read.map(|number| number.as_str().len()), reading.len().min(30)));
    }
    let again = NumberingPlan::read_e164(text).is_some();
    outcome((seen, again))
}

fn texts(text: &str) -> u64 {
    let template = Template::parse(text, 6).map_err(|error| format!("{error:?}").len());
    if let Ok(template) = &template {
        assert_eq!(template.as_str(), text);
    }
    if let Some(message) = ApprovalMessage::parse(text) {
        assert_eq!(message.as_str(), text);
    }
    let recovery = RecoveryCode::parse(text).map(|code| code.expose().len());
    let names = (
        RegisteredName::parse(text).is_some(),
        AuthenticatorName::parse(text).is_some(),
        TypedName::parse(text).is_some(),
        ClientAddress::parse(text).is_some(),
    );
    outcome((template.map(|_| ()), ApprovalMessage::parse(text).is_some(), recovery, names))
}
