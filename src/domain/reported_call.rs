//! Calls that voice platforms reported, and what a further report of the same call hears. No I/O.
//!
//! Platforms repeat a report whose answer was lost, and send another with what the caller keyed.
//! Some sign no time, so a report that someone captured would be valid for ever.

use std::time::Duration;

use uuid::Uuid;

use crate::domain::clock::Timestamp;

/// How long after its first report a call may be reported again.
pub const SAME_CALL: Duration = Duration::from_mins(10);
/// How long a call is remembered.
pub const REMEMBERED: Duration = Duration::from_hours(24);

/// The id under which a call is remembered: a hash of the platform's.
pub type ReportId = Uuid;

/// A call as the store remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportedCall {
    /// When it was first reported.
    pub first_reported: Timestamp,
    /// The nonce of the grant whose code the caller heard; `None` if they heard none.
    pub nonce: Option<[u8; 16]>,
}

/// What the store knows of a call that is reported now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// It is reported for the first time.
    First,
    /// It was first reported less than [`SAME_CALL`] ago, and no code was told yet.
    Again,
    /// The same, and this grant's code was told.
    Told([u8; 16]),
    /// It was first reported so long ago that this is a replay.
    Replayed,
}

impl Sighting {
    /// Judges what is remembered under a call's ids.
    #[must_use]
    pub fn of(known: &[ReportedCall], now: Timestamp) -> Self {
        let is_old = |call: &ReportedCall| now.since(call.first_reported) > SAME_CALL;
        if known.iter().any(is_old) {
            return Self::Replayed;
        }
        match known.iter().find_map(|call| call.nonce) {
            Some(nonce) => Self::Told(nonce),
            None if known.is_empty() => Self::First,
            None => Self::Again,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_may_be_reported_again_for_ten_minutes() {
        let first_reported = Timestamp::from_millis(1_000_000);
        let silent = ReportedCall { first_reported, nonce: None };
        let told = ReportedCall { nonce: Some([7; 16]), ..silent };
        let at = |later| first_reported.plus(later);
        let just_too_late = SAME_CALL + Duration::from_millis(1);
        for (known, later, expected) in [
            (vec![], Duration::ZERO, Sighting::First),
            (vec![silent], SAME_CALL, Sighting::Again),
            (vec![silent, told], SAME_CALL, Sighting::Told([7; 16])),
            (vec![silent], just_too_late, Sighting::Replayed),
            (vec![told], REMEMBERED, Sighting::Replayed),
        ] {
            assert_eq!(Sighting::of(&known, at(later)), expected, "{known:?} after {later:?}");
        }
        let renewed = ReportedCall { first_reported: at(just_too_late), nonce: None };
        let of_both = Sighting::of(&[renewed, told], at(just_too_late));
        assert_eq!(of_both, Sighting::Replayed, "one old id is enough");
    }
}
