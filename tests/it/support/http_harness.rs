//! A listener with an app that answers who is calling, and clients that speak to it by hand.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, web};
use dialpass::domain::clock::{Clock, Timestamp};
use dialpass::domain::tenant::TenantId;
use dialpass::http::client_table::{ClientEntry, ClientTable, Credentials, Operation};
use dialpass::http::identify::{CallerIdentification, identify_request};
use dialpass::http::listener::{ListenerSettings, serve_plain, serve_tls};
use dialpass::http::proxy::{ProxyRules, TrustedProxies};
use dialpass::tls::server::{self as server_tls, ClientCertificates, TlsSettings, TlsState};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::pki::{Ca, Issued, Leaf};

/// 2026-01-01, when all certificates of these tests are judged.
pub const NOW: i64 = 1_767_225_600;

/// A clock that a test sets.
pub struct SetClock(AtomicI64);

impl SetClock {
    pub fn at(seconds: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(seconds)))
    }

    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst) * 1000)
    }
}

pub fn client(name: &str, credentials: Credentials) -> ClientEntry {
    ClientEntry {
        tenant: TenantId::parse("t1").unwrap(),
        name: name.to_owned(),
        operations: vec![Operation::GetOtp],
        credentials,
    }
}

pub fn gate(clients: Vec<ClientEntry>, clock: Arc<dyn Clock>) -> CallerIdentification {
    CallerIdentification {
        clients: Arc::new(ClientTable::new(clients).unwrap()),
        proxies: TrustedProxies::default(),
        proxy_rules: ProxyRules::default(),
        tls: None,
        forwarded_ca: None,
        jwks: None,
        clock,
    }
}

async fn who(request: HttpRequest, gate: web::Data<CallerIdentification>) -> HttpResponse {
    let deadline = Instant::now() + Duration::from_secs(2);
    match identify_request(&request, Operation::GetOtp, &gate, deadline).await {
        Ok(found) => HttpResponse::Ok().body(found.client.name.clone()),
        Err(refusal) if refusal.reason.asks_for_credential() => {
            HttpResponse::Unauthorized().body(refusal.reason.name().as_str())
        }
        Err(refusal) => HttpResponse::Forbidden().body(refusal.reason.name().as_str()),
    }
}

/// A running server; it stops when dropped.
pub struct Running {
    pub address: SocketAddr,
    handle: ServerHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

pub fn settings() -> ListenerSettings {
    ListenerSettings {
        workers: 1,
        handshake_timeout: Duration::from_millis(500),
        ..ListenerSettings::default()
    }
}

/// Serves the gate's answers, over TLS if it has any.
pub fn start(gate: CallerIdentification) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let tls = gate.tls.clone();
    let gate = web::Data::new(gate);
    let app = move || App::new().app_data(gate.clone()).default_service(web::to(who));
    let server = match tls {
        Some(tls) => serve_tls("test", listener, tls, &settings(), app),
        None => serve_plain("test", listener, &settings(), app),
    };
    let server = server.unwrap();
    let handle = server.handle();
    tokio::spawn(server);
    Running { address, handle }
}

/// Certificate files of one server.
pub struct Files {
    pub folder: tempfile::TempDir,
    pub ca: Ca,
}

impl Files {
    pub fn new() -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap(), ca: Ca::new("first CA") };
        files.write("ca.pem", &files.ca.pem());
        files.write_server(1);
        files.write("crl.pem", &files.ca.crl(&[]));
        files
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Writes a new server certificate; returns it.
    pub fn write_server(&self, serial: u64) -> Issued {
        let issued = self.ca.server(serial);
        self.write("server.pem", &issued.certificate);
        self.write("server.key", &issued.key);
        issued
    }

    pub fn settings(&self, client_certificates: ClientCertificates) -> TlsSettings {
        TlsSettings {
            certificate: self.path("server.pem"),
            private_key: self.path("server.key"),
            client_ca: Some(self.path("ca.pem")),
            client_certificates,
            crl_files: vec![self.path("crl.pem")],
        }
    }

    pub fn tls(&self, client_certificates: ClientCertificates) -> Arc<TlsState> {
        Arc::new(server_tls::reloadable(self.settings(client_certificates)).unwrap())
    }

    /// The configuration of a client that trusts the CA, with or without a certificate.
    pub fn client(&self, own: Option<&Issued>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let pem = self.ca.pem();
        let der = rustls::pki_types::pem::PemObject::from_pem_slice(pem.as_bytes()).unwrap();
        roots.add(der).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(roots);
        Arc::new(match own {
            None => builder.with_no_client_auth(),
            Some(own) => builder.with_client_auth_cert(vec![own.der()], own.key_der()).unwrap(),
        })
    }
}

pub const PBX: Leaf<'static> =
    Leaf { dns: "pbx.example", uri: "urn:example:pbx", serial: 10, ends: 2080 };

pub async fn connect(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::clone(config)).connect(name, stream).await
}

/// Sends one request on an open connection; returns the status and the body.
pub async fn send(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    headers: &[(&str, &str)],
) -> io::Result<(u16, String)> {
    use std::fmt::Write as _;
    let mut head = "GET / HTTP/1.1\r\nhost: localhost\r\n".to_owned();
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    loop {
        if let Some(answer) = whole(&answer) {
            return Ok(answer);
        }
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn whole(answer: &[u8]) -> Option<(u16, String)> {
    let (head, body) = std::str::from_utf8(answer).ok()?.split_once("\r\n\r\n")?;
    let fields = head.to_ascii_lowercase();
    let length = fields.split("content-length: ").nth(1)?.split("\r\n").next()?;
    let length: usize = length.parse().ok()?;
    (body.len() == length).then(|| (head[9..12].parse().unwrap(), body.to_owned()))
}

/// Connects, sends one request, and returns the answer.
pub async fn ask(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
    headers: &[(&str, &str)],
) -> io::Result<(u16, String)> {
    send(&mut connect(address, config).await?, headers).await
}

/// The same over plain HTTP.
pub async fn ask_plain(address: SocketAddr, headers: &[(&str, &str)]) -> (u16, String) {
    send(&mut TcpStream::connect(address).await.unwrap(), headers).await.unwrap()
}
