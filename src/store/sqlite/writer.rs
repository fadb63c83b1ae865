//! The single writer thread. It takes all jobs queued since it last looked, runs them in one
//! transaction, and answers when the disk has them: the more jobs arrive at once, the more share
//! one wait for the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::database_file::DatabaseFile;
use super::rows::Tables;
use crate::store::StoreError;
use crate::telemetry::node_metrics;

/// Maximum number of queued jobs.
const QUEUE: usize = 4096;

/// Maximum number of jobs in one transaction.
const GROUP: usize = 256;

/// The queue of jobs for the writer.
#[derive(Clone)]
pub(super) struct Queue {
    jobs: mpsc::Sender<Box<dyn Job>>,
    timeout: Duration,
}

/// A pending answer.
struct Ticket<T> {
    answer: oneshot::Receiver<Result<T, StoreError>>,
    claimed: Arc<AtomicBool>,
    deadline: Instant,
}

impl Queue {
    /// The queue, and the receiver for the writer.
    pub(super) fn new(timeout: Duration) -> (Self, mpsc::Receiver<Box<dyn Job>>) {
        let (jobs, receiver) = mpsc::channel(QUEUE);
        (Self { jobs, timeout }, receiver)
    }

    /// Has the writer run `operation` atomically, and waits until it is committed. It may run
    /// twice; the first run is then undone before the second.
    pub(super) async fn run<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Tables<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        let asked = Instant::now();
        let ticket = self.put(operation)?;
        let answer = match tokio::time::timeout_at(ticket.deadline.into(), ticket.answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(without_answer(&ticket.claimed)),
        };
        node_metrics::store().writes.record(asked.elapsed());
        answer
    }

    /// Like [`Queue::run`], for one of the store's own threads.
    pub(super) fn run_blocking<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Tables<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        let ticket = self.put(operation)?;
        ticket.answer.blocking_recv().unwrap_or_else(|_| Err(without_answer(&ticket.claimed)))
    }

    fn put<T, F>(&self, operation: F) -> Result<Ticket<T>, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Tables<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        let deadline = Instant::now() + self.timeout;
        let claimed = Arc::new(AtomicBool::new(false));
        let (reply, answer) = oneshot::channel();
        let job =
            WriteJob { operation, result: None, reply, claimed: Arc::clone(&claimed), deadline };
        self.jobs.try_send(Box::new(job)).map_err(|_| StoreError::Unavailable)?;
        Ok(Ticket { answer, claimed, deadline })
    }
}

/// The first to claim a job decides: the writer runs it, or the caller gives it up and it never
/// runs. So a job given up in time certainly did not take effect.
fn without_answer(claimed: &AtomicBool) -> StoreError {
    if claimed.swap(true, Ordering::AcqRel) {
        StoreError::OutcomeUnknown
    } else {
        StoreError::Unavailable
    }
}

/// One job, with any type of answer.
pub(super) trait Job: Send {
    /// Whether to run the job: its caller still waits, within its deadline.
    fn claim(&self) -> bool;

    /// Runs it, and keeps its result.
    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<()>;

    /// Answers with the kept result, or with an error.
    fn answer(self: Box<Self>, outcome: Result<(), StoreError>);
}

struct WriteJob<T, F> {
    operation: F,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
    claimed: Arc<AtomicBool>,
    deadline: Instant,
}

impl<T, F> Job for WriteJob<T, F>
where
    T: Send,
    F: Fn(&mut Tables<'_>) -> rusqlite::Result<T> + Send,
{
    fn claim(&self) -> bool {
        !self.reply.is_closed()
            && Instant::now() < self.deadline
            && !self.claimed.swap(true, Ordering::AcqRel)
    }

    fn run(&mut self, tables: &mut Tables<'_>) -> rusqlite::Result<()> {
        self.result = Some((self.operation)(tables)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { result, reply, .. } = *self;
        // The caller may be gone; the job's effect stands.
        let _ = reply.send(outcome.and_then(|()| result.ok_or(StoreError::Unavailable)));
    }
}

/// Runs jobs until every [`Queue`] is dropped and all queued jobs are done.
pub(super) fn write(mut file: DatabaseFile, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
    let mut group = Vec::with_capacity(GROUP);
    while let Some(first) = jobs.blocking_recv() {
        group.push(first);
        while group.len() < GROUP
            && let Ok(next) = jobs.try_recv()
        {
            group.push(next);
        }
        run_group(&mut file, std::mem::take(&mut group));
    }
}

/// Runs a group in one transaction, and answers each job when its outcome is known.
///
/// Jobs hardly ever fail, so at first none gets its own savepoint, which would cost more than its
/// write. If one fails, everything is undone and run again with savepoints.
fn run_group(file: &mut DatabaseFile, group: Group) {
    let Some(connection) = file.connection() else {
        return answer(group, Err(StoreError::Unavailable));
    };
    let (ran, error) = match in_transaction(connection, group) {
        Ok(ran) => ran,
        Err((group, error)) => {
            file.report(&error);
            return answer(group, Err(StoreError::Unavailable));
        }
    };
    if connection.is_autocommit() {
        answer(ran, Err(StoreError::Unavailable));
    } else {
        match execute(connection, "COMMIT") {
            Ok(()) => {
                if error.is_none() {
                    file.works();
                }
                answer(ran, Ok(()));
            }
            Err(error) => {
                // The log may hold the transaction although the commit failed, so a new connection
                // may find it committed.
                file.give_up(&error);
                answer(ran, Err(StoreError::OutcomeUnknown));
            }
        }
    }
    if let Some(error) = error {
        file.report(&error);
    }
}

type Group = Vec<Box<dyn Job>>;

/// Begins a transaction and runs the group in it. Returns the jobs that wait for its commit, and
/// the error of a failed job, if any; failed jobs have been answered. If the transaction is gone
/// by then, so are the effects of the other jobs.
///
/// Fails, returning the unanswered jobs, if no transaction can be begun.
fn in_transaction(
    connection: &Connection,
    group: Group,
) -> Result<(Group, Option<rusqlite::Error>), (Group, rusqlite::Error)> {
    if let Err(error) = execute(connection, "BEGIN IMMEDIATE") {
        return Err((group, error));
    }
    let mut tables = match Tables::new(connection) {
        Ok(tables) => tables,
        Err(error) => return Err((group, undo(connection, error))),
    };
    let mut claimed = Vec::with_capacity(group.len());
    let (mut rest, mut failed) = (group.into_iter(), false);
    for mut job in rest.by_ref() {
        if !job.claim() {
            job.answer(Err(StoreError::Unavailable));
            continue;
        }
        failed = job.run(&mut tables).is_err();
        claimed.push(job);
        if failed {
            break;
        }
    }
    if !failed {
        return Ok((claimed, None));
    }
    match begin_again(connection) {
        Ok(()) => Ok(one_by_one(&mut tables, claimed, rest)),
        Err(error) => {
            claimed.extend(rest);
            Err((claimed, error))
        }
    }
}

/// Rolls the transaction back and begins another.
fn begin_again(connection: &Connection) -> rusqlite::Result<()> {
    // Some errors (disk full, I/O) make SQLite roll the whole transaction back.
    if !connection.is_autocommit() {
        execute(connection, "ROLLBACK")?;
    }
    execute(connection, "BEGIN IMMEDIATE")
}

/// Runs the `claimed` jobs, and those of the `rest` that can still be claimed, each in a
/// savepoint. Returns like [`in_transaction`].
fn one_by_one(
    tables: &mut Tables<'_>,
    claimed: Group,
    rest: impl Iterator<Item = Box<dyn Job>>,
) -> (Group, Option<rusqlite::Error>) {
    let claimed = claimed.into_iter().map(|job| (job, true));
    let mut jobs = claimed.chain(rest.map(|job| (job, false)));
    let (mut ran, mut failed) = (Vec::with_capacity(GROUP), None);
    for (mut job, is_claimed) in jobs.by_ref() {
        if !is_claimed && !job.claim() {
            job.answer(Err(StoreError::Unavailable));
            continue;
        }
        match in_savepoint(tables, job.as_mut()) {
            Ok(()) => ran.push(job),
            Err(error) => {
                job.answer(Err(StoreError::Unavailable));
                failed = Some(error);
                if tables.connection().is_autocommit() {
                    break;
                }
            }
        }
    }
    ran.extend(jobs.map(|(job, _)| job));
    (ran, failed)
}

/// Ends a transaction that changed nothing.
fn undo(connection: &Connection, error: rusqlite::Error) -> rusqlite::Error {
    execute(connection, "ROLLBACK").err().unwrap_or(error)
}

/// Runs a job so that its error undoes only that job; if even that fails, undoes everything.
fn in_savepoint(tables: &mut Tables<'_>, job: &mut dyn Job) -> rusqlite::Result<()> {
    let connection = tables.connection();
    execute(connection, "SAVEPOINT job")?;
    let error = match job.run(tables) {
        Ok(()) => return execute(connection, "RELEASE job"),
        Err(error) => error,
    };
    let undone =
        execute(connection, "ROLLBACK TO job").and_then(|()| execute(connection, "RELEASE job"));
    if undone.is_err() && !connection.is_autocommit() {
        execute(connection, "ROLLBACK")?;
    }
    Err(error)
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}

fn answer(jobs: impl IntoIterator<Item = Box<dyn Job>>, outcome: Result<(), StoreError>) {
    jobs.into_iter().for_each(|job| job.answer(outcome));
}

#[cfg(test)]
mod tests;
