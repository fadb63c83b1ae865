//! Serving an actix-web app over TLS or plain HTTP, on a listener that is already bound.
//!
//! Each connection takes the TLS configuration that is current when it is accepted, so a new
//! one is in force for new connections and drops none that are open.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_http::{ConnectionType, Extensions, HttpServiceBuilder, Protocol, Request, Response};
use actix_server::{GracefulShutdownSignal, Server, ServerBuilder};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config,
};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::AppConfig;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use super::certificate::ClientCertificate;
use super::paced::Paced;
use super::strangers::Strangers;
use super::tls::TlsState;
use crate::telemetry::metrics;

/// What bounds a listener's work.
#[derive(Clone)]
pub struct ListenerSettings {
    /// Threads, each with its own copy of the app; 1 to 512.
    pub workers: usize,
    /// How long a graceful stop waits for requests in flight; whole seconds.
    pub shutdown_timeout: Duration,
    /// How long a connection may take to send a request's head.
    pub request_head_timeout: Duration,
    /// How long a request may take from its first byte to its answer's, whatever else happens.
    pub request_limit: Duration,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// How long a connection may take to finish its TLS handshake, waiting for its turn included.
    pub handshake_timeout: Duration,
    /// How many handshakes may be under way at once, in all workers.
    pub max_handshakes: usize,
    /// How many connections one worker holds; more wait to be accepted.
    pub max_connections_per_worker: usize,
    /// Sends the clients away.
    pub farewell: Farewell,
    /// What is written of those whose handshake fails.
    pub strangers: Arc<Strangers>,
}

/// Sends a listener's clients away while they are still served: once said, each answer has
/// `Connection: close`, and its connection is closed after it.
///
/// Idle connections stay open until they are used: a client may be sending on one already, and
/// would not learn what became of its request.
#[derive(Debug, Clone, Default)]
pub struct Farewell(Arc<AtomicBool>);

impl Farewell {
    /// Says it from now on.
    pub fn say(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn on<B>(&self, mut answer: Response<B>) -> Response<B> {
        if self.0.load(Ordering::Relaxed) {
            answer.head_mut().set_connection_type(ConnectionType::Close);
        }
        answer
    }
}

impl Default for ListenerSettings {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(2, usize::from).min(512),
            shutdown_timeout: Duration::from_secs(10),
            request_head_timeout: Duration::from_secs(5),
            request_limit: Duration::from_secs(15),
            keep_alive: Duration::from_secs(75),
            handshake_timeout: Duration::from_secs(5),
            max_handshakes: 512,
            max_connections_per_worker: 10_000,
            farewell: Farewell::default(),
            strangers: Arc::default(),
        }
    }
}

/// Serves the app that `app` makes, over TLS. A request finds its connection's certificate as
/// `conn_data::<ClientCertificate>()`, if the client brought one.
///
/// # Errors
/// If the listener cannot be used.
pub fn serve_tls<F, I, S, B>(
    name: &str,
    listener: TcpListener,
    tls: Arc<TlsState>,
    settings: &ListenerSettings,
    app: F,
) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    B: MessageBody + 'static,
{
    let address = listener.local_addr()?;
    let server = server(settings);
    let stopping = server.graceful_shutdown_signal();
    let door = Arc::new(Door {
        tls,
        turns: Semaphore::new(settings.max_handshakes),
        timeout: settings.handshake_timeout,
        strangers: Arc::clone(&settings.strangers),
    });
    let settings = settings.clone();
    let (limit, pause) = (settings.request_limit, pause(&settings));
    let server = server.listen(name, listener, move || {
        let door = Arc::clone(&door);
        let app = parting(app(), settings.farewell.clone());
        let http = http(&settings, address, stopping.clone())
            .secure()
            .on_connect_ext(|stream: &Paced<TlsStream<TcpStream>>, data| {
                data.insert(stream.began());
                keep_certificate(stream.stream(), data);
            })
            .finish(map_config(app, |()| AppConfig::default()));
        fn_service(move |stream: TcpStream| {
            let door = Arc::clone(&door);
            async move {
                let (stream, peer) = door.enter(stream).await.ok_or(())?;
                Ok((Paced::new(stream, limit, pause), Protocol::Http1, peer))
            }
        })
        .and_then(http.map_err(drop))
    })?;
    Ok(server.run())
}

/// Serves the app that `app` makes, over plain HTTP.
///
/// # Errors
/// If the listener cannot be used.
pub fn serve_plain<F, I, S, B>(
    name: &str,
    listener: TcpListener,
    settings: &ListenerSettings,
    app: F,
) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    B: MessageBody + 'static,
{
    let address = listener.local_addr()?;
    let server = server(settings);
    let stopping = server.graceful_shutdown_signal();
    let settings = settings.clone();
    let (limit, pause) = (settings.request_limit, pause(&settings));
    let server = server.listen(name, listener, move || {
        let app = parting(app(), settings.farewell.clone());
        let http = http(&settings, address, stopping.clone())
            .on_connect_ext(|stream: &Paced<TcpStream>, data| {
                data.insert(stream.began());
            })
            .finish(map_config(app, |()| AppConfig::default()));
        fn_service(move |stream: TcpStream| async move {
            let peer = stream.peer_addr().ok();
            // Answers are small; waiting to fill a packet would only delay them.
            stream.set_nodelay(true).map_err(drop)?;
            Ok((Paced::new(stream, limit, pause), Protocol::Http1, peer))
        })
        .and_then(http.map_err(drop))
    })?;
    Ok(server.run())
}

/// The app, whose answers close their connections once its clients are sent away.
fn parting<I, S, B>(
    app: I,
    farewell: Farewell,
) -> impl ServiceFactory<
    Request,
    Config = AppConfig,
    Response = Response<B>,
    Error = Response<BoxBody>,
    InitError = S::InitError,
    Service = impl Service<Request, Future: 'static> + 'static,
> + 'static
where
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    B: MessageBody + 'static,
{
    let (to_answers, to_errors) = (farewell.clone(), farewell);
    app.into_factory()
        .map(move |answer: S::Response| to_answers.on(answer.into()))
        .map_err(move |error| to_errors.on(error.into().error_response().into()))
}

/// The HTTP library ends idle connections itself; this is for those that it does not see as idle.
fn pause(settings: &ListenerSettings) -> Duration {
    settings.keep_alive + Duration::from_secs(5)
}

fn server(settings: &ListenerSettings) -> ServerBuilder {
    Server::build()
        .workers(settings.workers.clamp(1, 512))
        .disable_signals()
        .shutdown_timeout(settings.shutdown_timeout.as_secs())
        .max_concurrent_connections(settings.max_connections_per_worker)
}

fn http<T, S>(
    settings: &ListenerSettings,
    address: SocketAddr,
    stopping: GracefulShutdownSignal,
) -> HttpServiceBuilder<T, S>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
    S: ServiceFactory<Request, Config = ()>,
    S::Error: Into<Response<actix_web::body::BoxBody>> + 'static,
    S::InitError: fmt::Debug,
    S::Response: 'static,
    <S::Service as Service<Request>>::Future: 'static,
{
    HttpServiceBuilder::default()
        .keep_alive(settings.keep_alive)
        .client_request_timeout(settings.request_head_timeout)
        .client_disconnect_timeout(Duration::from_secs(1))
        .local_addr(address)
        .tcp_nodelay(true)
        .graceful_shutdown_signal(move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
}

fn keep_certificate(stream: &TlsStream<TcpStream>, data: &mut Extensions) {
    if let Some(chain) = stream.get_ref().1.peer_certificates() {
        let chain = chain.iter().map(|der| der.clone().into_owned()).collect();
        data.insert(ClientCertificate::new(chain));
    }
}

/// Where connections come in: their handshake, bounded in time and number.
struct Door {
    tls: Arc<TlsState>,
    turns: Semaphore,
    timeout: Duration,
    strangers: Arc<Strangers>,
}

type Entered = (TlsStream<TcpStream>, Option<SocketAddr>);

impl Door {
    async fn enter(&self, stream: TcpStream) -> Option<Entered> {
        let peer = stream.peer_addr().ok();
        let shown = peer.map(|peer| peer.to_string()).unwrap_or_default();
        match tokio::time::timeout(self.timeout, self.handshake(stream)).await {
            Ok(Ok(stream)) => Some((stream, peer)),
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                metrics::handshake_failed("closed");
                debug!(peer = shown, %error, "connection closed during the TLS handshake");
                None
            }
            Ok(Err(error)) => {
                self.strangers.handshake_failed(peer.map(|peer| peer.ip()), &error);
                None
            }
            Err(_) => {
                metrics::handshake_failed("timed_out");
                // At debug: strangers can make any number of these.
                debug!(peer = shown, "TLS handshake took too long");
                None
            }
        }
    }

    async fn handshake(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        stream.set_nodelay(true)?;
        // A connection that sends nothing takes no turn from those that do.
        stream.readable().await?;
        let _turn = self.turns.acquire().await.map_err(io::Error::other)?;
        let config = Arc::clone(&self.tls.current().server_config);
        TlsAcceptor::from(config).accept(stream).await
    }
}
