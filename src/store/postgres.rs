//! The store for several nodes: grants, budgets and registered users in one PostgreSQL database.
//!
//! As in the embedded store, a subject's live grant and its budgets share one row, so a call writes
//! two rows and each step of a login one. Each step is a transaction of two round trips, see
//! `step`. Simultaneous steps on one user wait for each other's row lock, on whichever nodes they
//! run.
//!
//! A commit is never cancelled and never timed out on the server. One without an answer in time is
//! a refusal, and its session is closed, see `pool`. A database that does not answer is left alone
//! until a probe has committed on one of its servers, see `supervisor`: requests are refused at once
//! instead of piling up, and a promoted standby is found. All sessions are with one server on one
//! timeline, see `session`; `fencing` watches the others.

mod access_keys;
mod account_step;
mod administration;
mod authenticator_rows;
mod database;
mod errors;
mod fencing;
mod personal_records;
mod pool;
mod pooler;
mod registry;
mod registry_reads;
mod registry_rows;
mod registry_writes;
mod reported_calls;
mod rows;
mod schema;
mod session;
pub mod settings;
mod statements;
mod step;
mod supervisor;
mod sweep;
mod text_rows;
mod transaction_rows;
mod user_rows;
mod written_row;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

pub use self::administration::PostgresAdministration;
pub use self::schema::Schema;
pub use self::session::ConnectError;
pub use self::settings::{PostgresServer, PostgresSettings, SslMode};

use self::account_step::{AccountDecision, AccountStep, Held, LiveCodesLook, LiveGrant, Tally};
use self::database::Database;
use self::session::{Connector, joined};
use self::supervisor::Probes;
use self::sweep::Tables;
use super::account::{Account, Decided, IssueDecision};
use super::{
    CodeTry, Grants, Issue, IssueRequest, Redemption, Reservation, ReserveRequest, StoreError,
    StoreHealth, Tries,
};
use crate::domain::client_address::ClientAddress;
use crate::domain::clock::Timestamp;
use crate::domain::grant::{Grant, Subject};
use crate::domain::tenant::TenantId;
use crate::telemetry::node_metrics::PoolUse;

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}", joined(.0))]
pub struct OpenError(Vec<ConnectError>);

/// Grants and budgets in a PostgreSQL database.
///
/// Its methods may be awaited on any Tokio runtime with its timer enabled.
pub struct PostgresStore {
    database: Arc<Database>,
    background: [AbortHandle; 4],
}

impl PostgresStore {
    /// Connects to the database and migrates its schema. Its connections run on `runtime`.
    ///
    /// If no server answers, the store still opens, refuses every request, and works as soon as one
    /// does.
    ///
    /// # Errors
    /// Server errors that persist until something is changed: a wrong password, a missing database
    /// or privilege, a schema from a later release.
    pub async fn open(settings: PostgresSettings, runtime: &Handle) -> Result<Self, OpenError> {
        let database = Arc::new(Database::new(settings, runtime));
        let mut probes = Probes::new(Arc::clone(&database));
        let patience = database.connect_timeout * 2;
        let first = runtime.spawn(async move {
            let found = probes.look(patience).await;
            (probes, found)
        });
        let (probes, found) = first.await.map_err(|_| OpenError(Vec::new()))?;
        if let Err(errors) = found {
            if errors.iter().any(|error| error.needs_operator) {
                return Err(OpenError(errors));
            }
            tracing::warn!(
                reason = joined(&errors),
                "no server of the store's database takes writes yet; requests are refused until \
                 one does"
            );
        }
        let swept = |tables| supervisor::keep_swept(Arc::clone(&database), tables);
        let background = [
            runtime.spawn(supervisor::keep_up(probes)).abort_handle(),
            runtime.spawn(fencing::keep_watch(Arc::clone(&database))).abort_handle(),
            runtime.spawn(swept(Tables::Accounts)).abort_handle(),
            runtime.spawn(swept(Tables::Registry)).abort_handle(),
        ];
        Ok(Self { database, background })
    }

    /// Migrates the schema of the writable server, and does nothing else.
    ///
    /// # Errors
    /// The servers' errors, if none of them can be migrated.
    pub async fn migrate(settings: PostgresSettings) -> Result<Schema, OpenError> {
        let connector = Connector::new(settings);
        let mut errors = Vec::new();
        for server in 0..connector.servers() {
            let migrated = async {
                let session = connector.open(server).await?;
                let migrated = schema::migrate(&session.client).await;
                migrated.map_err(|error| connector.unfit(server, &error))
            };
            match migrated.await {
                Ok(schema) => return Ok(schema),
                Err(error) => errors.push(error),
            }
        }
        Err(OpenError(errors))
    }

    /// Runs a step on the subject's account; answers `none` if it has none.
    async fn on_account<T>(
        &self,
        subject: &Subject,
        none: T,
        decide: impl Fn(&mut Account, Timestamp) -> Decided<T> + Send + Sync + 'static,
    ) -> Result<T, StoreError>
    where
        T: Clone + Send + Sync + 'static,
    {
        self.database.run(AccountStep::on_account(subject, none, decide)).await
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.background.iter().for_each(AbortHandle::abort);
    }
}

#[async_trait]
impl Grants for PostgresStore {
    async fn issue(&self, request: IssueRequest) -> Result<Issue, StoreError> {
        let subject = request.subject.clone();
        let (number, quota) = (request.number.clone(), request.limits.calls_per_number);
        let call = Some(Tally { number, quota, reports: request.report.all() });
        let decide = move |held: Held, now| {
            let mut account = held.account.unwrap_or_default();
            let calls = || Ok::<_, std::convert::Infallible>(held.calls.unwrap_or_default());
            let Ok(decision) = account.issue(&request, now, &held.reported, calls);
            let IssueDecision { answer, account_changed, calls } = decision;
            let reveals = matches!(answer, Issue::Repeat(_));
            let account = account_changed.then_some(account);
            AccountDecision { answer, account, calls, reveals }
        };
        let step = AccountStep { subject, call, decide: Box::new(decide) };
        self.database.run(step).await
    }

    async fn live(&self, subject: &Subject) -> Result<Option<Grant>, StoreError> {
        self.database.see(LiveGrant(subject.clone())).await
    }
}

#[async_trait]
impl Tries for PostgresStore {
    async fn reserve(&self, request: ReserveRequest) -> Result<Reservation, StoreError> {
        let subject = request.subject.clone();
        let decide = move |account: &mut Account, now| account.reserve(&request, now);
        self.on_account(&subject, Reservation::NoGrant, decide).await
    }

    async fn give_back(
        &self,
        subject: &Subject,
        reserved: Timestamp,
        from: Option<ClientAddress>,
    ) -> Result<(), StoreError> {
        let decide = move |account: &mut Account, _| account.give_back(reserved, from);
        self.on_account(subject, (), decide).await
    }

    async fn redeem(&self, attempt: CodeTry) -> Result<Redemption, StoreError> {
        let subject = attempt.subject.clone();
        let decide = move |account: &mut Account, now| account.redeem(&attempt, now);
        self.on_account(&subject, Redemption::NoGrant, decide).await
    }

    async fn wrong_code(&self, attempt: CodeTry) -> Result<(), StoreError> {
        let subject = attempt.subject.clone();
        let decide = move |account: &mut Account, now| account.wrong_code(&attempt, now);
        self.on_account(&subject, (), decide).await
    }
}

#[async_trait]
impl StoreHealth for PostgresStore {
    async fn ready(&self) -> Result<(), StoreError> {
        self.database.ready().await
    }

    fn trouble(&self) -> String {
        self.database.trouble()
    }

    fn pool(&self) -> Option<PoolUse> {
        Some(self.database.pool_use())
    }

    async fn live_codes(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        self.database.see(LiveCodesLook(tenant.clone())).await
    }
}
