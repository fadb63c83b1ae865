//! The sections that are not a tenant's, checked.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::check::{Problems, is_loopback};
use super::permissions;
use super::proxy::{self, ProxyConfig};
use super::raw::{
    RawAudit, RawClientCertificates, RawFlood, RawFormat, RawKeys, RawLevel, RawLog, RawOps,
    RawServer, RawTls, RawWhenUnwritable,
};
use super::secrets::{self, Form};
use crate::domain::otp::ServerKeys;
use crate::domain::policy::Quota;
use crate::telemetry::audit::WhenUnwritable;

/// `[server]`: the public listener.
#[derive(Debug)]
pub struct ServerConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Under which URL clients and phones reach it, without a slash at its end; `None`: the
    /// authentication cloud's API is not served.
    pub public_url: Option<String>,
    /// No request takes longer.
    pub request_deadline: Duration,
    /// How long a server that stops still takes requests, and says that it is not ready.
    pub drain: Duration,
    /// How long requests in flight may take to end when the server stops.
    pub shutdown_timeout: Duration,
    /// Worker threads; `None`: one a core.
    pub workers: Option<usize>,
    /// Whose `Client-Cert` and `Forwarded` headers count.
    pub trusted_proxies: Vec<IpNet>,
    /// The CA of certificates that trusted proxies pass on.
    pub proxy_client_ca: Option<PathBuf>,
    /// Revocation lists for what trusted proxies forward, of the same kind as the listener's own,
    /// which stand in where none are given.
    pub proxy_crl_files: Vec<PathBuf>,
    /// The load balancers whose connections begin with a PROXY header.
    pub proxy_protocol_from: Vec<IpNet>,
    /// `[server.proxy]`.
    pub proxy: ProxyConfig,
    /// `[server.tls]`; `None`: plain HTTP.
    pub tls: Option<TlsConfig>,
    /// `[server.limits]`.
    pub limits: FloodConfig,
}

/// `[server.tls]`.
#[derive(Debug, Clone)]
pub struct TlsConfig {
    /// The server's certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub private_key: PathBuf,
    /// The CA of client certificates, PEM.
    pub client_ca: Option<PathBuf>,
    /// Whether clients must, may or need not show a certificate.
    pub client_certificates: ClientCertificates,
    /// Revocation lists, PEM.
    pub crl_files: Vec<PathBuf>,
}

impl TlsConfig {
    /// Whether clients can show a certificate that is verified.
    #[must_use]
    pub fn verifies_clients(&self) -> bool {
        self.client_ca.is_some() && self.client_certificates != ClientCertificates::Off
    }
}

/// Whether clients show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// No connection without one.
    Required,
    /// Asked for, and checked where shown.
    Optional,
    /// Not asked for.
    Off,
}

/// `[server.limits]`: flood limits of this node.
#[derive(Debug, Clone, Copy)]
pub struct FloodConfig {
    /// Requests of one client.
    pub requests_per_client: Quota,
    /// Requests from one address.
    pub requests_per_address: Quota,
    /// Calls from one number, for any user.
    pub calls_per_caller: Quota,
    /// How many clients, addresses and callers are remembered, each.
    pub tracked_keys: usize,
    /// How many refused logins may wait for their floor at once.
    pub waiting_refusals: usize,
    /// How many connections the server holds; `None`: 10,000, or as many as the process's limit of
    /// open files leaves.
    pub connections: Option<usize>,
    /// How many of them one address may hold.
    pub connections_per_address: usize,
}

/// `[ops]`.
#[derive(Debug, Clone, Copy)]
pub struct OpsConfig {
    /// Where health, readiness and metrics are served, in plain HTTP.
    pub listen: SocketAddr,
}

/// `[keys]`.
#[derive(Debug)]
pub struct KeysConfig {
    /// The server keys, issuing key first.
    pub server_keys: Arc<ServerKeys>,
}

/// `[log]`.
#[derive(Debug, Clone, Copy)]
pub struct LogConfig {
    /// The least level that is logged.
    pub level: tracing::Level,
    /// How lines look.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Human,
}

/// `[audit]`.
#[derive(Debug, Clone)]
pub struct AuditConfig {
    /// Where audit events go instead of standard output.
    pub file: Option<PathBuf>,
    /// What becomes of calls and logins while the trail cannot be written.
    pub when_unwritable: WhenUnwritable,
    /// Lines about those who show no credential, from one address.
    pub strangers_per_address: Quota,
    /// The same, from all addresses.
    pub strangers: Quota,
}

impl ServerConfig {
    /// Whether anybody's certificate can reach this server: on a connection of theirs, or in a
    /// trusted proxy's header.
    #[must_use]
    pub fn takes_certificates(&self) -> bool {
        let forwarded = !self.trusted_proxies.is_empty() && self.proxy_client_ca.is_some();
        forwarded || self.tls.as_ref().is_some_and(TlsConfig::verifies_clients)
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
    let tls = raw.tls.map(|tls| self::tls(tls, problems));
    if tls.is_none() && !listen.ip().is_loopback() && raw.allow_plain_http != Some(true) {
        problems.add(
            "server.listen",
            format!("{listen} without [server.tls]"),
            "a loopback address, or [server.tls], or allow_plain_http = true where something in front encrypts",
        );
    }
    let proxy_client_ca = raw
        .proxy_client_ca
        .map(|path| problems.readable("server.proxy_client_ca", &path))
        .or_else(|| tls.as_ref().and_then(|tls| tls.client_ca.clone()));
    let proxy_crl_files = match (raw.proxy_crl_files, &tls) {
        (Some(files), _) => readable_all("server.proxy_crl_files", &files, problems),
        (None, Some(tls)) => tls.crl_files.clone(),
        (None, None) => Vec::new(),
    };
    let trusted_proxies = proxy::networks("server.trusted_proxies", &raw.trusted_proxies, problems);
    let verifies_clients = tls.as_ref().is_some_and(TlsConfig::verifies_clients);
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
        limits: flood(&raw.limits, problems),
    }
}

/// The base of what tokens and links say: a scheme and a host, nothing else.
fn public_url(text: &str, problems: &mut Problems) -> Option<String> {
    let url = url::Url::parse(text).ok().filter(|url| {
        let is_bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
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
            "https:// and a host, such as \"https://id.example.com\"; http:// for loopback only",
        );
    }
    url.map(|url| url.origin().ascii_serialization())
}

fn tls(raw: RawTls, problems: &mut Problems) -> TlsConfig {
    let client_certificates = match raw.client_certificates {
        Some(RawClientCertificates::Required) => ClientCertificates::Required,
        Some(RawClientCertificates::Optional) => ClientCertificates::Optional,
        Some(RawClientCertificates::Off) => ClientCertificates::Off,
        None => match raw.client_ca {
            Some(_) => ClientCertificates::Optional,
            None => ClientCertificates::Off,
        },
    };
    if client_certificates != ClientCertificates::Off && raw.client_ca.is_none() {
        problems.add(
            "server.tls.client_ca",
            "nothing, though client certificates are asked for",
            "the file of the CA that signs them, or client_certificates = \"off\"",
        );
    }
    let mut file = |name: &str, path: Option<PathBuf>, accepted: &str| {
        let key = format!("server.tls.{name}");
        let path = problems.required(&key, path, accepted)?;
        Some(problems.readable(&key, &path))
    };
    let certificate = file("certificate", raw.certificate, "the file of the certificate, PEM");
    let private_key = file("private_key", raw.private_key, "the file of its key, PEM");
    if let Some(path) = &private_key {
        permissions::of_secret("server.tls.private_key", path, problems);
    }
    TlsConfig {
        certificate: certificate.unwrap_or_default(),
        private_key: private_key.unwrap_or_default(),
        client_ca: raw.client_ca.map(|path| problems.readable("server.tls.client_ca", &path)),
        client_certificates,
        crl_files: readable_all("server.tls.crl_files", &raw.crl_files, problems),
    }
}

/// The paths in a list, to files that can be read.
fn readable_all(key: &str, paths: &[PathBuf], problems: &mut Problems) -> Vec<PathBuf> {
    let paths = paths.iter().enumerate();
    paths.map(|(index, path)| problems.readable(&format!("{key}[{index}]"), path)).collect()
}

fn flood(raw: &RawFlood, problems: &mut Problems) -> FloodConfig {
    // 1,000 a second with a burst of 2,000: a phone system or a login service is one client at
    // one address, so anything tighter would refuse honest traffic.
    let wide = Quota { burst: 2000, per: Duration::from_secs(2) };
    let caller = Quota { burst: 30, per: Duration::from_mins(1) };
    let most = 10_000_000;
    warn_of_one_address(raw, problems);
    FloodConfig {
        requests_per_client: problems.quota(
            "server.limits.requests_per_client",
            raw.requests_per_client,
            wide,
            most,
        ),
        requests_per_address: problems.quota(
            "server.limits.requests_per_address",
            raw.requests_per_address,
            wide,
            most,
        ),
        calls_per_caller: problems.quota(
            "server.limits.calls_per_caller",
            raw.calls_per_caller,
            caller,
            most,
        ),
        tracked_keys: problems.within(
            "server.limits.tracked_keys",
            raw.tracked_keys.unwrap_or(100_000),
            1_000,
            10_000_000,
        ),
        waiting_refusals: problems.within(
            "server.limits.waiting_refusals",
            raw.waiting_refusals.unwrap_or(10_000),
            1,
            1_000_000,
        ),
        connections: raw
            .connections
            .map(|most| problems.within("server.limits.connections", most, 100, 1_000_000)),
        connections_per_address: problems.within(
            "server.limits.connections_per_address",
            raw.connections_per_address.unwrap_or(PER_ADDRESS),
            1,
            1_000_000,
        ),
    }
}

/// Warns where one address can take all connections, so that nobody else gets one.
fn warn_of_one_address(raw: &RawFlood, problems: &mut Problems) {
    let most = raw.connections.unwrap_or(CONNECTIONS);
    let of_one = raw.connections_per_address.unwrap_or(PER_ADDRESS);
    if of_one >= most {
        problems.warn(
            "server.limits.connections_per_address",
            format!(
                "one address may hold {of_one} connections, and there are {most} for all \
                 (server.limits.connections), so that one client can keep all others out: give it \
                 a part of them"
            ),
        );
    }
}

/// The default of `connections`, where the process may open so many files.
const CONNECTIONS: usize = 10_000;

/// The default of `connections_per_address`.
const PER_ADDRESS: usize = 500;

/// Whether no two listeners can be at these addresses: those of the same port, also where one is
/// all addresses of this machine.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let takes = |one: SocketAddr, other: SocketAddr| {
        // An IPv6 listener at all addresses takes IPv4's as well.
        let all = one.ip().is_unspecified() && (one.is_ipv6() || other.is_ipv4());
        all || one.ip().to_canonical() == other.ip().to_canonical()
    };
    one.port() == other.port() && one.port() != 0 && (takes(one, other) || takes(other, one))
}

/// Checks `[ops]`.
pub(super) fn ops(raw: &RawOps, public: SocketAddr, problems: &mut Problems) -> Option<OpsConfig> {
    if raw.enabled == Some(false) {
        return None;
    }
    let listen = raw.listen.map_or(SocketAddr::from(([127, 0, 0, 1], 9090)), |address| address.0);
    if collide(listen, public) {
        let found = format!("{listen}, where server.listen ({public}) listens");
        problems.add("ops.listen", found, "another port than that of server.listen");
    }
    if !listen.ip().is_loopback() && raw.allow_plain_http != Some(true) {
        problems.add(
            "ops.listen",
            format!("{listen}, where anybody may ask, in clear and without a credential"),
            "a loopback address, or allow_plain_http = true in a network of operators",
        );
    }
    Some(OpsConfig { listen })
}

/// Checks `[audit]`.
pub(super) fn audit(raw: RawAudit, problems: &mut Problems) -> AuditConfig {
    let (minute, most) = (Duration::from_mins(1), 1_000_000);
    // A line has some 300 bytes: 26 MB a day at most, however many ask.
    let (one, all) = (Quota { burst: 60, per: minute }, Quota { burst: 600, per: 10 * minute });
    // In less than a second no limit is one, and what is left out for days is missed.
    let span = Duration::from_secs(1)..=Duration::from_hours(1);
    let file = raw.file.map(|path| problems.resolve("audit.file", &path));
    if let Some(path) = &file {
        permissions::of_audit("audit.file", path, problems);
    }
    AuditConfig {
        file,
        when_unwritable: match raw.when_unwritable {
            None | Some(RawWhenUnwritable::Refuse) => WhenUnwritable::Refuse,
            Some(RawWhenUnwritable::Count) => WhenUnwritable::Count,
        },
        strangers_per_address: problems.quota_per(
            "audit.strangers_per_address",
            raw.strangers_per_address,
            (one, most),
            span.clone(),
        ),
        strangers: problems.quota_per("audit.strangers", raw.strangers, (all, most), span),
    }
}

/// Checks `[keys]`.
pub(super) fn keys(
    raw: RawKeys,
    listen: SocketAddr,
    problems: &mut Problems,
) -> Option<KeysConfig> {
    let file = raw.server_key_file.as_deref();
    let key = if file.is_some() { "keys.server_key_file" } else { "keys.server_key" };
    let text = secrets::secret("keys", "server_key", Form::Lines, raw.server_key, file, problems)?;
    let server_keys = Arc::new(secrets::server_keys(&text, key, listen, problems)?);
    Some(KeysConfig { server_keys })
}

/// Reads `[log]`.
pub(super) fn log(raw: &RawLog) -> LogConfig {
    LogConfig {
        level: match raw.level {
            Some(RawLevel::Error) => tracing::Level::ERROR,
            Some(RawLevel::Warn) => tracing::Level::WARN,
            None | Some(RawLevel::Info) => tracing::Level::INFO,
            Some(RawLevel::Debug) => tracing::Level::DEBUG,
            Some(RawLevel::Trace) => tracing::Level::TRACE,
        },
        format: match raw.format {
            None | Some(RawFormat::Json) => LogFormat::Json,
            Some(RawFormat::Human) => LogFormat::Human,
        },
    }
}
