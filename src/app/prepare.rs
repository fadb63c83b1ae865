//! Builds the gateway's parts from a checked configuration: directories, clients, TLS. Reports the
//! adapters' own errors in terms of the configuration.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::authentication_cloud::{Messengers, authentication_cloud};
use super::clients::proxy_rules;
use super::directories::registered;
use super::settled::{Origins, Settled};
use crate::config::{
    Config, ConfigError, DirectoryConfig, FloodConfig, Places, ServerConfig,
    StatusStyle as ConfiguredStyle, TenantConfig,
};
use crate::directory::Directory;
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::policy::Quota;
use crate::domain::random::Random;
use crate::domain::tenant::TenantId;
use crate::http::client_table::ClientTable;
use crate::http::error::StatusStyle;
use crate::http::gateway::{ExpiresIn, Gateway, Spoken, Tenant, WaitingRoom};
use crate::http::identify::Gate;
use crate::http::jwks::Jwks;
use crate::http::proxy::TrustedProxies;
use crate::http::strangers::Strangers;
use crate::http::tls::{ClientCaState, ClientCertificates, TlsSettings, TlsState};
use crate::messenger::Notifier;
use crate::service::TenantParts;
use crate::service::call_in::CallIn;
use crate::service::flood::FloodLimit;
use crate::service::guesses::Guesses;
use crate::service::login::Login;
use crate::store::registry::Registry;
use crate::store::{Grants, Tries};
use crate::telemetry::audit::AuditTrail;

/// State that lives as long as the process.
pub struct Lasting {
    /// Issued codes.
    pub grants: Arc<dyn Grants>,
    /// Login attempts.
    pub tries: Arc<dyn Tries>,
    /// Registered users.
    pub registry: Arc<dyn Registry>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Random bits.
    pub random: Arc<dyn Random>,
    /// Limits the refused logins that wait.
    pub waiting: Arc<WaitingRoom>,
    /// Guesses at codes.
    pub guesses: Arc<Guesses>,
    /// Where decisions are recorded.
    pub audit: Arc<AuditTrail>,
    /// Limits what is written about callers without a credential.
    pub strangers: Arc<Strangers>,
}

/// The parts built from one configuration before there is a store.
pub struct Prepared {
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

impl Prepared {
    /// Builds the adapters without connecting to anything. They will work on `runtime`.
    ///
    /// # Errors
    /// Every problem that the adapters report about their parts of the configuration.
    pub fn new(
        config: &Config,
        clock: &Arc<dyn Clock>,
        runtime: &Handle,
    ) -> Result<Self, ConfigError> {
        let (push, report) = (config.push.as_ref(), Report(&config.places));
        let (server, tenants) = (&config.server, &config.tenants);
        let settled = Settled::new(server, push, tenants, None, (clock, runtime), &report)?;
        Ok(settled.start(None, runtime))
    }

    /// Adds the directories of registered users.
    pub fn add_registered(&mut self, config: &Config, registry: &Arc<dyn Registry>) {
        for tenant in &config.tenants {
            let made = registered(tenant, registry);
            self.directories.extend(made.map(|made| (tenant.id.clone(), made)));
        }
    }

    /// Builds the gateway for the handlers. Counts of `before` continue if their limit is
    /// unchanged.
    #[must_use]
    pub fn gateway(
        &self,
        config: &Config,
        lasting: &Lasting,
        tls: Option<Arc<TlsState>>,
        before: Option<&Gateway>,
    ) -> Gateway {
        let flood = &config.server.limits;
        let directories: HashMap<_, _> = self.directories.iter().cloned().collect();
        let tenants = config.tenants.iter().filter_map(|tenant| {
            let directory = Arc::clone(directories.get(&tenant.id)?);
            let tenant_of = self::tenant(tenant, config, directory, lasting, before);
            Some((tenant.id.clone(), Arc::new(tenant_of)))
        });
        let cloud = before.and_then(|before| before.cloud.as_deref());
        let (messengers, notifier) = (&self.messengers, self.notifier.as_ref());
        let (by_client, by_address) =
            (before.map(|before| &before.by_client), before.map(|before| &before.by_address));
        Gateway {
            tenants: tenants.collect(),
            gate: Gate {
                clients: Arc::clone(&self.clients),
                proxies: TrustedProxies(config.server.trusted_proxies.clone()),
                proxy_rules: proxy_rules(&config.server.proxy),
                tls,
                forwarded_ca: self.forwarded_ca.clone(),
                jwks: self.jwks.clone(),
                // Certificates and tokens carry other systems' dates, so these are compared with
                // real time.
                clock: Arc::new(SystemClock),
            },
            by_client: FloodLimit::as_before(by_client, flood.requests_per_client, keys(flood)),
            by_address: FloodLimit::as_before(by_address, flood.requests_per_address, keys(flood)),
            request_deadline: config.server.request_deadline,
            clock: Arc::clone(&lasting.clock),
            waiting: Arc::clone(&lasting.waiting),
            audit: Arc::clone(&lasting.audit),
            strangers: Arc::clone(&lasting.strangers),
            cloud: authentication_cloud(config, lasting, messengers, notifier, cloud).map(Arc::new),
        }
    }

    /// The verifier whose files must be watched while this configuration is in force.
    #[must_use]
    pub fn forwarded_ca(&self) -> Option<Arc<ClientCaState>> {
        self.forwarded_ca.clone()
    }
}

/// The public listener's TLS settings.
#[must_use]
pub fn tls_settings(server: &ServerConfig) -> Option<TlsSettings> {
    use crate::config::ClientCertificates as Configured;
    server.tls.as_ref().map(|tls| TlsSettings {
        certificate: tls.certificate.clone(),
        private_key: tls.private_key.clone(),
        client_ca: tls.client_ca.clone(),
        client_certificates: match tls.client_certificates {
            Configured::Required => ClientCertificates::Required,
            Configured::Optional => ClientCertificates::Optional,
            Configured::Off => ClientCertificates::Off,
        },
        crl_files: tls.crl_files.clone(),
    })
}

/// Reports an adapter's error as a problem in the configuration.
pub struct Report<'a>(pub &'a Places);

impl Report<'_> {
    /// An error with one problem.
    pub fn problem(&self, key: &str, found: &dyn std::fmt::Display, accepted: &str) -> ConfigError {
        ConfigError { problems: vec![self.0.problem(key, found, &accepted)] }
    }
}

pub(super) fn keys(flood: &FloodConfig) -> NonZeroUsize {
    NonZeroUsize::new(flood.tracked_keys).unwrap_or(NonZeroUsize::MIN)
}

fn tenant(
    tenant: &TenantConfig,
    config: &Config,
    directory: Arc<dyn Directory>,
    lasting: &Lasting,
    before: Option<&Gateway>,
) -> Tenant {
    let flood = &config.server.limits;
    let before = before.and_then(|before| before.tenants.get(&tenant.id));
    let counted = before.map(|before| &before.call_in.calls_per_caller);
    let pace = before.map_or_else(Arc::default, |before| Arc::clone(&before.login.pace));
    let timeout = match &tenant.directory {
        DirectoryConfig::Ldap(ldap) => ldap.timeout,
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
        grants: Arc::clone(&lasting.grants),
        tries: Arc::clone(&lasting.tries),
        keys: Arc::clone(&config.keys.server_keys),
        otp: tenant.otp,
        limits: tenant.limits,
        random: Arc::clone(&lasting.random),
        clock: Arc::clone(&lasting.clock),
    };
    let per_caller = at_least(flood.calls_per_caller, tenant.limits.calls_per_number);
    Tenant {
        call_in: CallIn {
            parts: parts.clone(),
            caller_ids: tenant.caller_ids.clone(),
            ambiguity: tenant.ambiguity,
            minimum_attestation: tenant.minimum_attestation,
            calls_per_caller: FloodLimit::as_before(counted, per_caller, keys(flood)),
        },
        login: Login { parts, policy: tenant.login, guesses: Arc::clone(&lasting.guesses), pace },
        style: match tenant.status_style {
            ConfiguredStyle::PhenixId => StatusStyle::PhenixId,
            ConfiguredStyle::Http => StatusStyle::Http,
        },
        spoken: tenant.spoken.as_ref().map(|spoken| Spoken {
            separator: spoken.separator.clone(),
            expires_in: if spoken.as_strings { ExpiresIn::Text } else { ExpiresIn::Number },
        }),
    }
}

/// `flood`, widened if it would admit less than the policy `quota` allows: a node's own protection
/// must never refuse what the policy allows.
fn at_least(flood: Quota, quota: Quota) -> Quota {
    let burst = flood.burst.max(quota.burst);
    // The time for the whole burst at the faster of the two rates. Multiply first: dividing first
    // would round down the time per request, and multiply that error by the burst.
    let span = |quota: Quota| quota.per * burst / quota.burst.max(1);
    Quota { burst, per: span(flood).min(span(quota)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_flood_limit_of_a_caller_is_never_tighter_than_the_policy() {
        let minute = |burst| Quota { burst, per: Duration::from_mins(1) };
        assert_eq!(at_least(minute(30), minute(5)), minute(30));
        assert_eq!(at_least(minute(30), minute(90)), minute(90));
        let slow = Quota { burst: 60, per: Duration::from_hours(1) };
        let both = at_least(minute(30), slow);
        assert_eq!(
            (both.burst, both.per),
            (60, Duration::from_mins(2)),
            "the larger burst, at the faster rate"
        );
    }
}
