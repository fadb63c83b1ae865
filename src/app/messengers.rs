//! Builds a messenger from `[tenants.sms]`: the one place that names its adapter.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use reqwest::{Client, Method};
use tokio::runtime::Handle;

use super::kept::Made;
use super::outgoing_tls::{self, outgoing_tls};
use super::report::ConfigReporter;
use crate::client_tls::Proof;
use crate::config::{
    BodyConfig, ConfigError, MethodConfig, SmsConfig, SmsProviderConfig, TenantConfig, TextConfig,
};
use crate::messenger::Messenger;
use crate::messenger::http_client::client;
use crate::messenger::sms_over_http::{
    Body, Provider, ProviderSettings, Request, RequestSettings, SettingsError, SmsOverHttp, Text,
};

/// Everything that a messenger is built from.
#[derive(PartialEq, Eq)]
pub(super) struct Origin {
    sms: SmsConfig,
    tls: Vec<outgoing_tls::Origin>,
}

/// A messenger, and what it was built from.
pub(super) type Kept = Made<Origin, Arc<dyn Messenger>>;

/// Builds a tenant's messenger; `None` if it has no provider.
pub(super) fn messenger(
    tenant: &TenantConfig,
    runtime: &Handle,
    report: &ConfigReporter<'_>,
) -> Result<Option<Kept>, ConfigError> {
    let Some((sms, tls)) = sms_over_http(tenant, runtime, report)? else { return Ok(None) };
    let mut config = tenant.sms.clone().expect("a tenant with providers");
    // The position in the file is not a setting.
    config.providers.iter_mut().for_each(|provider| provider.key.clear());
    Ok(Some(Made { from: Origin { sms: config, tls }, part: Arc::new(sms) as _ }))
}

fn sms_over_http(
    tenant: &TenantConfig,
    runtime: &Handle,
    report: &ConfigReporter<'_>,
) -> Result<Option<(SmsOverHttp, Vec<outgoing_tls::Origin>)>, ConfigError> {
    let Some(sms) = tenant.sms.as_ref().filter(|sms| !sms.providers.is_empty()) else {
        return Ok(None);
    };
    let mut clients = Clients::default();
    let mut providers = Vec::new();
    for config in &sms.providers {
        let request = Request::new(&request_settings(config))
            .map_err(|error| problem(config, &error, report))?;
        let client = clients.client(config, request.is_encrypted(), report)?;
        let settings = ProviderSettings {
            name: config.name.clone(),
            accepted: config.accepted_status.clone(),
            body_contains: config.body_contains.clone(),
            timeout: config.timeout,
            countries: config.countries.clone(),
        };
        providers.push(Provider::new(settings, request, client));
    }
    let (id, rules) = (tenant.id.clone(), sms.rules.clone());
    Ok(Some((SmsOverHttp::new(id, rules, providers, runtime.clone()), clients.origins)))
}

/// A tenant's HTTP clients: one for each trusted CA, and one for unencrypted requests.
#[derive(Default)]
struct Clients {
    made: HashMap<(bool, Option<PathBuf>), Client>,
    origins: Vec<outgoing_tls::Origin>,
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
        let tls = || outgoing_tls(&config.key, Proof::Name, kind.1.as_deref(), None, report);
        let tls = encrypted.then(tls).transpose()?;
        let made = client(tls.as_ref().map(|tls| &tls.config))
            .map_err(|error| report.problem(&config.key, &error, "what an HTTP client needs"))?;
        self.origins.extend(tls.map(|tls| tls.origin));
        self.made.insert(kind, made.clone());
        Ok(made)
    }
}

fn request_settings(config: &SmsProviderConfig) -> RequestSettings {
    let basic = config.basic.as_ref();
    RequestSettings {
        preset: config.preset.is_some(),
        variables: {
            let all = config.variables.iter();
            all.map(|(name, value)| (name.clone(), value.0.clone())).collect()
        },
        method: match config.method {
            MethodConfig::Get => Method::GET,
            MethodConfig::Post => Method::POST,
            MethodConfig::Put => Method::PUT,
        },
        url: config.url.0.clone(),
        headers: config.headers.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        basic: basic.map(|(username, password)| (text(username), text(password))),
        body: match &config.body {
            BodyConfig::None => Body::None,
            BodyConfig::Json(json) => Body::Json(json.clone()),
            BodyConfig::Form(fields) => Body::Form(fields.clone()),
        },
        allow_plain_http: config.allow_plain_http,
    }
}

fn text(config: &TextConfig) -> Text {
    match config {
        TextConfig::Pattern(text) => Text::Pattern(text.0.clone()),
        TextConfig::Whole(text) => Text::Whole(text.0.clone()),
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
