//! Lists that proxies add to at their end (RFC 9110 5.6.1), and the parameters of one element
//! (RFC 7239 4). They are read from the end, because the caller may have written what comes before.

/// The elements of a list from the last to the first; dividers in quoted strings do not count.
pub(super) fn from_the_right(list: &[u8], divider: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(list);
    std::iter::from_fn(move || {
        let (front, element) = split_last(rest?, divider);
        rest = front;
        Some(element)
    })
}

/// The text before the last divider, if any, and the text after it.
fn split_last(list: &[u8], divider: u8) -> (Option<&[u8]>, &[u8]) {
    let mut quoted = false;
    for (index, byte) in list.iter().enumerate().rev() {
        if *byte == b'"' {
            // Within a string, one that is escaped is part of it.
            let slashes = list[..index].iter().rev().take_while(|byte| **byte == b'\\').count();
            quoted = !quoted || slashes % 2 == 1;
        } else if *byte == divider && !quoted {
            return (Some(&list[..index]), &list[index + 1..]);
        }
    }
    (None, list)
}

/// The value of the parameter of this name, ignoring case; `None` if it is missing, repeated or
/// unreadable.
pub(super) fn parameter(element: &[u8], name: &str) -> Option<String> {
    let mut found = from_the_right(element, b';').filter_map(|pair| {
        let pair = pair.trim_ascii();
        let at = pair.iter().position(|byte| *byte == b'=')?;
        pair[..at].eq_ignore_ascii_case(name.as_bytes()).then(|| &pair[at + 1..])
    });
    let (value, None) = (found.next()?, found.next()) else { return None };
    unquoted(std::str::from_utf8(value).ok()?)
}

/// A token, or what is in a quoted string (RFC 9110 5.6.4).
fn unquoted(text: &str) -> Option<String> {
    let Some(quoted) = text.strip_prefix('"') else {
        return (!text.contains(['"', '\\'])).then(|| text.to_owned());
    };
    let (mut value, mut characters) = (String::new(), quoted.strip_suffix('"')?.chars());
    while let Some(character) = characters.next() {
        match character {
            '"' => return None,
            '\\' => value.push(characters.next()?),
            plain => value.push(plain),
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_read_whatever_stands_beside_it() {
        let read = |element: &str| parameter(element.as_bytes(), "for");
        for (element, value) in [
            ("for=a", Some("a")),
            (" For = a", None),
            ("proto=http; FOR=\"[::1]\" ;by=b", Some("[::1]")),
            ("host=\"for=x;for=y\";for=a", Some("a")),
            ("for=\"a\\\"b\\\\\"", Some("a\"b\\")),
            ("for=a;for=a", None),
            ("for=\"a", None),
            ("for=a\"b", None),
            ("by=a", None),
            ("", None),
        ] {
            assert_eq!(read(element).as_deref(), value, "{element}");
        }
    }
}
