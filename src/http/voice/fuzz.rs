//! Webhooks as strangers, and callers through their platforms, might send them.

use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use aws_lc_rs::hmac;
use jsonwebtoken::{EncodingKey, Header, encode};
use secrecy::SecretString;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::dialect::{Dialect, PlatformRequest};
use super::jambonz::{CallerSource, Jambonz};
use super::ncco::Ncco;
use super::vxml::Vxml;
use crate::domain::clock::Timestamp;
use crate::fuzzing::{Target, outcome, seeds};

const NOW: Timestamp = Timestamp::from_millis(1_796_000_000_000);
const SECRET: &str = "a secret";
const WORDS: &[&str] = &[
    "\"from\":",
    "\"to\":",
    "\"uuid\":",
    "\"call_sid\":",
    "\"direction\":\"inbound\"",
    "\"sip\":{\"headers\":{",
    "\"privacy\":\"id\"",
    "\"customer_data\":",
    "\"dtmf\":{\"digits\":",
    "caller=",
    "called=",
    "callid=",
    "%ff",
    "+46",
    "\\ud800",
    "[[[[",
    "{\"a\":",
    "null",
    "t=1796000000,v1=",
    "Bearer eyJhbGciOiJIUzI1NiJ9.",
];

/// Targets for [`crate::fuzzing`].
pub(crate) fn targets() -> Vec<Target> {
    let target = |kind, inputs: &[&str], read: fn(&[u8]) -> u64| Target {
        kind,
        share: 20,
        seeds: seeds(inputs),
        words: WORDS,
        read: Box::new(read),
    };
    vec![
        target(
            "signed webhooks of jambonz",
            &[
                "{\"call_sid\":\"c\",\"direction\":\"inbound\",\"from\":\"+46701234567\",\
                 \"to\":\"+46101234567\",\"sip\":{\"headers\":{\"privacy\":\"none\",\
                 \"from\":\"<sip:+46701234567@a.example>;tag=1\",\
                 \"history-info\":\"<sip:+46101234567@a.example>;index=1\"}}}",
                "{\"call_sid\":\"c\",\"direction\":\"inbound\",\"to\":\"+46101234567\",\
                 \"reason\":\"dtmfDetected\",\"digits\":\"1234\",\"customer_data\":\
                 {\"dialpass\":{\"caller\":\"+46701234567\",\"diverted\":false}}}",
            ],
            |input| {
                let time = NOW.as_secs();
                let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
                let mut signed = hmac::Context::with_key(&key);
                signed.update(format!("{time}.").as_bytes());
                signed.update(input);
                let value = format!("t={time},v1={}", hex::encode(signed.sign()));
                let asked = [false, true].map(|keyed| read(&jambonz(), &value, input, keyed));
                outcome(asked)
            },
        ),
        target(
            "signed webhooks of Vonage",
            &[
                "{\"from\":\"46701234567\",\"to\":\"46101234567\",\"uuid\":\"u\"}",
                "{\"from\":\"46701234567\",\"to\":\"46101234567\",\"uuid\":\"u\",\
                 \"dtmf\":{\"digits\":\"1234\",\"timed_out\":false}}",
            ],
            |input| {
                let hash = hex::encode(Sha256::digest(input));
                let claims = json!({"iat": NOW.as_secs(), "jti": "j", "payload_hash": hash});
                let key = EncodingKey::from_secret(SECRET.as_bytes());
                let token = encode(&Header::default(), &claims, &key).expect("claims serialise");
                outcome(read(&ncco(), &format!("Bearer {token}"), input, true))
            },
        ),
        target(
            "forms of VoiceXML browsers",
            &["callid=c&caller=tel%3A%2B46701234567&called=sip%3A%2B46101234567%40a&pin=1"],
            |input| outcome(read(&Vxml { client: "ivr".to_owned() }, "", input, false)),
        ),
        target(
            "signatures of webhooks",
            &[
                "t=1796000000,v1=00,v0=a",
                "Bearer eyJhbGciOiJIUzI1NiJ9.eyJpYXQiOjE3OTYwMDAwMDB9.AAAA",
            ],
            |input| {
                let value = String::from_utf8_lossy(input);
                outcome((
                    read(&jambonz(), &value, b"{}", false),
                    read(&ncco(), &value, b"{}", false),
                ))
            },
        ),
    ]
}

fn jambonz() -> Jambonz {
    Jambonz { secrets: vec![SecretString::from(SECRET)], caller: CallerSource::From }
}

fn ncco() -> Ncco {
    Ncco { secrets: vec![SecretString::from(SECRET)], style: None }
}

/// Reads a request with this signature; how it ends, and what it holds.
fn read(dialect: &dyn Dialect, signature: &str, body: &[u8], has_keyed: bool) -> String {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(signature) {
        headers.insert(HeaderName::from_static("jambonz-signature"), value.clone());
        headers.insert(AUTHORIZATION, value);
    }
    let read = dialect.read(&PlatformRequest {
        headers: &headers,
        bases: &[],
        target: "/",
        body,
        now: NOW,
        has_keyed,
    });
    let shape = read.map(|call| {
        (call.caller.is_some(), call.digits.is_some(), call.vouching, call.id.len().min(3))
    });
    format!("{shape:?}")
}
