//! Writes log lines and audit events: each output has a bounded queue and its own thread, so that a
//! slow disk or an unread pipe never delays a request.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use super::metrics;

/// The `target` of audit events among the log lines.
pub const AUDIT_TARGET: &str = "audit";

/// Maximum number of queued bytes up to which log lines are accepted.
const MOST_LOG: usize = 4 * 1024 * 1024;

/// Maximum number of queued bytes. Log lines leave the rest to the audit trail.
const MOST: usize = 8 * 1024 * 1024;

/// Maximum number of bytes per write. Written lines are acknowledged after each write.
const PIECE: usize = 64 * 1024;

/// Delay before the next attempt after a failed write.
const AGAIN: Duration = Duration::from_secs(1);

/// A write that takes longer counts as failing: the pipe is not being read, or the disk hangs.
const STUCK: Duration = Duration::from_secs(2);

/// Formats the lines that report how many log lines and audit events were lost.
pub type Losses = Box<dyn Fn(u64, u64) -> Vec<u8> + Send>;

/// One output. Clones share it.
#[derive(Clone)]
pub struct Output(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    /// Signals that there is something to write.
    more: Condvar,
    /// Signals that the thread has ended.
    ended: Condvar,
    began: Instant,
    /// When the current write began, in milliseconds since `began`, plus one; 0 if there is none.
    writing_since: AtomicU64,
    /// Whether [`Queue::failing`] is set.
    is_failing: AtomicBool,
}

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    lines: Vec<Line>,
    /// Replaces the file before anything else is written.
    reopened: Option<File>,
    /// Why the last write failed, if it did.
    failing: Option<String>,
    lost: Lost,
    is_closed: bool,
    has_ended: bool,
}

/// Lines lost since the last line that reports losses.
#[derive(Default, Clone, Copy)]
struct Lost {
    log: u64,
    audit: u64,
}

impl Lost {
    const fn is_none(self) -> bool {
        self.log == 0 && self.audit == 0
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Log,
    Audit,
}

/// A line in a queue's bytes.
struct Line {
    end: usize,
    kind: Kind,
    /// The sender that acknowledges that it was written, if a request waits for it.
    written: Option<oneshot::Sender<()>>,
}

impl Output {
    /// Starts the thread that writes to `file`. Log lines about it use `name`.
    ///
    /// # Errors
    /// The operating system's error if it refuses another thread.
    pub fn start(name: &'static str, file: File, losses: Losses) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            more: Condvar::new(),
            ended: Condvar::new(),
            began: Instant::now(),
            writing_since: AtomicU64::new(0),
            is_failing: AtomicBool::new(false),
        });
        let writer = Writer { name, shared: Arc::clone(&shared), file, losses, is_torn: false };
        std::thread::Builder::new().name("lines".to_owned()).spawn(move || writer.run())?;
        Ok(Self(shared))
    }

    /// Writes to `file` from now on.
    pub fn reopen(&self, file: File) {
        self.0.queue().reopened = Some(file);
        self.0.more.notify_one();
    }

    /// Why lines cannot be written; `None` if they can.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        if let Some(stuck) = self.0.stuck_for() {
            return Some(format!("a write has not ended for {} s", stuck.as_secs()));
        }
        self.0.queue().failing.clone()
    }

    /// Whether lines cannot be written.
    #[must_use]
    pub fn is_in_trouble(&self) -> bool {
        self.0.is_failing.load(Ordering::Relaxed) || self.0.stuck_for().is_some()
    }

    /// How many bytes wait to be written, and how many may.
    #[must_use]
    pub fn queued(&self) -> (usize, usize) {
        (self.0.queue().bytes.len(), MOST)
    }

    /// Closes the queue and waits, for at most `patience`, until its lines are written.
    pub fn finish(&self, patience: Duration) {
        let mut queue = self.0.queue();
        queue.is_closed = true;
        self.0.more.notify_one();
        let waits = |queue: &mut Queue| !queue.has_ended;
        drop(self.0.ended.wait_timeout_while(queue, patience, waits));
    }

    fn put(&self, line: &[u8], kind: Kind, written: Option<oneshot::Sender<()>>) {
        let mut queue = self.0.queue();
        let most = if kind == Kind::Log { MOST_LOG } else { MOST };
        if queue.is_closed || queue.bytes.len() + line.len() > most {
            return queue.lose(kind);
        }
        // The thread takes all queued lines at once: if there are any, it has already been woken.
        let is_first = queue.lines.is_empty();
        queue.bytes.extend_from_slice(line);
        let end = queue.bytes.len();
        queue.lines.push(Line { end, kind, written });
        drop(queue);
        if is_first {
            self.0.more.notify_one();
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    fn stuck_for(&self) -> Option<Duration> {
        let since = self.writing_since.load(Ordering::Relaxed);
        let taken = Duration::from_millis(self.now().saturating_sub(since));
        (since != 0 && taken > STUCK).then_some(taken)
    }
}

impl Queue {
    fn lose(&mut self, kind: Kind) {
        match kind {
            Kind::Log => {
                self.lost.log += 1;
                metrics::log_line_lost();
            }
            Kind::Audit => {
                self.lost.audit += 1;
                metrics::audit_event_lost();
            }
        }
    }
}

/// The state of the writing thread.
struct Writer {
    name: &'static str,
    shared: Arc<Shared>,
    file: File,
    losses: Losses,
    /// Whether the file ends with an incomplete line.
    is_torn: bool,
}

impl Writer {
    fn run(mut self) {
        let (mut bytes, mut lines) = (Vec::new(), Vec::new());
        while let Some(work) = self.next(&mut bytes, &mut lines) {
            if let Some(file) = work.reopened {
                self.file = file;
                self.is_torn = false;
            }
            let done = self.report_losses(work.lost).and_then(|()| self.write(&bytes, &mut lines));
            let mut queue = self.shared.queue();
            for line in lines.drain(..) {
                queue.lose(line.kind);
            }
            self.shared.is_failing.store(done.is_err(), Ordering::Relaxed);
            if let Err(error) = &done
                && queue.failing.is_none()
            {
                let error = error.to_string();
                queue.failing = Some(error.clone());
                drop(queue);
                // Goes to the log's queue, so it is lost too if that is the failing one.
                tracing::error!(
                    error,
                    "{} cannot be written, and its lines are lost; free disk space or fix the file or pipe",
                    self.name
                );
            } else if done.is_ok() {
                queue.failing = None;
            }
            bytes.clear();
            bytes.shrink_to(4 * PIECE);
        }
        self.shared.queue().has_ended = true;
        self.shared.ended.notify_all();
    }

    /// Waits for something to do; `None` once the queue is closed and empty.
    fn next(&self, bytes: &mut Vec<u8>, lines: &mut Vec<Line>) -> Option<Work> {
        let mut queue = self.shared.queue();
        loop {
            if !queue.lines.is_empty() || queue.reopened.is_some() {
                break;
            }
            if queue.is_closed {
                return None;
            }
            if queue.failing.is_none() && queue.lost.is_none() {
                queue = self.shared.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let waited = self.shared.more.wait_timeout(queue, AGAIN);
            let (woken, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            if waited.timed_out() {
                break;
            }
        }
        std::mem::swap(&mut queue.bytes, bytes);
        std::mem::swap(&mut queue.lines, lines);
        Some(Work { reopened: queue.reopened.take(), lost: queue.lost })
    }

    /// Writes the lines that report earlier losses, if any.
    fn report_losses(&mut self, lost: Lost) -> io::Result<()> {
        if lost.is_none() {
            return Ok(());
        }
        let report = (self.losses)(lost.log, lost.audit);
        self.write(&report, &mut Vec::new())?;
        let mut queue = self.shared.queue();
        queue.lost.log -= lost.log;
        queue.lost.audit -= lost.audit;
        Ok(())
    }

    /// Writes `bytes`; removes the written lines from `lines` and acknowledges them.
    fn write(&mut self, bytes: &[u8], lines: &mut Vec<Line>) -> io::Result<()> {
        if self.is_torn {
            self.piece(b"\n")?;
            self.is_torn = false;
        }
        let mut at = 0;
        while at < bytes.len() {
            let piece = &bytes[at..bytes.len().min(at + PIECE)];
            match self.piece(piece) {
                Ok(written) => at += written,
                Err(error) => {
                    self.is_torn = at > 0 && bytes[at - 1] != b'\n';
                    return Err(error);
                }
            }
            let whole = lines.partition_point(|line| line.end <= at);
            for line in lines.drain(..whole) {
                // The request may have given up waiting.
                let _ = line.written.map(|written| written.send(()));
            }
        }
        Ok(())
    }

    fn piece(&mut self, piece: &[u8]) -> io::Result<usize> {
        loop {
            self.shared.writing_since.store(self.shared.now(), Ordering::Relaxed);
            let written = self.file.write(piece);
            match written {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Another process made the pipe non-blocking; treated as a stuck write.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Ok(0) => return self.ended(Err(io::ErrorKind::WriteZero.into())),
                written => return self.ended(written),
            }
        }
    }

    fn ended<T>(&self, written: io::Result<T>) -> io::Result<T> {
        self.shared.writing_since.store(0, Ordering::Relaxed);
        written
    }
}

/// The thread's next work, apart from the lines.
struct Work {
    reopened: Option<File>,
    lost: Lost,
}

thread_local! {
    /// The sender that acknowledges the next audit line of this thread.
    static WAITS: RefCell<Option<oneshot::Sender<()>>> = const { RefCell::new(None) };
}

/// Reports when a line has been written.
#[derive(Debug)]
pub struct Acknowledgement(oneshot::Receiver<()>);

impl Acknowledgement {
    /// Whether the line was written by `deadline`.
    pub async fn came(self, deadline: tokio::time::Instant) -> bool {
        tokio::time::timeout_at(deadline, self.0).await.is_ok_and(|written| written.is_ok())
    }
}

/// Runs `event`, which logs one audit event, and returns the acknowledgement of its line.
pub fn acknowledged(event: impl FnOnce()) -> Acknowledgement {
    let (sender, receiver) = oneshot::channel();
    WAITS.set(Some(sender));
    event();
    // Cleared in case `event` logged nothing.
    WAITS.take();
    Acknowledgement(receiver)
}

/// Queues each write, which is one line, at an output.
pub struct LineWriter<'a> {
    output: &'a Output,
    kind: Kind,
}

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = if self.kind == Kind::Audit { WAITS.take() } else { None };
        self.output.put(line, self.kind, written);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter { output: self, kind: Kind::Log }
    }

    fn make_writer_for(&'a self, of: &Metadata<'_>) -> LineWriter<'a> {
        let kind = if of.target() == AUDIT_TARGET { Kind::Audit } else { Kind::Log };
        LineWriter { output: self, kind }
    }
}
