//! From a configuration to the authentication cloud's part of the gateway.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::prepare::{Lasting, keys};
use crate::config::{Config, DirectoryConfig, TenantConfig};
use crate::domain::policy::Quota;
use crate::domain::tenant::TenantId;
use crate::http::authentication_cloud::AuthenticationCloud;
use crate::messenger::Messenger;
use crate::service::authentication_cloud::tokens::Tokens;
use crate::service::authentication_cloud::{Cloud, Policy};
use crate::service::flood::FloodLimit;

/// Each tenant's way to send texts, where it has one.
pub type Messengers = HashMap<TenantId, Arc<dyn Messenger>>;

/// Questions for one transaction's status: a frontend asks every 1.5 seconds, perhaps from several
/// windows.
const STATUS_QUESTIONS: Quota = Quota { burst: 50, per: Duration::from_secs(10) };

/// The part of all tenants; `None` where it is not served.
pub(super) fn authentication_cloud(
    config: &Config,
    lasting: &Lasting,
    messengers: &Messengers,
) -> Option<AuthenticationCloud> {
    let public_url = config.server.public_url.as_deref()?;
    let tokens = Arc::new(Tokens::new(public_url, &config.keys.server_keys));
    let cloud = |tenant: &TenantConfig| Cloud {
        tenant: tenant.id.clone(),
        registry: Arc::clone(&lasting.registry),
        messenger: messengers.get(&tenant.id).map(Arc::clone),
        keys: Arc::clone(&config.keys.server_keys),
        tokens: Arc::clone(&tokens),
        random: Arc::clone(&lasting.random),
        policy: Policy::default(),
    };
    let tenants = config.tenants.iter();
    Some(AuthenticationCloud {
        tenants: tenants.map(|tenant| (tenant.id.clone(), Arc::new(cloud(tenant)))).collect(),
        registry: Arc::clone(&lasting.registry),
        tokens: Arc::clone(&tokens),
        by_transaction: FloodLimit::new(STATUS_QUESTIONS, keys(&config.server.limits)),
    })
}

/// What an administrator should know of tenants that are set up for an API that is not served.
pub(super) fn trouble(config: &Config) -> Vec<String> {
    if config.server.public_url.is_some() {
        return Vec::new();
    }
    let needs_it = |tenant: &&TenantConfig| {
        tenant.sms.is_some() || matches!(tenant.directory, DirectoryConfig::Registered)
    };
    let tell = |tenant: &TenantConfig| {
        format!(
            "tenant {} has texts or registered users, and nobody can register: the authentication \
             cloud's API is served where server.public_url is set, which it is not",
            tenant.id
        )
    };
    config.tenants.iter().filter(needs_it).map(tell).collect()
}
