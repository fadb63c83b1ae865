//! Builds a messenger from `[tenants.sms]`: the one place that names its adapter.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use reqwest::Client;
use tokio::runtime::Handle;

use super::outgoing_tls::outgoing_tls;
use super::report::ConfigReporter;
use super::reuse::Reusable;
use crate::config::{ConfigError, SmsConfig, SmsProviderConfig, TenantConfig, TlsFiles};
use crate::messenger::Messenger;
use crate::messenger::http_client::client;
use crate::messenger::sms_over_http::{Provider, Request, SettingsError, SmsOverHttp};
use crate::tls::client::{ClientTls, Proof};

/// Everything that a messenger is built from.
#[derive(PartialEq, Eq)]
pub(super) struct Origin {
    sms: SmsConfig,
    tls: Vec<ClientTls>,
}

/// A messenger, and what it was built from.
pub(super) type ReusableMessenger = Reusable<Origin, Arc<dyn Messenger>>;

/// Builds a tenant's messenger; `None` if it has no provider.
pub(super) fn messenger(
    tenant: &TenantConfig,
    runtime: &Handle,
    report: &ConfigReporter<'_>,
) -> Result<Option<ReusableMessenger>, ConfigError> {
    let Some((sms, tls)) = sms_over_http(tenant, runtime, report)? else { return Ok(None) };
    let mut config = tenant.sms.clone().expect("a tenant with providers");
    // The position in the file is not a setting.
    config.providers.iter_mut().for_each(|provider| provider.key.clear());
    Ok(Some(Reusable { from: Origin { sms: config, tls }, part: Arc::new(sms) as _ }))
}

fn sms_over_http(
    tenant: &TenantConfig,
    runtime: &Handle,
    report: &ConfigReporter<'_>,
) -> Result<Option<(SmsOverHttp, Vec<ClientTls>)>, ConfigError> {
    let Some(sms) = tenant.sms.as_ref().filter(|sms| !sms.providers.is_empty()) else {
        return Ok(None);
    };
    let mut clients = Clients::default();
    let mut providers = Vec::new();
    for config in &sms.providers {
        let request =
            Request::new(&config.request).map_err(|error| problem(config, &error, report))?;
        let client = clients.client(config, request.is_encrypted(), report)?;
        providers.push(Provider::new(config.provider.clone(), request, client));
    }
    let (id, rules) = (tenant.id.clone(), sms.rules.clone());
    Ok(Some((SmsOverHttp::new(id, rules, providers, runtime.clone()), clients.tls)))
}

/// A tenant's HTTP clients: one for each trusted CA, and one for unencrypted requests.
#[derive(Default)]
struct Clients {
    made: HashMap<(bool, Option<PathBuf>), Client>,
    tls: Vec<ClientTls>,
}

impl Clients {
    fn client(
        &mut self,
        config: &SmsProviderConfig,
        encrypted: bool,
        report: &ConfigReporter<'_>,
    ) -> Result<Client, ConfigError> {
        let ca_file = config.ca_file.clone().filter(|_| encrypted);
        let kind = (encrypted, ca_file);
        if let Some(known) = self.made.get(&kind) {
            return Ok(known.clone());
        }
        let tls =
            || outgoing_tls(&config.key, Proof::Name, &TlsFiles::trusting(kind.1.clone()), report);
        let tls = encrypted.then(tls).transpose()?;
        let made = client(tls.as_deref())
            .map_err(|error| report.problem(&config.key, &error, "what an HTTP client needs"))?;
        self.tls.extend(tls);
        self.made.insert(kind, made.clone());
        Ok(made)
    }
}

fn problem(
    config: &SmsProviderConfig,
    error: &SettingsError,
    report: &ConfigReporter<'_>,
) -> ConfigError {
    match (&config.preset, &error.unfilled) {
        // The user of a preset must fill in its placeholders.
        (Some(preset), Some(variable)) => {
            let key = format!("{}.variables.{variable}", config.key);
            report.problem(&key, &"nothing", &format!("a value, which preset = {preset:?} needs"))
        }
        _ if error.key.is_empty() => report.problem(&config.key, &error.found, &error.accepted),
        _ => {
            let key = format!("{}.{}", config.key, error.key);
            report.problem(&key, &error.found, &error.accepted)
        }
    }
}

#[cfg(test)]
mod tests;
