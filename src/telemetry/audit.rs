//! The audit trail: one event for each decision, with its true reason, and for each change that an
//! administrator makes by a command.

use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;
use uuid::Uuid;

use super::operator::Operator;
use super::output::{self, AUDIT_TARGET, Output};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::reason::AuditReason;

/// Maximum length of a text that comes from a caller.
const MAX_TEXT: usize = 128;

/// How long a grant waits for its event to be written.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);

/// How calls and logins are treated while the audit trail cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenUnwritable {
    /// Refused: no code is given out and no login succeeds without an event.
    #[default]
    Refuse,
    /// Answered; lost events are counted.
    Count,
}

/// The running gateway's audit trail.
pub struct AuditTrail {
    output: Output,
    when_unwritable: WhenUnwritable,
}

impl AuditTrail {
    /// A trail that is written to `output`.
    #[must_use]
    pub const fn new(output: Output, when_unwritable: WhenUnwritable) -> Self {
        Self { output, when_unwritable }
    }

    /// Why it cannot be written; `None` if it can.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.output.trouble()
    }

    /// Whether calls and logins wait for their events to be written, and are refused if they
    /// cannot be.
    #[must_use]
    pub fn must_be_written(&self) -> bool {
        self.when_unwritable == WhenUnwritable::Refuse
    }

    /// Whether calls and logins are refused now.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.must_be_written() && self.output.is_in_trouble()
    }

    /// Has `write` write the event of an upcoming grant, and waits for it until `deadline` at the
    /// latest. Returns whether to grant: not if a required event could not be written.
    pub async fn record_grant(&self, write: impl FnOnce(), deadline: Instant) -> bool {
        let written = output::acknowledged(write);
        if !self.must_be_written() {
            return true;
        }
        written.came(deadline.min(Instant::now() + WRITTEN_WITHIN)).await
    }
}

/// One decision.
pub struct Decision<'a> {
    /// The request's id, as in the answer's `X-Request-Id`.
    pub request_id: &'a str,
    /// The operation: `getOTP`, `validateOTP`.
    pub operation: &'a str,
    /// The tenant, once the client is known.
    pub tenant: Option<&'a str>,
    /// The client's name, once it is known.
    pub client: Option<&'a str>,
    /// The name of the voice platform's endpoint.
    pub voice: Option<&'a str>,
    /// Whether a code was given out or a login accepted.
    pub allowed: bool,
    /// The true reason.
    pub reason: AuditReason,
    /// The answer's HTTP status; none for a call that did not come by HTTP.
    pub status: Option<u16>,
    /// The caller's number; shown masked.
    pub number: Option<&'a PhoneNumber>,
    /// The user's stable id, once the directory has found the user.
    pub user_id: Option<&'a str>,
    /// The username in the directory. The typed text is not kept: it may be a password.
    pub username: Option<&'a str>,
    /// The transaction that a registered user is asked to confirm.
    pub transaction_id: Option<&'a str>,
    /// The phone that confirmed, or was renamed or deleted.
    pub authenticator_id: Option<&'a str>,
    /// The phone system's id of the call.
    pub call_id: Option<&'a str>,
    /// The address that the login comes from, according to the login service.
    pub client_ip: Option<&'a str>,
    /// The names of a certificate that no client lists, in the configuration's notation.
    pub certificate_san: Option<String>,
    /// The SHA-256 of its DER, in hexadecimal digits.
    pub certificate_sha256: Option<String>,
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
        // A voice platform makes its ids itself; a phone system may use the caller's number.
        let shown = if self.voice.is_some() { cut } else { printable };
        let call_id = self.call_id.map(shown);
        let certificate_san = self.certificate_san.as_deref().map(cut);
        // Only an address is kept: other text may be anything, such as a password.
        let client_ip = self.client_ip.map(|text| {
            text.parse::<IpAddr>().map_or_else(|_| "not an address".to_owned(), |ip| ip.to_string())
        });
        let took_ms = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            target: AUDIT_TARGET,
            request_id = self.request_id,
            operation = self.operation,
            outcome = if self.allowed { "allowed" } else { "refused" },
            reason = self.reason.as_str(),
            status = self.status,
            tenant = self.tenant,
            client = self.client,
            voice = self.voice,
            number = number.as_deref(),
            user_id = self.user_id,
            username = self.username,
            transaction_id = self.transaction_id,
            authenticator_id = self.authenticator_id,
            callid = call_id.as_deref(),
            clientip = client_ip.as_deref(),
            peer = peer.as_deref(),
            certificate_san = certificate_san.as_deref(),
            certificate_sha256 = self.certificate_sha256.as_deref(),
            took_ms,
            "decision"
        );
    }
}

/// A summary of refusals without a credential that were too many for an event each.
pub struct Unwritten<'a> {
    /// How many.
    pub count: u64,
    /// How many by reason: `no_credential=812 flood=3`.
    pub reasons: &'a str,
    /// From how many addresses (IPv6: /64 networks); counted up to a thousand.
    pub addresses: usize,
    /// The address with the most refusals.
    pub peer: Option<IpAddr>,
    /// How many came from that address.
    pub from_peer: u64,
    /// The period they fall in.
    pub span: Duration,
}

impl Unwritten<'_> {
    /// Writes the event.
    pub fn record(&self) {
        tracing::info!(
            target: AUDIT_TARGET,
            outcome = "refused",
            count = self.count,
            reasons = self.reasons,
            addresses = self.addresses,
            peer = self.peer.map(|peer| peer.to_string()),
            from_peer = self.from_peer,
            seconds = self.span.as_secs(),
            "refusals without events of their own"
        );
    }
}

/// Reports how many earlier events could not be written.
pub(super) fn lost(count: u64) {
    tracing::info!(target: AUDIT_TARGET, count, "events were lost");
}

/// One action of an administrator's command.
#[derive(Default)]
pub struct AdminEvent<'a> {
    /// The id that all events of one command share.
    pub request_id: &'a str,
    /// The command: `codes list`, `counts clear`.
    pub operation: &'a str,
    /// Its progress.
    pub outcome: AdminOutcome,
    /// What was done, or why it was not; `None` while it is not known.
    pub reason: Option<AuditReason>,
    /// The tenant.
    pub tenant: &'a str,
    /// The caller's number; shown masked.
    pub number: Option<&'a PhoneNumber>,
    /// The user's stable id.
    pub user_id: Option<&'a str>,
    /// The username in the directory, if that was looked up. The typed text is not kept.
    pub username: Option<&'a str>,
    /// The id of the access key.
    pub access_key_id: Option<&'a str>,
    /// The name of a new access key.
    pub access_key_name: Option<&'a str>,
}

/// The progress of an administrator's action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AdminOutcome {
    /// About to start. If no other event follows, it may have happened.
    #[default]
    Attempted,
    /// Done.
    Done,
    /// Not done, or not certainly.
    Failed,
}

impl AdminEvent<'_> {
    /// Writes the event; `by` is the operator.
    pub fn record(&self, by: &Operator) {
        let number = self.number.map(ToString::to_string);
        tracing::info!(
            target: AUDIT_TARGET,
            request_id = self.request_id,
            operation = self.operation,
            outcome = match self.outcome {
                AdminOutcome::Attempted => "attempted",
                AdminOutcome::Done => "done",
                AdminOutcome::Failed => "failed",
            },
            reason = self.reason.map(AuditReason::as_str),
            tenant = self.tenant,
            number = number.as_deref(),
            user_id = self.user_id,
            username = self.username,
            access_key_id = self.access_key_id,
            access_key_name = self.access_key_name,
            os_user = by.name.as_deref(),
            os_uid = by.uid,
            login_uid = by.login_uid,
            sudo_user = by.sudo_user.as_deref(),
            "administration"
        );
    }
}

/// Maximum length of a certificate's list of names.
const MAX_NAMES: usize = 512;

/// The text without control characters, truncated.
fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_NAMES).collect()
}

/// A caller's text, truncated and without control characters. Anything that may be a phone number
/// is masked except for its last four digits: a phone system may put the number into the call's id.
/// UUIDs, and Twilio's ids, which are `CA` and a UUID's digits, hold none.
fn printable(text: &str) -> String {
    if Uuid::try_parse(text.strip_prefix("CA").unwrap_or(text)).is_ok() {
        return text.to_owned();
    }
    let text: Vec<char> = text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect();
    let mut shown = String::with_capacity(text.len());
    let joins = |c: char| matches!(c, ' ' | '-' | '.' | '(' | ')' | '/');
    let mut rest = text.as_slice();
    while let Some(first) = rest.first() {
        if !first.is_numeric() {
            shown.push(*first);
            rest = &rest[1..];
            continue;
        }
        let end = rest.iter().position(|c| !c.is_numeric() && !joins(*c)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        let digits = run.iter().filter(|c| c.is_numeric()).count();
        let mut hidden = if digits >= 6 { digits - 4 } else { 0 };
        for c in run {
            let hide = c.is_numeric() && hidden > 0;
            hidden -= usize::from(hide);
            shown.push(if hide { '*' } else { *c });
        }
        rest = after;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_id_shows_no_number_and_no_line_break() {
        assert_eq!(printable("1700000000.123"), "*********0.123");
        assert_eq!(printable("x=070 333 10 09;y"), "x=*** *** 10 09;y");
        assert_eq!(printable("call 12-34 (5)"), "call 12-34 (5)");
        for id in ["f2b3c0de-1234-4567-8901-123456789012", "CA0123456789abcdef0123456789abcdef"] {
            assert_eq!(printable(id), id, "a random id");
        }
        assert_eq!(printable("a\n{\"reason\":\"x\"}"), "a{\"reason\":\"x\"}");
        assert_eq!(printable("call-+46701234567@pbx"), "call-+*******4567@pbx");
        assert_eq!(printable(&"x".repeat(500)).len(), MAX_TEXT);
    }
}
