//! Binds the listeners, and decides what each serves.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_server::Server;
use actix_web::http::header;
use actix_web::middleware::DefaultHeaders;
use actix_web::{App as WebApp, web};
use anyhow::Context;
use secrecy::SecretString;

use super::open_files::{self, OPERATORS};
use crate::config::Config;
use crate::http::demo::VoiceSecret;
use crate::http::gateway::CurrentGateway;
use crate::http::listener::{ConnectionDrain, Exempt, ListenerSettings, serve_plain, serve_tls};
use crate::http::ops::{self, Ops};
use crate::http::workers::Workers;
use crate::http::{authentication_cloud as cloud_api, called_in_otp, demo, pages, voice};
use crate::tls::server::TlsState;
use crate::unauthenticated_log::UnauthenticatedLog;

/// How much longer than its deadline a request may take before its connection is cut: the handler
/// answers at the deadline, so anything later is lost anyway.
pub(super) const SLACK: Duration = Duration::from_secs(5);

/// Shortest time that a client gets to read an answer, however short the request's deadline.
const LEAST_TO_TAKE_AN_ANSWER: Duration = Duration::from_secs(2);

/// A listener's server and its address.
pub(super) struct Listener {
    pub(super) server: Server,
    pub(super) address: SocketAddr,
}

fn bind(key: &str, address: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).with_context(|| {
        format!("{key} = {address} cannot be listened on: is another server there, or is the port below 1024?")
    })?;
    bound(listener)
}

/// A listener set up for the server, and its address.
fn bound(listener: TcpListener) -> anyhow::Result<(TcpListener, SocketAddr)> {
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// What a listener's threads share with the rest of the process.
pub(super) struct SharedByListeners {
    pub(super) drain: ConnectionDrain,
    pub(super) unauthenticated_log: Arc<UnauthenticatedLog>,
    pub(super) workers: Arc<Workers>,
}

/// What the demo has beside its configuration.
pub struct Demo {
    /// Where it listens, not where the configuration says.
    pub listener: TcpListener,
    /// The secret of its voice platform, as in its configuration.
    pub voice_secret: SecretString,
}

/// Binds and builds the listener for clients and phones; the demo's is already bound.
pub(super) fn public_listener(
    config: &Config,
    gateway: &Arc<CurrentGateway>,
    tls: Option<Arc<TlsState>>,
    SharedByListeners { drain, unauthenticated_log, workers }: SharedByListeners,
    demo: Option<Demo>,
) -> anyhow::Result<Listener> {
    let ((listener, address), of_demo) = match demo {
        Some(Demo { listener, voice_secret }) => {
            (bound(listener)?, Some(VoiceSecret(voice_secret)))
        }
        None => (bind("server.listen", config.server.listen)?, None),
    };
    let mut settings = ListenerSettings {
        shutdown_timeout: config.server.shutdown_timeout,
        request_limit: config.server.request_deadline + SLACK,
        answer_limit: config.server.request_deadline.max(LEAST_TO_TAKE_AN_ANSWER),
        max_connections: open_files::connections(config)?,
        connections_per_address: config.server.limits.connections_per_address,
        exempt: trusted_by(gateway),
        proxy_protocol: config.server.proxy_protocol_from.clone(),
        strict_transport_security: is_over_tls(config),
        drain,
        unauthenticated_log,
        ..ListenerSettings::default()
    };
    if let Some(workers) = config.server.workers {
        settings.workers = workers;
    }
    let data = web::Data::from(Arc::clone(gateway));
    let app = move || {
        workers.register();
        // Paths are compared in this order, so the busiest come first.
        let app = WebApp::new()
            .app_data(data.clone())
            .configure(called_in_otp::routes)
            .configure(voice::routes)
            .configure(cloud_api::routes)
            .configure(pages::routes);
        match of_demo.clone() {
            Some(secret) => app.configure(|app| demo::routes(app, secret)),
            None => app,
        }
    };
    let server = match tls {
        Some(tls) => serve_tls("api", listener, tls, &settings, app),
        None => serve_plain("api", listener, &settings, app),
    }
    .context("the public listener cannot start")?;
    Ok(Listener { server, address })
}

/// Proxies act for others, and must limit those connections themselves.
fn trusted_by(gateway: &Arc<CurrentGateway>) -> Exempt {
    let gateway = Arc::clone(gateway);
    Exempt::new(move |address| gateway.load().gate.proxies.trust(address))
}

/// Whether browsers reach the server over TLS, its own or a proxy's. Not for this machine's own
/// name, because that would bind its other servers too.
fn is_over_tls(config: &Config) -> bool {
    match &config.server.public_url {
        Some(url) => url.starts_with("https://") && !is_local(url),
        None => config.server.tls.is_some(),
    }
}

fn is_local(url: &str) -> bool {
    let url = url::Url::parse(url).ok();
    url.and_then(|url| url.domain().map(|name| name == "localhost")).unwrap_or(true)
}

/// Binds FastAGI's listener, if there is one.
pub(super) fn fastagi_listener(
    config: &Config,
) -> anyhow::Result<Option<(TcpListener, SocketAddr)>> {
    config.fastagi.map(|section| bind("fastagi.listen", section.listen)).transpose()
}

/// Binds and builds the operators' listener.
pub(super) fn ops_listener(listen: SocketAddr, ops: &Arc<Ops>) -> anyhow::Result<Listener> {
    let (listener, address) = bind("ops.listen", listen)?;
    let settings = ListenerSettings {
        workers: 1,
        max_connections: OPERATORS,
        connections_per_address: OPERATORS,
        ..ListenerSettings::default()
    };
    let data = web::Data::from(Arc::clone(ops));
    let app = move || {
        // Its answers are true only at this moment.
        let now = DefaultHeaders::new().add((header::CACHE_CONTROL, "no-store"));
        WebApp::new().wrap(now).app_data(data.clone()).configure(ops::routes)
    };
    let server = serve_plain("ops", listener, &settings, app)
        .context("the operators' listener cannot start")?;
    Ok(Listener { server, address })
}
