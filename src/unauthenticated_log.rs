//! Limits the events and log lines about requests without a credential, per address and overall,
//! and periodically writes one that counts the rest. Otherwise a stranger could fill the disk.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{Display, Write as _};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::client_address::ClientAddress;
use crate::domain::policy::Quota;
use crate::domain::reason::AuditReason;
use crate::service::flood::FloodLimit;
use crate::telemetry::audit::Unwritten;
use crate::telemetry::metrics;

/// How many addresses are tracked separately.
const ADDRESSES: usize = 1_000;

/// Interval between the lines that count the rest.
const PAUSE: Duration = Duration::from_mins(1);

/// How many lines one address, and all addresses together, may cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineQuotas {
    /// One address.
    pub per_address: Quota,
    /// All addresses.
    pub in_all: Quota,
}

impl Default for LineQuotas {
    fn default() -> Self {
        Self {
            per_address: Quota { burst: 60, per: Duration::from_mins(1) },
            in_all: Quota { burst: 600, per: Duration::from_mins(10) },
        }
    }
}

/// Limits the lines about unauthenticated callers in the audit trail and in the log.
pub struct UnauthenticatedLog {
    /// Refusals of callers without any credential.
    unknown: Lines,
    /// Refusals of callers without a client's credential but with a token of a tenant.
    with_token: Lines,
    handshakes: Lines,
}

impl Default for UnauthenticatedLog {
    fn default() -> Self {
        Self::new(LineQuotas::default())
    }
}

impl UnauthenticatedLog {
    /// Allows `lines` for each kind.
    #[must_use]
    pub fn new(lines: LineQuotas) -> Self {
        let of = || Lines::new(lines);
        Self { unknown: of(), with_token: of(), handshakes: of() }
    }

    /// Whether a refusal of `peer` gets an event of its own; otherwise it is only counted. An
    /// address that floods never gets one.
    #[must_use]
    pub fn may_write(
        &self,
        peer: Option<IpAddr>,
        has_token: bool,
        floods: bool,
        reason: AuditReason,
    ) -> bool {
        let lines = if has_token { &self.with_token } else { &self.unknown };
        let may = !floods && lines.admit(peer);
        if !may {
            lines.count(peer, reason.as_str());
        }
        may
    }

    /// Reports a failed TLS handshake.
    pub fn handshake_failed(&self, peer: Option<IpAddr>, error: &dyn Display) {
        metrics::handshake_failed("failed");
        if self.handshakes.admit(peer) {
            let peer = peer.map(|peer| peer.to_string());
            tracing::warn!(peer, %error, "TLS handshake failed");
        } else {
            self.handshakes.count(peer, "failed");
        }
    }

    /// Writes what was counted since the last time, if anything.
    pub fn report(&self) {
        for lines in [&self.unknown, &self.with_token] {
            lines.report(write_refusals);
        }
        self.handshakes.report(|counted| {
            tracing::warn!(
                count = counted.count,
                addresses = counted.addresses,
                peer = counted.peer.map(|peer| peer.to_string()),
                from_peer = counted.from_peer,
                seconds = counted.span.as_secs(),
                "TLS handshakes failed that have no lines of their own"
            );
        });
    }

    /// Reports every minute.
    pub async fn report_every_minute(self: Arc<Self>) {
        loop {
            tokio::time::sleep(PAUSE).await;
            self.report();
        }
    }
}

fn write_refusals(counted: &Unwritten<'_>) {
    counted.record();
}

/// The budget and the counts of one kind of line.
struct Lines {
    by_address: FloodLimit<IpAddr>,
    in_all: FloodLimit<()>,
    counted: Mutex<Counted>,
}

/// What was counted instead of written.
#[derive(Default)]
struct Counted {
    since: Option<Instant>,
    count: u64,
    reasons: BTreeMap<&'static str, u64>,
    addresses: HashMap<IpAddr, u64>,
}

impl Lines {
    fn new(lines: LineQuotas) -> Self {
        let keys = NonZeroUsize::new(ADDRESSES).expect("a thousand");
        Self {
            by_address: FloodLimit::new(lines.per_address, keys),
            in_all: FloodLimit::new(lines.in_all, NonZeroUsize::MIN),
            counted: Mutex::default(),
        }
    }

    fn admit(&self, peer: Option<IpAddr>) -> bool {
        self.by_address.admit(&network(peer)).is_ok() && self.in_all.admit(&()).is_ok()
    }

    fn count(&self, peer: Option<IpAddr>, reason: &'static str) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.since.get_or_insert_with(Instant::now);
        counted.count += 1;
        *counted.reasons.entry(reason).or_default() += 1;
        let address = network(peer);
        if counted.addresses.len() < ADDRESSES || counted.addresses.contains_key(&address) {
            *counted.addresses.entry(address).or_default() += 1;
        }
    }

    fn report(&self, write: impl FnOnce(&Unwritten<'_>)) {
        let counted = self.counted.lock().map(|mut counted| std::mem::take(&mut *counted));
        let counted = counted.unwrap_or_default();
        let Some(since) = counted.since else { return };
        let mut reasons = String::new();
        for (reason, count) in &counted.reasons {
            let space = if reasons.is_empty() { "" } else { " " };
            write!(reasons, "{space}{reason}={count}").expect("a text takes what is written");
        }
        let most = counted.addresses.iter().max_by_key(|(_, count)| **count);
        write(&Unwritten {
            count: counted.count,
            reasons: &reasons,
            addresses: counted.addresses.len(),
            peer: most.map(|(address, _)| *address).filter(|address| !address.is_unspecified()),
            from_peer: most.map_or(0, |(_, count)| *count),
            span: since.elapsed(),
        });
    }
}

/// The network an address is counted under; unknown addresses share one.
fn network(peer: Option<IpAddr>) -> IpAddr {
    peer.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| ClientAddress::of(peer).ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_lines_and_all_together_have_more() {
        let hour = |burst| Quota { burst, per: Duration::from_hours(1) };
        let lines = LineQuotas { per_address: hour(3), in_all: hour(5) };
        let log = UnauthenticatedLog::new(lines);
        let at = |text: &str| Some(text.parse().expect("an address"));
        let may = |peer, floods| log.may_write(peer, false, floods, AuditReason::NoCredential);
        let written = |peer| (0..10).filter(|_| may(peer, false)).count();
        assert!(!may(at("192.0.2.1"), true), "an address that floods gets none");
        assert_eq!(written(at("192.0.2.1")), 3);
        assert_eq!(written(at("2001:db8::1")) + written(at("2001:db8::2")), 2, "one /64");
        assert_eq!(written(None), 0);
        assert!(log.may_write(None, true, false, AuditReason::TokenRefused), "those count apart");

        let mut told = None;
        log.unknown.report(|counted| {
            assert_eq!(counted.reasons, "no_credential=36");
            told = Some((counted.count, counted.addresses, counted.peer, counted.from_peer));
        });
        assert_eq!(told, Some((36, 3, at("2001:db8::"), 18)));
        log.unknown.report(|_| panic!("nothing was counted since"));
    }
}
