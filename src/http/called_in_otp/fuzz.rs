//! Bodies of both operations as strangers might send them.

use super::bad_body::BadBody;
use super::bodies::{GetOtpBody, Secrets, ValidateOtpBody};
use super::fields::{Body, of_form, of_json};
use crate::fuzzing::{Target, outcome, seeds};

/// Targets for [`crate::fuzzing`].
pub(crate) fn targets() -> Vec<Target> {
    const WORDS: &[&str] = &[
        "\"phonenumber\"",
        "\"callid\"",
        "\"attestation\"",
        "\"pin\"",
        "\"username\"",
        "\"password\"",
        "\"otp\"",
        "\"passcode\"",
        "\"clientip\"",
        "phonenumber=",
        "username=",
        "otp=",
        "&",
        "%2B",
        "+46",
        "sip:",
        "\\u0000",
        "\\ud800",
        "[[[[",
        "{\"a\":",
        "\u{feff}",
        "null",
        "1e400",
    ];
    vec![
        Target {
            kind: "bodies in JSON",
            share: 80,
            seeds: seeds([
                "{\"phonenumber\":\"+46701234567\",\"callid\":\"a\",\"attestation\":\"A\",\"pin\":\"1234\"}",
                "{\"username\":\"anna\",\"password\":\"secret\",\"otp\":\"123456\",\"clientip\":\"192.0.2.1\"}",
                "\u{feff}{\"username\":\"anna\",\"passcode\":\"secret123456\",\"more\":[1,{\"a\":null}]}",
                "[\"+46701234567\"]",
            ]),
            words: WORDS,
            read: Box::new(|input| both(input, of_json)),
        },
        Target {
            kind: "bodies as forms",
            share: 80,
            seeds: seeds([
                "phonenumber=%2B46701234567&callid=a&attestation=A&pin=1234",
                "phonenumber=+46701234567",
                "phonenumber=sip%3A+46701234567@pbx&x=%C3%A5",
                "username=anna&password=a+b%26c&otp=123456&clientip=192.0.2.1",
                "username=anna&passcode=secret123456",
            ]),
            words: WORDS,
            read: Box::new(|input| both(input, of_form)),
        },
    ]
}

type Reader = fn(&[u8], &'static [&'static str]) -> Result<super::fields::Fields, BadBody>;

fn both(input: &[u8], read: Reader) -> u64 {
    let call = read(input, GetOtpBody::FIELDS).and_then(GetOtpBody::take);
    let call = call
        .map(|body| (body.phonenumber.len().min(20), body.callid.is_some(), body.pin.is_some()));
    let login = read(input, ValidateOtpBody::FIELDS).and_then(ValidateOtpBody::take);
    let login = login.map(|body| {
        let apart = matches!(body.secrets, Secrets::Apart { .. });
        (apart, body.clientip.is_some())
    });
    let what = |error: BadBody| format!("{error:?}");
    outcome((call.map_err(what), login.map_err(what)))
}
