//! `[ops]`: the operators' listener.

use std::net::SocketAddr;

use serde::Deserialize;

use super::check::Problems;
use super::values::Address;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOps {
    pub enabled: Option<bool>,
    pub listen: Option<Address>,
    pub allow_plain_http: Option<bool>,
}

/// `[ops]`.
#[derive(Debug, Clone, Copy)]
pub struct OpsConfig {
    /// Where health, readiness and metrics are served, in plain HTTP.
    pub listen: SocketAddr,
}

/// Checks the section. `public` is where the public listener listens.
pub(super) fn check(
    raw: &RawOps,
    public: SocketAddr,
    problems: &mut Problems,
) -> Option<OpsConfig> {
    if raw.enabled == Some(false) {
        return None;
    }
    let listen = raw.listen.map_or(SocketAddr::from(([127, 0, 0, 1], 9090)), |address| address.0);
    if collide(listen, public) {
        let found = format!("{listen}, where server.listen ({public}) listens");
        problems.add("ops.listen", found, "another port than that of server.listen");
    }
    if !listen.ip().is_loopback() && raw.allow_plain_http != Some(true) {
        problems.add(
            "ops.listen",
            format!("{listen}, which other machines can reach without TLS or a credential"),
            "a loopback address, or allow_plain_http = true in a network for operators only",
        );
    }
    Some(OpsConfig { listen })
}

/// Whether two listeners cannot be at these addresses: the same port, also if one of them is all
/// addresses of this machine.
pub(super) fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let takes = |one: SocketAddr, other: SocketAddr| {
        // An IPv6 listener at all addresses takes IPv4's as well.
        let all = one.ip().is_unspecified() && (one.is_ipv6() || other.is_ipv4());
        all || one.ip().to_canonical() == other.ip().to_canonical()
    };
    one.port() == other.port() && one.port() != 0 && (takes(one, other) || takes(other, one))
}
