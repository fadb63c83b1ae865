//! The values of an entry's attributes.

use ldap3::SearchEntry;

/// The values of one attribute, as bytes: a binary value may be valid UTF-8 by chance.
pub(super) fn values<'a>(entry: &'a SearchEntry, attribute: &str) -> Vec<&'a [u8]> {
    let named = |key: &str| names(key, attribute);
    let text = entry.attrs.iter().filter(|(key, _)| named(key));
    let binary = entry.bin_attrs.iter().filter(|(key, _)| named(key));
    text.flat_map(|(_, values)| values.iter().map(String::as_bytes))
        .chain(binary.flat_map(|(_, values)| values.iter().map(Vec::as_slice)))
        .filter(|value| !value.is_empty())
        .collect()
}

/// Whether `key` is `attribute`, possibly with options (`mobile;lang-en`, RFC 4512 2.5).
pub(super) fn names(key: &str, attribute: &str) -> bool {
    let base = key.split_once(';').map_or(key, |(base, _)| base);
    base.eq_ignore_ascii_case(attribute)
}
