//! Steps on a subject's account and on the number that a call came from. The decisions are in
//! [`account`](crate::store::account).

use futures_util::future::join;
use tokio_postgres::Error;
use tokio_postgres::types::ToSql;

use super::rows::{self, AccountRow, CallerRow, RowError, Statements};
use super::session::PreparedSession;
use super::statements::Prepared;
use super::step::{Decision, Look, Step};
use crate::domain::clock::Timestamp;
use crate::domain::grant::{Grant, Subject};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::{EventLog, Quota};
use crate::store::account::{Account, Decided};

/// A step on an account: its subject, and its decision.
pub(super) struct AccountStep<T> {
    pub(super) subject: Subject,
    /// The number whose calls are read and counted too, with its quota.
    pub(super) caller: Option<(PhoneNumber, Quota)>,
    /// Decides on the account, if there is one, and the number's calls. May be called again.
    pub(super) decide:
        Box<dyn Fn(Option<Account>, EventLog, Timestamp) -> AccountDecision<T> + Send + Sync>,
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

impl<T: Clone + Send + Sync + 'static> AccountStep<T> {
    /// A step on the subject's account only; answers `none` if it has none.
    pub(super) fn on_account(
        subject: &Subject,
        none: T,
        decide: impl Fn(&mut Account, Timestamp) -> Decided<T> + Send + Sync + 'static,
    ) -> Self {
        let decide = move |account: Option<Account>, _, now| {
            let Some(mut account) = account else {
                return AccountDecision {
                    answer: none.clone(),
                    account: None,
                    calls: None,
                    reveals: false,
                };
            };
            let Decided { answer, changed } = decide(&mut account, now);
            AccountDecision {
                answer,
                account: changed.then_some(account),
                calls: None,
                reveals: false,
            }
        };
        Self { subject: subject.clone(), caller: None, decide: Box::new(decide) }
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

impl<T: Send + 'static> Step for AccountStep<T> {
    type Held = (Option<Account>, Option<EventLog>);
    type Change = Rows;
    type Answer = T;

    fn reads<'a>(&self, prepared: &'a PreparedSession) -> Vec<&'a Prepared> {
        let statements = &prepared.statements;
        let calls = self.caller.as_ref().map(|_| &statements.lock_calls);
        [&statements.lock_account].into_iter().chain(calls).collect()
    }

    async fn read(&self, prepared: &PreparedSession) -> Result<Self::Held, RowError> {
        let (client, statements, subject) =
            (&prepared.session.client, &prepared.statements, &self.subject);
        let (tenant, purpose) = (subject.tenant.as_str(), subject.purpose.as_str());
        let key: [&(dyn ToSql + Sync); 3] = [&tenant, &purpose, &subject.id];
        let account = client.query_opt(statements.lock_account.get(), &key);
        let calls = async {
            match &self.caller {
                None => Ok(None),
                Some((number, _)) => {
                    let key: [&(dyn ToSql + Sync); 2] = [&tenant, &number.key()];
                    client.query_opt(statements.lock_calls.get(), &key).await
                }
            }
        };
        let (account, calls) = join(account, calls).await;
        let account = account?.as_ref().map(rows::account).transpose()?;
        let calls = calls?.as_ref().map(rows::calls).transpose()?;
        Ok((account, calls))
    }

    fn decide(&self, (account, calls): Self::Held, now: Timestamp) -> Decision<T, Rows> {
        let (account_is_new, calls_are_new) = (account.is_none(), calls.is_none());
        let decision = (self.decide)(account, calls.unwrap_or_default(), now);
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
            let (Some(calls), Some(statement), Some((number, quota))) =
                (&change.calls, statements.1, &self.caller)
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
