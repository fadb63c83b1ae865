//! Writes `VoiceXML` pages.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, Event};
use url::Url;

use crate::http::voice::document::{Answer, Speech};
use crate::http::voice::spoken::{Xml, code, text};
use crate::http::voice::texts::Sentences;

/// The namespace of pages.
const NAMESPACE: &str = "http://www.w3.org/2001/vxml";
/// How long the browser waits for the next page.
const FETCH_TIMEOUT: &str = "5s";
/// The grammar of a PIN (`VoiceXML` 2.0 appendix P); the caller ends it with `#`.
const PIN_GRAMMAR: &str = "digits?minlength=1;maxlength=32";
/// How long the browser waits for the next digit.
const PIN_TIMEOUT: &str = "8s";
/// The caller, of current browsers (`VoiceXML` 2.0 section 5.1.4) and of older ones.
const CALLER: &str = "session.connection && session.connection.remote \
    ? session.connection.remote.uri : session.telephone.ani";
/// The called number.
const CALLED: &str = "session.connection && session.connection.local \
    ? session.connection.local.uri : session.telephone.dnis";
/// Whether the call was forwarded.
const DIVERTED: &str = "(session.connection && session.connection.redirect \
    && session.connection.redirect.length) || (session.telephone && session.telephone.rdnis) \
    ? 'true' : 'false'";

/// Writes the page for `answer`.
pub(super) fn write(answer: &Answer<'_>, speech: &Speech, sentences: &Sentences) -> Vec<u8> {
    page(speech, sentences, |xml| match answer {
        Answer::Code(otp) => block(xml, |xml| {
            for time in 0..speech.repeat {
                let sentence = if time == 0 { &sentences.code } else { &sentences.again };
                prompt(xml, speech, |xml| {
                    second(xml)?;
                    code(xml, sentence, otp.expose(), speech.ssml)
                })?;
            }
            disconnect(xml)
        }),
        Answer::Refusal => block(xml, |xml| refuse(xml, speech, sentences)),
        Answer::AskPin { url, call } => form(xml, |xml| {
            variables(xml, &call.id)?;
            ask_pin(xml, speech, sentences, &path(url))
        }),
    })
}

/// Writes the page that has the browser send the call `call` to `url`.
pub(super) fn first_page(url: &str, call: &str, speech: &Speech, sentences: &Sentences) -> Vec<u8> {
    page(speech, sentences, |xml| {
        block(xml, |xml| {
            variables(xml, call)?;
            submit(xml, &path(url), CALL_FIELDS)
        })
    })
}

/// The fields that describe a call.
const CALL_FIELDS: &str = "callid caller called diverted";

/// The path of a URL. The browser adds the host that it called, with the credential that may stand
/// before it.
fn path(url: &str) -> String {
    Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.path().to_owned())
}

type Content<'c> = &'c mut dyn FnMut(&mut Xml) -> io::Result<()>;

fn page(
    speech: &Speech,
    sentences: &Sentences,
    mut content: impl FnMut(&mut Xml) -> io::Result<()>,
) -> Vec<u8> {
    let mut xml = Writer::new(Vec::new());
    let mut write = || -> io::Result<()> {
        xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        xml.create_element("vxml")
            .with_attributes([
                ("version", "2.1"),
                ("xmlns", NAMESPACE),
                ("xml:lang", sentences.tag.as_str()),
            ])
            .write_inner_content(|xml| {
                // Whatever fails, also fetching the next page, sounds as a refusal.
                element(xml, "catch", &[("event", "error")], &mut |xml| {
                    refuse(xml, speech, sentences)
                })?;
                content(xml)
            })?;
        Ok(())
    };
    write().expect("memory can always be written to");
    xml.into_inner()
}

fn element(
    xml: &mut Xml,
    name: &str,
    attributes: &[(&str, &str)],
    content: Content<'_>,
) -> io::Result<()> {
    let element = xml.create_element(name).with_attributes(attributes.iter().copied());
    element.write_inner_content(|xml| content(xml))?;
    Ok(())
}

fn empty(xml: &mut Xml, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
    xml.create_element(name).with_attributes(attributes.iter().copied()).write_empty()?;
    Ok(())
}

fn form(xml: &mut Xml, mut content: impl FnMut(&mut Xml) -> io::Result<()>) -> io::Result<()> {
    element(xml, "form", &[], &mut content)
}

fn block(xml: &mut Xml, mut content: impl FnMut(&mut Xml) -> io::Result<()>) -> io::Result<()> {
    form(xml, |xml| element(xml, "block", &[], &mut content))
}

fn refuse(xml: &mut Xml, speech: &Speech, sentences: &Sentences) -> io::Result<()> {
    prompt(xml, speech, |xml| text(xml, &sentences.refused))?;
    disconnect(xml)
}

fn prompt(
    xml: &mut Xml,
    speech: &Speech,
    mut content: impl FnMut(&mut Xml) -> io::Result<()>,
) -> io::Result<()> {
    element(xml, "prompt", &[("bargein", "false")], &mut |xml| match &speech.voice {
        Some(voice) => element(xml, "voice", &[("name", voice)], &mut content),
        None => content(xml),
    })
}

fn second(xml: &mut Xml) -> io::Result<()> {
    empty(xml, "break", &[("time", "1s")])
}

fn disconnect(xml: &mut Xml) -> io::Result<()> {
    empty(xml, "disconnect", &[])
}

/// What is sent of the call. `call` has no character that ends a string.
fn variables(xml: &mut Xml, call: &str) -> io::Result<()> {
    let call = format!("'{call}'");
    for (name, expression) in
        [("callid", call.as_str()), ("caller", CALLER), ("called", CALLED), ("diverted", DIVERTED)]
    {
        empty(xml, "var", &[("name", name), ("expr", expression)])?;
    }
    Ok(())
}

fn submit(xml: &mut Xml, next: &str, fields: &str) -> io::Result<()> {
    let attributes =
        [("next", next), ("method", "post"), ("namelist", fields), ("fetchtimeout", FETCH_TIMEOUT)];
    empty(xml, "submit", &attributes)
}

/// The field for a PIN. A caller who keys none goes on without.
fn ask_pin(xml: &mut Xml, speech: &Speech, sentences: &Sentences, next: &str) -> io::Result<()> {
    let attributes = [("name", "pin"), ("type", PIN_GRAMMAR)];
    element(xml, "field", &attributes, &mut |xml| {
        let properties = [
            ("inputmodes", "dtmf"),
            ("termchar", "#"),
            ("timeout", PIN_TIMEOUT),
            ("interdigittimeout", PIN_TIMEOUT),
        ];
        for (name, value) in properties {
            empty(xml, "property", &[("name", name), ("value", value)])?;
        }
        prompt(xml, speech, |xml| {
            second(xml)?;
            text(xml, &sentences.pin)
        })?;
        element(xml, "catch", &[("event", "noinput nomatch")], &mut |xml| {
            submit(xml, next, CALL_FIELDS)
        })?;
        element(xml, "filled", &[], &mut |xml| submit(xml, next, &format!("{CALL_FIELDS} pin")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::otp::Otp;
    use crate::http::voice::call::IncomingCall;

    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
        <vxml version=\"2.1\" xmlns=\"http://www.w3.org/2001/vxml\" xml:lang=\"sv-SE\">\
        <catch event=\"error\"><prompt bargein=\"false\">Vi kan inte ge dig någon kod.</prompt>\
        <disconnect/></catch>";

    fn speech() -> Speech {
        Speech { voice: None, ssml: false, repeat: 2, rejects: false }
    }

    fn written(answer: &Answer<'_>, speech: &Speech) -> String {
        let sentences = Sentences::shipped("sv").expect("shipped");
        String::from_utf8(write(answer, speech, &sentences)).expect("UTF-8")
    }

    #[test]
    fn a_code_is_said_after_a_second_and_again() {
        let otp = Otp::parse_typed("532190").expect("a code");
        let prompt =
            |text: &str| format!("<prompt bargein=\"false\"><break time=\"1s\"/>{text}</prompt>");
        let said = prompt("Din kod är: 5, 3, 2, 1, 9, 0.");
        let again = prompt("En gång till: 5, 3, 2, 1, 9, 0.");
        assert_eq!(
            written(&Answer::Code(&otp), &speech()),
            format!("{HEAD}<form><block>{said}{again}<disconnect/></block></form></vxml>")
        );
        let voiced = Speech { voice: Some("A\"<&".to_owned()), ssml: true, ..speech() };
        let voiced = written(&Answer::Code(&otp), &voiced);
        assert!(voiced.contains("<voice name=\"A&quot;&lt;&amp;\"><break "), "{voiced}");
        assert!(voiced.contains("5<break time=\"300ms\"/>3<break"), "{voiced}");
    }

    #[test]
    fn a_refusal_is_one_sentence() {
        let said = "<prompt bargein=\"false\">Vi kan inte ge dig någon kod.</prompt>";
        assert_eq!(
            written(&Answer::Refusal, &speech()),
            format!("{HEAD}<form><block>{said}<disconnect/></block></form></vxml>")
        );
    }

    #[test]
    fn pages_send_the_call_to_where_they_came_from() {
        let sentences = Sentences::shipped("sv").expect("shipped");
        let url = "https://otp.example.com/a/voice/v1/t1/main/code";
        let first = String::from_utf8(first_page(url, "c1", &speech(), &sentences)).expect("UTF-8");
        assert!(
            first.contains("<submit next=\"/a/voice/v1/t1/main/code\" method=\"post\""),
            "{first}"
        );
        assert!(first.contains("<var name=\"callid\" expr=\"&apos;c1&apos;\"/>"), "{first}");
        let call = IncomingCall { id: "c1".to_owned(), ..IncomingCall::default() };
        let ask =
            Answer::AskPin { url: "https://otp.example.com/voice/v1/t1/main/pin", call: &call };
        let asked = written(&ask, &speech());
        assert!(asked.contains("type=\"digits?minlength=1;maxlength=32\""), "{asked}");
        assert!(
            asked.contains("<submit next=\"/voice/v1/t1/main/pin\" method=\"post\""),
            "{asked}"
        );
        assert!(asked.contains("namelist=\"callid caller called diverted pin\""), "{asked}");
    }
}
