//! Reloads the configuration while the gateway runs: it is replaced as a whole or not at all.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::certificates::LOOK_AT_CERTIFICATES;
use super::checking::{ValidConfig, log_warnings, validate};
use super::components::{Components, scripts};
use super::config_metrics;
use super::reload_status::ReloadReport;
use super::report::ConfigReporter;
use super::shared::SharedState;
use super::source::Source;
use crate::config::{Config, ConfigError};
use crate::directory::Directory;
use crate::domain::clock::{Clock, SystemClock};
use crate::fastagi::scripts::CurrentScripts;
use crate::http::gateway::CurrentGateway;
use crate::http::ops::Ops;
use crate::telemetry::logs::Logs;
use crate::telemetry::{metrics, node_metrics};
use crate::tls;
use crate::tls::server::TlsState;

/// How long a reload waits for the new directories to be reached before it puts them in use.
const REACH_DIRECTORIES: Duration = Duration::from_secs(2);

/// What a reload replaces.
pub(super) struct Reload {
    pub(super) source: Source,
    pub(super) config: Config,
    pub(super) components: Components,
    pub(super) shared: SharedState,
    pub(super) gateway: Arc<CurrentGateway>,
    pub(super) scripts: Arc<CurrentScripts>,
    pub(super) ops: Arc<Ops>,
    pub(super) tls: Option<Arc<TlsState>>,
    pub(super) logs: Arc<Logs>,
    pub(super) report: ReloadReport,
}

impl Reload {
    /// Reads everything again; if anything is wrong, reports it and changes nothing.
    pub(super) async fn reload(&mut self) {
        self.report.begin();
        let mut problems = Vec::new();
        if let Err(error) = self.logs.reopen() {
            tracing::error!(%error, "the audit file cannot be opened again; the one opened before stays in use");
            problems.push(format!("audit.file: it cannot be opened again ({error})"));
        }
        match self.try_reload().await {
            Ok(()) => tracing::info!("the configuration was read again and is in force"),
            Err(error) => {
                node_metrics::configuration_read(false, SystemClock.now().as_secs());
                for problem in &error.problems {
                    tracing::error!(%problem, "the new configuration is not usable; the old one stays in force");
                    problems.push(problem.to_string());
                }
            }
        }
        self.report.end(problems);
    }

    async fn try_reload(&mut self) -> Result<(), ConfigError> {
        let runtime = Handle::current();
        let before = Some(&self.components);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ValidConfig { config, prepared, .. } =
            validate(&self.source, before, &clock, &runtime)?;
        self.refuse_what_needs_a_restart(&config)?;
        let mut components = prepared.start(before, &runtime);
        components.add_registered(&config, &self.shared.registry);
        self.reach(&components).await;
        if let (Some(tls), Some(settings)) = (&self.tls, config.server.tls.clone()) {
            let tls = tls::server::read_again(tls, settings).map_err(|error| {
                ConfigReporter(&config.positions).problem(
                    "server.tls",
                    &error,
                    "certificates, keys and lists in PEM that belong together",
                )
            })?;
            metrics::certificate_expiry(tls.certificate_expires_at);
        }
        if let Some(forwarded_ca) = components.forwarded_ca() {
            runtime.spawn(forwarded_ca.watch(LOOK_AT_CERTIFICATES));
        }
        let gateway =
            components.gateway(&config, &self.shared, self.tls.clone(), Some(&self.gateway.load()));
        self.scripts.store(Arc::new(scripts(&config, &gateway)));
        self.gateway.store(Arc::new(gateway));
        self.ops.dependencies.directories.store(Arc::new(components.directories_by_id()));
        log_warnings(&config, &*self.shared.clock);
        config_metrics::in_force(&config, &SystemClock);
        self.config = config;
        self.components = components;
        Ok(())
    }

    /// Waits until the new directories of tenants whose old ones work are working too, so that a
    /// ready server stays ready.
    async fn reach(&self, components: &Components) {
        let new = components.directories_by_id();
        let works = |directory: &Arc<dyn Directory>| directory.states().iter().any(|one| one.up);
        let reached = || {
            self.ops.dependencies.directories.load().iter().filter(|(_, old)| works(old)).all(
                |(tenant, _)| {
                    new.iter().filter(|(id, _)| id == tenant).all(|(_, directory)| works(directory))
                },
            )
        };
        let waiting = async {
            while !reached() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        // A directory that is not reached by then may be what the new configuration wants.
        let _ = tokio::time::timeout(REACH_DIRECTORIES, waiting).await;
    }

    /// Refuses changes that need a restart.
    fn refuse_what_needs_a_restart(&self, new: &Config) -> Result<(), ConfigError> {
        let (old, report) = (&self.config, ConfigReporter(&new.positions));
        let changes = [
            ("server.listen", old.server.listen != new.server.listen),
            ("server.tls", old.server.tls.is_some() != new.server.tls.is_some()),
            ("server.request_deadline", old.server.request_deadline != new.server.request_deadline),
            ("server.workers", old.server.workers != new.server.workers),
            ("server.shutdown_timeout", old.server.shutdown_timeout != new.server.shutdown_timeout),
            (
                "server.limits.waiting_refusals",
                old.server.limits.waiting_refusals != new.server.limits.waiting_refusals,
            ),
            (
                "server.limits.connections",
                old.server.limits.connections != new.server.limits.connections,
            ),
            (
                "server.limits.connections_per_address",
                old.server.limits.connections_per_address
                    != new.server.limits.connections_per_address,
            ),
            (
                "server.proxy_protocol_from",
                old.server.proxy_protocol_from != new.server.proxy_protocol_from,
            ),
            ("ops.listen", old.ops.map(|ops| ops.listen) != new.ops.map(|ops| ops.listen)),
            (
                "fastagi.listen",
                old.fastagi.map(|section| section.listen)
                    != new.fastagi.map(|section| section.listen),
            ),
            ("store.url", old.store.backend != new.store.backend),
            ("store.timeout", old.store.timeout != new.store.timeout),
            ("log.level", old.log.level != new.log.level),
            ("log.format", old.log.format != new.log.format),
            ("audit.file", old.audit.file != new.audit.file),
            (
                "audit.format",
                // By default it is that of the log, which is named above.
                old.audit.format != new.audit.format && old.log.format == new.log.format,
            ),
            ("audit.when_unwritable", old.audit.when_unwritable != new.audit.when_unwritable),
            (
                "audit.strangers_per_address",
                old.audit.strangers_per_address != new.audit.strangers_per_address,
            ),
            ("audit.strangers", old.audit.strangers != new.audit.strangers),
        ];
        let (found, accepted) =
            ("a value other than the running one", "the running value, or a restart");
        let other = changes.iter().filter(|(_, changed)| *changed);
        let problems: Vec<_> =
            other.flat_map(|(key, _)| report.problem(key, &found, accepted).problems).collect();
        if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }) }
    }
}
