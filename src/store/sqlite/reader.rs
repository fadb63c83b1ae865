//! The reader threads, each with its own connection, so that a read neither waits for a commit to
//! reach the disk nor blocks an async worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::side_connections::SideConnections;
use crate::domain::clock::{Clock, Timestamp};
use crate::store::StoreError;
use crate::telemetry::node_metrics;

/// Maximum number of jobs queued at one reader.
const QUEUE: usize = 4096;

/// One job, with any type of answer.
pub(super) trait Job: Send {
    /// Whether its caller still waits, within its deadline.
    fn is_waited_for(&self) -> bool;

    /// Reads and answers; without a connection the answer is an error. Errors go to `report` first.
    fn answer(
        self: Box<Self>,
        connection: Option<&Connection>,
        now: Timestamp,
        report: &dyn Fn(&rusqlite::Error),
    );
}

struct ReadJob<T, F> {
    read: F,
    reply: oneshot::Sender<Result<T, StoreError>>,
    deadline: Instant,
}

impl<T, F> Job for ReadJob<T, F>
where
    T: Send,
    F: FnOnce(&Connection, Timestamp) -> rusqlite::Result<T> + Send,
{
    fn is_waited_for(&self) -> bool {
        !self.reply.is_closed() && Instant::now() < self.deadline
    }

    fn answer(
        self: Box<Self>,
        connection: Option<&Connection>,
        now: Timestamp,
        report: &dyn Fn(&rusqlite::Error),
    ) {
        let Self { read, reply, .. } = *self;
        let found = connection.ok_or(StoreError::Unavailable).and_then(|connection| {
            read(connection, now).map_err(|error| {
                report(&error);
                StoreError::Unavailable
            })
        });
        // The caller may be gone.
        let _ = reply.send(found);
    }
}

type Jobs = mpsc::Receiver<Box<dyn Job>>;

/// The readers' queues, used in next.
pub(super) struct Readers {
    queues: Vec<mpsc::Sender<Box<dyn Job>>>,
    next: AtomicUsize,
    timeout: Duration,
}

impl Readers {
    /// Queues for this many readers, and their receivers.
    pub(super) fn new(readers: usize, timeout: Duration) -> (Self, Vec<Jobs>) {
        let (queues, receivers) = (0..readers).map(|_| mpsc::channel(QUEUE)).unzip();
        (Self { queues, next: AtomicUsize::new(0), timeout }, receivers)
    }

    /// Has a reader run `read`, which gets the time at which it runs and writes nothing. It sees
    /// everything answered before it was requested, because it reads the data committed by then.
    pub(super) async fn ask<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, Timestamp) -> rusqlite::Result<T> + Send + 'static,
    {
        let asked = Instant::now();
        let deadline = asked + self.timeout;
        let (reply, answer) = oneshot::channel();
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.queues.len();
        self.queues[next]
            .try_send(Box::new(ReadJob { read, reply, deadline }))
            .map_err(|_| StoreError::Unavailable)?;
        let answer = match tokio::time::timeout_at(deadline.into(), answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(StoreError::Unavailable),
        };
        node_metrics::store().reads.record(asked.elapsed());
        answer
    }
}

/// Answers jobs until the queue is gone.
pub(super) fn read(sides: &Arc<SideConnections>, slot: usize, clock: &dyn Clock, mut jobs: Jobs) {
    while let Some(job) = jobs.blocking_recv() {
        if job.is_waited_for() {
            let connection = sides.slot(slot);
            job.answer(connection.as_ref(), clock.now(), &|error| sides.report(error));
        }
    }
}
