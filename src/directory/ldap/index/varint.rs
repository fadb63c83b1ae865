//! Numbers and texts in as few bytes as possible: seven bits per byte, the lowest first; the eighth
//! bit is set if more bytes follow (LEB128).

/// Appends a number.
pub(super) fn put(to: &mut Vec<u8>, mut number: u128) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            to.push(low & 0x7f);
            return;
        }
        to.push(low | 0x80);
    }
}

/// Reads a number written by [`put`], and advances past it.
pub(super) fn take(from: &mut &[u8]) -> u128 {
    let (mut number, mut shift) = (0_u128, 0_u32);
    while let Some((byte, rest)) = from.split_first() {
        *from = rest;
        number |= u128::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
    }
    number
}

/// Appends bytes, preceded by their count.
pub(super) fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    put(to, bytes.len() as u128);
    to.extend_from_slice(bytes);
}

/// Reads a length or a count written by [`put`].
pub(super) fn take_length(from: &mut &[u8]) -> usize {
    usize::try_from(take(from)).expect("a length was written")
}

/// Reads bytes written by [`put_bytes`].
pub(super) fn take_bytes<'a>(from: &mut &'a [u8]) -> &'a [u8] {
    let length = take_length(from);
    let (bytes, rest) = from.split_at(length);
    *from = rest;
    bytes
}

/// Reads a text written by [`put_bytes`].
pub(super) fn take_text<'a>(from: &mut &'a [u8]) -> &'a str {
    std::str::from_utf8(take_bytes(from)).expect("a text was written")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(number: u128, bytes: Vec<u8>) {
            let mut to = Vec::new();
            put(&mut to, number);
            put_bytes(&mut to, &bytes);
            let mut from = &to[..];
            prop_assert_eq!(take(&mut from), number);
            prop_assert_eq!(take_bytes(&mut from), &bytes[..]);
            prop_assert!(from.is_empty());
        }
    }
}
