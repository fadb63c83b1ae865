//! The audit trail: one event for each decision, with its true reason.

use std::net::IpAddr;
use std::time::Duration;

use crate::domain::phone_number::PhoneNumber;

/// The `target` of audit events among the log lines.
pub const TARGET: &str = "audit";

/// Longest text of a caller's that is kept.
const MAX_TEXT: usize = 128;

/// One decision.
#[derive(Default)]
pub struct Decision<'a> {
    /// The id that is also in the answer's `X-Request-Id`.
    pub request_id: &'a str,
    /// The operation: `getOTP`, `validateOTP`.
    pub operation: &'a str,
    /// The tenant, once the client is known.
    pub tenant: Option<&'a str>,
    /// The client's name, once it is known.
    pub client: Option<&'a str>,
    /// Whether a code was told or a login accepted.
    pub allowed: bool,
    /// The true reason, `snake_case`.
    pub reason: &'a str,
    /// The status that was answered.
    pub status: u16,
    /// The caller's number; shown masked.
    pub number: Option<&'a PhoneNumber>,
    /// The user's stable id, once the directory named them.
    pub user_id: Option<&'a str>,
    /// The directory's name for the user. What was typed is not kept: it may be a password.
    pub username: Option<&'a str>,
    /// The phone system's id of the call.
    pub call_id: Option<&'a str>,
    /// The address of the person who logs in, as the login service says.
    pub client_ip: Option<&'a str>,
    /// The address the request came from.
    pub peer: Option<IpAddr>,
    /// How long the decision took.
    pub took: Duration,
}

impl Decision<'_> {
    /// Writes the event.
    pub fn record(&self) {
        let number = self.number.map(ToString::to_string);
        let peer = self.peer.map(|peer| peer.to_string());
        let call_id = self.call_id.map(printable);
        // Only an address is kept, because what is no address may be anything.
        let client_ip = self.client_ip.map(|text| {
            text.parse::<IpAddr>().map_or_else(|_| "not an address".to_owned(), |ip| ip.to_string())
        });
        let took_ms = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            target: TARGET,
            request_id = self.request_id,
            operation = self.operation,
            outcome = if self.allowed { "allowed" } else { "refused" },
            reason = self.reason,
            status = self.status,
            tenant = self.tenant,
            client = self.client,
            number = number.as_deref(),
            user_id = self.user_id,
            username = self.username,
            callid = call_id.as_deref(),
            clientip = client_ip.as_deref(),
            peer = peer.as_deref(),
            took_ms,
            "decision"
        );
    }
}

/// A caller's text cut short, without control characters, with long runs of digits masked: a
/// phone system may well put the number into the call's id.
fn printable(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect();
    let mut shown = String::with_capacity(text.len());
    let mut digits = String::new();
    for c in text.chars().chain(std::iter::once('\0')) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let hidden = if digits.len() >= 6 { digits.len() - 4 } else { 0 };
        shown.extend(std::iter::repeat_n('*', hidden));
        shown.push_str(&digits[hidden..]);
        digits.clear();
        if c != '\0' {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_id_shows_no_number_and_no_line_break() {
        assert_eq!(printable("1700000000.123"), "******0000.123");
        assert_eq!(printable("a\n{\"reason\":\"x\"}"), "a{\"reason\":\"x\"}");
        assert_eq!(printable("call-+46701234567@pbx"), "call-+*******4567@pbx");
        assert_eq!(printable(&"x".repeat(500)).len(), MAX_TEXT);
    }
}
