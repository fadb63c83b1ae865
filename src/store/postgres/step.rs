//! A step as a transaction: one round trip locks and reads the rows, the decision is made here, and
//! another round trip writes and commits.
//!
//! Deciding here instead of in the database keeps one implementation of the decisions for both
//! stores. It costs a second round trip, during which only steps on the same user or number wait.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use futures_util::future::{join, join3};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tracing::error;

use super::errors::describe;
use super::rows::RowError;
use super::session::PreparedSession;
use super::statements::Prepared;
use crate::domain::clock::Timestamp;

/// What a step does within its transaction.
pub(super) trait Step: Send + Sync + 'static {
    /// What it locks and reads.
    type Held: Send;
    /// What it may have to write.
    type Change: Send + Sync;
    /// Its answer.
    type Answer: Send + 'static;

    /// The statements that [`Self::read`] sends.
    fn reads<'a>(&self, prepared: &'a PreparedSession) -> Vec<&'a Prepared>;

    /// Locks and reads the step's rows, all sent at once and always in the same order, so that no
    /// two steps deadlock.
    fn read(
        &self,
        prepared: &PreparedSession,
    ) -> impl Future<Output = Result<Self::Held, RowError>> + Send;

    /// Decides at `now`, a time after the locks were acquired. May be called again.
    fn decide(&self, held: Self::Held, now: Timestamp) -> Decision<Self::Answer, Self::Change>;

    /// The statements that [`Self::write`] sends.
    fn writes<'a>(&self, prepared: &'a PreparedSession, change: &Self::Change)
    -> Vec<&'a Prepared>;

    /// Writes the decision, all sent at once.
    fn write(
        &self,
        prepared: &PreparedSession,
        change: &Self::Change,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// A step's decision.
pub(super) struct Decision<T, C> {
    pub(super) answer: T,
    /// What to write, if anything.
    pub(super) change: Option<C>,
    /// Whether the answer reveals data that was read. That data may not be on a synchronous standby
    /// yet, so such a step commits too: its row lock is later in the log.
    pub(super) reveals: bool,
}

/// Data read without a lock, in one round trip.
pub(super) trait Look: Send + Sync + 'static {
    /// The result.
    type Seen: Send + 'static;

    /// Whether it commits like a step, so that its answer waits for the standby.
    fn commits(&self) -> bool {
        false
    }

    /// Reads; everything sent has been answered when this returns.
    fn look(
        &self,
        prepared: &PreparedSession,
    ) -> impl Future<Output = Result<Self::Seen, RowError>> + Send;
}

/// Who decides a step's outcome once its time is up: the first to claim it.
#[derive(Debug, Default)]
pub(super) struct CommitState {
    stage: AtomicU8,
    asked: AtomicBool,
}

const OPEN: u8 = 0;
const COMMITTING: u8 = 1;
const GIVEN_UP: u8 = 2;

impl CommitState {
    /// Called by the step before it sends its commit; false if the caller has given up.
    fn commit(&self) -> bool {
        self.stage.compare_exchange(OPEN, COMMITTING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Called by the step when its commit failed and it may be retried.
    pub(super) fn open_again(&self) {
        self.stage.store(OPEN, Ordering::Release);
    }

    /// Whether a commit was sent last.
    pub(super) fn is_committing(&self) -> bool {
        self.stage.load(Ordering::Acquire) == COMMITTING
    }

    /// Called by the caller when time is up; true if the step will certainly not commit.
    pub(super) fn give_up(&self) -> bool {
        self.stage.compare_exchange(OPEN, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl CommitState {
    /// Records that the step has a session, so that silence is the server's fault.
    pub(super) fn ask(&self) {
        self.asked.store(true, Ordering::Release);
    }

    /// Whether it had a session.
    pub(super) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }
}

/// Why a step was not committed, or may not have been.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Not committed, but may succeed in another session: this one was lost, or another step
    /// created the same row first.
    Again,
    /// Not committed.
    NotTaken,
    /// The commit was sent, but no answer came.
    Unknown,
}

/// Runs a step in a session, which is afterwards clean or must be closed.
pub(super) async fn take<S: Step>(
    prepared: &mut PreparedSession,
    step: &S,
    commit_state: &CommitState,
) -> Result<S::Answer, Failure> {
    prepared.session.is_clean = false;
    match read(prepared, step).await {
        Ok((held, now)) => write(prepared, step, step.decide(held, now), commit_state).await,
        Err(error) => {
            let failure = judge(&error);
            roll_back(prepared).await;
            Err(failure)
        }
    }
}

/// Runs a look in a session, which is afterwards clean or must be closed.
pub(super) async fn look<L: Look>(
    prepared: &mut PreparedSession,
    look: &L,
    commit_state: &CommitState,
) -> Result<L::Seen, Failure> {
    if look.commits() && !commit_state.commit() {
        return Err(Failure::NotTaken);
    }
    prepared.session.is_clean = false;
    let seen = look.look(prepared).await;
    prepared.session.is_clean = !matches!(seen, Err(RowError::Database(_)));
    seen.map_err(|error| judge(&error))
}

/// A message in the log that has no reader, written to test whether commits succeed. It touches no
/// row, so no lock can block it.
pub(super) const TEST_COMMIT: &str = "SELECT pg_logical_emit_message(true, 'dialpass', '')";

/// Commits an empty message.
pub(super) async fn test_commit(
    prepared: &mut PreparedSession,
    commit_state: &CommitState,
) -> Result<(), Failure> {
    if !commit_state.commit() {
        return Err(Failure::NotTaken);
    }
    prepared.session.is_clean = false;
    let committed = prepared.session.client.batch_execute(TEST_COMMIT).await;
    prepared.session.is_clean = committed.is_ok();
    committed.map_err(|error| judge(&error.into()))
}

/// Locks and reads the step's rows; the time is taken after the locks were acquired.
async fn read<S: Step>(
    prepared: &PreparedSession,
    step: &S,
) -> Result<(S::Held, Timestamp), RowError> {
    let (client, now) = (&prepared.session.client, &prepared.statements.now);
    let mut needed = step.reads(prepared);
    needed.push(now);
    prepared.prepare(needed).await?;
    let begin = client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE");
    let now = client.query_one(now.get(), &[]);
    let (started, held, now) = join3(begin, step.read(prepared), now).await;
    started?;
    Ok((held?, Timestamp::from_millis(now?.try_get("now")?)))
}

/// Writes and commits the decision.
async fn write<S: Step>(
    prepared: &mut PreparedSession,
    step: &S,
    decided: Decision<S::Answer, S::Change>,
    commit_state: &CommitState,
) -> Result<S::Answer, Failure> {
    if decided.change.is_none() && !decided.reveals {
        roll_back(prepared).await;
        return Ok(decided.answer);
    }
    if let Some(change) = &decided.change
        && let Err(error) = prepared.prepare(step.writes(prepared, change)).await
    {
        roll_back(prepared).await;
        return Err(judge(&error.into()));
    }
    if !commit_state.commit() {
        return Err(Failure::NotTaken);
    }
    let shared = &*prepared;
    let written = async {
        match &decided.change {
            Some(change) => step.write(shared, change).await,
            None => Ok(()),
        }
    };
    // An error in an earlier statement turns the commit into a rollback.
    let (written, committed) = join(written, shared.session.client.batch_execute("COMMIT")).await;
    match (written, committed) {
        (Ok(()), Ok(())) => {
            prepared.session.is_clean = true;
            Ok(decided.answer)
        }
        // What the server rejects is not committed, whatever happens to the session.
        (Err(error), committed) if committed.is_ok() || error.as_db_error().is_some() => {
            prepared.session.is_clean = committed.is_ok();
            commit_state.open_again();
            Err(judge(&error.into()))
        }
        _ => Err(Failure::Unknown),
    }
}

/// Ends a transaction that wrote nothing.
async fn roll_back(prepared: &mut PreparedSession) {
    let session = &mut prepared.session;
    session.is_clean = session.client.batch_execute("ROLLBACK").await.is_ok();
}

/// Classifies the error of a step that certainly did not commit.
fn judge(error: &RowError) -> Failure {
    let RowError::Database(error) = error else {
        error!(%error, "the store's database holds what this release cannot read");
        return Failure::NotTaken;
    };
    let Some(code) = error.code() else { return Failure::Again };
    let elsewhere = [
        // A step of another node created the row first.
        SqlState::UNIQUE_VIOLATION,
        // Deadlock; this transaction was the victim.
        SqlState::T_R_DEADLOCK_DETECTED,
        // The server is stopping, starting, or has become a standby.
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::READ_ONLY_SQL_TRANSACTION,
    ];
    if elsewhere.contains(code) {
        return Failure::Again;
    }
    error!(reason = describe(error), "a step of the store failed and was rolled back");
    Failure::NotTaken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_was_given_up_does_not_commit_and_one_that_commits_is_not_given_up() {
        let commit_state = CommitState::default();
        assert!(commit_state.commit() && !commit_state.give_up());
        commit_state.open_again();
        assert!(commit_state.give_up() && !commit_state.commit());
    }
}
