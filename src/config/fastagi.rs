//! `[fastagi]`, and whether it fits the `[[tenants.fastagi]]` that it serves.

pub(super) mod scripts;

use std::collections::HashMap;
use std::net::SocketAddr;

use serde::Deserialize;

use super::check::Problems;
use super::ops::collide;
use super::tenants::TenantConfig;
use super::values::Address;

/// `[fastagi]` as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFastAgi {
    pub listen: Option<Address>,
    pub allow_plain: Option<bool>,
}

/// `[fastagi]`.
#[derive(Debug, Clone, Copy)]
pub struct FastAgiConfig {
    /// Where sessions are served, in clear.
    pub listen: SocketAddr,
}

/// Checks the section. `others` are the keys and addresses of the other listeners.
pub(super) fn check(
    raw: &RawFastAgi,
    others: &[(&str, SocketAddr)],
    problems: &mut Problems,
) -> FastAgiConfig {
    let listen =
        raw.listen.as_ref().map_or(SocketAddr::from(([127, 0, 0, 1], 4573)), |address| address.0);
    for (key, other) in others {
        if collide(listen, *other) {
            let found = format!("{listen}, where {key} ({other}) listens");
            problems.add("fastagi.listen", found, format!("another port than that of {key}"));
        }
    }
    if !listen.ip().is_loopback() && raw.allow_plain != Some(true) {
        problems.add(
            "fastagi.listen",
            format!("{listen}, where codes leave this machine in clear"),
            "a loopback address, or allow_plain = true in a network of the phone system's own",
        );
    }
    FastAgiConfig { listen }
}

/// Checks the tenants' scripts against each other and against the section, which serves them.
pub(super) fn check_together(
    section: Option<FastAgiConfig>,
    tenants: &[TenantConfig],
    problems: &mut Problems,
) {
    let mut names = HashMap::new();
    for tenant in tenants {
        for (index, script) in tenant.fastagi.iter().enumerate() {
            let key = format!("{}.fastagi[{index}]", tenant.key);
            if let Some(other) = names.insert(&script.name, key.clone()) {
                let found = format!("{:?}, as {other} has it", script.name);
                let accepted = "a name of its own for each script, also across tenants: it is all \
                    that the URL says";
                problems.add(&format!("{key}.script"), found, accepted);
            }
        }
    }
    let first = tenants.iter().find(|tenant| !tenant.fastagi.is_empty());
    match (section, first) {
        (None, Some(tenant)) if !problems.was_reported("fastagi") => {
            let found = format!("nothing, though {}.fastagi has scripts", tenant.key);
            problems.add("fastagi", found, "a [fastagi] section: it opens the port");
        }
        (Some(_), None) => problems.warn(
            "fastagi",
            "no tenant has a script, so all sessions are refused: add [[tenants.fastagi]], or \
             leave the section out",
        ),
        _ => {}
    }
}
