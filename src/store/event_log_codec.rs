//! The encoding of an [`EventLog`] in a column: its times as 8-byte big-endian milliseconds.

use super::address_log::AddressLog;
use crate::domain::policy::EventLog;

/// The log as bytes.
#[must_use]
pub fn encode(log: &EventLog) -> Vec<u8> {
    log.as_millis().iter().flat_map(|time| time.to_be_bytes()).collect()
}

/// The log in `bytes`; `None` if their length is not a multiple of 8.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<EventLog> {
    let (times, rest) = bytes.as_chunks::<8>();
    let times = times.iter().map(|time| i64::from_be_bytes(*time)).collect();
    rest.is_empty().then(|| EventLog::from_millis(times))
}

/// A log, preceded by the same row's failures by address.
#[must_use]
pub fn encode_with(log: &EventLog, by_address: &AddressLog) -> Vec<u8> {
    let mut bytes: Vec<u8> = by_address.words().flat_map(i64::to_be_bytes).collect();
    bytes.extend(encode(log));
    bytes
}

/// Decodes the output of [`encode_with`].
#[must_use]
pub fn decode_with(bytes: &[u8]) -> Option<(EventLog, AddressLog)> {
    let words = decode(bytes)?;
    let words = words.as_millis();
    let (by_address, times) = words.split_at(words.partition_point(|word| *word < 0));
    Some((EventLog::from_millis(times.to_vec()), AddressLog::from_words(by_address)?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::client_address::ClientAddress;
    use crate::domain::clock::Timestamp;
    use crate::domain::policy::{Limits, Quota};
    use crate::store::address_log::Failure;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_log_reads_back_as_it_was_written(
            times in proptest::collection::vec(any::<i64>(), 0..50),
        ) {
            let log = EventLog::from_millis(times);
            prop_assert_eq!(decode(&encode(&log)), Some(log));
        }
    }

    #[test]
    fn failures_by_address_stand_before_the_times_and_count_for_no_older_release() {
        let limit = Quota { burst: 5, per: Duration::from_mins(1) };
        let limits = Limits {
            codes_per_user: limit,
            calls_per_number: limit,
            wrong_passwords_per_user: limit,
            wrong_codes_per_user: limit,
        };
        let (then, now) = (Timestamp::from_millis(1_000_000), Timestamp::from_millis(1_000_500));
        let from = ClientAddress::parse("192.0.2.1").expect("an address");
        let (mut log, mut by_address) = (EventLog::default(), AddressLog::default());
        assert_eq!(decode_with(&[]), Some((log.clone(), by_address.clone())));
        for failure in [Failure::Password, Failure::Code] {
            log.push(then);
            by_address.push(failure, from, then);
        }
        let bytes = encode_with(&log, &by_address);
        assert_eq!(decode_with(&bytes), Some((log.clone(), by_address.clone())));
        assert_eq!(decode_with(&bytes[8..]), None, "half a failure");
        let mut older = decode(&bytes).expect("whole times");
        older.expire(limit, now);
        assert_eq!(older, log, "as an older release reads it");
        by_address.expire(&limits, now.plus(limit.per));
        assert_eq!(by_address, AddressLog::default());
    }

    #[test]
    fn a_cut_log_is_not_read() {
        assert_eq!(decode(&[0; 12]), None);
        assert_eq!(decode(&[]), Some(EventLog::default()));
    }
}
