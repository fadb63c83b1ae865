//! Where the database is and how it is talked to.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio_postgres::config::SslMode;

/// How a server is talked to: libpq's `sslmode`, whose CA and name checks are the TLS
/// configuration's.
#[derive(Clone)]
pub enum Encryption {
    /// In clear (`disable`).
    Plain,
    /// In clear, and by TLS where the server refuses that (`allow`).
    PlainFirst(Arc<ClientConfig>),
    /// By TLS where the server offers it (`prefer`).
    TlsFirst(Arc<ClientConfig>),
    /// By TLS alone (`require`, `verify-ca`, `verify-full`).
    Tls(Arc<ClientConfig>),
}

impl Encryption {
    /// What to try, in this order.
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
    /// How operators know it: `host:port`, or the socket's folder.
    pub name: String,
    /// How to log in there; its `sslmode` is the [`Encryption`]'s. Its `Debug` hides the password.
    pub login: tokio_postgres::Config,
}

/// How the database is used.
#[derive(Debug, Clone)]
pub struct PostgresSettings {
    /// The servers. Of those that take writes the one that was promoted last is used, else the
    /// first.
    pub servers: Vec<PostgresServer>,
    /// How they are talked to.
    pub encryption: Encryption,
    /// Most connections of this node. Each carries one step at a time.
    pub connections: usize,
    /// Longest that a step takes, from when it is asked to when it is answered.
    pub timeout: Duration,
    /// Longest that one server may take to be connected to.
    pub connect_timeout: Duration,
}
