//! An administrator's view of the file, and changes to it, while a gateway may be using it: one
//! connection without a queue. Its transactions are short, so that the gateway's steps wait for it
//! no longer than for one another.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, TransactionBehavior};

use super::connection::{OpenError, open_existing};
use super::rows::{self, Tables};
use super::steps;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::grant::{Purpose, Subject};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::EventLog;
use crate::domain::tenant::TenantId;
use crate::store::account::Account;
use crate::store::{Administration, LiveCodes, Snapshot, StoreError};

/// The store's file as an administrator sees it.
pub struct SqliteAdministration {
    connection: Arc<Mutex<Connection>>,
    clock: Arc<dyn Clock>,
}

impl SqliteAdministration {
    /// Opens the database at `path`, which a gateway has created. A step waits for other processes'
    /// locks at most `timeout`.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub fn open(path: &Path, timeout: Duration, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let connection = Arc::new(Mutex::new(open_existing(path, timeout)?));
        Ok(Self { connection, clock })
    }

    /// Runs `operation` on a snapshot of the file, without a lock that others wait for.
    pub(super) async fn read<T, F>(&self, operation: F) -> Result<Snapshot<T>, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, Timestamp) -> rusqlite::Result<T> + Send + 'static,
    {
        let read = move |connection: &Connection, now| {
            operation(connection, now).map(|held| Snapshot { value: held, now })
        };
        let answer = self.run(TransactionBehavior::Deferred, read).await;
        answer.map_err(|_| StoreError::Unavailable)
    }

    /// Runs `operation` with the write lock.
    pub(super) async fn change<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, Timestamp) -> rusqlite::Result<T> + Send + 'static,
    {
        self.run(TransactionBehavior::Immediate, operation).await
    }

    async fn run<T, F>(&self, behaviour: TransactionBehavior, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, Timestamp) -> rusqlite::Result<T> + Send + 'static,
    {
        let (connection, clock) = (Arc::clone(&self.connection), Arc::clone(&self.clock));
        let run = move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let not_taken = |error: rusqlite::Error| {
                tracing::error!(%error, "the store's file could not be asked");
                StoreError::Unavailable
            };
            let transaction = connection.transaction_with_behavior(behaviour).map_err(not_taken)?;
            let answer = operation(&transaction, clock.now()).map_err(not_taken)?;
            transaction.commit().map_err(|error| {
                tracing::error!(%error, "the store's file may not have taken what was written");
                StoreError::OutcomeUnknown
            })?;
            Ok(answer)
        };
        // After a panic or the runtime's end, it is unknown how far it got.
        tokio::task::spawn_blocking(run).await.unwrap_or(Err(StoreError::OutcomeUnknown))
    }
}

#[async_trait]
impl Administration for SqliteAdministration {
    async fn live_codes(
        &self,
        tenant: &TenantId,
        purpose: Purpose,
        after: Option<&str>,
        rows: u32,
    ) -> Result<Snapshot<LiveCodes>, StoreError> {
        let (tenant, after) = (tenant.clone(), after.unwrap_or_default().to_owned());
        self.read(move |connection, now| {
            let found = rows::grants_after(connection, &tenant, purpose, &after, rows)?;
            let is_full = u32::try_from(found.len()).is_ok_and(|count| count == rows);
            let next = found.last().filter(|_| is_full).map(|(subject, _)| subject.id.clone());
            let live = |(subject, stored): (Subject, Option<_>)| Some((subject, stored?));
            let mut codes: Vec<_> = found.into_iter().filter_map(live).collect();
            codes.retain(|(_, stored)| stored.is_live(now));
            Ok(LiveCodes { codes, next })
        })
        .await
    }

    async fn account(&self, subject: &Subject) -> Result<Snapshot<Option<Account>>, StoreError> {
        let subject = subject.clone();
        self.read(move |connection, _| Tables::new(connection)?.find_account(&subject)).await
    }

    async fn revoke(&self, subject: &Subject) -> Result<bool, StoreError> {
        let subject = subject.clone();
        self.change(move |connection, now| {
            steps::revoke(&mut Tables::new(connection)?, &subject, now)
        })
        .await
    }

    async fn clear_counts(&self, subject: &Subject) -> Result<bool, StoreError> {
        let subject = subject.clone();
        self.change(move |connection, _| {
            steps::clear_counts(&mut Tables::new(connection)?, &subject)
        })
        .await
    }

    async fn calls(
        &self,
        tenant: &TenantId,
        number: &PhoneNumber,
    ) -> Result<Snapshot<EventLog>, StoreError> {
        let (tenant, number) = (tenant.clone(), number.clone());
        self.read(move |connection, _| {
            let found = Tables::new(connection)?.find_calls(&tenant, &number.key())?;
            Ok(found.unwrap_or_default())
        })
        .await
    }

    async fn clear_calls(
        &self,
        tenant: &TenantId,
        number: &PhoneNumber,
    ) -> Result<bool, StoreError> {
        let (tenant, number) = (tenant.clone(), number.clone());
        self.change(move |connection, _| rows::delete_calls(connection, &tenant, &number)).await
    }
}
