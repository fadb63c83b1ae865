//! The embedded store: one SQLite file, one writer thread, a few readers.
//!
//! A subject's live grant and its budgets share one row, so a call writes at most two rows (the
//! subject's and the number's) and every step of a login reads and writes one. A new code replaces
//! only the grant's columns. The budgets in the same row belong to the user, and only a successful
//! login clears the failure budgets.
//!
//! - The writer commits concurrent requests in groups and answers once the disk has them; it also
//!   reopens the file if necessary.
//! - The readers answer [`Grants::live`] and the reads of [`Registry`](super::registry::Registry),
//!   each over its own connection.
//! - Administrators' commands run in their own processes and use [`SqliteAdministration`].
//! - One more thread copies the log back into the file, and another deletes idle rows.

mod access_keys;
mod administration;
mod authenticator_rows;
mod checkpoint;
mod columns;
mod connection;
mod database_file;
mod personal_records;
mod reader;
mod registry;
mod registry_rows;
mod reported_call_rows;
mod reported_calls;
mod rows;
mod side_connections;
mod steps;
mod sweep;
mod transaction_rows;
mod writer;
mod written_row;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rusqlite::Connection;

pub use administration::SqliteAdministration;
pub use connection::{OpenError, inspect};

use self::database_file::DatabaseFile;
use self::reader::Readers;
use self::rows::{Tables, live_grant};
use self::side_connections::SideConnections;
use self::writer::Queue;
use super::{
    CodeTry, Grants, Issue, IssueRequest, Redemption, Reservation, ReserveRequest, StoreError,
    StoreHealth, Tries,
};
use crate::domain::client_address::ClientAddress;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::grant::{Grant, Purpose, Subject};
use crate::domain::tenant::TenantId;

/// Number of reader threads.
const READERS: usize = 2;

/// Accounts that one read counts: about a millisecond's work.
const COUNTED_AT_ONCE: u32 = 500;

/// Longest wait for another process's lock on the file, and at most a quarter of the timeout.
const LONGEST_BUSY: Duration = Duration::from_millis(500);

/// Grants, budgets and registered users in one SQLite file.
///
/// Its methods may be awaited on any Tokio runtime with its timer enabled. Dropping it finishes the
/// queued steps and joins its threads, which takes milliseconds.
pub struct SqliteStore {
    // Dropped first: the threads end when their queues have no sender left.
    running: Option<Running>,
    threads: Vec<JoinHandle<()>>,
}

struct Running {
    writer: Queue,
    readers: Readers,
    clock: Arc<dyn Clock>,
    /// The last readiness check: when it was made, and its result.
    last_ready: tokio::sync::Mutex<Option<(Instant, Result<(), StoreError>)>>,
    _stops: [mpsc::Sender<()>; 2],
}

/// How long a successful step counts as ready.
const READY_FOR: Duration = Duration::from_secs(1);

impl SqliteStore {
    /// Opens the database at `path`, creating the file (not its folder) if it does not exist.
    ///
    /// No step takes longer than `timeout`, from request to answer. `clock` gives the time at which
    /// a step runs, and so decides what has expired.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub fn open(path: &Path, timeout: Duration, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let sides = Arc::new(SideConnections::new(READERS + 1));
        let busy = LONGEST_BUSY.min(timeout / 4);
        let file = DatabaseFile::open(path.to_owned(), busy, Arc::clone(&sides))?;
        let (writer, steps) = Queue::new(timeout);
        let (readers, questions) = Readers::new(READERS, timeout);
        let (stop_sweep, sweep_stopped) = mpsc::channel();
        let (stop_checkpoints, checkpoints_stopped) = mpsc::channel();
        let sweep_queue = writer.clone();

        // Built first, so that an error below ends the threads already started.
        let ends = [stop_sweep, stop_checkpoints];
        let running = Some(Running {
            writer,
            readers,
            clock: Arc::clone(&clock),
            last_ready: tokio::sync::Mutex::default(),
            _stops: ends,
        });
        let mut store = Self { running, threads: Vec::new() };
        store.spawn("store-write", move || writer::write(file, steps))?;
        for (slot, questions) in questions.into_iter().enumerate() {
            let (sides, clock) = (Arc::clone(&sides), Arc::clone(&clock));
            store.spawn("store-read", move || reader::read(&sides, slot, &*clock, questions))?;
        }
        store.spawn("store-checkpoint", move || {
            checkpoint::keep_short(&sides, READERS, &checkpoints_stopped);
        })?;
        store.spawn("store-sweep", move || sweep::sweep(&sweep_queue, &clock, &sweep_stopped))?;
        Ok(store)
    }

    fn spawn(&mut self, name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(body);
        self.threads.push(thread.map_err(OpenError::Threads)?);
        Ok(())
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs until it is dropped")
    }

    /// Has the writer run `operation`, which gets the time at which it runs.
    async fn step<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Tables<'_>, Timestamp) -> rusqlite::Result<T> + Send + 'static,
    {
        let clock = Arc::clone(&self.running().clock);
        self.running().writer.run(move |tables| operation(tables, clock.now())).await
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.running = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the store had panicked");
            }
        }
    }
}

#[async_trait]
impl Grants for SqliteStore {
    async fn issue(&self, request: IssueRequest) -> Result<Issue, StoreError> {
        self.step(move |tables, now| steps::issue(tables, &request, now)).await
    }

    async fn live(&self, subject: &Subject) -> Result<Option<Grant>, StoreError> {
        let subject = subject.clone();
        let live = move |connection: &Connection, now| live_grant(connection, &subject, now);
        self.running().readers.ask(live).await
    }
}

#[async_trait]
impl Tries for SqliteStore {
    async fn reserve(&self, request: ReserveRequest) -> Result<Reservation, StoreError> {
        self.step(move |tables, now| steps::reserve(tables, &request, now)).await
    }

    async fn give_back(
        &self,
        subject: &Subject,
        reserved: Timestamp,
        from: Option<ClientAddress>,
    ) -> Result<(), StoreError> {
        let subject = subject.clone();
        self.step(move |tables, _| steps::give_back(tables, &subject, reserved, from)).await
    }

    async fn redeem(&self, attempt: CodeTry) -> Result<Redemption, StoreError> {
        self.step(move |tables, now| steps::redeem(tables, &attempt, now)).await
    }

    async fn wrong_code(&self, attempt: CodeTry) -> Result<(), StoreError> {
        self.step(move |tables, now| steps::wrong_code(tables, &attempt, now)).await
    }
}

#[async_trait]
impl StoreHealth for SqliteStore {
    /// Takes the write lock like any step, so that a locked or read-only file is noticed. While
    /// these checks succeed, at most one runs per second.
    async fn ready(&self) -> Result<(), StoreError> {
        let asked_at = Instant::now();
        let mut last = self.running().last_ready.lock().await;
        match *last {
            // Another request checked at the same time.
            Some((at, answer)) if at >= asked_at => return answer,
            Some((at, Ok(()))) if at.elapsed() < READY_FOR => return Ok(()),
            _ => {}
        }
        let answer = self.step(|_, _| Ok(())).await;
        *last = Some((Instant::now(), answer));
        answer
    }

    /// Reads a page at a time, between which the requests' reads run.
    async fn live_codes(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        let (mut count, mut after) = (0, String::new());
        loop {
            let (tenant, from) = (tenant.clone(), after);
            let page = move |connection: &Connection, now: Timestamp| {
                let page =
                    rows::grants_after(connection, &tenant, Purpose::Call, &from, COUNTED_AT_ONCE)?;
                let live = page.iter().filter_map(|(_, stored)| stored.as_ref());
                let live = live.filter(|stored| stored.is_live(now)).count();
                Ok((page.last().map(|(subject, _)| subject.id.clone()), live))
            };
            let (last, live) = self.running().readers.ask(page).await?;
            count += u64::try_from(live).unwrap_or(u64::MAX);
            let Some(last) = last else { return Ok(count) };
            after = last;
            tokio::task::yield_now().await;
        }
    }
}
