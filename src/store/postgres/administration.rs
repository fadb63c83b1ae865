//! An administrator's view of the database, and changes to it, alongside the nodes that use it: one
//! session per command.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::account_step::AccountStep;
use super::errors::describe;
use super::rows::{self, RowError};
use super::session::{Connector, PreparedSession};
use super::settings::PostgresSettings;
use super::step::{self, CommitState, Failure, Look, Step};
use super::{OpenError, schema};
use crate::domain::clock::Timestamp;
use crate::domain::grant::{Purpose, Subject};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::EventLog;
use crate::domain::tenant::TenantId;
use crate::store::account::Account;
use crate::store::{Administration, LiveCodes, Snapshot, StoreError};

const LIST: &str = "SELECT nonce, key_id, issued_at, expires_at, digits, tried, tries_left, \
    wrong_codes_left, subject FROM dialpass.subjects \
    WHERE tenant = $1 AND purpose = $2 AND subject > $3 ORDER BY subject LIMIT $4";

const CLEAR_CALLS: &str =
    "DELETE FROM dialpass.callers WHERE tenant = $1 AND number = $2 RETURNING number";

/// The store's database as an administrator sees it.
pub struct PostgresAdministration {
    session: Mutex<PreparedSession>,
    timeout: Duration,
}

impl PostgresAdministration {
    /// Connects to the writable server, whose schema a gateway has created.
    ///
    /// # Errors
    /// The servers' errors, if none of them is usable.
    pub async fn open(settings: PostgresSettings) -> Result<Self, OpenError> {
        let timeout = settings.timeout;
        let connector = Connector::new(settings);
        let mut errors = Vec::new();
        for server in 0..connector.servers() {
            let fit = async {
                let session = connector.open(server).await?;
                connector.within(server, timeout, schema::look(&session.client)).await?;
                Ok(session)
            };
            match fit.await {
                Ok(session) => {
                    return Ok(Self {
                        session: Mutex::new(PreparedSession::new(session)),
                        timeout,
                    });
                }
                Err(error) => errors.push(error),
            }
        }
        Err(OpenError(errors))
    }

    /// The session, unless a transaction was left open in it.
    async fn session(&self) -> Result<MutexGuard<'_, PreparedSession>, StoreError> {
        let session = self.session.lock().await;
        if session.session.is_clean { Ok(session) } else { Err(StoreError::Unavailable) }
    }

    /// The rows of a query, and the time just before it.
    pub(super) async fn rows(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Snapshot<Vec<Row>>, StoreError> {
        let session = self.session().await?;
        let (client, now) = (&session.session.client, &session.statements.now);
        let both = async {
            session.prepare(vec![now]).await?;
            let (now, value) =
                join(client.query_one(now.get(), &[]), client.query(sql, parameters)).await;
            Ok((now?.try_get("now")?, value?))
        };
        let Ok(both) = timeout(self.timeout, both).await else {
            return Err(not_read(&format!("no answer within {:?}", self.timeout)));
        };
        let (now, value) =
            both.map_err(|error: tokio_postgres::Error| not_read(&describe(&error)))?;
        Ok(Snapshot { value, now: Timestamp::from_millis(now) })
    }

    /// Runs a statement that commits itself, and returns its rows.
    pub(super) async fn change(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let mut session = self.session().await?;
        session.session.is_clean = false;
        let changed = session.session.client.query(sql, parameters);
        let outcome = timeout(self.timeout, changed).await;
        // What the server refused did not happen.
        let refused = matches!(&outcome, Ok(Err(error)) if error.as_db_error().is_some());
        session.session.is_clean = refused || matches!(outcome, Ok(Ok(_)));
        match outcome {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => {
                tracing::error!(
                    reason = describe(&error),
                    "the store's database could not be changed"
                );
                Err(if refused { StoreError::Unavailable } else { StoreError::OutcomeUnknown })
            }
            Err(_) => Err(StoreError::OutcomeUnknown),
        }
    }

    /// Runs a look.
    pub(super) async fn see<L: Look>(&self, look: L) -> Result<L::Seen, StoreError> {
        let mut session = self.session().await?;
        match timeout(self.timeout, step::look(&mut session, &look, &CommitState::default())).await
        {
            Ok(seen) => seen.map_err(|_| StoreError::Unavailable),
            Err(_) => Err(not_read(&format!("no answer within {:?}", self.timeout))),
        }
    }

    /// Runs a step.
    pub(super) async fn take<S: Step>(&self, step: S) -> Result<S::Answer, StoreError> {
        let mut session = self.session().await?;
        let commit_state = CommitState::default();
        match timeout(self.timeout, step::take(&mut session, &step, &commit_state)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Failure::Again | Failure::NotTaken)) => Err(StoreError::Unavailable),
            Err(_) if commit_state.give_up() => Err(StoreError::Unavailable),
            Ok(Err(Failure::Unknown)) | Err(_) => Err(StoreError::OutcomeUnknown),
        }
    }
}

fn not_read(reason: &str) -> StoreError {
    tracing::error!(reason, "the store's database could not be asked");
    StoreError::Unavailable
}

/// The value read, or a refusal.
pub(super) fn read<T>(read: Result<T, RowError>) -> Result<T, StoreError> {
    read.map_err(|error| not_read(&error.to_string()))
}

#[async_trait]
impl Administration for PostgresAdministration {
    async fn live_codes(
        &self,
        tenant: &TenantId,
        purpose: Purpose,
        after: Option<&str>,
        rows: u32,
    ) -> Result<Snapshot<LiveCodes>, StoreError> {
        let after = after.unwrap_or_default();
        let limit = i64::from(rows);
        let key: [&(dyn ToSql + Sync); 4] = [&tenant.as_str(), &purpose.as_str(), &after, &limit];
        let Snapshot { value: found, now } = self.rows(LIST, &key).await?;
        let (mut codes, mut last) = (Vec::new(), None);
        for row in &found {
            let id: String = read(row.try_get("subject").map_err(RowError::from))?;
            let stored = read(rows::stored_grant(row))?.filter(|stored| stored.is_live(now));
            last = Some(id.clone());
            if let Some(stored) = stored {
                codes.push((Subject { tenant: tenant.clone(), purpose, id }, stored));
            }
        }
        let is_full = u32::try_from(found.len()).is_ok_and(|count| count == rows);
        Ok(Snapshot { value: LiveCodes { codes, next: last.filter(|_| is_full) }, now })
    }

    async fn account(&self, subject: &Subject) -> Result<Snapshot<Option<Account>>, StoreError> {
        let (tenant, purpose) = (subject.tenant.as_str(), subject.purpose.as_str());
        let Snapshot { value, now } =
            self.rows(rows::ACCOUNT, &[&tenant, &purpose, &subject.id]).await?;
        let account = read(value.first().map(rows::account).transpose())?;
        Ok(Snapshot { value: account, now })
    }

    async fn revoke(&self, subject: &Subject) -> Result<bool, StoreError> {
        self.take(AccountStep::on_account(subject, false, Account::revoke)).await
    }

    async fn clear_counts(&self, subject: &Subject) -> Result<bool, StoreError> {
        let clear = |account: &mut Account, _| account.clear_counts();
        self.take(AccountStep::on_account(subject, false, clear)).await
    }

    async fn calls(
        &self,
        tenant: &TenantId,
        number: &PhoneNumber,
    ) -> Result<Snapshot<EventLog>, StoreError> {
        let Snapshot { value, now } =
            self.rows(rows::CALLS, &[&tenant.as_str(), &number.key()]).await?;
        let calls = read(value.first().map(rows::calls).transpose())?;
        Ok(Snapshot { value: calls.unwrap_or_default(), now })
    }

    async fn clear_calls(
        &self,
        tenant: &TenantId,
        number: &PhoneNumber,
    ) -> Result<bool, StoreError> {
        let (tenant, number) = (tenant.as_str(), number.key());
        Ok(!self.change(CLEAR_CALLS, &[&tenant, &number]).await?.is_empty())
    }
}
