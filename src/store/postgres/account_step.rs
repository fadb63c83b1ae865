//! Steps on a subject's account and on the number that a call came from. The decisions are in
//! [`account`](crate::store::account).

use futures_util::future::{join, join3};
use tokio_postgres::Error;
use tokio_postgres::types::ToSql;

use super::rows::{self, AccountRow, CallerRow, RowError, Statements};
use super::session::PreparedSession;
use super::statements::Prepared;
use super::step::{Decision, Look, Step};
use crate::domain::clock::Timestamp;
use crate::domain::grant::{Grant, Purpose, Subject};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::{EventLog, Quota};
use crate::domain::reported_call::{ReportId, ReportedCall};
use crate::domain::tenant::TenantId;
use crate::store::account::{Account, Decided};

/// A step on an account: its subject, and its decision.
pub(super) struct AccountStep<T> {
    pub(super) subject: Subject,
    /// The call that is read and counted too.
    pub(super) call: Option<Tally>,
    /// Decides on what was read. May be called again.
    pub(super) decide: Box<dyn Fn(Held, Timestamp) -> AccountDecision<T> + Send + Sync>,
}

/// A call to be counted.
pub(super) struct Tally {
    /// The number it came from.
    pub(super) number: PhoneNumber,
    /// The number's quota.
    pub(super) quota: Quota,
    /// The ids under which it is remembered.
    pub(super) reports: Vec<ReportId>,
}

/// What an [`AccountStep`] read.
#[derive(Default)]
pub(super) struct Held {
    /// The account, if there is one.
    pub(super) account: Option<Account>,
    /// The number's calls, if there are any.
    pub(super) calls: Option<EventLog>,
    /// What is remembered of the call if it heard no code.
    pub(super) reported: Vec<ReportedCall>,
}

/// The decision on an account.
pub(super) struct AccountDecision<T> {
    pub(super) answer: T,
    /// The account, if it must be written.
    pub(super) account: Option<Account>,
    /// The number's calls, if they must be written.
    pub(super) calls: Option<EventLog>,
    /// See [`Decision::reveals`].
    pub(super) reveals: bool,
}

impl<T> AccountDecision<T> {
    /// A decision that writes the account, if any, and nothing else.
    const fn of_account(answer: T, account: Option<Account>) -> Self {
        Self { answer, account, calls: None, reveals: false }
    }
}

impl<T: Clone + Send + Sync + 'static> AccountStep<T> {
    /// A step on the subject's account only; answers `none` if it has none.
    pub(super) fn on_account(
        subject: &Subject,
        none: T,
        decide: impl Fn(&mut Account, Timestamp) -> Decided<T> + Send + Sync + 'static,
    ) -> Self {
        let decide = move |held: Held, now| {
            let Some(mut account) = held.account else {
                return AccountDecision::of_account(none.clone(), None);
            };
            let Decided { answer, changed } = decide(&mut account, now);
            AccountDecision::of_account(answer, changed.then_some(account))
        };
        Self { subject: subject.clone(), call: None, decide: Box::new(decide) }
    }
}

/// A row to write, and whether it is new.
struct Row<R> {
    row: R,
    is_new: bool,
}

/// What an [`AccountStep`] must write.
pub(super) struct Rows {
    account: Option<Row<Account>>,
    calls: Option<Row<EventLog>>,
}

impl Rows {
    /// The statements that write the account and the calls.
    fn statements<'a>(&self, all: &'a Statements) -> (Option<&'a Prepared>, Option<&'a Prepared>) {
        let account = self
            .account
            .as_ref()
            .map(|row| if row.is_new { &all.insert_account } else { &all.update_account });
        let calls = self
            .calls
            .as_ref()
            .map(|row| if row.is_new { &all.insert_calls } else { &all.update_calls });
        (account, calls)
    }
}

impl<T> AccountStep<T> {
    /// The ids of the reported call; empty if none was reported.
    fn reports(&self) -> &[ReportId] {
        self.call.as_ref().map_or(&[], |call| &call.reports)
    }

    async fn read_calls(&self, prepared: &PreparedSession) -> Result<Option<EventLog>, RowError> {
        let Some(call) = &self.call else { return Ok(None) };
        let key: [&(dyn ToSql + Sync); 2] = [&self.subject.tenant.as_str(), &call.number.key()];
        let lock = prepared.statements.lock_calls.get();
        let row = prepared.session.client.query_opt(lock, &key).await?;
        row.as_ref().map(rows::calls).transpose()
    }

    async fn read_reported(
        &self,
        prepared: &PreparedSession,
    ) -> Result<Vec<ReportedCall>, RowError> {
        let reports = self.reports();
        if reports.is_empty() {
            return Ok(Vec::new());
        }
        let key: [&(dyn ToSql + Sync); 2] = [&self.subject.tenant.as_str(), &reports];
        let lock = prepared.statements.lock_reported.get();
        let rows = prepared.session.client.query(lock, &key).await?;
        rows.iter().map(rows::reported_call).collect()
    }
}

impl<T: Send + 'static> Step for AccountStep<T> {
    type Held = Held;
    type Change = Rows;
    type Answer = T;

    fn reads<'a>(&self, prepared: &'a PreparedSession) -> Vec<&'a Prepared> {
        let statements = &prepared.statements;
        let calls = self.call.as_ref().map(|_| &statements.lock_calls);
        let reported = (!self.reports().is_empty()).then_some(&statements.lock_reported);
        [&statements.lock_account].into_iter().chain(calls).chain(reported).collect()
    }

    async fn read(&self, prepared: &PreparedSession) -> Result<Held, RowError> {
        let (client, statements, subject) =
            (&prepared.session.client, &prepared.statements, &self.subject);
        let (tenant, purpose) = (subject.tenant.as_str(), subject.purpose.as_str());
        let key: [&(dyn ToSql + Sync); 3] = [&tenant, &purpose, &subject.id];
        let account = client.query_opt(statements.lock_account.get(), &key);
        let (account, calls, reported) =
            join3(account, self.read_calls(prepared), self.read_reported(prepared)).await;
        let account = account?.as_ref().map(rows::account).transpose()?;
        Ok(Held { account, calls: calls?, reported: reported? })
    }

    fn decide(&self, held: Held, now: Timestamp) -> Decision<T, Rows> {
        let (account_is_new, calls_are_new) = (held.account.is_none(), held.calls.is_none());
        let decision = (self.decide)(held, now);
        let rows = Rows {
            account: decision.account.map(|row| Row { row, is_new: account_is_new }),
            calls: decision.calls.map(|row| Row { row, is_new: calls_are_new }),
        };
        let changed = rows.account.is_some() || rows.calls.is_some();
        Decision {
            answer: decision.answer,
            change: changed.then_some(rows),
            reveals: decision.reveals,
        }
    }

    fn writes<'a>(&self, prepared: &'a PreparedSession, change: &Rows) -> Vec<&'a Prepared> {
        let (account, calls) = change.statements(&prepared.statements);
        account.into_iter().chain(calls).collect()
    }

    async fn write(&self, prepared: &PreparedSession, change: &Rows) -> Result<(), Error> {
        let client = &prepared.session.client;
        let statements = change.statements(&prepared.statements);
        let account = async {
            let (Some(account), Some(statement)) = (&change.account, statements.0) else {
                return Ok(1);
            };
            let row = AccountRow::parameters(&self.subject, &account.row);
            client.execute_raw(statement.get(), row).await
        };
        let calls = async {
            let (Some(calls), Some(statement), Some(Tally { number, quota, .. })) =
                (&change.calls, statements.1, &self.call)
            else {
                return Ok(1);
            };
            let row = CallerRow::parameters(&self.subject.tenant, number, &calls.row, *quota);
            client.execute_raw(statement.get(), row).await
        };
        let (account, calls) = join(account, calls).await;
        account.and(calls).map(|_| ())
    }
}

/// The subject's live grant.
pub(super) struct LiveGrant(pub(super) Subject);

impl Look for LiveGrant {
    type Seen = Option<Grant>;

    async fn look(&self, prepared: &PreparedSession) -> Result<Self::Seen, RowError> {
        let (client, Self(subject)) = (&prepared.session.client, self);
        let (tenant, purpose) = (subject.tenant.as_str(), subject.purpose.as_str());
        let key: [&(dyn ToSql + Sync); 3] = [&tenant, &purpose, &subject.id];
        prepared.prepare(vec![&prepared.statements.live]).await?;
        match client.query_opt(prepared.statements.live.get(), &key).await? {
            Some(row) => rows::live_grant(&row),
            None => Ok(None),
        }
    }
}

/// The number of a tenant's live codes by call, by the database's clock.
pub(super) struct LiveCodesLook(pub(super) TenantId);

const COUNT_LIVE: &str = "SELECT count(*) FROM dialpass.subjects \
    WHERE tenant = $1 AND purpose = $2 AND tries_left > 0 AND wrong_codes_left > 0 \
    AND expires_at > extract(epoch FROM clock_timestamp())::bigint";

impl Look for LiveCodesLook {
    type Seen = u64;

    async fn look(&self, prepared: &PreparedSession) -> Result<u64, RowError> {
        let (tenant, purpose) = (self.0.as_str(), Purpose::Call.as_str());
        let row = prepared.session.client.query_one(COUNT_LIVE, &[&tenant, &purpose]).await?;
        let count: i64 = row.try_get(0)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}
