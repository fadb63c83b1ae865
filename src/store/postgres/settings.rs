//! The database's location and connection settings.

use std::time::Duration;

use tokio_postgres::config::SslMode as Attempt;

use crate::tls::client::ClientTls;

/// Whether and how connections are encrypted: libpq's `sslmode`. CA and name checks are part of the
/// TLS configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// Unencrypted.
    Disable,
    /// Unencrypted, or by TLS if the server refuses that.
    Allow,
    /// By TLS if the server offers it, else unencrypted.
    Prefer,
    /// By TLS only; with a CA file like [`SslMode::VerifyCa`].
    Require,
    /// By TLS only, with a certificate signed by the CA.
    VerifyCa,
    /// By TLS only, with a certificate signed by the CA for the host name connected to.
    VerifyFull,
}

impl SslMode {
    /// Their names, as in a URL.
    pub const NAMES: [&'static str; 6] =
        ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

    /// Parses a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }

    /// Whether nothing is ever sent unencrypted.
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        matches!(self, Self::Require | Self::VerifyCa | Self::VerifyFull)
    }

    /// The modes to try, in this order.
    pub(super) const fn attempts(self) -> &'static [Attempt] {
        match self {
            Self::Disable => &[Attempt::Disable],
            Self::Allow => &[Attempt::Disable, Attempt::Require],
            Self::Prefer => &[Attempt::Prefer],
            Self::Require | Self::VerifyCa | Self::VerifyFull => &[Attempt::Require],
        }
    }
}

/// One of the servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresServer {
    /// Its name for operators: `host:port`, or the socket's folder.
    pub name: String,
    /// How to log in there; its `sslmode` comes from [`PostgresSettings::ssl_mode`]. Its `Debug` hides the
    /// password.
    pub login: tokio_postgres::Config,
}

/// How the database is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresSettings {
    /// The servers. Among those that accept writes, the one promoted last is used, otherwise the
    /// first.
    pub servers: Vec<PostgresServer>,
    /// Whether and how connections to them are encrypted.
    pub ssl_mode: SslMode,
    /// Trusted roots and client certificate, for all modes but [`SslMode::Disable`]. Without it, no
    /// TLS connection is made.
    pub tls: Option<ClientTls>,
    /// Maximum number of connections of this node. Each carries one step at a time.
    pub connections: usize,
    /// Time limit of a step, from request to answer.
    pub timeout: Duration,
    /// Time limit for connecting to one server.
    pub connect_timeout: Duration,
}
