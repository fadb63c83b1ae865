//! A stream that passes on one request at a time and limits how long each phase may take: a request
//! from its first byte to its answer, the idle time between requests, and how long an answer may
//! wait to be read.
//!
//! The HTTP library limits the head of a connection's first request only, and reads as many
//! pipelined requests as arrive, even if their answers are not read
//! (docs/upstream/actix-http-pipelining.md). Without this stream, a stranger could hold any number
//! of connections open with half a second request, or occupy a core and megabytes with one
//! connection.

mod framing;
mod polling;
mod progress;

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::http::StatusCode;
use tokio::io::ReadBuf;
use tokio::time::{Instant, Sleep, sleep_until};

use self::framing::LineScan;
use self::progress::Phase;
pub(super) use self::progress::RequestProgress;
use super::connection_limits::ConnectionSlot;

/// Largest head accepted, in bytes. Large enough for a client certificate chain that a proxy
/// forwards.
const MAX_HEAD: usize = 32 * 1024;

/// Buffer that an idle connection keeps for the next request, in bytes.
const HELD_WHEN_IDLE: usize = 1024;

/// Passed to the library in place of a head that it must not read. The rejected bytes become its
/// body, which is read for a while, so that closing the connection does not lose the refusal.
const REFUSED: &[u8] = b"GET / HTTP/1.1\r\nhost: refused\r\ncontent-length: 1048576\r\n\r\n";

/// When the first byte of the current request arrived; `None` between requests. Available as
/// `conn_data::<RequestBegan>()`.
#[derive(Debug, Clone, Default)]
pub struct RequestBegan(Rc<Cell<Option<Instant>>>);

impl RequestBegan {
    /// The time, if a request is in progress.
    #[must_use]
    pub fn get(&self) -> Option<Instant> {
        self.0.get()
    }
}

/// Time limits of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeLimits {
    /// Longest time from a request's first byte to its answer's first byte.
    pub request: Duration,
    /// Longest idle time between requests.
    pub pause: Duration,
    /// Longest time that written bytes may wait for the client to read them.
    pub answer: Duration,
}

/// A stream with time limits that passes on one request at a time.
pub(super) struct TimedStream<S> {
    stream: S,
    limits: TimeLimits,
    /// When the current request or pause times out.
    until: Instant,
    /// When unread output times out; `None` if nothing is waiting.
    taken_by: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    began: RequestBegan,
    progress: RequestProgress,
    /// Bytes read but not passed on: an incomplete head, or whatever follows the current request.
    held: Vec<u8>,
    head: LineScan,
    /// How many of the held bytes have been scanned for the end of the head.
    scanned: usize,
    /// How many of the held bytes form a complete head.
    whole: usize,
    /// Whether the current answer has been written.
    written: bool,
    /// Whether reading stopped while bytes are held, so that the task must be woken once it may
    /// continue.
    waiting: bool,
    _slot: Option<ConnectionSlot>,
}

impl<S> TimedStream<S> {
    pub(super) fn new(stream: S, limits: TimeLimits, counted: Option<ConnectionSlot>) -> Self {
        // The first request's head is due from the start, like any other.
        let until = Instant::now() + limits.request;
        Self {
            stream,
            limits,
            until,
            taken_by: None,
            timer: Box::pin(sleep_until(until)),
            began: RequestBegan::default(),
            progress: RequestProgress::new(),
            held: Vec::new(),
            head: LineScan::default(),
            scanned: 0,
            whole: 0,
            written: false,
            waiting: false,
            _slot: counted,
        }
    }

    pub(super) fn stream(&self) -> &S {
        &self.stream
    }

    pub(super) fn began(&self) -> RequestBegan {
        self.began.clone()
    }

    pub(super) fn progress(&self) -> RequestProgress {
        self.progress.clone()
    }

    /// Waits for the earliest limit.
    fn poll_limits(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let due = self.taken_by.map_or(self.until, |taken_by| taken_by.min(self.until));
        if self.timer.deadline() != due {
            self.timer.as_mut().reset(due);
        }
        ready!(self.timer.as_mut().poll(context));
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }

    /// Output is blocked: starts the answer's limit and waits for it.
    fn blocked<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let now = Instant::now();
        self.taken_by.get_or_insert(now + self.limits.answer);
        self.poll_limits(context).map(Err)
    }

    /// Bytes were written: of the answer, or before it, such as `100 Continue`.
    fn wrote(&mut self, bytes: usize) {
        let is_answer = matches!(self.progress.phase(), Phase::Responding | Phase::Responded);
        if bytes > 0 && is_answer && self.began.0.take().is_some() {
            self.until = Instant::now() + self.limits.pause;
        }
    }

    /// Ends the request once the answer has been written and the request read.
    fn end_request(&mut self) {
        if !self.written
            || self.progress.phase() != Phase::Responded
            || !self.progress.body_is_over()
        {
            return;
        }
        self.progress.set(Phase::Head);
        self.written = false;
        (self.head, self.scanned) = (LineScan::default(), 0);
        let now = Instant::now();
        if self.held.is_empty() {
            self.held.shrink_to(HELD_WHEN_IDLE);
            self.began.0.set(None);
            self.until = now + self.limits.pause;
        } else {
            self.began.0.set(Some(now));
            self.until = now + self.limits.request;
        }
    }

    /// Passes on those held bytes that the library may have now; returns how many.
    fn hand_on(&mut self, buffer: &mut ReadBuf<'_>) -> usize {
        let room = self.held.len().min(buffer.remaining());
        let bytes = match self.progress.phase() {
            Phase::Head => {
                self.find_head();
                self.whole.min(buffer.remaining())
            }
            Phase::Parsing => 0,
            Phase::Handling | Phase::Responding | Phase::Responded => {
                self.progress.take_of_body(&self.held[..room])
            }
        };
        if bytes == 0 {
            return 0;
        }
        buffer.put_slice(&self.held[..bytes]);
        self.held.drain(..bytes);
        if self.progress.phase() == Phase::Head {
            self.whole -= bytes;
            if self.whole == 0 {
                self.progress.set(Phase::Parsing);
            }
        }
        self.end_request();
        bytes
    }

    /// Looks for the end of the head in the held bytes. Refuses a head that is too large, or one
    /// with a bare LF as a line ending, which an intermediary may parse differently (RFC 9112 2.2).
    fn find_head(&mut self) {
        if self.whole > 0 {
            return;
        }
        let end = self.head.feed(&self.held[self.scanned..]);
        let length = end.map_or(self.held.len(), |end| self.scanned + end);
        self.scanned = length;
        let refusal = if length > MAX_HEAD {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        } else if self.head.bare_lf {
            StatusCode::BAD_REQUEST
        } else {
            self.whole = end.map_or(0, |_| length);
            return;
        };
        self.progress.refuse(refusal);
        self.held.splice(..length, REFUSED.iter().copied());
        self.whole = REFUSED.len();
    }

    /// Whether to read more from the connection. Not while bytes after the current request are
    /// held, so that at most one read's worth is ever buffered.
    fn reads(&self) -> bool {
        match self.progress.phase() {
            Phase::Head => true,
            Phase::Parsing => self.held.is_empty(),
            Phase::Handling | Phase::Responding | Phase::Responded => {
                self.held.is_empty() || !self.progress.body_is_over()
            }
        }
    }

    /// Wakes the connection's task if it stopped reading and may continue.
    fn wake(&mut self, context: &mut Context<'_>) {
        if self.waiting && self.reads() {
            self.waiting = false;
            context.waker().wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests;
