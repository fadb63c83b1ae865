//! Serving an actix-web app over TLS or plain HTTP, on a listener that is already bound.
//!
//! Each connection uses the TLS configuration that is current when it is accepted: a new one
//! applies to new connections and drops no open ones.

mod connection_limits;
#[cfg(test)]
pub(crate) mod fuzz;
mod middleware;
mod request_timeout;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::{Extensions, HttpServiceBuilder, Protocol, Request, Response};
use actix_server::{GracefulShutdownSignal, Server, ServerBuilder};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config,
};
use actix_web::body::MessageBody;
use actix_web::dev::AppConfig;
use ipnet::IpNet;
use rustix::net::sockopt;
use rustls::server::Acceptor;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::debug;

pub use self::connection_limits::Exempt;
use self::connection_limits::{AdmittedConnection, ConnectionLimits};
pub use self::middleware::ConnectionDrain;
use self::middleware::{ResponseHeaders, wrap};
pub use self::request_timeout::RequestBegan;
use self::request_timeout::{TimeLimits, TimedStream};
use super::certificate::ClientCertificate;
use crate::telemetry::metrics;
use crate::tls::server::TlsState;
use crate::unauthenticated_log::UnauthenticatedLog;

/// Kernel send buffer of one connection, in bytes. The kernel doubles it for its own use; without a
/// limit it would hold megabytes for each slow reader.
const SEND_BUFFER: usize = 64 * 1024;

/// How long the kernel keeps a connection whose client reads nothing that was sent, even after the
/// server has closed it; in milliseconds.
const NOT_TAKEN: u32 = 30_000;

/// How many TLS handshakes a worker computes before it polls its other connections again.
const HANDSHAKES_AT_ONCE: usize = 2;

/// A listener's limits.
#[derive(Clone)]
pub struct ListenerSettings {
    /// Threads, each with its own copy of the app; 1 to 512.
    pub workers: usize,
    /// How long a graceful stop waits for requests in flight; whole seconds.
    pub shutdown_timeout: Duration,
    /// How long a connection may take to send a request's head.
    pub request_head_timeout: Duration,
    /// Longest time from a request's first byte to its answer's first byte, whatever else happens.
    pub request_limit: Duration,
    /// How long written bytes of an answer may wait for the client to read them.
    pub answer_limit: Duration,
    /// How long an idle connection is kept open.
    pub keep_alive: Duration,
    /// How long a connection may take to finish its TLS handshake, including the wait for a permit;
    /// also how long its PROXY header may take.
    pub handshake_timeout: Duration,
    /// How many connections all workers together hold; more wait to be accepted.
    pub max_connections: usize,
    /// How many connections one address may hold; IPv6 addresses count by their /64. More are
    /// closed.
    pub connections_per_address: usize,
    /// Addresses that may hold any number of connections.
    pub exempt: Exempt,
    /// The load balancers whose connections begin with a PROXY header (version 2).
    pub proxy_protocol: Vec<IpNet>,
    /// Whether answers tell browsers to use TLS only (RFC 6797).
    pub strict_transport_security: bool,
    /// Drains the clients.
    pub drain: ConnectionDrain,
    /// Limits what is logged about failed handshakes.
    pub unauthenticated_log: Arc<UnauthenticatedLog>,
}

impl Default for ListenerSettings {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(2, usize::from).min(512),
            shutdown_timeout: Duration::from_secs(10),
            request_head_timeout: Duration::from_secs(5),
            request_limit: Duration::from_secs(15),
            answer_limit: Duration::from_secs(5),
            keep_alive: Duration::from_secs(75),
            handshake_timeout: Duration::from_secs(5),
            max_connections: 10_000,
            connections_per_address: 500,
            exempt: Exempt::default(),
            proxy_protocol: Vec::new(),
            strict_transport_security: false,
            drain: ConnectionDrain::default(),
            unauthenticated_log: Arc::default(),
        }
    }
}

/// Serves the app that `app` creates, over TLS. A request finds its connection's certificate as
/// `conn_data::<ClientCertificate>()`, if the client presented one.
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
    let server = server(&listener, settings)?;
    let stopping = server.graceful_shutdown_signal();
    let connection_limits = connection_limits(settings);
    let settings = settings.clone();
    let limits = limits(&settings);
    let server = server.listen(name, listener, move || {
        let handshakes = Rc::new(Handshakes {
            connection_limits: Arc::clone(&connection_limits),
            tls: Arc::clone(&tls),
            permits: Semaphore::new(HANDSHAKES_AT_ONCE),
            timeout: settings.handshake_timeout,
            unauthenticated_log: Arc::clone(&settings.unauthenticated_log),
        });
        let app = wrap(app(), response_headers(&settings));
        let http = http(&settings, address, stopping.clone())
            .secure()
            .on_connect_ext(|stream: &TimedStream<TlsStream<TcpStream>>, data| {
                data.insert(stream.began());
                data.insert(stream.progress());
                keep_certificate(stream.stream(), data);
            })
            .finish(map_config(app, |()| AppConfig::default()));
        fn_service(move |stream: TcpStream| {
            let handshakes = Rc::clone(&handshakes);
            async move {
                let (stream, admitted) = handshakes.accept(stream).await.ok_or(())?;
                Ok((
                    TimedStream::new(stream, limits, admitted.slot),
                    Protocol::Http1,
                    admitted.peer,
                ))
            }
        })
        .and_then(http.map_err(drop))
    })?;
    Ok(server.run())
}

/// Serves the app that `app` creates, over plain HTTP.
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
    let server = server(&listener, settings)?;
    let stopping = server.graceful_shutdown_signal();
    let connection_limits = connection_limits(settings);
    let settings = settings.clone();
    let limits = limits(&settings);
    let server = server.listen(name, listener, move || {
        let connection_limits = Arc::clone(&connection_limits);
        let app = wrap(app(), response_headers(&settings));
        let http = http(&settings, address, stopping.clone())
            .on_connect_ext(|stream: &TimedStream<TcpStream>, data| {
                data.insert(stream.began());
                data.insert(stream.progress());
            })
            .finish(map_config(app, |()| AppConfig::default()));
        fn_service(move |stream: TcpStream| {
            let connection_limits = Arc::clone(&connection_limits);
            async move {
                let admitted = connection_limits.admit(&stream).await.ok_or(())?;
                // Answers are small; waiting to fill a packet would only delay them.
                stream.set_nodelay(true).map_err(drop)?;
                Ok((
                    TimedStream::new(stream, limits, admitted.slot),
                    Protocol::Http1,
                    admitted.peer,
                ))
            }
        })
        .and_then(http.map_err(drop))
    })?;
    Ok(server.run())
}

fn limits(settings: &ListenerSettings) -> TimeLimits {
    TimeLimits {
        request: settings.request_limit,
        // The HTTP library closes idle connections itself; this covers those that it does not
        // consider idle.
        pause: settings.keep_alive + Duration::from_secs(5),
        answer: settings.answer_limit,
    }
}

fn response_headers(settings: &ListenerSettings) -> ResponseHeaders {
    ResponseHeaders {
        drain: settings.drain.clone(),
        strict_transport_security: settings.strict_transport_security,
    }
}

fn connection_limits(settings: &ListenerSettings) -> Arc<ConnectionLimits> {
    ConnectionLimits::new(
        settings.connections_per_address,
        settings.exempt.clone(),
        settings.proxy_protocol.clone(),
        settings.handshake_timeout,
    )
}

fn server(listener: &TcpListener, settings: &ListenerSettings) -> io::Result<ServerBuilder> {
    // Accepted connections inherit both options.
    sockopt::set_socket_send_buffer_size(listener, SEND_BUFFER)?;
    sockopt::set_tcp_user_timeout(listener, NOT_TAKEN)?;
    let workers = settings.workers.clamp(1, 512);
    Ok(Server::build()
        .workers(workers)
        .disable_signals()
        .shutdown_timeout(settings.shutdown_timeout.as_secs())
        .max_concurrent_connections(settings.max_connections.div_ceil(workers)))
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

/// Accepts a worker's TLS connections, limiting the time and number of handshakes.
struct Handshakes {
    connection_limits: Arc<ConnectionLimits>,
    tls: Arc<TlsState>,
    permits: Semaphore,
    timeout: Duration,
    unauthenticated_log: Arc<UnauthenticatedLog>,
}

impl Handshakes {
    async fn accept(
        &self,
        stream: TcpStream,
    ) -> Option<(TlsStream<TcpStream>, AdmittedConnection)> {
        let admitted = self.connection_limits.admit(&stream).await?;
        let shown = admitted.peer.map(|peer| peer.to_string()).unwrap_or_default();
        match tokio::time::timeout(self.timeout, self.handshake(stream)).await {
            Ok(Ok(stream)) => Some((stream, admitted)),
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                metrics::handshake_failed("closed");
                debug!(peer = shown, %error, "connection closed during the TLS handshake");
                None
            }
            Ok(Err(error)) => {
                let peer = admitted.peer.map(|peer| peer.ip());
                self.unauthenticated_log.handshake_failed(peer, &error);
                None
            }
            Err(_) => {
                metrics::handshake_failed("timed_out");
                // At debug level, because strangers can cause any number of these.
                debug!(peer = shown, "TLS handshake took too long");
                None
            }
        }
    }

    /// A permit covers the cryptography: it is acquired once the whole client hello has arrived, and
    /// released after the worker has polled its other connections.
    async fn handshake(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        stream.set_nodelay(true)?;
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let permit = self.permits.acquire().await.map_err(io::Error::other)?;
        let answered = hello.into_stream(Arc::clone(&self.tls.current().server_config));
        tokio::task::yield_now().await;
        drop(permit);
        answered.await
    }
}
