//! The database's location and connection settings.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio_postgres::config::SslMode;

/// How to connect to a server: libpq's `sslmode`. CA and name checks are part of the TLS
/// configuration.
#[derive(Clone)]
pub enum Encryption {
    /// Unencrypted (`disable`).
    Plain,
    /// Unencrypted, or by TLS if the server refuses that (`allow`).
    PlainFirst(Arc<ClientConfig>),
    /// By TLS if the server offers it, else unencrypted (`prefer`).
    TlsFirst(Arc<ClientConfig>),
    /// By TLS only (`require`, `verify-ca`, `verify-full`).
    Tls(Arc<ClientConfig>),
}

impl Encryption {
    /// The modes to try, in this order.
    pub(super) fn attempts(&self) -> &'static [SslMode] {
        match self {
            Self::Plain => &[SslMode::Disable],
            Self::PlainFirst(_) => &[SslMode::Disable, SslMode::Require],
            Self::TlsFirst(_) => &[SslMode::Prefer],
            Self::Tls(_) => &[SslMode::Require],
        }
    }

    pub(super) fn tls(&self) -> Option<&Arc<ClientConfig>> {
        match self {
            Self::Plain => None,
            Self::PlainFirst(tls) | Self::TlsFirst(tls) | Self::Tls(tls) => Some(tls),
        }
    }
}

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::PlainFirst(_) => "PlainFirst",
            Self::TlsFirst(_) => "TlsFirst",
            Self::Tls(_) => "Tls",
        })
    }
}

/// One of the servers.
#[derive(Debug, Clone)]
pub struct PostgresServer {
    /// Its name for operators: `host:port`, or the socket's folder.
    pub name: String,
    /// How to log in there; its `sslmode` comes from the [`Encryption`]. Its `Debug` hides the
    /// password.
    pub login: tokio_postgres::Config,
}

/// How the database is used.
#[derive(Debug, Clone)]
pub struct PostgresSettings {
    /// The servers. Among those that accept writes, the one promoted last is used, otherwise the
    /// first.
    pub servers: Vec<PostgresServer>,
    /// How to connect to them.
    pub encryption: Encryption,
    /// Maximum number of connections of this node. Each carries one step at a time.
    pub connections: usize,
    /// Time limit of a step, from request to answer.
    pub timeout: Duration,
    /// Time limit for connecting to one server.
    pub connect_timeout: Duration,
}
