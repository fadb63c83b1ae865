//! What check-config and a start warn of: settings that can be used, and may not be what is meant.
//!
//! One function for what concerns a tenant, and one line in it for each thing to know.

use super::check::Problems;
use super::directory::DirectoryConfig;
use super::server::ServerConfig;
use super::tenants::TenantConfig;

/// Warns of what concerns a tenant, which stands at `key`.
pub(super) fn of_tenant(
    key: &str,
    tenant: &TenantConfig,
    server: &ServerConfig,
    problems: &mut Problems,
) {
    nobody_can_register(key, tenant, server, problems);
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
