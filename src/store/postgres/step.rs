//! A step as a transaction: what it is about is locked and read in one round trip, decided on here,
//! written and committed in another.
//!
//! Deciding here rather than in the database keeps one text of the decisions for both stores. It
//! costs a second round trip, during which only steps on the same user or number wait.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use futures_util::future::{join, join3};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tracing::error;

use super::rows::RowError;
use super::session::{Ready, told};
use super::statements::Prepared;
use crate::domain::clock::Timestamp;

/// What a step does within its transaction.
pub(super) trait Step: Send + Sync + 'static {
    /// What it locks and reads.
    type Held: Send;
    /// What it may have to write.
    type Change: Send + Sync;
    /// What it answers.
    type Answer: Send + 'static;

    /// The statements that [`Self::read`] sends.
    fn reads<'a>(&self, ready: &'a Ready) -> Vec<&'a Prepared>;

    /// Locks and reads what the step is about, all of it sent at once, and always in one order, so
    /// that no two steps wait for each other.
    fn read(&self, ready: &Ready) -> impl Future<Output = Result<Self::Held, RowError>> + Send;

    /// Decides at `now`, a time after the locks were had. It may be asked again.
    fn decide(&self, held: Self::Held, now: Timestamp) -> Decision<Self::Answer, Self::Change>;

    /// The statements that [`Self::write`] sends.
    fn writes<'a>(&self, ready: &'a Ready, change: &Self::Change) -> Vec<&'a Prepared>;

    /// Writes what was decided, all of it sent at once.
    fn write(
        &self,
        ready: &Ready,
        change: &Self::Change,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// What a step decided.
pub(super) struct Decision<T, C> {
    pub(super) answer: T,
    /// What has to be written, if anything has.
    pub(super) change: Option<C>,
    /// Whether the answer tells what was read. What is read may be in no synchronous standby yet,
    /// so such a step commits too: its lock on the row is behind that in the log.
    pub(super) tells: bool,
}

/// What is read without a lock, in one round trip.
pub(super) trait Look: Send + Sync + 'static {
    /// What is seen.
    type Seen: Send + 'static;

    /// Whether it commits, as a step does, so that its answer waits for the standby.
    fn commits(&self) -> bool {
        false
    }

    /// Looks; whatever was sent was answered when this returns.
    fn look(&self, ready: &Ready) -> impl Future<Output = Result<Self::Seen, RowError>> + Send;
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

    /// For the step, when its commit came to nothing and it may be tried again.
    pub(super) fn open_again(&self) {
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
pub(super) async fn take<S: Step>(
    ready: &mut Ready,
    step: &S,
    fate: &Fate,
) -> Result<S::Answer, Failure> {
    ready.session.settled = false;
    match read(ready, step).await {
        Ok((held, now)) => write(ready, step, step.decide(held, now), fate).await,
        Err(error) => {
            let failure = judge(&error);
            roll_back(ready).await;
            Err(failure)
        }
    }
}

/// Takes a look on a session, which is left settled or has to be closed.
pub(super) async fn look<L: Look>(
    ready: &mut Ready,
    look: &L,
    fate: &Fate,
) -> Result<L::Seen, Failure> {
    if look.commits() && !fate.commit() {
        return Err(Failure::NotTaken);
    }
    ready.session.settled = false;
    let seen = look.look(ready).await;
    ready.session.settled = !matches!(seen, Err(RowError::Database(_)));
    seen.map_err(|error| judge(&error))
}

/// Written to find out whether commits go through: a message in the log that nobody reads. There is
/// no row in it, so that nobody's lock holds it up.
pub(super) const BEAT: &str = "SELECT pg_logical_emit_message(true, 'dialpass', '')";

/// Commits what says nothing.
pub(super) async fn beat(ready: &mut Ready, fate: &Fate) -> Result<(), Failure> {
    if !fate.commit() {
        return Err(Failure::NotTaken);
    }
    ready.session.settled = false;
    let beaten = ready.session.client.batch_execute(BEAT).await;
    ready.session.settled = beaten.is_ok();
    beaten.map_err(|error| judge(&error.into()))
}

/// Locks and reads what the step is about; the time is that after the locks were had.
async fn read<S: Step>(ready: &Ready, step: &S) -> Result<(S::Held, Timestamp), RowError> {
    let (client, now) = (&ready.session.client, &ready.statements.now);
    let mut needed = step.reads(ready);
    needed.push(now);
    ready.prepare(needed).await?;
    let begin = client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE");
    let now = client.query_one(now.get(), &[]);
    let (started, held, now) = join3(begin, step.read(ready), now).await;
    started?;
    Ok((held?, Timestamp::from_millis(now?.try_get(0)?)))
}

/// Writes and commits what was decided.
async fn write<S: Step>(
    ready: &mut Ready,
    step: &S,
    decided: Decision<S::Answer, S::Change>,
    fate: &Fate,
) -> Result<S::Answer, Failure> {
    if decided.change.is_none() && !decided.tells {
        roll_back(ready).await;
        return Ok(decided.answer);
    }
    if let Some(change) = &decided.change
        && let Err(error) = ready.prepare(step.writes(ready, change)).await
    {
        roll_back(ready).await;
        return Err(judge(&error.into()));
    }
    if !fate.commit() {
        return Err(Failure::NotTaken);
    }
    let shared = &*ready;
    let written = async {
        match &decided.change {
            Some(change) => step.write(shared, change).await,
            None => Ok(()),
        }
    };
    // An error in what comes before it makes the commit a rollback.
    let (written, committed) = join(written, shared.session.client.batch_execute("COMMIT")).await;
    match (written, committed) {
        (Ok(()), Ok(())) => {
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
        // Two waited for each other, and this one gave way.
        SqlState::T_R_DEADLOCK_DETECTED,
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
