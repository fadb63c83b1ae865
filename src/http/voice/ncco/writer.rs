//! Writes Vonage's call control objects.

use serde_json::{Value, json};

use crate::http::voice::document::{Answer, Speech};
use crate::http::voice::spoken::code_in_json;
use crate::http::voice::texts::Sentences;

/// Digits of a PIN at most, which is the platform's limit; a caller ends a shorter one with `#`.
const PIN_DIGITS: u32 = 20;
/// Seconds that the platform waits for the next digit.
const PIN_TIMEOUT: u32 = 8;

/// Writes the document for `answer`. At its end the platform hangs up.
pub(super) fn write(
    answer: &Answer<'_>,
    speech: &Speech,
    style: Option<u16>,
    sentences: &Sentences,
) -> Vec<u8> {
    let talk = |text: &str, barge_in: bool| {
        let mut talk = json!({
            "action": "talk", "text": text, "language": sentences.tag, "bargeIn": barge_in,
        });
        if let Some(style) = style {
            talk["style"] = json!(style);
        }
        talk
    };
    let mut actions = Vec::new();
    match answer {
        Answer::Code(otp) => {
            for time in 0..speech.repeat {
                let sentence = if time == 0 { &sentences.code } else { &sentences.again };
                actions.push(wait());
                actions.push(talk(&code_in_json(sentence, otp.expose(), speech.ssml), false));
            }
        }
        Answer::Refusal => actions.push(talk(&sentences.refused, false)),
        Answer::AskPin { url, .. } => {
            actions.push(wait());
            actions.push(talk(&sentences.pin, true));
            actions.push(json!({
                "action": "input",
                "type": ["dtmf"],
                "dtmf": {"maxDigits": PIN_DIGITS, "submitOnHash": true, "timeOut": PIN_TIMEOUT},
                "eventUrl": [url],
                "eventMethod": "POST",
            }));
        }
    }
    serde_json::to_vec(&actions).expect("texts and numbers always serialise")
}

fn wait() -> Value {
    json!({"action": "wait", "timeout": 1})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::otp::Otp;
    use crate::http::voice::call::IncomingCall;

    fn written(answer: &Answer<'_>, speech: &Speech, style: Option<u16>) -> Value {
        let sentences = Sentences::shipped("sv").expect("shipped");
        serde_json::from_slice(&write(answer, speech, style, &sentences)).expect("JSON")
    }

    fn speech() -> Speech {
        Speech { voice: None, ssml: false, repeat: 2, rejects: false }
    }

    fn talk(text: &str, barge_in: bool) -> Value {
        json!({"action": "talk", "text": text, "language": "sv-SE", "bargeIn": barge_in})
    }

    #[test]
    fn a_code_is_said_after_a_second_and_again() {
        let otp = Otp::parse_typed("532190").expect("a code");
        let wait = json!({"action": "wait", "timeout": 1});
        let expected = json!([
            wait,
            talk("Din kod är: 5, 3, 2, 1, 9, 0.", false),
            wait,
            talk("En gång till: 5, 3, 2, 1, 9, 0.", false),
        ]);
        assert_eq!(written(&Answer::Code(&otp), &speech(), None), expected);
        let ssml = written(&Answer::Code(&otp), &Speech { ssml: true, ..speech() }, Some(3));
        assert_eq!(ssml[1]["style"], 3);
        assert!(ssml[1]["text"].as_str().expect("a text").starts_with("<speak>Din kod är: 5<"));
    }

    #[test]
    fn a_refusal_is_one_sentence_and_a_pin_is_input() {
        let refused = json!([talk("Vi kan inte ge dig någon kod.", false)]);
        assert_eq!(written(&Answer::Refusal, &speech(), None), refused);
        let call = IncomingCall::default();
        let ask = Answer::AskPin { url: "https://a.example/pin", call: &call };
        let asked = written(&ask, &speech(), None);
        assert_eq!(asked[1], talk("Ange din pinkod och tryck fyrkant.", true));
        assert_eq!(asked[2]["eventUrl"], json!(["https://a.example/pin"]));
    }
}
