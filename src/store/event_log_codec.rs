//! How an [`EventLog`] is kept in a column: its times as 8-byte big-endian milliseconds.

use crate::domain::policy::EventLog;

/// The log as bytes.
#[must_use]
pub fn encode(log: &EventLog) -> Vec<u8> {
    log.as_millis().iter().flat_map(|time| time.to_be_bytes()).collect()
}

/// The log that `bytes` hold; `None` if they are no whole number of times.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<EventLog> {
    let (times, rest) = bytes.as_chunks::<8>();
    let times = times.iter().map(|time| i64::from_be_bytes(*time)).collect();
    rest.is_empty().then(|| EventLog::from_millis(times))
}

#[cfg(test)]
mod tests {
    use super::*;
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
    fn a_cut_log_is_not_read() {
        assert_eq!(decode(&[0; 12]), None);
        assert_eq!(decode(&[]), Some(EventLog::default()));
    }
}
