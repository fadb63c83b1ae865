//! A session with the database: opening one on the server that takes writes, its settings, and the
//! statements it has ready.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::try_join;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::registry_rows::RegistryStatements;
use super::rows::Statements;
use super::schema::SchemaError;
use super::settings::{PostgresServer, PostgresSettings};

/// Why there is no session with a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{server}: {reason}")]
pub struct ConnectError {
    /// The server, as operators know it.
    pub server: String,
    /// What is wrong, with what the server said; never a password.
    pub reason: String,
    /// Whether it stays until somebody changes a setting, here or there.
    pub needs_operator: bool,
}

/// What all of a list of servers said.
pub(super) type ConnectErrors = Vec<ConnectError>;

/// All of them in a line.
pub(super) fn each(errors: &[ConnectError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Opens sessions, first where the last one worked.
pub(super) struct Connector {
    settings: PostgresSettings,
    first: AtomicUsize,
}

/// A connection that is logged in, on a server that takes writes. Dropped, it is closed at once,
/// whatever the server still works on.
pub(super) struct Session {
    pub(super) client: Client,
    connection: AbortHandle,
    /// Whether what was begun on it was ended: only then may something else be begun.
    pub(super) settled: bool,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// A session with its statements.
pub(super) struct Ready {
    pub(super) session: Session,
    pub(super) statements: Statements,
    pub(super) registry: RegistryStatements,
}

impl Connector {
    pub(super) fn new(settings: PostgresSettings) -> Self {
        Self { settings, first: AtomicUsize::new(0) }
    }

    /// How many servers there are.
    pub(super) fn servers(&self) -> usize {
        self.settings.servers.len()
    }

    /// From here on this server is tried first; whether that is news.
    pub(super) fn prefer(&self, server: usize) -> bool {
        self.first.swap(server, Ordering::Relaxed) != server
    }

    /// The server that is tried first.
    pub(super) fn current(&self) -> usize {
        self.first.load(Ordering::Relaxed)
    }

    /// A server, as operators know it.
    pub(super) fn name(&self, server: usize) -> &str {
        &self.server(server).name
    }

    /// A session with the first server that takes writes, and its statements. To be called on the
    /// runtime on which the connection is to work.
    pub(super) async fn connect(&self) -> Result<Ready, ConnectErrors> {
        let (first, all) = (self.first.load(Ordering::Relaxed), self.servers());
        let mut errors = Vec::new();
        for server in (0..all).map(|offset| (first + offset) % all) {
            match self.ready(server).await {
                Ok(ready) => {
                    self.prefer(server);
                    return Ok(ready);
                }
                Err(error) => errors.push(error),
            }
        }
        Err(errors)
    }

    async fn ready(&self, server: usize) -> Result<Ready, ConnectError> {
        let whole = async {
            let session = self.log_in(server).await?;
            let client = &session.client;
            let both = try_join(Statements::prepare(client), RegistryStatements::prepare(client));
            let (statements, registry) = both.await.map_err(|error| self.error(server, &error))?;
            Ok(Ready { session, statements, registry })
        };
        self.in_time(server, whole).await
    }

    /// A bare session with one server, if it takes writes.
    pub(super) async fn bare(&self, server: usize) -> Result<Session, ConnectError> {
        self.in_time(server, self.log_in(server)).await
    }

    async fn in_time<T>(
        &self,
        server: usize,
        connecting: impl Future<Output = Result<T, ConnectError>>,
    ) -> Result<T, ConnectError> {
        let limit = self.settings.connect_timeout;
        timeout(limit, connecting).await.unwrap_or_else(|_| {
            Err(ConnectError {
                server: self.name(server).to_owned(),
                reason: format!("no answer within {limit:?}"),
                needs_operator: false,
            })
        })
    }

    fn server(&self, server: usize) -> &PostgresServer {
        &self.settings.servers[server]
    }

    /// What an error of this server means.
    pub(super) fn error(&self, server: usize, error: &tokio_postgres::Error) -> ConnectError {
        ConnectError {
            server: self.name(server).to_owned(),
            reason: told(error),
            needs_operator: error.code().is_some_and(needs_operator)
                || is_distrust(error)
                || error.to_string().starts_with("invalid configuration"),
        }
    }

    /// What it means that this server's schema cannot be used.
    pub(super) fn unfit(&self, server: usize, error: &SchemaError) -> ConnectError {
        ConnectError {
            server: self.name(server).to_owned(),
            reason: error.to_string(),
            needs_operator: error.needs_operator(),
        }
    }

    async fn log_in(&self, server: usize) -> Result<Session, ConnectError> {
        let encryption = &self.settings.encryption;
        let mut last = None;
        for mode in encryption.attempts() {
            let attempt = match encryption.tls() {
                Some(tls) => {
                    let tls = MakeRustlsConnect::new((**tls).clone());
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
            // A server that is gone without a word is noticed within seconds.
            .keepalives_idle(Duration::from_secs(5))
            .keepalives_interval(Duration::from_secs(2))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(10));
        let (client, connection) = login.connect(tls).await?;
        // Its errors come to whoever asks next.
        let connection = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        let session = Session { client, connection, settled: true };
        session.client.batch_execute(&self.session_settings()).await?;
        Ok(session)
    }

    /// What every session is set to.
    ///
    /// No `statement_timeout`: it would cut short the wait of a commit for its synchronous standby,
    /// and the server then calls committed what no standby has. For the same reason a commit that
    /// waits for none is not taken over from the server's settings.
    ///
    /// A row that somebody else holds is given up before the step's own time is: the server has
    /// said then what it was, and is not taken for one that hangs.
    fn session_settings(&self) -> String {
        let limit = self.settings.timeout.as_millis();
        let row = (limit * 3 / 4).max(1);
        format!(
            "SET statement_timeout = 0; SET lock_timeout = {row}; \
             SET idle_in_transaction_session_timeout = {limit}; \
             SELECT set_config('synchronous_commit', 'on', false) \
             WHERE current_setting('synchronous_commit') IN ('off', 'local')"
        )
    }
}

/// An error as operators are told it: what the server said, without the details, which may hold
/// rows.
pub(super) fn told(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("{} ({})", said.message(), said.code().code());
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Whether there can be no trust between this node and the server: its certificate is not one to be
/// trusted, or ours is not to it, or it offers no TLS at all.
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

/// Whether the server will say the same until somebody changes a setting.
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
