//! The components built from one configuration, and the gateway that the handlers see, built from them.

use std::collections::HashMap;
use std::sync::Arc;

use url::Url;

use super::authentication_cloud::{Messengers, authentication_cloud};
use super::flood_limits::{at_least, keys};
use super::shared::SharedState;
use super::{directories, messengers, notifier};

use crate::config::{Config, DirectoryConfig, TenantConfig};
use crate::directory::Directory;
use crate::domain::clock::SystemClock;
use crate::domain::tenant::TenantId;
use crate::fastagi::scripts::{Script, Scripts};
use crate::http::client_table::ClientTable;
use crate::http::gateway::{Gateway, Tenant, Voice};
use crate::http::identify::CallerIdentification;
use crate::http::jwks::Jwks;
use crate::http::proxy::TrustedProxies;
use crate::http::voice::public_url::spellings;
use crate::messenger::Notifier;
use crate::service::TenantParts;
use crate::service::call_in::CallIn;
use crate::service::flood::FloodLimit;
use crate::service::login::Login;
use crate::service::reported_calls::ReportedCalls;
use crate::store::registry::Registry;
use crate::tls::server::{ClientCaState, TlsState};

/// The components built from one configuration, before the store is open.
pub struct Components {
    /// Each tenant's directory, in configuration order; those of registered users come last.
    pub directories: Vec<(TenantId, Arc<dyn Directory>)>,
    /// The SMS messengers of the tenants that have providers.
    pub messengers: Messengers,
    /// Sends notifications to phones, if configured.
    pub notifier: Option<Arc<dyn Notifier>>,
    pub(super) clients: Arc<ClientTable>,
    pub(super) jwks: Option<Arc<Jwks>>,
    pub(super) forwarded_ca: Option<Arc<ClientCaState>>,
    pub(super) origins: Origins,
}

/// What the components were built from, for the next reload to compare.
pub(super) struct Origins {
    pub directories: HashMap<TenantId, directories::ReusableDirectory>,
    pub messengers: HashMap<TenantId, messengers::ReusableMessenger>,
    pub notifier: Option<notifier::ReusableNotifier>,
}

impl Components {
    /// Each tenant's directory by the tenant's id.
    pub(super) fn directories_by_id(&self) -> Vec<(String, Arc<dyn Directory>)> {
        let named = |(id, directory): &(TenantId, _)| (id.to_string(), Arc::clone(directory));
        self.directories.iter().map(named).collect()
    }

    /// Adds the directories of registered users.
    pub fn add_registered(&mut self, config: &Config, registry: &Arc<dyn Registry>) {
        for tenant in &config.tenants {
            let made = directories::registered(tenant, registry);
            self.directories.extend(made.map(|made| (tenant.id.clone(), made)));
        }
    }

    /// Builds the gateway for the handlers. Counts of `before` continue if their limit is
    /// unchanged.
    #[must_use]
    pub fn gateway(
        &self,
        config: &Config,
        shared: &SharedState,
        tls: Option<Arc<TlsState>>,
        before: Option<&Gateway>,
    ) -> Gateway {
        let flood = &config.server.limits;
        let directories: HashMap<_, _> = self.directories.iter().cloned().collect();
        let tenants = config.tenants.iter().filter_map(|tenant| {
            let directory = Arc::clone(directories.get(&tenant.id)?);
            let tenant_of = self::tenant(tenant, config, directory, shared, before);
            Some((tenant.id.clone(), Arc::new(tenant_of)))
        });
        let cloud = before.and_then(|before| before.cloud.as_deref());
        let (messengers, notifier) = (&self.messengers, self.notifier.as_ref());
        let (by_client, by_address) =
            (before.map(|before| &before.by_client), before.map(|before| &before.by_address));
        Gateway {
            tenants: tenants.collect(),
            gate: CallerIdentification {
                clients: Arc::clone(&self.clients),
                proxies: TrustedProxies(config.server.trusted_proxies.clone()),
                proxy_rules: config.server.proxy.clone(),
                tls,
                forwarded_ca: self.forwarded_ca.clone(),
                jwks: self.jwks.clone(),
                // Certificates and tokens carry other systems' dates, so these are compared with
                // real time.
                clock: Arc::new(SystemClock),
            },
            by_client: FloodLimit::reuse_or_new(by_client, flood.requests_per_client, keys(flood)),
            by_address: FloodLimit::reuse_or_new(
                by_address,
                flood.requests_per_address,
                keys(flood),
            ),
            request_deadline: config.server.request_deadline,
            clock: Arc::clone(&shared.clock),
            waiting: Arc::clone(&shared.waiting),
            audit: Arc::clone(&shared.audit),
            unauthenticated_log: Arc::clone(&shared.unauthenticated_log),
            public_bases: public_bases(config),
            cloud: authentication_cloud(config, shared, messengers, notifier, cloud).map(Arc::new),
        }
    }

    /// The verifier whose files must be watched while this configuration is in force.
    #[must_use]
    pub fn forwarded_ca(&self) -> Option<Arc<ClientCaState>> {
        self.forwarded_ca.clone()
    }
}

/// Builds the scripts of FastAGI, which share the tenants' parts and limits with `gateway`.
#[must_use]
pub(super) fn scripts(config: &Config, gateway: &Gateway) -> Scripts {
    let by_name = config.tenants.iter().flat_map(|tenant| {
        let call_in = gateway.tenants.get(&tenant.id).map(|tenant| Arc::clone(&tenant.call_in));
        call_in.into_iter().flat_map(|call_in| {
            tenant.fastagi.iter().map(move |settings| {
                let script = Script { settings: settings.clone(), call_in: Arc::clone(&call_in) };
                (settings.name.clone(), Arc::new(script))
            })
        })
    });
    Scripts {
        by_name: by_name.collect(),
        by_client: Arc::clone(&gateway.by_client),
        request_deadline: gateway.request_deadline,
        audit: Arc::clone(&gateway.audit),
        unauthenticated_log: Arc::clone(&gateway.unauthenticated_log),
    }
}

/// The public URL as voice platforms sign it; nothing if no tenant has an endpoint for them.
fn public_bases(config: &Config) -> Vec<String> {
    let has_voice = config.tenants.iter().any(|tenant| !tenant.voice.is_empty());
    let url = config.server.public_url.as_ref().filter(|_| has_voice);
    url.and_then(|url| Url::parse(url).ok()).map(|url| spellings(&url)).unwrap_or_default()
}

fn tenant(
    tenant: &TenantConfig,
    config: &Config,
    directory: Arc<dyn Directory>,
    shared: &SharedState,
    before: Option<&Gateway>,
) -> Tenant {
    let flood = &config.server.limits;
    let before = before.and_then(|before| before.tenants.get(&tenant.id));
    let counted = before.map(|before| &before.call_in.calls_per_caller);
    let latency = before.map_or_else(Arc::default, |before| Arc::clone(&before.login.latency));
    let timeout = match &tenant.directory {
        DirectoryConfig::Ldap(ldap) => ldap.settings.timeout,
        DirectoryConfig::File(_) | DirectoryConfig::Registered => {
            config.server.request_deadline / 2
        }
    };
    // A file's first password check takes a while to measure.
    directory.expected_check();
    let parts = TenantParts {
        tenant: tenant.id.clone(),
        directory,
        directory_deadline: timeout * 2,
        grants: Arc::clone(&shared.grants),
        tries: Arc::clone(&shared.tries),
        keys: Arc::clone(&config.keys.server_keys),
        otp: tenant.otp,
        limits: tenant.limits,
        random: Arc::clone(&shared.random),
        clock: Arc::clone(&shared.clock),
    };
    let per_caller = at_least(flood.calls_per_caller, tenant.limits.calls_per_number);
    Tenant {
        call_in: Arc::new(CallIn {
            parts: parts.clone(),
            caller_ids: tenant.caller_ids.clone(),
            ambiguity: tenant.ambiguity,
            trust: tenant.trust.clone(),
            calls_per_caller: FloodLimit::reuse_or_new(counted, per_caller, keys(flood)),
        }),
        login: Login { parts, policy: tenant.login, guesses: Arc::clone(&shared.guesses), latency },
        style: tenant.status_style,
        spoken: tenant.spoken.clone(),
        voice: Voice {
            endpoints: tenant.voice.iter().map(|one| (one.name.clone(), one.clone())).collect(),
            calls: ReportedCalls {
                store: Arc::clone(&shared.reported_calls),
                recent: Arc::clone(&shared.recent_reports),
                clock: Arc::clone(&shared.clock),
                tenant: tenant.id.clone(),
            },
        },
    }
}
