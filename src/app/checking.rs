//! Checks whether a configuration can be used. The mistakes that its sections and the components report
//! form one list, and so do the warnings.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::components::Components;
use super::prepared_components::PreparedComponents;
use super::report::ConfigReporter;
use super::source::Source;
use super::{authentication_cloud, certificates, directories, open_files, stores};
use crate::config::{self, Config, ConfigError, ServerConfig, Warning};
use crate::domain::clock::{Clock, SystemClock};
use crate::telemetry::logs;
use crate::tls;
use crate::tls::server::TlsState;

/// Checks everything that can be checked of a configuration without touching the store or the
/// network.
///
/// # Errors
/// [`ConfigError`].
pub fn check(source: &Source, runtime: &Handle) -> Result<Checked, ConfigError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ValidConfig { config, prepared, .. } = validate(source, None, &clock, runtime)?;
    let warnings = warnings(&config, &*clock);
    Ok(Checked { config, warnings, prepared })
}

/// A valid configuration and the components built from it, not started yet.
pub(super) struct ValidConfig {
    pub config: Config,
    pub prepared: PreparedComponents,
    pub tls: Option<TlsState>,
}

/// Reads the configuration and prepares all components. Mistakes in sections and those that components
/// report form one list.
pub(super) fn validate(
    source: &Source,
    before: Option<&Components>,
    clock: &Arc<dyn Clock>,
    runtime: &Handle,
) -> Result<ValidConfig, ConfigError> {
    let mut reading = config::read(&source.path, &source.environment)?;
    let (sections, report) = (reading.sections(), ConfigReporter(reading.positions()));
    let store = sections
        .store
        .as_ref()
        .map_or(Ok(()), |store| stores::check(store, before.is_some(), &report));
    let audit = can_append(sections.audit.file.as_deref(), &report);
    let tls = load_tls(&sections.server, &report);
    let (server, push, tenants) = (&sections.server, sections.push.as_ref(), &sections.tenants);
    let prepared =
        PreparedComponents::new(server, push, tenants, before, (clock, runtime), &report);
    match (store, audit, tls, prepared) {
        (Ok(()), Ok(()), Ok(tls), Ok(prepared)) => {
            Ok(ValidConfig { config: reading.finish()?, prepared, tls })
        }
        (store, audit, tls, prepared) => {
            for error in [store.err(), audit.err(), tls.err(), prepared.err()].into_iter().flatten()
            {
                reading.add(error);
            }
            Err(reading.finish().expect_err("something is wrong with it"))
        }
    }
}

/// Checks whether the audit trail can be opened or created, without doing either.
fn can_append(file: Option<&Path>, report: &ConfigReporter<'_>) -> Result<(), ConfigError> {
    let Some(path) = file else { return Ok(()) };
    logs::can_append(path).map_err(|error| {
        let found = format!("{}, which cannot be opened ({error})", path.display());
        report.problem("audit.file", &found, "a regular file that this user may append to or make")
    })
}

fn load_tls(
    server: &ServerConfig,
    report: &ConfigReporter<'_>,
) -> Result<Option<TlsState>, ConfigError> {
    let loaded = server.tls.clone().map(tls::server::reloadable).transpose().map_err(|error| {
        report.problem(
            "server.tls",
            &error,
            "certificates, keys and lists in PEM that belong together",
        )
    })?;
    if let Some(ca) = certificates::client_ca_without_cas(server) {
        let found = format!(
            "{}, which contains no CA certificate, so that no client can be verified",
            ca.display()
        );
        let accepted = "a PEM file of the CA that signs clients' certificates";
        return Err(report.problem("server.tls.client_ca", &found, accepted));
    }
    Ok(loaded)
}

/// A configuration that can be used.
pub struct Checked {
    /// The configuration.
    pub config: Config,
    /// What an administrator should look at nevertheless.
    pub warnings: Vec<Warning>,
    prepared: PreparedComponents,
}

impl Checked {
    /// Starts the components on `runtime`.
    #[must_use]
    pub fn start(self, runtime: &Handle) -> (Config, Components) {
        (self.config, self.prepared.start(None, runtime))
    }
}

/// The warnings about a valid configuration, from its sections and its components.
fn warnings(config: &Config, clock: &dyn Clock) -> Vec<Warning> {
    let parts = authentication_cloud::warnings(config).map(|(key, text)| (key.to_owned(), text));
    let parts = parts.into_iter().chain(certificates::warnings(config, clock.now()));
    let parts = parts.chain(directories::warnings(config)).chain(open_files::trouble(config));
    let parts = parts.map(|(key, text)| config.positions.warning(&key, &text));
    let mut all: Vec<Warning> = config.warnings.iter().cloned().chain(parts).collect();
    all.sort_by_key(|warning| warning.position);
    all
}

/// Writes the warnings to the log.
pub(super) fn log_warnings(config: &Config, clock: &dyn Clock) {
    for warning in warnings(config, clock) {
        tracing::warn!(%warning, "the configuration is in force, and should be looked at");
    }
}
