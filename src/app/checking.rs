//! Whether a configuration can be used: what its sections say and what the parts say that are made
//! of them is one list of mistakes, and one of warnings.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::prepare::Components;
use super::report::ConfigReporter;
use super::settled::Settled;
use super::source::Source;
use super::{authentication_cloud, certificates, directories, open_files, stores};
use crate::config::{self, Config, ConfigError, ServerConfig, Warning};
use crate::domain::clock::{Clock, SystemClock};
use crate::http::tls::{self, TlsState};
use crate::telemetry::logs;

/// Checks everything that can be checked of a configuration without touching the store or the
/// network.
///
/// # Errors
/// [`ConfigError`].
pub fn check(source: &Source, runtime: &Handle) -> Result<Checked, ConfigError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let Usable { config, settled, .. } = usable(source, None, &clock, runtime)?;
    let warnings = warnings(&config, &*clock);
    Ok(Checked { config, warnings, settled })
}

/// A configuration that can be used, and how the parts are made of it. Nothing is at work yet.
pub(super) struct Usable {
    pub config: Config,
    pub settled: Settled,
    pub tls: Option<TlsState>,
}

/// Reads the configuration and settles how all parts are made of it. What is wrong with a section
/// and what the parts say of theirs is one list.
pub(super) fn usable(
    source: &Source,
    before: Option<&Components>,
    clock: &Arc<dyn Clock>,
    runtime: &Handle,
) -> Result<Usable, ConfigError> {
    let mut reading = config::read(&source.path, &source.environment)?;
    let (sections, report) = (reading.sections(), ConfigReporter(reading.positions()));
    let store = sections
        .store
        .as_ref()
        .map_or(Ok(()), |store| stores::check(store, before.is_some(), &report));
    let audit = can_append(sections.audit.file.as_deref(), &report);
    let tls = load_tls(&sections.server, &report);
    let (server, push, tenants) = (&sections.server, sections.push.as_ref(), &sections.tenants);
    let settled = Settled::new(server, push, tenants, before, (clock, runtime), &report);
    match (store, audit, tls, settled) {
        (Ok(()), Ok(()), Ok(tls), Ok(settled)) => {
            Ok(Usable { config: reading.finish()?, settled, tls })
        }
        (store, audit, tls, settled) => {
            for error in [store.err(), audit.err(), tls.err(), settled.err()].into_iter().flatten()
            {
                reading.add(error);
            }
            Err(reading.finish().expect_err("something is wrong with it"))
        }
    }
}

/// Finds out whether the audit trail can be opened or made, without doing either.
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
    let loaded = server.tls.clone().map(tls::reloadable).transpose().map_err(|error| {
        report.problem(
            "server.tls",
            &error,
            "certificates, keys and lists in PEM that belong together",
        )
    })?;
    if let Some(ca) = certificates::lets_no_one_in(server) {
        let found = format!(
            "{}, in which no certificate is a CA's, so that no client's can be verified",
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
    /// What an administrator should know all the same.
    pub warnings: Vec<Warning>,
    settled: Settled,
}

impl Checked {
    /// Sets what is made of it to work on `runtime`.
    #[must_use]
    pub fn start(self, runtime: &Handle) -> (Config, Components) {
        (self.config, self.settled.start(None, runtime))
    }
}

/// What an administrator should know of a configuration that can be used: what its sections say,
/// and what the parts say that are made of them.
fn warnings(config: &Config, clock: &dyn Clock) -> Vec<Warning> {
    let parts = authentication_cloud::trouble(config).map(|(key, text)| (key.to_owned(), text));
    let parts = parts.into_iter().chain(certificates::trouble(config, clock.now()));
    let parts = parts.chain(directories::trouble(config)).chain(open_files::trouble(config));
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
