//! How a sentence with a code is spoken: each digit alone, with pauses between them as commas or as
//! SSML.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesText, Event};

use super::texts::MARK;

/// XML under construction.
pub type Xml = Writer<Vec<u8>>;

/// Pause between two digits, as SSML.
const BETWEEN_DIGITS: &str = "300ms";

/// Writes text.
///
/// # Errors
/// None of a writer to memory.
pub fn text(xml: &mut Xml, text: &str) -> io::Result<()> {
    xml.write_event(Event::Text(BytesText::new(text)))
}

/// Writes a sentence with the code's digits one by one in the place of the mark.
///
/// # Errors
/// None of a writer to memory.
pub fn code(xml: &mut Xml, sentence: &str, digits: &str, ssml: bool) -> io::Result<()> {
    let (before, after) = sentence.split_once(MARK).unwrap_or((sentence, ""));
    text(xml, before)?;
    for (at, digit) in digits.char_indices() {
        match (at, ssml) {
            (0, _) => {}
            (_, false) => text(xml, ", ")?,
            (_, true) => {
                xml.create_element("break")
                    .with_attribute(("time", BETWEEN_DIGITS))
                    .write_empty()?;
            }
        }
        text(xml, digit.encode_utf8(&mut [0; 4]))?;
    }
    text(xml, after)
}

/// A sentence with a code for a field of JSON: plain, or as a document of SSML (`<speak>`, SSML 1.1
/// section 3.1.1).
///
/// # Panics
/// Never: memory can be written to, and all that is written is text.
#[must_use]
pub fn code_in_json(sentence: &str, digits: &str, ssml: bool) -> String {
    if !ssml {
        let spelt: Vec<String> = digits.chars().map(String::from).collect();
        return sentence.replace(MARK, &spelt.join(", "));
    }
    let mut xml = Writer::new(Vec::new());
    xml.create_element("speak")
        .write_inner_content(|xml| code(xml, sentence, digits, true))
        .expect("memory can always be written to");
    String::from_utf8(xml.into_inner()).expect("written from texts")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_alone_in_plain_text_and_in_ssml() {
        assert_eq!(code_in_json("Kod: {code}.", "5321", false), "Kod: 5, 3, 2, 1.");
        assert_eq!(
            code_in_json("A & <b>: {code}.", "53", true),
            "<speak>A &amp; &lt;b&gt;: 5<break time=\"300ms\"/>3.</speak>"
        );
    }
}
