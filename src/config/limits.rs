//! `[server.limits]`: this node's flood limits.

use std::time::Duration;

use serde::Deserialize;

use super::check::Problems;
use crate::domain::policy::Quota;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFlood {
    pub requests_per_client: Option<Quota>,
    pub requests_per_address: Option<Quota>,
    pub calls_per_caller: Option<Quota>,
    pub tracked_keys: Option<usize>,
    pub waiting_refusals: Option<usize>,
    pub connections: Option<usize>,
    pub connections_per_address: Option<usize>,
}

/// `[server.limits]`: flood limits of this node.
#[derive(Debug, Clone, Copy)]
pub struct FloodConfig {
    /// Requests of one client.
    pub requests_per_client: Quota,
    /// Requests from one address.
    pub requests_per_address: Quota,
    /// Calls from one number, for any user.
    pub calls_per_caller: Quota,
    /// How many clients, addresses and callers are remembered, each.
    pub tracked_keys: usize,
    /// How many refused logins may wait for their floor at once.
    pub waiting_refusals: usize,
    /// How many connections the server holds; `None`: 10,000, or as many as the process's limit of
    /// open files leaves.
    pub connections: Option<usize>,
    /// How many of them one address may hold.
    pub connections_per_address: usize,
}

/// Checks the section.
pub(super) fn check(raw: &RawFlood, problems: &mut Problems) -> FloodConfig {
    // 1,000 a second with a burst of 2,000: a phone system or a login service is one client at
    // one address, so tighter limits would refuse legitimate traffic.
    let wide = Quota { burst: 2000, per: Duration::from_secs(2) };
    let caller = Quota { burst: 30, per: Duration::from_mins(1) };
    let most = 10_000_000;
    warn_of_one_address(raw, problems);
    FloodConfig {
        requests_per_client: problems.quota(
            "server.limits.requests_per_client",
            raw.requests_per_client,
            wide,
            most,
        ),
        requests_per_address: problems.quota(
            "server.limits.requests_per_address",
            raw.requests_per_address,
            wide,
            most,
        ),
        calls_per_caller: problems.quota(
            "server.limits.calls_per_caller",
            raw.calls_per_caller,
            caller,
            most,
        ),
        tracked_keys: problems.within(
            "server.limits.tracked_keys",
            raw.tracked_keys.unwrap_or(100_000),
            1_000,
            10_000_000,
        ),
        waiting_refusals: problems.within(
            "server.limits.waiting_refusals",
            raw.waiting_refusals.unwrap_or(10_000),
            1,
            1_000_000,
        ),
        connections: raw
            .connections
            .map(|most| problems.within("server.limits.connections", most, 100, 1_000_000)),
        connections_per_address: problems.within(
            "server.limits.connections_per_address",
            raw.connections_per_address.unwrap_or(PER_ADDRESS),
            1,
            1_000_000,
        ),
    }
}

/// Warns if one address can take all connections.
fn warn_of_one_address(raw: &RawFlood, problems: &mut Problems) {
    let most = raw.connections.unwrap_or(CONNECTIONS);
    let of_one = raw.connections_per_address.unwrap_or(PER_ADDRESS);
    if of_one >= most {
        problems.warn(
            "server.limits.connections_per_address",
            format!(
                "one address may hold {of_one} of the {most} connections \
                 (server.limits.connections), so one client can shut out all others: set a lower \
                 number"
            ),
        );
    }
}

/// The default of `connections`, if the process may open that many files.
const CONNECTIONS: usize = 10_000;

/// The default of `connections_per_address`.
const PER_ADDRESS: usize = 500;
