//! Warnings about voice endpoints that are valid, but do not fit their tenant or each other.

use super::check::Problems;
use super::tenants::TenantConfig;
use super::voice::Facts;
use crate::domain::policy::Attestation;
use crate::domain::user::Ambiguity;
use crate::http::voice::endpoint::Endpoint;

/// Warns of endpoints that do not fit what their tenant accepts.
pub(super) fn of_tenant(tenant: &TenantConfig, problems: &mut Problems) {
    for facts in &tenant.voice_facts {
        let key = format!("{}.dialect", facts.key);
        if !facts.attests && tenant.trust.minimum_attestation != Attestation::None {
            problems.warn(
                &key,
                "this platform passes on no attestation, so with calls.minimum_attestation this \
                 endpoint refuses every call: set it to \"none\", or move the endpoint to a tenant \
                 without it",
            );
        }
        if !facts.tells_diversion && tenant.trust.refuse_diverted {
            problems.warn(
                &key,
                "this platform does not tell which calls were forwarded, so calls.refuse_diverted \
                 refuses none here: use another platform where this matters",
            );
        }
    }
    let asks_nowhere = tenant.voice.iter().all(|endpoint| !endpoint.asks_pin);
    if tenant.ambiguity == Ambiguity::Pin && asks_nowhere && !tenant.voice.is_empty() {
        problems.warn(
            &format!("{}.directory.ambiguous", tenant.key),
            "\"pin\", but no endpoint in [[tenants.voice]] asks for one, so people who share a \
             number get no code there: set pin = \"asked\"",
        );
    }
}

/// Warns of endpoints, also of different tenants, that take each other's requests: they share a
/// secret, its signature does not cover the URL, and both accept calls to a number.
pub(super) fn shared_secrets(tenants: &[TenantConfig], problems: &mut Problems) {
    let all: Vec<(&Endpoint, &Facts)> =
        tenants.iter().flat_map(|tenant| tenant.voice.iter().zip(&tenant.voice_facts)).collect();
    for (index, (endpoint, facts)) in all.iter().enumerate() {
        let is_taken = |(other, its): &&(&Endpoint, &Facts)| {
            its.share_signatures(facts) && overlap(other, endpoint)
        };
        if let Some((_, other)) = all[..index].iter().find(is_taken) {
            problems.warn(
                &format!("{}.called_numbers", facts.key),
                format!(
                    "{} has the same secret, and this platform does not sign the URL, so a request \
                     to one endpoint is valid at the other: give both called_numbers, with no \
                     number in common",
                    other.key
                ),
            );
        }
    }
}

/// Whether a call to some number is accepted by both.
fn overlap(one: &Endpoint, other: &Endpoint) -> bool {
    let (numbers, others) = (&one.called_numbers, &other.called_numbers);
    numbers.is_empty() || others.is_empty() || numbers.iter().any(|it| others.contains(it))
}
