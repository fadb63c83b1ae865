//! Reads a session's header: what Asterisk says of the call before it takes commands.
//!
//! Callers choose parts of it, such as their number and name, and can put line breaks into them. So
//! nothing is taken from a header that Asterisk itself would not write: a name twice, a line without
//! a name, an argument that is not at the end.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::domain::call_trust::Vouching;

/// From this `agi_callingpres` on, the number must not be shown (ITU-T Q.951, as Asterisk numbers
/// presentations: 32 to 35 prohibited, 67 unavailable).
const WITHHELD: u32 = 32;
/// What Asterisk writes for a number that it does not know.
const UNKNOWN: &str = "unknown";
/// What precedes the number of an argument's name.
const ARGUMENT: &str = "agi_arg_";

/// A call as the header describes it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The script in the URL that the dialplan called.
    pub script: String,
    /// Asterisk's id of the call.
    pub call_id: String,
    /// The caller's number; `None` if it is withheld.
    pub caller: Option<String>,
    /// What the network vouches for.
    pub vouching: Vouching,
}

/// The header is not one that Asterisk writes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Header {
    /// Reads the lines before the empty one.
    pub(super) fn parse<L: AsRef<[u8]>>(lines: &[L]) -> Result<Self, Malformed> {
        let fields = fields(lines)?;
        let required = |name: &str| fields.get(name).cloned().ok_or(Malformed);
        let presentation: u32 = required("agi_callingpres")?.parse().map_err(|_| Malformed)?;
        let caller = required("agi_callerid")?;
        let is_withheld = presentation >= WITHHELD || caller.is_empty() || caller == UNKNOWN;
        let diverted_by = required("agi_rdnis")?;
        // The dialplan passes on what Asterisk found: the verification's result, and the letter.
        let is_verified = fields.get("agi_arg_1").is_some_and(|result| result == "success");
        let letter = fields.get("agi_arg_2").filter(|_| is_verified);
        let vouching = letter.map(|letter| Vouching::parse(letter)).unwrap_or_default();
        Ok(Self {
            script: required("agi_network_script")?.into_owned(),
            call_id: required("agi_uniqueid")?.into_owned(),
            caller: (!is_withheld).then(|| caller.into_owned()),
            vouching: Vouching {
                is_diverted: vouching.is_diverted
                    || !(diverted_by.is_empty() || diverted_by == UNKNOWN),
                ..vouching
            },
        })
    }

    /// The script that the header names before anything that a caller chose.
    pub(super) fn script_of<L: AsRef<[u8]>>(lines: &[L]) -> Option<Cow<'_, str>> {
        let (name, script) = field(lines.get(1)?.as_ref())?;
        (name == "agi_network_script").then_some(script)
    }
}

/// The fields by name.
fn fields<L: AsRef<[u8]>>(lines: &[L]) -> Result<HashMap<&str, Cow<'_, str>>, Malformed> {
    let mut fields = HashMap::new();
    let mut arguments = 0_usize;
    for (index, line) in lines.iter().enumerate() {
        let (name, value) = field(line.as_ref()).ok_or(Malformed)?;
        let is_in_place = match name {
            "agi_network" => index == 0,
            "agi_network_script" => index == 1,
            _ => index > 1,
        };
        // Arguments come last and in order: one before another line was not written by Asterisk.
        let argument = name.strip_prefix(ARGUMENT);
        if let Some(number) = argument {
            arguments += 1;
            if number != arguments.to_string() {
                return Err(Malformed);
            }
        }
        let is_last = argument.is_some() || arguments == 0;
        if !is_in_place || !is_last || fields.insert(name, value).is_some() {
            return Err(Malformed);
        }
    }
    Ok(fields)
}

/// A line's name and value; `None` if it is not a header line. Values may hold any bytes, because
/// display names come in all encodings.
fn field(line: &[u8]) -> Option<(&str, Cow<'_, str>)> {
    let end = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(end)?;
    let value = value.strip_prefix(b": ")?;
    let name = std::str::from_utf8(name).ok()?;
    let rest = name.strip_prefix("agi_")?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let is_name = !rest.is_empty() && rest.bytes().all(plain);
    let is_text = !value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t');
    (is_name && is_text).then(|| (name, String::from_utf8_lossy(value)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::policy::Attestation;

    /// A header as Asterisk 22 writes it.
    const LINES: [&str; 22] = [
        "agi_network: yes",
        "agi_network_script: t1",
        "agi_request: agi://127.0.0.1/t1",
        "agi_channel: PJSIP/trunk-00000000",
        "agi_language: en",
        "agi_type: PJSIP",
        "agi_uniqueid: 1796000000.0",
        "agi_version: 22.10.1",
        "agi_callerid: +46701234567",
        "agi_calleridname: Anna: \"A\" 100%",
        "agi_callingpres: 0",
        "agi_callingani2: 0",
        "agi_callington: 0",
        "agi_callingtns: 0",
        "agi_dnid: 7000",
        "agi_rdnis: unknown",
        "agi_context: in",
        "agi_extension: 7000",
        "agi_priority: 1",
        "agi_enhanced: 0.0",
        "agi_accountcode: ",
        "agi_threadid: 140000000000000",
    ];

    /// The header with `from` in it replaced.
    fn with(from: &str, to: &str) -> Vec<String> {
        let text = LINES.join("\n");
        assert!(text.contains(from), "{from}");
        text.replace(from, to).split('\n').map(str::to_owned).collect()
    }

    fn with_arguments(arguments: &[&str]) -> Vec<String> {
        let lines = LINES.iter().map(|line| (*line).to_owned());
        let numbered = arguments.iter().enumerate();
        lines.chain(numbered.map(|(at, text)| format!("agi_arg_{}: {text}", at + 1))).collect()
    }

    #[test]
    fn a_header_describes_the_call() {
        let header = Header::parse(&LINES).expect("a header");
        assert_eq!((header.script.as_str(), header.call_id.as_str()), ("t1", "1796000000.0"));
        assert_eq!(header.caller.as_deref(), Some("+46701234567"));
        assert_eq!(header.vouching, Vouching::default());
        assert_eq!(Header::script_of(&LINES).as_deref(), Some("t1"));
        let mut name = LINES.map(|line| line.as_bytes().to_vec());
        name[9] = b"agi_calleridname: \xc5sa".to_vec();
        assert_eq!(Header::parse(&name), Ok(header), "a name in another encoding");
    }

    #[test]
    fn a_number_is_withheld_by_its_presentation_or_unknown() {
        let caller =
            |from: &str, to: &str| Header::parse(&with(from, to)).expect("a header").caller;
        for presentation in ["0", "1", "2", "3", "31"] {
            let to = format!("agi_callingpres: {presentation}");
            assert!(caller("agi_callingpres: 0", &to).is_some(), "{to}");
        }
        for presentation in ["32", "33", "35", "67", "99"] {
            let to = format!("agi_callingpres: {presentation}");
            assert_eq!(caller("agi_callingpres: 0", &to), None, "{to}");
        }
        assert_eq!(caller("+46701234567", "unknown"), None);
        assert_eq!(caller("+46701234567", ""), None);
    }

    #[test]
    fn an_attestation_counts_if_asterisk_verified_it() {
        let vouching = |arguments: &[&str]| {
            let header = Header::parse(&with_arguments(arguments)).expect("a header");
            header.vouching.attestation
        };
        assert_eq!(vouching(&["success", "A"]), Attestation::A);
        assert_eq!(vouching(&["success", "C", "more"]), Attestation::C);
        for none in [
            &["success"][..],
            &["success", ""],
            &["success", "D"],
            &["", "A"],
            &["A", "success"],
            &["signature_validation", "A"],
        ] {
            assert_eq!(vouching(none), Attestation::None, "{none:?}");
        }
        let diverted =
            |to| Header::parse(&with("agi_rdnis: unknown", to)).map(|header| header.vouching);
        assert!(diverted("agi_rdnis: +46709999999").expect("a header").is_diverted);
        assert!(!diverted("agi_rdnis: ").expect("a header").is_diverted);
    }

    #[test]
    fn what_asterisk_would_not_write_is_refused() {
        let number = "+46701234567";
        for injected in [
            "agi_callerid: +46709999999",
            "agi_callingpres: 0",
            "agi_rdnis: unknown",
            "agi_network_script: t2",
            "agi_arg_1: success",
            "agi_arg_1: success\nagi_arg_2: A",
            "agi_threadid: 1\nagi_arg_1: success\nagi_arg_2: A",
            "",
            "x",
            "x: y",
            "agi_: y",
            "agi_X: y",
            "agi_x:y",
            "agi_x y: z",
            "agi_x: \r",
            "agi_x: \u{b}",
        ] {
            let lines = with(number, &format!("{number}\n{injected}"));
            assert_eq!(Header::parse(&lines), Err(Malformed), "{injected:?}");
        }
        for absent in ["agi_uniqueid", "agi_callerid", "agi_callingpres", "agi_rdnis"] {
            let lines: Vec<_> =
                LINES.iter().filter(|line| !line.starts_with(&format!("{absent}:"))).collect();
            assert_eq!(Header::parse(&lines), Err(Malformed), "{absent}");
        }
        for (from, to) in [
            ("agi_network: yes\n", ""),
            ("agi_network_script: t1\n", ""),
            ("agi_callingpres: 0", "agi_callingpres: none"),
            ("agi_threadid: 140000000000000", "agi_arg_2: success"),
            ("agi_threadid: 140000000000000", "agi_arg_1: success\nagi_arg_1: A"),
            ("agi_threadid: 140000000000000", "agi_arg_1: success\nagi_threadid: 1"),
        ] {
            assert_eq!(Header::parse(&with(from, to)), Err(Malformed), "{to:?}");
        }
        assert_eq!(Header::parse::<&str>(&[]), Err(Malformed));
    }

    proptest! {
        #[test]
        fn a_caller_changes_nothing_but_their_own_number(injected in "[ -~\\n\\r\\t]{0,120}") {
            let honest = Header::parse(&LINES).expect("a header");
            let lines = with("+46701234567", &format!("+46701234567{injected}"));
            if let Ok(header) = Header::parse(&lines) {
                let first = injected.split('\n').next().unwrap_or_default();
                let number = format!("+46701234567{first}");
                prop_assert_eq!(header, Header { caller: Some(number), ..honest });
            }
        }

        #[test]
        fn no_line_makes_it_panic(lines in proptest::collection::vec(any::<Vec<u8>>(), 0..8)) {
            let _ = Header::parse(&lines);
            let _ = Header::script_of(&lines);
        }
    }
}
