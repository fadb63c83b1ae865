//! The encoding of the calls that heard a user's codes, in a column: 40 bytes each, the id, the first
//! report in milliseconds and the nonce.

use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::reported_call::ReportedCall;

/// Bytes of one call.
const ENTRY: usize = 40;

/// The calls as bytes. One without a nonce heard no code, and is left out.
#[must_use]
pub fn encode(calls: &[ReportedCall]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(calls.len() * ENTRY);
    for call in calls {
        let Some(nonce) = call.nonce else { continue };
        bytes.extend_from_slice(call.id.as_bytes());
        bytes.extend_from_slice(&call.first_reported.as_millis().to_be_bytes());
        bytes.extend_from_slice(&nonce);
    }
    bytes
}

/// The calls in `bytes`, without zeros, which pad older rows; `None` if their length is not a multiple of 40.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Vec<ReportedCall>> {
    let (entries, rest) = bytes.as_chunks::<ENTRY>();
    let entry = |entry: &[u8; ENTRY]| {
        let (id, rest) = entry.split_first_chunk::<16>()?;
        let (time, nonce) = rest.split_first_chunk::<8>()?;
        let first_reported = Timestamp::from_millis(i64::from_be_bytes(*time));
        let nonce = nonce.try_into().ok()?;
        Some(ReportedCall { id: Uuid::from_bytes(*id), first_reported, nonce: Some(nonce) })
    };
    let all = entries.iter().filter(|entry| **entry != [0; ENTRY]).map(entry);
    if rest.is_empty() { all.collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_read_back_as_they_were_written() {
        let call = |id, time, nonce| ReportedCall {
            id: Uuid::from_u128(id),
            first_reported: Timestamp::from_millis(time),
            nonce,
        };
        let told = [call(1, 1_800_000_000_000, Some([7; 16])), call(u128::MAX, -1, Some([0; 16]))];
        let bytes = encode(&told);
        assert_eq!(decode(&bytes).as_deref(), Some(&told[..]));
        let padded = [vec![0; 80], bytes.clone()].concat();
        assert_eq!(decode(&padded).as_deref(), Some(&told[..]), "zeros are no call");
        assert_eq!(decode(&bytes[1..]), None);
        assert!(encode(&[call(1, 1, None)]).is_empty());
    }
}
