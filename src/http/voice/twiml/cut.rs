//! Whether a form's fields are cut where the platform cut them.
//!
//! Twilio's signature covers names and values without what separates them. Someone who captured a
//! request could cut other fields from the same text: hide that a call was forwarded in the name of
//! another field, or make the caller ID from a display name that the caller chose.

use crate::http::voice::form::Form;

/// The names that say what a call is. `To` is too short to look for: it has to be as `Called`.
const TELLING: [&str; 7] =
    ["CallSid", "Called", "Caller", "Digits", "ForwardedFrom", "From", "StirVerstat"];
/// Names with one of these inside.
const KNOWN: [&str; 3] = ["CallSidLegacy", "ForwardedFrom", "ParentCallSid"];
/// The longest rest of a name that begins with one of them, such as `CallerCountry`, in bytes.
const LONGEST_REST: usize = 16;

/// Whether no other fields could have been cut from `text`, which was signed.
///
/// Each telling name in the text is a name of a field or the beginning of one: so each field that the
/// platform sent under such a name is there under that name, and ends where the next begins. The
/// call's id is as long as the platform makes it.
pub(super) fn are_fields_as_sent(form: &Form, text: &str, call: &str) -> bool {
    let names = || form.fields().iter().map(|(name, _)| name.as_str());
    let mut in_names = [0; TELLING.len()];
    for name in names() {
        for (sum, count) in in_names.iter_mut().zip(occurrences(name)) {
            *sum += count;
        }
    }
    let are_twins = |one: &str, other: &str| match (form.one(one), form.one(other)) {
        (Ok(Some(one)), Ok(Some(other))) => one == other,
        (Ok(_), Ok(_)) => true,
        _ => false,
    };
    is_call_id(call)
        && names().all(is_name)
        && occurrences(text) == in_names
        && are_twins("Caller", "From")
        && are_twins("Called", "To")
}

/// How often each telling name is in a text. All of them begin with a capital: looking for them one by
/// one would cost more than the signature.
fn occurrences(text: &str) -> [usize; TELLING.len()] {
    let mut counts = [0; TELLING.len()];
    let bytes = text.as_bytes();
    for start in (0..bytes.len()).filter(|start| bytes[*start].is_ascii_uppercase()) {
        for (count, word) in counts.iter_mut().zip(TELLING) {
            *count += usize::from(bytes[start..].starts_with(word.as_bytes()));
        }
    }
    counts
}

/// Whether a field may have this name: a word, with a telling name in it at the beginning alone.
fn is_name(name: &str) -> bool {
    let has_telling = |text: &str| occurrences(text).iter().any(|count| *count > 0);
    let is_word = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    let is_rest = |rest: &str| {
        rest.len() <= LONGEST_REST
            && rest.chars().all(|c| c.is_ascii_alphabetic())
            && !rest.starts_with(|c: char| c.is_ascii_lowercase())
            && !has_telling(rest)
    };
    let begins = || TELLING.iter().any(|word| name.strip_prefix(word).is_some_and(is_rest));
    is_word && (!has_telling(name) || KNOWN.contains(&name) || begins())
}

/// Whether this is a call's id as Twilio makes it (`CA` and 32 hexadecimal digits) or `SignalWire` (a
/// UUID).
fn is_call_id(id: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-'));
    match id.strip_prefix("CA") {
        Some(digits) => digits.len() == 32 && is_hex(digits),
        None => id.len() == 36 && is_hex(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::voice::twiml::signature::signed_fields;

    const ID: &str = "CA00112233445566778899aabbccddeeff";

    type Fields = Vec<(&'static str, &'static str)>;

    fn form(fields: &Fields) -> Form {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in fields {
            body.append_pair(name, value);
        }
        Form::read(body.finish().as_bytes()).expect("a form")
    }

    /// The fields of a call, with these in the place of those with the same names.
    fn call(other: &[(&'static str, &'static str)]) -> Fields {
        let own = [
            ("AccountSid", "AC00000000000000000000000000000000"),
            ("CallSid", ID),
            ("CallStatus", "ringing"),
            ("Called", "+46101234567"),
            ("CalledCity", ""),
            ("Caller", "+46709999999"),
            ("CallerName", "Tom"),
            ("CallerZip", ""),
            ("Direction", "inbound"),
            ("From", "+46709999999"),
            ("FromCountry", "SE"),
            ("StirVerstat", "TN-Validation-Passed-C"),
            ("To", "+46101234567"),
            ("ToCity", "Tokyo"),
        ];
        let is_other = |name: &str| other.iter().any(|(other, _)| *other == name);
        let own = own.into_iter().filter(|(name, _)| !is_other(name));
        own.chain(other.iter().copied()).collect()
    }

    /// The same without some.
    fn without(fields: Fields, names: &[&str]) -> Fields {
        fields.into_iter().filter(|(name, _)| !names.contains(name)).collect()
    }

    fn is_as_sent(form: &Form, call: &str) -> bool {
        are_fields_as_sent(form, &signed_fields(form), call)
    }

    #[test]
    fn what_platforms_send_is_as_sent() {
        let uuid = "00112233-4455-6677-8899-aabbccddeeff";
        for more in [
            &[][..],
            &[("ForwardedFrom", "+46708888888"), ("ParentCallSid", ID), ("CalledVia", "+4610")],
            &[("CallToken", "{\"a\":1}"), ("Digits", "1234"), ("CallerNewField", "a")],
            &[("New_field-2", "anything at all"), ("ApiVersion", "2010-04-01")],
        ] {
            let form = form(&call(more));
            assert!(is_as_sent(&form, ID) && is_as_sent(&form, uuid), "{more:?}");
        }
    }

    #[test]
    fn fields_that_could_be_cut_from_others_are_refused() {
        let mut hidden = without(call(&[]), &["Direction"]);
        hidden.push(("DirectioninboundForwardedFrom", "+46708888888"));
        let forged = call(&[("CallerName", "x"), ("From", "+46702000047")]);
        let mut forged = without(forged, &["Caller", "CallerZip", "Direction"]);
        forged.push(("FromACallerZipDirectioninboundFrom", "+46709999999"));
        for (what, fields) in [
            ("a telling name in a value", call(&[("CallerName", "xFrom+46702000047FromA")])),
            ("in a value", call(&[("Direction", "inboundForwardedFrom+46708888888")])),
            ("in another name", hidden),
            ("another caller, and the rest in a name", forged),
            ("a planted verdict", call(&[("CallerName", "StirVerstatTN-Validation-Passed-A")])),
            ("another caller", call(&[("From", "+46702000047")])),
            ("another called number", call(&[("To", "+46101111111")])),
            ("twice", [call(&[]), vec![("Caller", "+46709999999")]].concat()),
            ("no word", call(&[("from", "a")])),
            ("no word", call(&[("A b", "a")])),
            ("no word", call(&[("4", "b")])),
        ] {
            assert!(!is_as_sent(&form(&fields), ID), "{what}: {fields:?}");
        }
        let plain = form(&call(&[]));
        for id in ["CA1", &format!("{ID}CallStatusringing"), &ID[..33], &ID.to_uppercase(), ""] {
            assert!(!is_as_sent(&plain, id), "{id}");
        }
    }
}
