//! Compares two DNs without asking the server. Only the server knows all notations of one entry's
//! DN, so there are two forms: equal sure forms mean the same entry, different coarse forms mean
//! different entries. Anything in between is unknown.

use unicode_normalization::UnicodeNormalization;

/// Attributes whose values every server compares case-insensitively (RFC 4519 2.2 to 2.39, RFC 4524
/// 2.16).
const CASELESS: [&str; 13] =
    ["cn", "uid", "ou", "dc", "o", "l", "st", "c", "sn", "street", "givenname", "title", "mail"];

/// A form that the DNs of two entries never share: ASCII letters in lower case if the attributes
/// are known to ignore case; otherwise the text unchanged.
pub(super) fn sure(dn: &str) -> String {
    let is_caseless = |part: &str| {
        part.split_once('=').is_some_and(|(name, _)| {
            CASELESS.iter().any(|caseless| caseless.eq_ignore_ascii_case(name))
        })
    };
    if dn.split([',', '+']).all(is_caseless) { dn.to_ascii_lowercase() } else { dn.to_owned() }
}

/// A form that all DNs of one entry share: the letters and digits of its values, after Unicode's
/// compatibility decomposition and case folding (RFC 4518 2 drops or folds what this drops).
/// Attribute names are left out, because attributes have several. `None` if the form cannot be
/// determined.
pub(super) fn coarse(dn: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii() && !matches!(byte, b'\\' | b'"' | b'#' | b'+' | b';');
    let mut form = String::with_capacity(dn.len());
    if dn.bytes().all(is_plain) {
        for (at, part) in dn.split(',').enumerate() {
            if at > 0 {
                form.push(',');
            }
            let value = part.split_once('=').map_or(part, |(_, value)| value);
            form.extend(
                value.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()),
            );
        }
        return Some(form);
    }
    for (at, part) in split(dn, b",;").into_iter().enumerate() {
        if at > 0 {
            form.push(',');
        }
        // The values of a multi-valued RDN are a set.
        let values = split(part, b"+").into_iter().map(value);
        let mut values = values.collect::<Option<Vec<String>>>()?;
        values.sort_unstable();
        form += &values.join("+");
    }
    Some(form)
}

/// Whether an entry with the coarse form `form` may be the entry with the form `base`, or below it.
pub(super) fn may_be_within(form: &str, base: &str) -> bool {
    base.is_empty()
        || form.strip_suffix(base).is_some_and(|rest| rest.is_empty() || rest.ends_with(','))
}

/// The parts of a DN between `separators` that are neither escaped nor quoted (RFC 4514 2.4, RFC
/// 2253 4).
fn split<'a>(text: &'a str, separators: &[u8]) -> Vec<&'a str> {
    let (mut escaped, mut quoted) = (false, false);
    let (mut parts, mut from) = (Vec::new(), 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            _ if !quoted && separators.contains(&byte) => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// The coarse form of the value in `name=value`.
fn value(part: &str) -> Option<String> {
    let text = part.split_once('=').map_or(part, |(_, value)| value).trim_start();
    // The value's BER, which only the server can interpret for comparison.
    if text.starts_with('#') {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let octet = after.first_chunk::<2>().and_then(|pair| hex::decode(pair).ok());
        if let Some([octet]) = octet.as_deref() {
            bytes.push(*octet);
            rest = &after[2..];
        } else if let [next, after @ ..] = after {
            // An escaped character stands for itself.
            bytes.push(*next);
            rest = after;
        }
    }
    let text = std::str::from_utf8(&bytes).ok()?;
    // Upper case first: some letters have one upper and several lower cases.
    let folded = text.nfkd().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    Some(folded.nfkd().filter(|c| c.is_alphanumeric()).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_ways_to_write_a_dn_have_one_coarse_form() {
        for (one, other) in [
            ("cn=team1,ou=g", "CN=Team1, OU=G"),
            ("cn=team1,ou=g", "2.5.4.3=team1;commonName=g"),
            ("cn=no otp,ou=g", "cn=NO  OTP,ou=g"),
            ("uid=andr\u{e9},ou=g", "uid=andre\u{301},ou=g"),
            ("uid=andr\u{e9},ou=g", "uid=andr\\C3\\A9,ou=g"),
            ("uid=filip,ou=g", "uid=\u{fb01}lip,ou=g"),
            ("uid=ola,ou=g", "uid=\u{ff4f}\u{ff4c}\u{ff41},ou=g"),
            ("uid=stra\u{df}e,ou=g", "uid=STRASSE,ou=g"),
            ("uid=\u{3bf}\u{3c2},ou=g", "uid=\u{39f}\u{3a3},ou=g"),
            ("uid=a\\,b,ou=g", "uid=a\\2Cb,ou=g"),
            ("uid=a\\,b,ou=g", "uid=\"a,b\",ou=g"),
            ("uid=a+cn=b,ou=g", "cn=B+uid=A,ou=g"),
            ("uid=so\u{ad}ft,ou=g", "uid=soft,ou=g"),
        ] {
            assert!(coarse(one).is_some(), "{one}");
            assert_eq!(coarse(one), coarse(other), "{one} {other}");
        }
    }

    #[test]
    fn what_cannot_be_read_has_no_coarse_form() {
        for dn in ["uid=#0c0161,ou=g", "uid=\\ff,ou=g"] {
            assert_eq!(coarse(dn), None, "{dn}");
        }
    }

    #[test]
    fn the_dns_of_two_entries_have_no_sure_form_in_common() {
        for (one, other) in [
            ("cn=team1,ou=g", "cn=team-1,ou=g"),
            ("cn=no otp,ou=g", "cn=no-otp,ou=g"),
            ("serial=A,ou=g", "serial=a,ou=g"),
            ("cn=\u{e5},ou=g", "cn=\u{c5},ou=g"),
            ("cn=a\\,B,ou=g", "cn=a\\,b,ou=g"),
        ] {
            assert_ne!(sure(one), sure(other), "{one} {other}");
        }
        assert_eq!(sure("UID=Anna,OU=People"), sure("uid=anna,ou=people"));
    }

    #[test]
    fn coarse_forms_decide_what_is_below_a_base() {
        let base = coarse("OU=Groups, dc=x").unwrap();
        for (dn, expected) in [
            ("cn=a,ou=groups,dc=x", true),
            ("cn=a,cn=b,ou=gro-ups,dc=x", true),
            ("ou=groups,dc=x", true),
            ("ou=nogroups,dc=x", false),
            ("cn=a,ou=groups,dc=y", false),
            ("dc=x", false),
        ] {
            assert_eq!(may_be_within(&coarse(dn).unwrap(), &base), expected, "{dn}");
            assert!(may_be_within(&coarse(dn).unwrap(), ""), "{dn}");
        }
    }

    proptest! {
        #[test]
        fn texts_with_one_sure_form_have_one_coarse_form(one in "(cn|CN|x)=[ -~é]{0,9}") {
            let other = sure(&one);
            prop_assert_eq!(coarse(&one), coarse(&other));
        }
    }
}
