//! Opens one connection to one server: TCP, TLS, and the service account's bind. The requests sent
//! over it live elsewhere.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, StdStream};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tracing::debug;

use super::settings::{LdapSettings, ServerUrl};
use crate::breaker::DownReason;
use crate::tls::client::{TlsFailure, explain};

/// Upper limit for opening a connection, even with longer timeouts: a server that comes back must
/// be noticed within a few seconds.
const LONGEST_OPENING: Duration = Duration::from_secs(4);

/// Aborts a background task when the last owner is dropped.
pub(super) struct AbortOnDrop(pub AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An open connection. Dropping it closes it.
pub(super) struct Connection {
    ldap: Ldap,
    _driver: AbortOnDrop,
}

impl Connection {
    /// A handle for sending requests; any number may be in use at once.
    pub(super) fn handle(&self) -> Ldap {
        self.ldap.clone()
    }

    /// Whether the connection is known to be closed.
    pub(super) fn is_closed(&self) -> bool {
        self.ldap.clone().is_closed()
    }
}

/// Why a connection could not be opened. No part of a request was sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("cannot connect: {0}")]
    Tcp(#[source] io::Error),
    #[error("no connection within {0:?}")]
    TimedOut(Duration),
    #[error("TLS is required, but there is no TLS configuration")]
    NoTlsConfig,
    #[error("TLS failed: {}; {}", .0.what, .0.advice)]
    Tls(TlsFailure, io::ErrorKind),
    #[error("StartTLS was refused (result code {0}); enable TLS there, or use ldaps://")]
    StartTls(u32),
    #[error(
        "bind_dn is set without a password, which servers treat as anonymous; set bind_password_file"
    )]
    NoPassword,
    #[error(
        "the service account's bind was refused (result code {0}: {1}); check bind_dn and its \
         password"
    )]
    Bind(u32, String),
    #[error("the connection was lost while it was set up: {0}")]
    Lost(#[source] LdapError),
}

impl From<ConnectError> for DownReason {
    fn from(error: ConnectError) -> Self {
        let passing = match &error {
            ConnectError::Tcp(_) | ConnectError::TimedOut(_) | ConnectError::Lost(_) => true,
            // rustls reports certificate errors as invalid data.
            ConnectError::Tls(_, kind) => *kind != io::ErrorKind::InvalidData,
            // Busy, unavailable and internal errors: the account is not at fault.
            ConnectError::Bind(code, _) => matches!(code, 1 | 51 | 52 | 80),
            ConnectError::NoTlsConfig | ConnectError::StartTls(_) | ConnectError::NoPassword => {
                false
            }
        };
        if passing {
            Self::transient(error.to_string())
        } else {
            Self::persistent(error.to_string())
        }
    }
}

/// Opens connections to one server.
pub(super) struct Connector {
    url: ServerUrl,
    address: SocketAddr,
    settings: Arc<LdapSettings>,
    /// Duration of the latest service account bind, in milliseconds.
    service_bind_ms: AtomicU64,
}

impl Connector {
    /// A connector to the server with this URL at this address.
    pub(super) fn new(url: ServerUrl, address: SocketAddr, settings: Arc<LdapSettings>) -> Self {
        Self { url, address, settings, service_bind_ms: AtomicU64::new(0) }
    }

    /// Duration of the latest service account bind; zero if there was none.
    pub(super) fn service_bind(&self) -> Duration {
        Duration::from_millis(self.service_bind_ms.load(Ordering::Relaxed))
    }

    pub(super) fn settings(&self) -> &LdapSettings {
        &self.settings
    }

    /// Time limit for opening a connection. Slightly below one operation's timeout, so that a
    /// caller waiting for a connection learns why it failed.
    fn limit(&self) -> Duration {
        (self.settings.timeout * 9 / 10).min(LONGEST_OPENING)
    }

    /// Opens an unbound connection.
    pub(super) async fn open(&self) -> Result<Connection, ConnectError> {
        let limit = self.limit();
        timeout(limit, self.secure()).await.map_err(|_| ConnectError::TimedOut(limit))?
    }

    /// Opens a connection bound as the service account.
    pub(super) async fn open_as_service(&self) -> Result<Connection, ConnectError> {
        let limit = self.limit();
        let opening = async {
            let connection = self.secure().await?;
            self.bind_as_service(&connection).await?;
            Ok(connection)
        };
        timeout(limit, opening).await.map_err(|_| ConnectError::TimedOut(limit))?
    }

    /// TCP, then TLS if configured; never sends anything in clear if it is.
    async fn secure(&self) -> Result<Connection, ConnectError> {
        let with_tls = self.url.is_ldaps() || self.settings.start_tls;
        let mut how = LdapConnSettings::new().set_starttls(self.settings.start_tls);
        if with_tls {
            let tls = self.settings.tls.as_ref().ok_or(ConnectError::NoTlsConfig)?;
            let mut tls = Arc::clone(tls);
            if self.address.is_ipv6() && self.url.literal().is_some() {
                // The stand-in name for an address does not exist, so do not send it.
                Arc::make_mut(&mut tls).enable_sni = false;
            }
            how = how.set_config(tls);
        }
        let stream = self.connect().await.map_err(ConnectError::Tcp)?;
        let how = how.set_std_stream(StdStream::Tcp(stream));
        let (driver, ldap) = LdapConnAsync::from_url_with_settings(how, &self.url.for_library())
            .await
            .map_err(|error| match error {
                LdapError::Io { source } => ConnectError::Tls(explain(&source), source.kind()),
                LdapError::LdapResult { result } => ConnectError::StartTls(result.rc),
                other => ConnectError::Lost(other),
            })?;
        let driver = tokio::spawn(async move {
            if let Err(error) = driver.drive().await {
                debug!(%error, "directory connection ended");
            }
        });
        Ok(Connection { ldap, _driver: AbortOnDrop(driver.abort_handle()) })
    }

    /// A TCP connection that sends small messages at once: many searches share it.
    async fn connect(&self) -> io::Result<std::net::TcpStream> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        stream.into_std()
    }

    /// Binds the connection as the service account.
    pub(super) async fn bind_as_service(
        &self,
        connection: &Connection,
    ) -> Result<(), ConnectError> {
        if self.settings.bind_dn.is_empty() {
            return Ok(());
        }
        let password = self.settings.bind_password.expose();
        if password.is_empty() {
            return Err(ConnectError::NoPassword);
        }
        let asked = Instant::now();
        let result = connection
            .handle()
            .simple_bind(&self.settings.bind_dn, password)
            .await
            .map_err(ConnectError::Lost)?;
        let took = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.service_bind_ms.store(took, Ordering::Relaxed);
        if result.rc == 0 { Ok(()) } else { Err(ConnectError::Bind(result.rc, result.text)) }
    }
}
