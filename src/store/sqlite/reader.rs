//! The threads that read, each with a connection of its own, so that a read waits neither for the
//! disk to take a commit nor keeps an async worker from its other requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::link::Beside;
use super::rows::live_grant;
use crate::domain::clock::Clock;
use crate::domain::grant::{Grant, Subject};
use crate::store::StoreError;

/// Most questions that may wait at one reader.
const QUEUE: usize = 4096;

/// A question for a subject's live grant.
pub(super) struct Question {
    subject: Subject,
    reply: oneshot::Sender<Result<Option<Grant>, StoreError>>,
    deadline: Instant,
}

/// Where questions are put: each reader has its own queue, and they take turns.
pub(super) struct Readers {
    queues: Vec<mpsc::Sender<Question>>,
    next: AtomicUsize,
    timeout: Duration,
}

impl Readers {
    /// Queues for this many readers, and the ends that they take from.
    pub(super) fn new(readers: usize, timeout: Duration) -> (Self, Vec<mpsc::Receiver<Question>>) {
        let (queues, receivers) = (0..readers).map(|_| mpsc::channel(QUEUE)).unzip();
        (Self { queues, next: AtomicUsize::new(0), timeout }, receivers)
    }

    /// The subject's live grant. Sees all that was answered before: a read begins after it is
    /// asked, on what was committed by then.
    pub(super) async fn live(&self, subject: Subject) -> Result<Option<Grant>, StoreError> {
        let deadline = Instant::now() + self.timeout;
        let (reply, answer) = oneshot::channel();
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.queues.len();
        self.queues[turn]
            .try_send(Question { subject, reply, deadline })
            .map_err(|_| StoreError::Unavailable)?;
        match tokio::time::timeout_at(deadline.into(), answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(StoreError::Unavailable),
        }
    }
}

/// Answers questions until the queue is gone.
pub(super) fn read(
    beside: &Arc<Beside>,
    slot: usize,
    clock: &dyn Clock,
    mut questions: mpsc::Receiver<Question>,
) {
    while let Some(question) = questions.blocking_recv() {
        if question.reply.is_closed() || Instant::now() >= question.deadline {
            continue;
        }
        let answer = match beside.slot(slot).as_ref() {
            Some(connection) => {
                live_grant(connection, &question.subject, clock.now()).map_err(|error| {
                    beside.report(&error);
                    StoreError::Unavailable
                })
            }
            None => Err(StoreError::Unavailable),
        };
        // Nobody may be waiting any more.
        let _ = question.reply.send(answer);
    }
}
