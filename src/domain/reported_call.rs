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
    /// The id under which it is remembered.
    pub id: ReportId,
    /// When it was first reported.
    pub first_reported: Timestamp,
    /// The nonce of the grant whose code the caller heard; `None` if they heard none.
    pub nonce: Option<[u8; 16]>,
}

/// The ids of a call that is reported now; none if no platform reported it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportIds {
    /// The call's id.
    pub call: Option<ReportId>,
    /// The id of a token that serves once.
    pub token: Option<ReportId>,
}

impl ReportIds {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<ReportId> {
        self.call.into_iter().chain(self.token).collect()
    }
}

/// What the store knows of a call that is reported now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// It has heard no code: it is reported for the first time, or was at most [`SAME_CALL`] ago.
    HeardNone,
    /// It was first reported at most [`SAME_CALL`] ago, and heard the code of this grant.
    Heard([u8; 16]),
    /// It was first reported so long ago that this is a replay, or its token has served.
    Replayed,
}

impl Sighting {
    /// Judges what is remembered under the ids of a report.
    #[must_use]
    pub fn of(report: &ReportIds, known: &[ReportedCall], now: Timestamp) -> Self {
        if report.token.is_some_and(|token| known.iter().any(|call| call.id == token)) {
            return Self::Replayed;
        }
        let is_old = |call: &ReportedCall| now.since(call.first_reported) > SAME_CALL;
        if known.iter().any(is_old) {
            return Self::Replayed;
        }
        known.iter().find_map(|call| call.nonce).map_or(Self::HeardNone, Self::Heard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_may_be_reported_again_for_ten_minutes() {
        let first_reported = Timestamp::from_millis(1_000_000);
        let report = ReportIds { call: Some(Uuid::from_u128(1)), token: None };
        let silent = ReportedCall { id: Uuid::from_u128(1), first_reported, nonce: None };
        let told = ReportedCall { nonce: Some([7; 16]), ..silent };
        let at = |later| first_reported.plus(later);
        let just_too_late = SAME_CALL + Duration::from_millis(1);
        for (known, later, expected) in [
            (vec![], Duration::ZERO, Sighting::HeardNone),
            (vec![silent], SAME_CALL, Sighting::HeardNone),
            (vec![told], SAME_CALL, Sighting::Heard([7; 16])),
            (vec![silent], just_too_late, Sighting::Replayed),
            (vec![told], REMEMBERED, Sighting::Replayed),
        ] {
            let sighting = Sighting::of(&report, &known, at(later));
            assert_eq!(sighting, expected, "{known:?} after {later:?}");
        }
    }

    #[test]
    fn a_token_serves_once() {
        let first_reported = Timestamp::from_millis(1_000_000);
        let report = ReportIds { call: Some(Uuid::from_u128(1)), token: Some(Uuid::from_u128(2)) };
        let row = |id| ReportedCall { id: Uuid::from_u128(id), first_reported, nonce: None };
        let sighting = |known: &[ReportedCall]| Sighting::of(&report, known, first_reported);
        assert_eq!(sighting(&[]), Sighting::HeardNone);
        assert_eq!(sighting(&[row(1)]), Sighting::HeardNone, "another token for the same call");
        assert_eq!(sighting(&[row(1), row(2)]), Sighting::Replayed);
    }
}
