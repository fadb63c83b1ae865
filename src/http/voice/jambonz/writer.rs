//! Writes jambonz' verbs.

use serde_json::{Value, json};

use crate::http::voice::document::{Answer, Speech};
use crate::http::voice::spoken::code_in_json;
use crate::http::voice::texts::Sentences;

/// The member of later webhooks that repeats what the verb `tag` noted.
pub(super) const TAG: &str = "customer_data";
/// Our part of it.
pub(super) const OURS: &str = "dialpass";
/// Digits of a PIN at most; a caller ends a shorter one with `#`.
const PIN_DIGITS: u32 = 32;
/// Seconds that the platform waits for the next digit.
const PIN_TIMEOUT: u32 = 8;

/// Writes the document for `answer`.
pub(super) fn write(answer: &Answer<'_>, speech: &Speech, sentences: &Sentences) -> Vec<u8> {
    let say = |text: &str| said(text, speech, sentences);
    let mut verbs = vec![json!({"verb": "answer"})];
    match answer {
        Answer::Code(otp) => {
            for time in 0..speech.repeat {
                let sentence = if time == 0 { &sentences.code } else { &sentences.again };
                verbs.push(pause());
                verbs.push(verb("say", say(&code_in_json(sentence, otp.expose(), speech.ssml))));
            }
            verbs.push(json!({"verb": "hangup"}));
        }
        Answer::Refusal if speech.rejects => {
            verbs = vec![json!({"verb": "sip:decline", "status": 603, "reason": "Declined"})];
        }
        Answer::Refusal => {
            verbs.push(verb("say", say(&sentences.refused)));
            verbs.push(json!({"verb": "hangup"}));
        }
        Answer::AskPin { url, call } => {
            let noted = json!({"caller": call.caller, "diverted": call.vouching.is_diverted});
            verbs.push(json!({"verb": "tag", "data": {OURS: noted}}));
            verbs.push(pause());
            verbs.push(json!({
                "verb": "gather",
                "input": ["digits"],
                "minDigits": 1,
                "maxDigits": PIN_DIGITS,
                "finishOnKey": "#",
                "interDigitTimeout": PIN_TIMEOUT,
                "timeout": PIN_TIMEOUT,
                "actionHook": url,
                "say": say(&sentences.pin),
            }));
        }
    }
    serde_json::to_vec(&verbs).expect("texts and numbers always serialise")
}

fn pause() -> Value {
    json!({"verb": "pause", "length": 1})
}

/// What is said. Speech is not cached: jambonz would keep codes in its cache.
fn said(text: &str, speech: &Speech, sentences: &Sentences) -> Value {
    let mut synthesizer = json!({"vendor": "default", "language": sentences.tag});
    if let Some(voice) = &speech.voice {
        synthesizer["voice"] = json!(voice);
    }
    json!({"text": text, "synthesizer": synthesizer, "disableTtsCache": true})
}

fn verb(name: &str, mut members: Value) -> Value {
    members["verb"] = json!(name);
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::call_trust::Vouching;
    use crate::domain::otp::Otp;
    use crate::http::voice::call::IncomingCall;

    fn written(answer: &Answer<'_>, speech: &Speech) -> Value {
        let sentences = Sentences::shipped("sv").expect("shipped");
        serde_json::from_slice(&write(answer, speech, &sentences)).expect("JSON")
    }

    fn speech() -> Speech {
        Speech { voice: None, ssml: false, repeat: 2, rejects: false }
    }

    fn say(text: &str) -> Value {
        json!({
            "verb": "say", "text": text, "disableTtsCache": true,
            "synthesizer": {"vendor": "default", "language": "sv-SE"},
        })
    }

    #[test]
    fn a_code_is_said_after_a_second_and_again() {
        let otp = Otp::parse_typed("532190").expect("a code");
        let expected = json!([
            {"verb": "answer"},
            {"verb": "pause", "length": 1},
            say("Din kod är: 5, 3, 2, 1, 9, 0."),
            {"verb": "pause", "length": 1},
            say("En gång till: 5, 3, 2, 1, 9, 0."),
            {"verb": "hangup"},
        ]);
        assert_eq!(written(&Answer::Code(&otp), &speech()), expected);
        let voiced = Speech { voice: Some("sv-SE-A".to_owned()), ssml: true, ..speech() };
        let said = &written(&Answer::Code(&otp), &voiced)[2];
        assert_eq!(said["synthesizer"]["voice"], "sv-SE-A");
        assert!(said["text"].as_str().expect("a text").starts_with("<speak>Din kod är: 5<break "));
    }

    #[test]
    fn a_refusal_is_one_sentence_or_a_rejection() {
        let expected =
            json!([{"verb": "answer"}, say("Vi kan inte ge dig någon kod."), {"verb": "hangup"}]);
        assert_eq!(written(&Answer::Refusal, &speech()), expected);
        let rejecting = Speech { rejects: true, ..speech() };
        let expected = json!([{"verb": "sip:decline", "status": 603, "reason": "Declined"}]);
        assert_eq!(written(&Answer::Refusal, &rejecting), expected);
    }

    #[test]
    fn a_pin_is_gathered_and_the_caller_noted() {
        let caller = Some("\"A\" <sip:+46701234567@a.example>".to_owned());
        let vouching = Vouching { is_diverted: true, ..Vouching::default() };
        let call = IncomingCall { caller, vouching, ..IncomingCall::default() };
        let asked =
            written(&Answer::AskPin { url: "https://a.example/pin", call: &call }, &speech());
        let noted = json!({"caller": "\"A\" <sip:+46701234567@a.example>", "diverted": true});
        assert_eq!(asked[1], json!({"verb": "tag", "data": {"dialpass": noted}}));
        assert_eq!(asked[3]["actionHook"], "https://a.example/pin");
        assert_eq!(asked[3]["say"]["text"], "Ange din pinkod och tryck fyrkant.");
    }
}
