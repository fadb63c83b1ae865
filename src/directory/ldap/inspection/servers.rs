//! Checks one server step by step: connection, TLS, the service account's bind, the server's type.
//! Base DNs, people and attributes are in [`super::contents`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::super::connection::{ConnectError, Connection, Connector};
use super::super::pages::PAGED_RESULTS;
use super::super::server::server_name;
use super::LdapInspection;
use super::reader::Reader;
use crate::directory::inspection::{ServerReport, Severity, Step};
use crate::directory::ldap::settings::ServerUrl;

/// A certificate that expires within this many seconds causes a warning.
const EXPIRES_SOON: i64 = 30 * 24 * 60 * 60;

/// A server's description of itself.
pub(super) struct Product {
    /// Whether it is Active Directory, or Samba as one ([MS-ADTS] 3.1.1.3.4.3.1).
    pub active_directory: bool,
    /// Whether it is 389 Directory Server, possibly as part of `FreeIPA`.
    pub dirsrv: bool,
    /// Whether it sends results in pages.
    pub pages: bool,
    /// Its naming contexts.
    pub contexts: Vec<String>,
    /// The DN of Active Directory's schema.
    pub schema: Option<String>,
}

impl Product {
    /// Reads the root DSE (RFC 4512 5.1).
    pub(super) async fn of(reader: &mut Reader) -> Self {
        let asked = [
            "supportedControl",
            "supportedCapabilities",
            "schemaNamingContext",
            "namingContexts",
            "vendorName",
        ];
        let root = reader.entry("", &asked).await.ok().flatten();
        let values = |attribute: &str| -> Vec<String> {
            let attributes = root.iter().flat_map(|root| &root.attrs);
            let named = attributes.filter(|(name, _)| name.eq_ignore_ascii_case(attribute));
            named.flat_map(|(_, values)| values.clone()).collect()
        };
        let controls = values("supportedControl");
        let capabilities = values("supportedCapabilities");
        Self {
            active_directory: capabilities.iter().any(|oid| oid == "1.2.840.113556.1.4.800"),
            dirsrv: values("vendorName").iter().any(|name| name.contains("389")),
            pages: controls.iter().any(|oid| oid == PAGED_RESULTS),
            contexts: values("namingContexts"),
            schema: values("schemaNamingContext").into_iter().next(),
        }
    }
}

impl LdapInspection {
    /// Checks each server that a name resolves to.
    pub(super) async fn check_name(&self, url: &ServerUrl) -> Vec<ServerReport> {
        match self.addresses(url).await {
            Ok(addresses) => {
                join_all(addresses.iter().map(|address| self.check_server(url, *address))).await
            }
            Err(error) => {
                let step = Step::bad(
                    "connect",
                    Severity::Error,
                    format!("{} cannot be looked up: {error}", url.host()),
                    "is the name right, and does this machine's resolver know it?",
                );
                vec![ServerReport { name: url.to_string(), steps: vec![step] }]
            }
        }
    }

    async fn check_server(&self, url: &ServerUrl, address: SocketAddr) -> ServerReport {
        let mut steps = Vec::new();
        if let Some(connection) = self.check_connection(url, address, &mut steps).await {
            let mut reader = Reader::new(connection, self.settings.timeout);
            let product = Product::of(&mut reader).await;
            steps.push(if product.pages {
                Step::good("paging", "results come in pages")
            } else {
                Step::bad(
                    "paging",
                    Severity::Information,
                    "the server does not say that it sends results in pages (RFC 2696)",
                    "calls do not need it; reading all people may hit a size limit",
                )
            });
            self.check_index(&mut reader, &product, &mut steps).await;
            self.check_contents(&mut reader, &product, &mut steps).await;
        }
        ServerReport { name: server_name(url, address), steps }
    }

    /// Connects and binds; `None` if that failed, with the reason in the steps.
    async fn check_connection(
        &self,
        url: &ServerUrl,
        address: SocketAddr,
        steps: &mut Vec<Step>,
    ) -> Option<Connection> {
        let connector = self.connector(url, address);
        let started = Instant::now();
        let connection = match connector.open().await {
            Ok(connection) => connection,
            Err(error) => {
                failed_to_open(&error, steps);
                return None;
            }
        };
        steps.push(Step::good("connect", format!("connected in {} ms", millis(started))));
        steps.push(self.tls_step(url, address, &connection).await);
        let (step, bound) = self.bind_step(&connector, &connection).await;
        steps.push(step);
        bound.then_some(connection)
    }

    async fn tls_step(
        &self,
        url: &ServerUrl,
        address: SocketAddr,
        connection: &Connection,
    ) -> Step {
        if !url.is_ldaps() && !self.settings.start_tls {
            let near = address.ip().is_loopback();
            let severity = if near { Severity::Information } else { Severity::Warning };
            return Step::bad(
                "tls",
                severity,
                "no TLS: passwords and numbers cross the network in clear",
                "use ldaps://, or start_tls = true",
            );
        }
        let certificate = connection.handle().get_peer_certificate().await.ok().flatten();
        let expires = certificate.and_then(|der| {
            let (_, parsed) = x509_parser::parse_x509_certificate(&der).ok()?;
            Some((parsed.validity().not_after.timestamp(), parsed.validity().not_after.to_string()))
        });
        let protocol = if url.is_ldaps() { self.protocol(url, address).await } else { None };
        let how = protocol.unwrap_or_else(|| "TLS".to_owned());
        match expires {
            None => Step::good("tls", how),
            Some((at, text)) if at - self.clock.now().as_secs() < EXPIRES_SOON => Step::bad(
                "tls",
                Severity::Warning,
                format!("{how}; the server's certificate expires soon: {text}"),
                "renew the server's certificate; from then on no call or login is served",
            ),
            Some((_, text)) => Step::good("tls", format!("{how}; certificate good until {text}")),
        }
    }

    /// The protocol version negotiated by a separate handshake.
    async fn protocol(&self, url: &ServerUrl, address: SocketAddr) -> Option<String> {
        let config = self.settings.tls.as_ref()?;
        let name = match url.literal() {
            Some(literal) => ServerName::from(literal.ip()),
            None => ServerName::try_from(url.host().to_owned()).ok()?,
        };
        let handshake = async {
            let stream = TcpStream::connect(address).await.ok()?;
            TlsConnector::from(Arc::clone(config)).connect(name, stream).await.ok()
        };
        let stream = timeout(self.settings.timeout, handshake).await.ok()??;
        let version = stream.get_ref().1.protocol_version()?;
        Some(match version {
            rustls::ProtocolVersion::TLSv1_2 => "TLS 1.2".to_owned(),
            rustls::ProtocolVersion::TLSv1_3 => "TLS 1.3".to_owned(),
            other => format!("{other:?}"),
        })
    }

    async fn bind_step(&self, connector: &Connector, connection: &Connection) -> (Step, bool) {
        let account = &self.settings.bind_dn;
        let limit = self.settings.timeout;
        let outcome = timeout(limit, connector.bind_as_service(connection))
            .await
            .unwrap_or(Err(ConnectError::TimedOut(limit)));
        match outcome {
            Ok(()) if account.is_empty() => (
                Step::bad(
                    "bind",
                    Severity::Information,
                    "no bind_dn: searches are anonymous",
                    "set up a service account, so that numbers need not be readable by everyone",
                ),
                true,
            ),
            Ok(()) => (Step::good("bind", format!("bound as {account}")), true),
            Err(ConnectError::Bind(code, text)) => (
                Step::bad(
                    "bind",
                    Severity::Error,
                    format!("{account} was refused (result code {code}: {})", text.trim()),
                    bind_hint(code),
                ),
                false,
            ),
            Err(error) => (
                Step::bad("bind", Severity::Error, error.to_string(), "check the server's log"),
                false,
            ),
        }
    }
}

/// What to do about a refused bind (RFC 4511 appendix A).
fn bind_hint(code: u32) -> &'static str {
    match code {
        49 => {
            "check bind_dn and bind_password; in Active Directory the text's `data` says more: \
             52e wrong password, 525 no such account, 533 disabled, 775 locked out"
        }
        8 | 13 => "the server takes passwords over TLS only: use ldaps:// or start_tls = true",
        32 | 34 => "check bind_dn",
        53 => "the account is locked or disabled, or the server takes no such binds",
        51 | 52 => "the server is busy; try again",
        _ => "check bind_dn, its password and the server's log",
    }
}

fn failed_to_open(error: &ConnectError, steps: &mut Vec<Step>) {
    let (step, hint) = match error {
        ConnectError::Tcp(_) => {
            ("connect", "is the name right, does the server run, does a firewall stand in between?")
        }
        ConnectError::TimedOut(_) => {
            ("connect", "does the server run, does a firewall swallow packets, is it the TLS port?")
        }
        ConnectError::NoTlsConfig => ("tls", "set ca_file"),
        ConnectError::Tls(failure, _) => ("tls", failure.advice),
        ConnectError::StartTls(_) => ("tls", "enable TLS on the server, or use ldaps://"),
        ConnectError::NoPassword => ("bind", "set bind_password_file"),
        ConnectError::Bind(code, _) => ("bind", bind_hint(*code)),
        ConnectError::Lost(_) => (
            "connect",
            "the server closed the connection; is it the right port, does its log say why?",
        ),
    };
    if step != "connect" {
        steps.push(Step::good("connect", "connected"));
    }
    let detail = match error {
        ConnectError::Tls(failure, _) => format!("TLS failed: {}", failure.what),
        other => other.to_string(),
    };
    steps.push(Step::bad(step, Severity::Error, detail, hint));
}

/// Whole milliseconds since `since`, at least 1.
pub(super) fn millis(since: Instant) -> u128 {
    since.elapsed().max(Duration::from_millis(1)).as_millis()
}
