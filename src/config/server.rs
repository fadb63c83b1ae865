//! `[server]`: the public listener.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use super::check::{Problems, is_loopback};
use super::limits::{self, FloodConfig, RawFlood};
use super::proxy::{self, RawProxy};
use super::tls::{self, RawTls};
use super::values::{Address, Network};
use crate::domain::human_duration::HumanDuration;
use crate::http::proxy::ProxyRules;
use crate::tls::server::TlsSettings;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawServer {
    pub listen: Option<Address>,
    pub public_url: Option<String>,
    pub request_deadline: Option<HumanDuration>,
    pub drain: Option<HumanDuration>,
    pub shutdown_timeout: Option<HumanDuration>,
    pub workers: Option<usize>,
    pub allow_plain_http: Option<bool>,
    #[serde(default)]
    pub trusted_proxies: Vec<Network>,
    pub proxy_client_ca: Option<PathBuf>,
    pub proxy_crl_files: Option<Vec<PathBuf>>,
    #[serde(default)]
    pub proxy_protocol_from: Vec<Network>,
    pub proxy: Option<RawProxy>,
    pub tls: Option<RawTls>,
    #[serde(default)]
    pub limits: RawFlood,
}

/// `[server]`: the public listener.
#[derive(Debug)]
pub struct ServerConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The URL by which clients and phones reach it, without a trailing slash; `None`: the
    /// authentication cloud's API is not served.
    pub public_url: Option<String>,
    /// Longest time of a request.
    pub request_deadline: Duration,
    /// How long a stopping server still accepts requests while it reports that it is not ready.
    pub drain: Duration,
    /// How long requests in flight may take when the server stops.
    pub shutdown_timeout: Duration,
    /// Worker threads; `None`: one a core.
    pub workers: Option<usize>,
    /// The proxies whose `Client-Cert` and `Forwarded` headers are trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// The CA of client certificates that trusted proxies forward.
    pub proxy_client_ca: Option<PathBuf>,
    /// Revocation lists for those certificates; by default the listener's.
    pub proxy_crl_files: Vec<PathBuf>,
    /// The load balancers whose connections begin with a PROXY header.
    pub proxy_protocol_from: Vec<IpNet>,
    /// `[server.proxy]`.
    pub proxy: ProxyRules,
    /// `[server.tls]`; `None`: plain HTTP.
    pub tls: Option<TlsSettings>,
    /// `[server.limits]`.
    pub limits: FloodConfig,
}

impl ServerConfig {
    /// Whether client certificates can reach this server: on a connection, or in a trusted proxy's
    /// header.
    #[must_use]
    pub fn takes_certificates(&self) -> bool {
        let forwarded = !self.trusted_proxies.is_empty() && self.proxy_client_ca.is_some();
        forwarded || self.tls.as_ref().is_some_and(TlsSettings::verifies_clients)
    }
}

/// Checks `[server]`.
pub(super) fn check(raw: RawServer, problems: &mut Problems) -> ServerConfig {
    let listen = raw.listen.map_or(SocketAddr::from(([127, 0, 0, 1], 8443)), |address| address.0);
    let secs = Duration::from_secs;
    let request_deadline = problems.span(
        "server.request_deadline",
        raw.request_deadline,
        secs(5),
        Duration::from_millis(100),
        secs(60),
    );
    let drain = problems.span("server.drain", raw.drain, secs(0), secs(0), secs(300));
    let shutdown_timeout = problems.span(
        "server.shutdown_timeout",
        raw.shutdown_timeout,
        secs(10),
        secs(1),
        secs(300),
    );
    let workers = raw.workers.map(|workers| problems.within("server.workers", workers, 1, 1024));
    let tls = raw.tls.map(|tls| tls::check(tls, problems));
    if tls.is_none() && !listen.ip().is_loopback() && raw.allow_plain_http != Some(true) {
        problems.add(
            "server.listen",
            format!("{listen} without [server.tls]"),
            "a loopback address, or [server.tls], or allow_plain_http = true if a proxy in front encrypts",
        );
    }
    let proxy_client_ca = raw
        .proxy_client_ca
        .map(|path| problems.readable("server.proxy_client_ca", &path))
        .or_else(|| tls.as_ref().and_then(|tls| tls.client_ca.clone()));
    let proxy_crl_files = match (raw.proxy_crl_files, &tls) {
        (Some(files), _) => problems.readable_all("server.proxy_crl_files", &files),
        (None, Some(tls)) => tls.crl_files.clone(),
        (None, None) => Vec::new(),
    };
    let trusted_proxies = proxy::networks("server.trusted_proxies", &raw.trusted_proxies, problems);
    let verifies_clients = tls.as_ref().is_some_and(TlsSettings::verifies_clients);
    let proxy = raw
        .proxy
        .map(|raw| proxy::check(raw, !trusted_proxies.is_empty(), verifies_clients, problems));
    let proxy = proxy.unwrap_or_default();
    let public_url = raw.public_url.and_then(|text| public_url(&text, problems));
    ServerConfig {
        listen,
        public_url,
        request_deadline,
        drain,
        shutdown_timeout,
        workers,
        trusted_proxies,
        proxy_client_ca,
        proxy_crl_files,
        proxy_protocol_from: proxy::networks(
            "server.proxy_protocol_from",
            &raw.proxy_protocol_from,
            problems,
        ),
        proxy,
        tls,
        limits: limits::check(&raw.limits, problems),
    }
}

/// The base URL of links and tokens: only a scheme, a host and a port.
fn public_url(text: &str, problems: &mut Problems) -> Option<String> {
    let url = url::Url::parse(text).ok().filter(|url| {
        let is_bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
            && url.port() != Some(0);
        let is_safe = match url.scheme() {
            "https" => true,
            "http" => url.host_str().is_some_and(is_loopback),
            _ => false,
        };
        is_bare && is_safe
    });
    if url.is_none() {
        problems.add(
            "server.public_url",
            format!("{text:?}"),
            "https:// and a host, with a port from 1 to 65535 if it is not 443, such as \"https://id.example.com\"; http:// for loopback only",
        );
        // The parts that need one must not report it as missing.
        problems.expect_missing("server.public_url");
    }
    url.map(|url| url.origin().ascii_serialization())
}
