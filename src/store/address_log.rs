//! A subject's failures by the address they came from, if login services send it.

use crate::domain::client_address::ClientAddress;
use crate::domain::clock::{Timestamp, millis};
use crate::domain::policy::{Limits, Quota};

/// What failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// A password; a reserved try counts as one.
    Password,
    /// A code with a right password.
    Code,
}

/// One failure: its time and address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Event {
    at: i64,
    /// The address's key, with the failure's kind in its lowest bit.
    from: u64,
}

/// The failures that came with an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressLog(Vec<Event>);

impl AddressLog {
    /// Counts a failure.
    pub fn push(&mut self, failure: Failure, from: ClientAddress, at: Timestamp) {
        self.0.push(Event { at: at.as_millis(), from: tag(failure, from) });
    }

    /// Removes one failure counted at `at`.
    pub fn take_back(&mut self, failure: Failure, from: ClientAddress, at: Timestamp) {
        let event = Event { at: at.as_millis(), from: tag(failure, from) };
        if let Some(index) = self.0.iter().position(|counted| *counted == event) {
            self.0.remove(index);
        }
    }

    /// Number of failures of an address.
    #[must_use]
    pub fn count(&self, failure: Failure, from: ClientAddress) -> u32 {
        let tag = tag(failure, from);
        let count = self.0.iter().filter(|event| event.from == tag).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// How long until an address's oldest failure stops counting: never zero.
    #[must_use]
    pub fn wait(
        &self,
        failure: Failure,
        from: ClientAddress,
        quota: Quota,
        now: Timestamp,
    ) -> std::time::Duration {
        let tag = tag(failure, from);
        let shortest = std::time::Duration::from_millis(1);
        let oldest = self.0.iter().filter(|event| event.from == tag).map(|event| event.at).min();
        oldest.map_or(shortest, |at| {
            Timestamp::from_millis(at).plus(quota.per).since(now).max(shortest)
        })
    }

    /// Forgets wrong codes, and the wrong passwords before `until`.
    pub fn forget_before(&mut self, until: Timestamp) {
        self.0.retain(|event| event.from & 1 == 0 && event.at >= until.as_millis());
    }

    /// Forgets failures that no longer count at `now`, and those in the future.
    pub fn expire(&mut self, limits: &Limits, now: Timestamp) {
        let since = |quota: Quota| now.as_millis().saturating_sub(millis(quota.per));
        let password = since(limits.wrong_passwords_per_user);
        let code = since(limits.wrong_codes_per_user);
        self.0.retain(|event| {
            let oldest = if event.from & 1 == 0 { password } else { code };
            event.at > oldest && !Timestamp::from_millis(event.at).is_in_the_future(now)
        });
    }

    /// Each failure's kind, time and address key (63 bits of its SHA-256), in the order they were
    /// counted.
    pub fn events(&self) -> impl Iterator<Item = (Failure, Timestamp, u64)> {
        self.0.iter().map(|event| {
            let failure = if event.from & 1 == 0 { Failure::Password } else { Failure::Code };
            (failure, Timestamp::from_millis(event.at), event.from & !1)
        })
    }

    /// The log as words to put before the times of [`EventLog`](crate::domain::policy::EventLog):
    /// for each failure its time and its address key, both negative. An older release on the same
    /// database reads them as times long past, and forgets them.
    pub(super) fn words(&self) -> impl Iterator<Item = i64> {
        self.0.iter().flat_map(|event| [event.at.saturating_neg(), event.from.cast_signed()])
    }

    /// The log in these words; `None` if they are not pairs.
    pub(super) fn from_words(words: &[i64]) -> Option<Self> {
        let (pairs, odd) = words.as_chunks::<2>();
        let event =
            |[at, from]: &[i64; 2]| Event { at: at.saturating_neg(), from: from.cast_unsigned() };
        odd.is_empty().then(|| Self(pairs.iter().map(event).collect()))
    }
}

fn tag(failure: Failure, from: ClientAddress) -> u64 {
    // The highest bit makes it negative.
    let address = from.key() & !1 | 1 << 63;
    match failure {
        Failure::Password => address,
        Failure::Code => address | 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_count_for_their_kind_and_address() {
        let address = |text| ClientAddress::parse(text).expect("an address");
        let mut log = AddressLog::default();
        log.push(Failure::Password, address("192.0.2.1"), Timestamp::from_millis(5));
        log.push(Failure::Code, address("192.0.2.1"), Timestamp::from_millis(6));
        log.push(Failure::Password, address("192.0.2.2"), Timestamp::from_millis(7));
        let words: Vec<i64> = log.words().collect();
        assert!(words.iter().all(|word| *word < 0), "{words:?}");
        assert_eq!(AddressLog::from_words(&words), Some(log.clone()));
        assert_eq!(AddressLog::from_words(&words[1..]), None);
        assert_eq!(log.count(Failure::Password, address("192.0.2.1")), 1);
        assert_eq!(log.count(Failure::Code, address("192.0.2.2")), 0);
        log.take_back(Failure::Password, address("192.0.2.1"), Timestamp::from_millis(5));
        assert_eq!(log.count(Failure::Password, address("192.0.2.1")), 0);
    }
}
