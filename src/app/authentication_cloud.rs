//! Builds the authentication cloud's part of the gateway from a configuration.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::flood_limits::keys;
use super::shared::SharedState;
use crate::config::{Config, TenantConfig};
use crate::domain::policy::Quota;
use crate::domain::tenant::TenantId;
use crate::http::gateway::AuthenticationCloud;
use crate::http::pages::Widget;
use crate::messenger::{Messenger, Notifier};
use crate::service::authentication_cloud::access::AccessControl;
use crate::service::authentication_cloud::passkey_request::LIFETIME;
use crate::service::authentication_cloud::passkeys::Passkeys;
use crate::service::authentication_cloud::tokens::Tokens;
use crate::service::authentication_cloud::{Cloud, Policy};
use crate::service::flood::FloodLimit;

/// The messengers of the tenants that send texts.
pub type Messengers = HashMap<TenantId, Arc<dyn Messenger>>;

/// Limit of status queries for one transaction: a frontend polls every 1.5 seconds, perhaps from
/// several windows.
const STATUS_QUESTIONS: Quota = Quota { burst: 50, per: Duration::from_secs(10) };

/// All tenants' parts; `None` if the API is not served.
pub(super) fn authentication_cloud(
    config: &Config,
    shared: &SharedState,
    messengers: &Messengers,
    notifier: Option<&Arc<dyn Notifier>>,
    before: Option<&AuthenticationCloud>,
) -> Option<AuthenticationCloud> {
    let public_url = config.server.public_url.as_deref()?;
    let tokens = Arc::new(Tokens::new(public_url, &config.keys.server_keys));
    let cloud = |tenant: &TenantConfig| Cloud {
        tenant: tenant.id.clone(),
        registry: Arc::clone(&shared.registry),
        messenger: messengers.get(&tenant.id).map(Arc::clone),
        notifier: notifier.map(Arc::clone),
        passkeys: Passkeys::new(public_url, &tenant.app.company, LIFETIME).map(Arc::new),
        match_number: tenant.app.match_number,
        keys: Arc::clone(&config.keys.server_keys),
        tokens: Arc::clone(&tokens),
        random: Arc::clone(&shared.random),
        texted_kinds: Arc::new(
            tenant.sms.as_ref().map(|sms| sms.number_kinds.clone()).unwrap_or_default(),
        ),
        one_user_per_number: tenant.sms.as_ref().is_some_and(|sms| sms.one_user_per_number),
        policy: Policy::default(),
    };
    let tenants = config.tenants.iter();
    let keys = keys(&config.server.limits);
    let (by_transaction, by_link) =
        (before.map(|before| &before.by_transaction), before.map(|before| &before.by_link));
    Some(AuthenticationCloud {
        tenants: tenants.map(|tenant| (tenant.id.clone(), Arc::new(cloud(tenant)))).collect(),
        access: AccessControl::new(Arc::clone(&shared.registry)),
        tokens: Arc::clone(&tokens),
        public_url: public_url.to_owned(),
        widget: Widget::of(public_url),
        by_transaction: FloodLimit::reuse_or_new(by_transaction, STATUS_QUESTIONS, keys),
        by_link: FloodLimit::reuse_or_new(by_link, STATUS_QUESTIONS, keys),
    })
}

/// A warning about the URL that phones open.
pub(super) fn warnings(config: &Config) -> Option<(&'static str, String)> {
    let public_url = config.server.public_url.as_ref()?;
    let has_passkeys = Passkeys::new(public_url, "", LIFETIME).is_some();
    let warning = || {
        let text = format!(
            "{public_url:?} has an IP address where passkeys need a name: the channels app and \
             push answer 400"
        );
        ("server.public_url", text)
    };
    (!has_passkeys).then(warning)
}
