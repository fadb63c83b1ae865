//! Writes `TwiML`.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, Event};

use crate::http::voice::document::{Answer, Speech};
use crate::http::voice::spoken::{Xml, code, text};
use crate::http::voice::texts::Sentences;

/// Digits of a PIN at most; a caller ends a shorter one with `#`.
const PIN_DIGITS: &str = "32";
/// Seconds that the platform waits for the next digit.
const PIN_TIMEOUT: &str = "8";

/// Writes the document for `answer`.
pub(super) fn write(answer: &Answer<'_>, speech: &Speech, sentences: &Sentences) -> Vec<u8> {
    document(answer, speech, sentences).expect("memory can always be written to")
}

fn document(answer: &Answer<'_>, speech: &Speech, sentences: &Sentences) -> io::Result<Vec<u8>> {
    let mut xml = Writer::new(Vec::new());
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    xml.create_element("Response").write_inner_content(|xml| match answer {
        Answer::Code(otp) => {
            pause(xml)?;
            for time in 0..speech.repeat {
                if time > 0 {
                    pause(xml)?;
                }
                let text = if time == 0 { &sentences.code } else { &sentences.again };
                say(xml, speech, sentences, |xml| code(xml, text, otp.expose(), speech.ssml))?;
            }
            hang_up(xml)
        }
        Answer::Refusal if speech.rejects => {
            xml.create_element("Reject").with_attribute(("reason", "rejected")).write_empty()?;
            Ok(())
        }
        Answer::Refusal => {
            say(xml, speech, sentences, |xml| text(xml, &sentences.refused))?;
            hang_up(xml)
        }
        Answer::AskPin { url, .. } => {
            xml.create_element("Gather")
                .with_attributes([
                    ("action", *url),
                    ("actionOnEmptyResult", "true"),
                    ("finishOnKey", "#"),
                    ("input", "dtmf"),
                    ("method", "POST"),
                    ("numDigits", PIN_DIGITS),
                    ("timeout", PIN_TIMEOUT),
                ])
                .write_inner_content(|xml| {
                    say(xml, speech, sentences, |xml| text(xml, &sentences.pin))
                })?;
            Ok(())
        }
    })?;
    Ok(xml.into_inner())
}

fn pause(xml: &mut Xml) -> io::Result<()> {
    xml.create_element("Pause").with_attribute(("length", "1")).write_empty()?;
    Ok(())
}

fn hang_up(xml: &mut Xml) -> io::Result<()> {
    xml.create_element("Hangup").write_empty()?;
    Ok(())
}

fn say(
    xml: &mut Xml,
    speech: &Speech,
    sentences: &Sentences,
    content: impl FnOnce(&mut Xml) -> io::Result<()>,
) -> io::Result<()> {
    let mut say = xml.create_element("Say").with_attribute(("language", sentences.tag.as_str()));
    if let Some(voice) = &speech.voice {
        say = say.with_attribute(("voice", voice.as_str()));
    }
    say.write_inner_content(content)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::otp::Otp;
    use crate::http::voice::call::IncomingCall;

    fn speech() -> Speech {
        Speech { voice: None, ssml: false, repeat: 2, rejects: false }
    }

    fn written(answer: &Answer<'_>, speech: &Speech) -> String {
        let sentences = Sentences::shipped("sv").expect("shipped");
        String::from_utf8(write(answer, speech, &sentences)).expect("UTF-8")
    }

    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

    #[test]
    fn a_code_is_said_digit_by_digit_after_a_second_and_again() {
        let otp = Otp::parse_typed("532190").expect("a code");
        let said = "<Say language=\"sv-SE\">Din kod är: 5, 3, 2, 1, 9, 0.</Say>";
        let again = "<Say language=\"sv-SE\">En gång till: 5, 3, 2, 1, 9, 0.</Say>";
        let pause = "<Pause length=\"1\"/>";
        let expected = format!("{HEAD}<Response>{pause}{said}{pause}{again}<Hangup/></Response>");
        assert_eq!(written(&Answer::Code(&otp), &speech()), expected);
        let voiced =
            Speech { voice: Some("Polly.\"A\"<&".to_owned()), ssml: true, repeat: 1, ..speech() };
        let voiced = written(&Answer::Code(&otp), &voiced);
        assert!(voiced.contains(" voice=\"Polly.&quot;A&quot;&lt;&amp;\""), "{voiced}");
        assert!(voiced.contains("5<break time=\"300ms\"/>3<break"), "{voiced}");
        assert!(!voiced.contains("En gång"), "{voiced}");
    }

    #[test]
    fn a_refusal_is_one_sentence_or_a_rejection() {
        let said = "<Say language=\"sv-SE\">Vi kan inte ge dig någon kod.</Say>";
        let expected = format!("{HEAD}<Response>{said}<Hangup/></Response>");
        assert_eq!(written(&Answer::Refusal, &speech()), expected);
        let rejects = Speech { rejects: true, ..speech() };
        let expected = format!("{HEAD}<Response><Reject reason=\"rejected\"/></Response>");
        assert_eq!(written(&Answer::Refusal, &rejects), expected);
    }

    #[test]
    fn a_pin_is_gathered_and_sent_on() {
        let call = IncomingCall::default();
        let ask = Answer::AskPin { url: "https://a.example/pin?a=1&b=2", call: &call };
        let asked = written(&ask, &speech());
        assert!(asked.contains(" action=\"https://a.example/pin?a=1&amp;b=2\" "), "{asked}");
        assert!(
            asked.contains(
                "><Say language=\"sv-SE\">Ange din pinkod och tryck fyrkant.</Say></Gather>"
            ),
            "{asked}"
        );
    }
}
