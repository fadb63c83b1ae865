//! What check-config and a start warn of: settings that can be used, and may not be what is meant.
//!
//! One function for what concerns a tenant, and one line in it for each thing to know.

use super::check::Problems;
use super::directory::DirectoryConfig;
use super::server::ServerConfig;
use super::tenants::TenantConfig;
use crate::domain::stored_number::NumberingPlan;

/// Warns of what concerns a tenant, which stands at `key`.
pub(super) fn of_tenant(
    key: &str,
    tenant: &TenantConfig,
    server: &ServerConfig,
    problems: &mut Problems,
) {
    nobody_can_register(key, tenant, server, problems);
}

/// Warns where national numbers look like international ones without their plus, and nothing says
/// which of the two the phone system writes.
pub(super) fn numbers_not_said(key: &str, numbering: NumberingPlan, problems: &mut Problems) {
    if numbering.writes_numbers_bare() {
        problems.warn(
            &format!("{key}.calls.numbers"),
            "numbers of this country are written without a national prefix, so a caller ID \
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
