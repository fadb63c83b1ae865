//! The composition root, the only place that knows the adapters. It builds the gateway from a
//! configuration, runs it, reloads the configuration on SIGHUP, and stops it.

mod authentication_cloud;
mod certificates;
mod checking;
mod clients;
mod components;
mod config_metrics;
mod directories;
mod flood_limits;
mod listeners;
mod messengers;
mod notifier;
mod open_files;
mod outgoing_tls;
mod prepared_components;
mod reload;
mod reload_status;
mod report;
mod reuse;
pub mod service_manager;
mod shared;
mod source;
mod stopping;
mod stores;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio::runtime::Handle;

use self::certificates::LOOK_AT_CERTIFICATES;
pub use self::checking::{Checked, check};
use self::checking::{ValidConfig, log_warnings, validate};
pub use self::components::Components;
pub use self::listeners::Demo;
use self::listeners::{
    Listener, SLACK, SharedByListeners, fastagi_listener, ops_listener, public_listener,
};
pub use self::prepared_components::prepare;
use self::reload::Reload;
use self::reload_status::ReloadReport;
pub use self::reload_status::{RUNTIME_DIRECTORY, ReloadStatus};
use self::report::ConfigReporter;
use self::shared::SharedState;
pub use self::source::{Source, StartError};
use self::stopping::{SignalAction, Signals};
pub use self::stores::AdministratorsStore;
use crate::config::{Config, ConfigError, TenantConfig};
use crate::directory::Directory;
use crate::directory::inspection::Inspection;
use crate::domain::clock::{Clock, SKEW, SteadyClock, SystemClock};
use crate::domain::random::SystemRandom;
use crate::fastagi;
use crate::fastagi::scripts::CurrentScripts;
use crate::http::gateway::{CurrentGateway, DelayedRefusals};
use crate::http::listener::ConnectionDrain;
use crate::http::ops::Ops;
use crate::http::workers::Workers;
use crate::service::dependencies::Dependencies;
use crate::store::StoreHealth;
use crate::telemetry::audit::AuditTrail;
use crate::telemetry::logs::{self, Logs};
use crate::telemetry::metrics;
use crate::tls::server::TlsState;
use crate::unauthenticated_log::{LineQuotas, UnauthenticatedLog};

/// How long a stop waits for the listeners' threads to release the store.
const LET_GO: Duration = Duration::from_secs(1);

/// A gateway that is built, with its listeners bound, but not running yet.
pub struct App {
    source: Source,
    config: Config,
    components: Components,
    shared: SharedState,
    store: Arc<dyn StoreHealth>,
    gateway: Arc<CurrentGateway>,
    scripts: Arc<CurrentScripts>,
    ops: Arc<Ops>,
    tls: Option<Arc<TlsState>>,
    logs: Arc<Logs>,
    public: Listener,
    private: Option<Listener>,
    fastagi: Option<(TcpListener, SocketAddr)>,
    drain: ConnectionDrain,
    signals: Signals,
}

/// Builds the adapter through which an administrator inspects a tenant's directory. Connects to
/// nothing and builds no other part of the configuration.
///
/// # Errors
/// [`ConfigError`].
pub fn inspection(
    config: &Config,
    tenant: &TenantConfig,
    runtime: &Handle,
) -> Result<Arc<dyn Inspection>, ConfigError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    directories::inspection(tenant, runtime, &clock, &ConfigReporter(&config.positions))
}

/// Builds the adapter in which an administrator looks up users by name.
///
/// # Errors
/// [`ConfigError`].
pub fn directory_of_names(
    config: &Config,
    tenant: &TenantConfig,
    runtime: &Handle,
) -> Result<Arc<dyn Directory>, ConfigError> {
    directories::directory_of_names(tenant, runtime, &ConfigReporter(&config.positions))
}

/// Opens the store for an administrator's command; gateways may be using it meanwhile. Does not
/// create a store.
///
/// # Errors
/// If the store cannot be opened.
pub async fn administration(config: &Config) -> Result<AdministratorsStore, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    stores::administration(config, &clock).await
}

/// Brings the store's schema up to date and does nothing else; returns the result in words.
///
/// # Errors
/// [`StartError`].
pub async fn migrate(source: &Source) -> Result<String, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    stores::migrate(&source.load()?, &clock).await
}

impl App {
    /// Builds the gateway and binds its listeners, in a runtime.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn build(source: Source) -> Result<Self, StartError> {
        Self::build_for(source, None).await
    }

    /// Builds the gateway with the demo's page, in a runtime.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn build_demo(source: Source, demo: Demo) -> Result<Self, StartError> {
        Self::build_for(source, Some(demo)).await
    }

    async fn build_for(source: Source, demo: Option<Demo>) -> Result<Self, StartError> {
        let runtime = Handle::current();
        // First, because the parts keep what they record to.
        let recorded = metrics::start().context("metrics cannot start")?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ValidConfig { config, prepared, tls } = validate(&source, None, &clock, &runtime)?;
        let steady = Arc::new(SteadyClock::new(clock));
        let clock: Arc<dyn Clock> = Arc::<SteadyClock>::clone(&steady);
        let logs = Arc::new(start_logs(&config)?);

        let mut components = prepared.start(None, &runtime);
        let tls = tls.map(Arc::new);
        let stores::Store { grants, reported_calls, tries, registry, health: store } =
            stores::open(&config, &clock, &runtime).await?;
        components.add_registered(&config, &registry);
        let shared = SharedState {
            grants,
            reported_calls,
            recent_reports: Arc::default(),
            tries,
            registry,
            clock,
            random: Arc::new(SystemRandom),
            waiting: Arc::new(DelayedRefusals::new(config.server.limits.waiting_refusals)),
            guesses: Arc::default(),
            audit: Arc::new(AuditTrail::new(logs.audit().clone(), config.audit.when_unwritable)),
            unauthenticated_log: Arc::new(UnauthenticatedLog::new(LineQuotas {
                per_address: config.audit.strangers_per_address,
                in_all: config.audit.strangers,
            })),
        };
        let gateway = components.gateway(&config, &shared, tls.clone(), None);
        let scripts = Arc::new(ArcSwap::from_pointee(components::scripts(&config, &gateway)));
        let gateway: Arc<CurrentGateway> = Arc::new(ArcSwap::from_pointee(gateway));
        let workers = Arc::new(
            service_manager::watchdog_interval()
                .map_or_else(Workers::default, Workers::with_interval),
        );
        let ops = Arc::new(Ops {
            dependencies: Dependencies {
                directories: ArcSwap::from_pointee(components.directories_by_id()),
                store: Arc::clone(&store),
            },
            audit: Arc::clone(&shared.audit),
            workers: Arc::clone(&workers),
            stopping: AtomicBool::new(false),
            metrics: recorded,
            outputs: logs.outputs(),
            gateway: Arc::clone(&gateway),
        });
        let drain = ConnectionDrain::default();
        let both = SharedByListeners {
            drain: drain.clone(),
            unauthenticated_log: Arc::clone(&shared.unauthenticated_log),
            workers,
        };
        let public = public_listener(&config, &gateway, tls.clone(), both, demo)?;
        let private = config.ops.map(|section| ops_listener(section.listen, &ops)).transpose()?;
        let fastagi = fastagi_listener(&config)?;
        watch_certificates(tls.as_ref(), &components);
        tokio::spawn(certificates::report_regularly(
            Arc::downgrade(&gateway),
            LOOK_AT_CERTIFICATES,
        ));
        log_warnings(&config, &*shared.clock);
        config_metrics::in_force(&config, &SystemClock);
        let codes =
            config_metrics::count_live_codes(Arc::downgrade(&gateway), Arc::downgrade(&store));
        tokio::spawn(codes);
        tokio::spawn(metrics::keep_small(ops.metrics.clone()));
        tokio::spawn(Arc::clone(&shared.unauthenticated_log).report_every_minute());
        tokio::spawn(warn_of_clock_set_back(steady));
        let signals = Signals::listen().context("signals cannot be listened for")?;
        Ok(Self {
            source,
            config,
            components,
            shared,
            store,
            gateway,
            scripts,
            ops,
            tls,
            logs,
            public,
            private,
            fastagi,
            drain,
            signals,
        })
    }

    /// The public listener's address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.public.address
    }

    /// Runs until SIGTERM or SIGINT, then drains clients and finishes requests in flight.
    ///
    /// # Errors
    /// If a listener fails.
    pub async fn run(self) -> anyhow::Result<()> {
        let Self { source, config, components, shared, store, gateway, ops, tls, logs, .. } = self;
        let Self { public, private, fastagi, scripts, mut signals, drain, .. } = self;
        let last_lines = Arc::clone(&logs);
        let public_handle = public.server.handle();
        let private_handle = private.as_ref().map(|listener| listener.server.handle());
        tracing::info!(
            listen = %public.address,
            tls = tls.is_some(),
            ops = private.as_ref().map(|listener| listener.address.to_string()),
            fastagi = fastagi.as_ref().map(|(_, address)| address.to_string()),
            tenants = config.tenants.len(),
            "ready"
        );
        let sessions = fastagi
            .map(|(listener, _)| fastagi::listener::start(listener, Arc::clone(&scripts)))
            .transpose()
            .context("the FastAGI listener cannot start")?;
        let mut serving = tokio::spawn(public.server);
        let operating = private.map(|listener| tokio::spawn(listener.server));
        let report = ReloadReport::start(source.variable(RUNTIME_DIRECTORY));
        service_manager::ready();
        service_manager::keep_watchdog_quiet(Arc::clone(&ops.workers));

        let mut reloading =
            Reload { source, config, components, shared, gateway, scripts, ops, tls, logs, report };
        loop {
            tokio::select! {
                asked = signals.next() => match asked {
                    SignalAction::Stop => break,
                    SignalAction::Reload => {
                        service_manager::reloading();
                        reloading.reload().await;
                        service_manager::ready();
                    }
                },
                ended = &mut serving => return Err(stopping::failed(ended)),
            }
        }
        reloading.ops.stopping.store(true, Ordering::Relaxed);
        drain.start();
        let server = &reloading.config.server;
        let drain = server.drain;
        service_manager::stopping(drain + server.shutdown_timeout + LET_GO + SLACK);
        stopping::drain(drain, &mut signals, &mut reloading, &mut serving).await?;
        tracing::info!("stopping: requests in flight are finished, new connections are refused");
        let patience = reloading.config.server.shutdown_timeout;
        let calls = async {
            if let Some(sessions) = sessions {
                sessions.stop(patience).await;
            }
        };
        tokio::join!(calls, stopping::stop(public_handle, private_handle));
        if let Some(operating) = operating {
            operating.abort();
        }
        reloading.shared.unauthenticated_log.report();
        drop(reloading);
        close(store).await;
        tracing::info!("stopped");
        drop(last_lines);
        Ok(())
    }
}

/// How often the machine's clock is checked.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(10);

/// Logs once if the machine's clock was set back so far that an administrator should know.
async fn warn_of_clock_set_back(clock: Arc<SteadyClock>) {
    loop {
        tokio::time::sleep(LOOK_AT_CLOCK).await;
        let ahead = clock.ahead();
        metrics::clock_ahead(ahead);
        if ahead > SKEW {
            tracing::warn!(
                seconds = ahead.as_secs(),
                "the machine's clock was set back: codes and counts go by the time before, until a restart"
            );
            return;
        }
    }
}

/// Starts logging.
fn start_logs(config: &Config) -> Result<Logs, StartError> {
    let file = match &config.audit.file {
        Some(path) => Some((
            path.clone(),
            logs::append(path).map_err(|error| {
                let found = format!("{}, which cannot be opened ({error})", path.display());
                ConfigReporter(&config.positions).problem(
                    "audit.file",
                    &found,
                    "a file that this user may append to",
                )
            })?,
        )),
        None => None,
    };
    let started = logs::start(config.log.level, config.log.format, config.audit.format, file);
    Ok(started.map_err(|error| anyhow::anyhow!("logging cannot start: {error}"))?)
}

/// Waits until the store has finished its queue and tidied its file, which it does once nothing
/// holds it any more: the listeners' threads release it as they end.
async fn close(store: Arc<dyn StoreHealth>) {
    let let_go = async {
        while Arc::strong_count(&store) > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(LET_GO, let_go).await.is_err() {
        tracing::warn!("the store is left as it is: a request still holds it");
    }
}

fn watch_certificates(tls: Option<&Arc<TlsState>>, components: &Components) {
    if let Some(tls) = tls {
        metrics::certificate_expiry(tls.current().certificate_expires_at);
        tokio::spawn(tls.watch(LOOK_AT_CERTIFICATES));
    }
    if let Some(forwarded_ca) = components.forwarded_ca() {
        tokio::spawn(forwarded_ca.watch(LOOK_AT_CERTIFICATES));
    }
}
