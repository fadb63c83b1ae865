//! A step as a transaction: what it is about is locked and read in one round trip, decided on here,
//! written and committed in another.
//!
//! Deciding here rather than in the database keeps one text of the decisions for both stores. It
//! costs a second round trip, during which only steps on the same user or number wait.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use futures_util::future::{join3, join4};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tracing::error;

use super::rows::{self, RowError, write_account, write_calls};
use super::session::{Ready, told};
use crate::domain::clock::Timestamp;
use crate::domain::grant::{Grant, Subject};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::policy::{EventLog, Quota};
use crate::store::account::{Account, Decided};

/// A step: whom it is about, and what it decides.
pub(super) struct Step<T> {
    pub(super) subject: Subject,
    /// The number whose calls are read and counted too, with its quota.
    pub(super) caller: Option<(PhoneNumber, Quota)>,
    /// Decides on the account, if there is one, and the number's calls. It may be asked again.
    pub(super) decide:
        Box<dyn Fn(Option<Account>, EventLog, Timestamp) -> Decision<T> + Send + Sync>,
}

impl<T: Clone + Send + Sync + 'static> Step<T> {
    /// A step on the subject's account alone; `none` is the answer where it has none.
    pub(super) fn on_account(
        subject: &Subject,
        none: T,
        decide: impl Fn(&mut Account, Timestamp) -> Decided<T> + Send + Sync + 'static,
    ) -> Self {
        let decide = move |account: Option<Account>, _, now| {
            let Some(mut account) = account else {
                return Decision { answer: none.clone(), account: None, calls: None, tells: false };
            };
            let Decided { answer, changed } = decide(&mut account, now);
            Decision { answer, account: changed.then_some(account), calls: None, tells: false }
        };
        Self { subject: subject.clone(), caller: None, decide: Box::new(decide) }
    }
}

/// What a step decided.
pub(super) struct Decision<T> {
    pub(super) answer: T,
    /// The account, if it has to be written.
    pub(super) account: Option<Account>,
    /// The number's calls, if they have to be written.
    pub(super) calls: Option<EventLog>,
    /// Whether the answer tells what was read. What is read may be in no synchronous standby yet,
    /// so such a step commits too: its lock on the row is behind that in the log.
    pub(super) tells: bool,
}

/// Who decides a step's fate once its time is up: whoever takes it first.
#[derive(Debug, Default)]
pub(super) struct Fate {
    stage: AtomicU8,
    asked: AtomicBool,
}

const OPEN: u8 = 0;
const COMMITTING: u8 = 1;
const GIVEN_UP: u8 = 2;

impl Fate {
    /// For the step, before its commit is sent; refused if the asker has given it up.
    fn commit(&self) -> bool {
        self.stage.compare_exchange(OPEN, COMMITTING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// For the step, when its commit came to nothing and it is tried again.
    fn open_again(&self) {
        self.stage.store(OPEN, Ordering::Release);
    }

    /// Whether a commit was sent last.
    pub(super) fn is_committing(&self) -> bool {
        self.stage.load(Ordering::Acquire) == COMMITTING
    }

    /// For the asker, when time is up; whether the step is certain not to be taken.
    pub(super) fn give_up(&self) -> bool {
        self.stage.compare_exchange(OPEN, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Fate {
    /// Notes that the step has a session, so that its silence is the server's.
    pub(super) fn ask(&self) {
        self.asked.store(true, Ordering::Release);
    }

    /// Whether it had a session.
    pub(super) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }
}

/// Why a step was not taken, or is not known to have been.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It was not taken, and may be on another session: this one was lost, or another step made the
    /// same row first.
    Again,
    /// It was not taken.
    NotTaken,
    /// Its commit was sent, and no answer came.
    Unknown,
}

/// Runs a step on a session, which is left settled or has to be closed.
pub(super) async fn take<T>(ready: &mut Ready, step: &Step<T>, fate: &Fate) -> Result<T, Failure> {
    ready.session.settled = false;
    match read(ready, step).await {
        Ok((account, calls, now)) => write(ready, step, account, calls, now, fate).await,
        Err(error) => {
            let failure = judge(&error);
            roll_back(ready).await;
            Err(failure)
        }
    }
}

/// The subject's live grant, on a session that is left settled or has to be closed.
pub(super) async fn live(ready: &mut Ready, subject: &Subject) -> Result<Option<Grant>, Failure> {
    ready.session.settled = false;
    let (client, statements) = (&ready.session.client, &ready.statements);
    let (tenant, purpose) = (subject.tenant.as_str(), subject.purpose.as_str());
    let found = client.query_opt(&statements.live, &[&tenant, &purpose, &subject.id]).await;
    ready.session.settled = found.is_ok();
    let live = found.map_err(RowError::from).and_then(|row| match row {
        Some(row) => rows::live_grant(&row),
        None => Ok(None),
    });
    live.map_err(|error| judge(&error))
}

/// Commits a row that says nothing.
pub(super) async fn beat(ready: &mut Ready, fate: &Fate) -> Result<(), Failure> {
    if !fate.commit() {
        return Err(Failure::NotTaken);
    }
    ready.session.settled = false;
    let (client, statements) = (&ready.session.client, &ready.statements);
    let beaten = client.execute(&statements.pulse, &[]).await;
    ready.session.settled = beaten.is_ok();
    beaten.map(|_| ()).map_err(|error| {
        let held = error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE);
        if held { Failure::NotTaken } else { judge(&error.into()) }
    })
}

/// Locks and reads what the step is about; the time is that after the locks were had.
async fn read<T>(
    ready: &Ready,
    step: &Step<T>,
) -> Result<(Option<Account>, Option<EventLog>, Timestamp), RowError> {
    let (client, statements, subject) = (&ready.session.client, &ready.statements, &step.subject);
    let (tenant, purpose) = (subject.tenant.as_str(), subject.purpose.as_str());
    let key: [&(dyn ToSql + Sync); 3] = [&tenant, &purpose, &subject.id];
    let account = client.query_opt(&statements.lock_account, &key);
    let calls = async {
        match &step.caller {
            None => Ok(None),
            Some((number, _)) => {
                client.query_opt(&statements.lock_calls, &[&tenant, &number.key()]).await
            }
        }
    };
    // Always an account before a number, so that no two steps wait for each other.
    let begin = client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE");
    let now = client.query_one(&statements.now, &[]);
    let (in_transaction, account, calls, now) = join4(begin, account, calls, now).await;
    in_transaction?;
    let account = account?.as_ref().map(rows::account).transpose()?;
    let calls = calls?.as_ref().map(|row| rows::event_log(row, 0)).transpose()?;
    Ok((account, calls, Timestamp::from_millis(now?.try_get(0)?)))
}

async fn write<T>(
    ready: &mut Ready,
    step: &Step<T>,
    account: Option<Account>,
    calls: Option<EventLog>,
    now: Timestamp,
    fate: &Fate,
) -> Result<T, Failure> {
    let (account_is_new, calls_are_new) = (account.is_none(), calls.is_none());
    let decided = (step.decide)(account, calls.unwrap_or_default(), now);
    if decided.account.is_none() && decided.calls.is_none() && !decided.tells {
        roll_back(ready).await;
        return Ok(decided.answer);
    }
    if !fate.commit() {
        return Err(Failure::NotTaken);
    }
    let (client, statements) = (&ready.session.client, &ready.statements);
    let account = async {
        let Some(account) = &decided.account else { return Ok(1) };
        let statement =
            if account_is_new { &statements.insert_account } else { &statements.update_account };
        write_account(client, statement, &step.subject, account).await
    };
    let calls = async {
        let (Some(calls), Some((number, quota))) = (&decided.calls, &step.caller) else {
            return Ok(1);
        };
        let statement =
            if calls_are_new { &statements.insert_calls } else { &statements.update_calls };
        write_calls(client, statement, (&step.subject.tenant, number), calls, *quota).await
    };
    // An error in what comes before it makes the commit a rollback.
    let (account, calls, committed) = join3(account, calls, client.batch_execute("COMMIT")).await;
    match (account.and(calls), committed) {
        (Ok(_), Ok(())) => {
            ready.session.settled = true;
            Ok(decided.answer)
        }
        // What the server refuses it does not commit either, whatever becomes of the session.
        (Err(error), committed) if committed.is_ok() || error.as_db_error().is_some() => {
            ready.session.settled = committed.is_ok();
            fate.open_again();
            Err(judge(&error.into()))
        }
        _ => Err(Failure::Unknown),
    }
}

/// Ends a transaction that wrote nothing.
async fn roll_back(ready: &mut Ready) {
    let session = &mut ready.session;
    session.settled = session.client.batch_execute("ROLLBACK").await.is_ok();
}

/// What an error says of a step that was certainly not taken.
fn judge(error: &RowError) -> Failure {
    let RowError::Database(error) = error else {
        error!(%error, "the store's database holds what this release cannot read");
        return Failure::NotTaken;
    };
    let Some(code) = error.code() else { return Failure::Again };
    let elsewhere = [
        // A step of another node made the row first.
        SqlState::UNIQUE_VIOLATION,
        // The server stops, starts, or has become a standby.
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::READ_ONLY_SQL_TRANSACTION,
    ];
    if elsewhere.contains(code) {
        return Failure::Again;
    }
    error!(reason = told(error), "a step of the store failed and was rolled back");
    Failure::NotTaken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_was_given_up_does_not_commit_and_one_that_commits_is_not_given_up() {
        let fate = Fate::default();
        assert!(fate.commit() && !fate.give_up());
        fate.open_again();
        assert!(fate.give_up() && !fate.commit());
    }
}
