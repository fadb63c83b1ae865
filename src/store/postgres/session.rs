//! A session with one database server that accepts writes: opening it, its settings, and the
//! server's identity.

use std::time::Duration;

use futures_util::future::join;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::errors::describe;
use super::registry_rows::RegistryStatements;
use super::rows::Statements;
use super::schema::SchemaError;
use super::settings::{PostgresServer, PostgresSettings};
use super::statements::{Prepared, prepare};

/// Why a session with a server could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{server}: {reason}")]
pub struct ConnectError {
    /// The server's name, as operators know it.
    pub server: String,
    /// What is wrong, including the server's message; never a password.
    pub reason: String,
    /// Whether it persists until a setting is changed, here or on the server.
    pub needs_operator: bool,
}

/// All errors on one line.
pub(super) fn joined(errors: &[ConnectError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Opens sessions.
pub(super) struct Connector {
    settings: PostgresSettings,
}

/// The server a session is with: its index in the list and, if this user may read them, the
/// database cluster it serves and the timeline it writes on. A promotion raises the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Home {
    pub(super) server: usize,
    system: Option<u64>,
    timeline: Option<u32>,
}

impl Home {
    #[cfg(test)]
    pub(super) fn known(server: usize, system: u64, timeline: u32) -> Self {
        Self { server, system: Some(system), timeline: Some(timeline) }
    }

    /// Whether it certainly differs in server, cluster or timeline.
    pub(super) fn is_elsewhere_than(self, other: Self) -> bool {
        let differ = |one: Option<u64>, other| one.zip(other).is_some_and(|(a, b)| a != b);
        self.server != other.server
            || differ(self.system, other.system)
            || differ(self.timeline.map(u64::from), other.timeline.map(u64::from))
    }

    /// Whether it is certainly the same server on the same timeline.
    pub(super) fn is_same_as(self, other: Self) -> bool {
        self == other && self.system.is_some() && self.timeline.is_some()
    }

    /// Whether it was promoted later than the other, in the same cluster.
    pub(super) fn is_later_than(self, other: Self) -> bool {
        let same = self.system.is_some() && self.system == other.system;
        same && self.timeline.zip(other.timeline).is_some_and(|(this, that)| this > that)
    }
}

/// A logged-in connection to a server that accepts writes. Dropping it closes it at once, even if
/// the server is still working.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) home: Home,
    connection: AbortHandle,
    /// Whether the last transaction on it has ended; only then may another begin.
    pub(super) is_clean: bool,
    /// When it last answered everything it was sent.
    pub(super) answered: Instant,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// A session with its prepared statements.
pub(super) struct PreparedSession {
    pub(super) session: Session,
    pub(super) statements: Statements,
    pub(super) registry: RegistryStatements,
}

impl PreparedSession {
    pub(super) fn new(session: Session) -> Self {
        Self { session, statements: Statements::new(), registry: RegistryStatements::new() }
    }

    /// Prepares the statements in `needed` that the server does not have yet.
    pub(super) async fn prepare(
        &self,
        needed: Vec<&Prepared>,
    ) -> Result<(), tokio_postgres::Error> {
        prepare(&self.session.client, needed).await
    }
}

impl Connector {
    pub(super) fn new(settings: PostgresSettings) -> Self {
        Self { settings }
    }

    /// Number of servers.
    pub(super) fn servers(&self) -> usize {
        self.settings.servers.len()
    }

    /// Time limit for one step on a server.
    pub(super) fn step_timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// A server's name, as operators know it.
    pub(super) fn name(&self, server: usize) -> &str {
        &self.server(server).name
    }

    /// Opens a session with one server, if it accepts writes. Call it on the runtime that is to
    /// drive the connection.
    pub(super) async fn open(&self, server: usize) -> Result<Session, ConnectError> {
        let limit = self.settings.connect_timeout;
        timeout(limit, self.log_in(server))
            .await
            .unwrap_or_else(|_| Err(self.silent(server, limit)))
    }

    /// Waits for an answer from this server within the connect timeout.
    pub(super) async fn reached<T>(
        &self,
        server: usize,
        asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, ConnectError> {
        self.within(server, self.settings.connect_timeout, asked).await
    }

    /// Waits at most `limit` for this server.
    pub(super) async fn within<T, E: Into<SchemaError>>(
        &self,
        server: usize,
        limit: Duration,
        asked: impl Future<Output = Result<T, E>>,
    ) -> Result<T, ConnectError> {
        match timeout(limit, asked).await {
            Ok(answer) => answer.map_err(|error| self.unfit(server, &error.into())),
            Err(_) => Err(self.silent(server, limit)),
        }
    }

    fn silent(&self, server: usize, limit: Duration) -> ConnectError {
        self.connect_error(server, format!("no answer within {limit:?}"))
    }

    /// A problem with this server that may pass.
    pub(super) fn connect_error(&self, server: usize, reason: impl Into<String>) -> ConnectError {
        let reason = reason.into();
        ConnectError { server: self.name(server).to_owned(), reason, needs_operator: false }
    }

    fn server(&self, server: usize) -> &PostgresServer {
        &self.settings.servers[server]
    }

    /// What an error from this server means.
    pub(super) fn error(&self, server: usize, error: &tokio_postgres::Error) -> ConnectError {
        ConnectError {
            server: self.name(server).to_owned(),
            reason: describe(error),
            needs_operator: error.code().is_some_and(needs_operator)
                || is_distrust(error)
                || error.to_string().starts_with("invalid configuration"),
        }
    }

    /// An error for a server whose schema cannot be used.
    pub(super) fn unfit(&self, server: usize, error: &SchemaError) -> ConnectError {
        ConnectError {
            server: self.name(server).to_owned(),
            reason: error.to_string(),
            needs_operator: error.needs_operator(),
        }
    }

    async fn log_in(&self, server: usize) -> Result<Session, ConnectError> {
        let mut last = None;
        for mode in self.settings.ssl_mode.attempts() {
            let attempt = match &self.settings.tls {
                Some(tls) => {
                    let tls = MakeRustlsConnect::new((***tls).clone());
                    self.log_in_by(server, *mode, tls).await
                }
                None => self.log_in_by(server, *mode, NoTls).await,
            };
            match attempt {
                Ok(session) => return Ok(session),
                Err(error) => last = Some(error),
            }
        }
        let error = last.expect("there is one way at least");
        Err(self.error(server, &error))
    }

    async fn log_in_by<T>(
        &self,
        server: usize,
        mode: SslMode,
        tls: T,
    ) -> Result<Session, tokio_postgres::Error>
    where
        T: MakeTlsConnect<Socket> + Send,
        T::Stream: Send + 'static,
    {
        let mut login = self.server(server).login.clone();
        login
            .ssl_mode(mode)
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .connect_timeout(self.settings.connect_timeout)
            // Notices a server that vanished silently within seconds.
            .keepalives_idle(Duration::from_secs(5))
            .keepalives_interval(Duration::from_secs(2))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(10));
        let (client, connection) = login.connect(tls).await?;
        // Its errors surface in the next request on the client.
        let connection = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        let nowhere = Home { server, system: None, timeline: None };
        let mut session =
            Session { client, home: nowhere, connection, is_clean: true, answered: Instant::now() };
        let client = &session.client;
        // Sent separately, because a refusal of either would undo the other.
        let (set, who) =
            join(client.batch_execute(&self.session_settings()), client.simple_query(WHO)).await;
        set?;
        session.home = match who {
            Ok(rows) => read_home(server, &rows),
            Err(error) if error.code().is_some_and(may_not_know) => nowhere,
            Err(error) => return Err(error),
        };
        Ok(session)
    }

    /// Settings of every session, independent of the server's own.
    ///
    /// There is no `statement_timeout`: it would cut short a commit's wait for its synchronous
    /// standby, and the server would then report as committed what no standby has. For the same
    /// reason the server does not check whether its client is still connected, and
    /// `synchronous_commit` is at least `on`.
    ///
    /// The lock timeout ends before the step's own, so that a row locked by another session yields
    /// an error from the server instead of looking like a hanging server.
    fn session_settings(&self) -> String {
        let limit = self.settings.timeout.as_millis();
        let row = (limit * 3 / 4).max(1);
        format!(
            "SET statement_timeout = 0; SET lock_timeout = {row}; \
             SET idle_in_transaction_session_timeout = {limit}; \
             SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') \
                 WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false); \
             SELECT set_config(name, '0', false) FROM pg_catalog.pg_settings \
                 WHERE name = 'client_connection_check_interval'"
        )
    }
}

/// The cluster's identifier and the name of the current WAL file, which begins with the timeline.
const WHO: &str = "SELECT system_identifier, pg_walfile_name(pg_current_wal_lsn()) AS wal_file \
    FROM pg_control_system()";

fn read_home(server: usize, rows: &[SimpleQueryMessage]) -> Home {
    let row = rows.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let column = |name| row.and_then(|row| row.get(name));
    let timeline = column("wal_file").and_then(|file| file.get(..8));
    Home {
        server,
        system: column("system_identifier").and_then(|id| id.parse().ok()),
        timeline: timeline.and_then(|digits| u32::from_str_radix(digits, 16).ok()),
    }
}

/// Whether this user lacks the privilege, or the server lacks the function.
fn may_not_know(code: &SqlState) -> bool {
    [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::UNDEFINED_FUNCTION].contains(code)
}

/// Whether TLS trust failed: the server's certificate is not trusted, or it does not trust ours, or
/// it offers no TLS.
fn is_distrust(error: &tokio_postgres::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(tls) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            use rustls::Error::{AlertReceived, InvalidCertificate};
            return matches!(tls, InvalidCertificate(_) | AlertReceived(_));
        }
        if cause.to_string() == "server does not support TLS" {
            return true;
        }
        source = cause.source();
    }
    false
}

/// Whether the server will refuse until a setting is changed.
fn needs_operator(code: &SqlState) -> bool {
    [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        SqlState::INVALID_CATALOG_NAME,
        SqlState::INSUFFICIENT_PRIVILEGE,
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_COLUMN,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::INVALID_SCHEMA_NAME,
    ]
    .contains(code)
}
