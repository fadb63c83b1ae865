//! A call as a platform's signed request describes it.

use crate::domain::call_trust::Vouching;

/// An incoming call, in the same terms for every dialect.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IncomingCall {
    /// The platform's id of the call.
    pub id: String,
    /// The caller ID, as the platform sends it. `None` if the call does not come from the telephone
    /// network: the other end chose its name, so there is no number to look up.
    pub caller: Option<String>,
    /// The number that was called, as the platform sends it.
    pub called: String,
    /// What the network vouches for.
    pub vouching: Vouching,
    /// The id of the request's token, which serves once: a request whose token came before is refused.
    pub once: Option<String>,
    /// The digits that the caller keyed, if the request brings any.
    pub digits: Option<String>,
}

/// Whether a caller comes from the telephone network, and not by SIP (`sip:…`, `user@host`) or from
/// an app (`client:…`).
#[must_use]
pub fn is_from_the_network(caller: &str) -> bool {
    !caller.contains([':', '@'])
}
