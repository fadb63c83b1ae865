//! What check-config and a start warn of: settings that can be used, and may not be what is meant.
//!
//! One function for what concerns a tenant, and one line in it for each thing to know.

use super::check::Problems;
use super::directory::DirectoryConfig;
use super::server::ServerConfig;
use super::tenants::{CredentialConfig, TenantConfig};
use crate::domain::stored_number::NumberingPlan;

/// Warns of what concerns a tenant, which stands at `key`.
pub(super) fn of_tenant(
    key: &str,
    tenant: &TenantConfig,
    server: &ServerConfig,
    problems: &mut Problems,
) {
    nobody_can_register(key, tenant, server, problems);
    anybody_may_call(key, tenant, problems);
}

/// Warns of clients without credential whose addresses are more than any one network's.
fn anybody_may_call(key: &str, tenant: &TenantConfig, problems: &mut Problems) {
    for (index, client) in tenant.clients.iter().enumerate() {
        let networks = client.credentials.iter().filter_map(|credential| match credential {
            CredentialConfig::Anonymous(networks) => Some(networks),
            _ => None,
        });
        let wide = networks.flatten().find(|network| network.prefix_len() < NARROWEST_OF_MANY);
        if let Some(network) = wide {
            problems.warn(
                &format!("{key}.clients[{index}].anonymous.addresses"),
                format!(
                    "{network} is a large part of the internet: everybody there may call as {:?} \
                     with no credential, and so ask for anybody's code",
                    client.name
                ),
            );
        }
    }
}

/// Networks with shorter prefixes than this are no organization's own.
const NARROWEST_OF_MANY: u8 = 8;

/// Warns where national numbers look like international ones without their plus, and nothing says
/// which of the two the phone system writes.
pub(super) fn numbers_not_said(key: &str, numbering: NumberingPlan, problems: &mut Problems) {
    if numbering.writes_no_zero() {
        problems.warn(
            &format!("{key}.calls.numbers"),
            "numbers of this country are written with no zero in front, so a caller ID \
             without + may be one of them or an international number without its plus; where both \
             are possible the call is refused (number_two_readings). Say which the phone system \
             writes: numbers = \"e164\" (+…), \"e164-without-plus\" or \"national\"",
        );
    }
}

fn nobody_can_register(
    key: &str,
    tenant: &TenantConfig,
    server: &ServerConfig,
    problems: &mut Problems,
) {
    let needs_it = tenant.sms.is_some() || matches!(tenant.directory, DirectoryConfig::Registered);
    if needs_it && server.public_url.is_none() {
        let id = &tenant.id;
        problems.warn(
            key,
            format!(
                "tenant {id} has texts or registered users, and nobody can register: the \
                 authentication cloud's API is served where server.public_url is set, which it is \
                 not"
            ),
        );
    }
}
