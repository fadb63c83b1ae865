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
mod turn;

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use self::framing::LineScan;
use self::turn::Phase;
pub(super) use self::turn::Turn;
use super::entrance::Place;

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
    turn: Turn,
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
    _place: Option<Place>,
}

impl<S> TimedStream<S> {
    pub(super) fn new(stream: S, limits: TimeLimits, counted: Option<Place>) -> Self {
        // The first request's head is due from the start, like any other.
        let until = Instant::now() + limits.request;
        Self {
            stream,
            limits,
            until,
            taken_by: None,
            timer: Box::pin(sleep_until(until)),
            began: RequestBegan::default(),
            turn: Turn::new(),
            held: Vec::new(),
            head: LineScan::default(),
            scanned: 0,
            whole: 0,
            written: false,
            waiting: false,
            _place: counted,
        }
    }

    pub(super) fn stream(&self) -> &S {
        &self.stream
    }

    pub(super) fn began(&self) -> RequestBegan {
        self.began.clone()
    }

    pub(super) fn turn(&self) -> Turn {
        self.turn.clone()
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
        let is_answer = matches!(self.turn.phase(), Phase::Answering | Phase::Answered);
        if bytes > 0 && is_answer && self.began.0.take().is_some() {
            self.until = Instant::now() + self.limits.pause;
        }
    }

    /// Ends the turn once the answer has been written and the request read.
    fn end_turn(&mut self) {
        if !self.written || self.turn.phase() != Phase::Answered || !self.turn.body_is_over() {
            return;
        }
        self.turn.set(Phase::Head);
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
        let bytes = match self.turn.phase() {
            Phase::Head => {
                self.find_head();
                self.whole.min(buffer.remaining())
            }
            Phase::Given => 0,
            Phase::Asked | Phase::Answering | Phase::Answered => {
                self.turn.take_of_body(&self.held[..room])
            }
        };
        if bytes == 0 {
            return 0;
        }
        buffer.put_slice(&self.held[..bytes]);
        self.held.drain(..bytes);
        if self.turn.phase() == Phase::Head {
            self.whole -= bytes;
            if self.whole == 0 {
                self.turn.set(Phase::Given);
            }
        }
        self.end_turn();
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
        self.turn.refuse(refusal);
        self.held.splice(..length, REFUSED.iter().copied());
        self.whole = REFUSED.len();
    }

    /// Whether to read more from the connection. Not while bytes after the current request are
    /// held, so that at most one read's worth is ever buffered.
    fn reads(&self) -> bool {
        match self.turn.phase() {
            Phase::Head => true,
            Phase::Given => self.held.is_empty(),
            Phase::Asked | Phase::Answering | Phase::Answered => {
                self.held.is_empty() || !self.turn.body_is_over()
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

impl<S: AsyncRead + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if Instant::now() >= this.until {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        this.waiting = false;
        loop {
            if this.hand_on(buffer) > 0 {
                return Poll::Ready(Ok(()));
            }
            if !this.reads() {
                this.waiting = true;
                return this.poll_limits(context).map(Err);
            }
            let before = buffer.filled().len();
            match Pin::new(&mut this.stream).poll_read(context, buffer) {
                Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                    this.held.extend_from_slice(&buffer.filled()[before..]);
                    buffer.set_filled(before);
                    if this.turn.phase() == Phase::Head && this.began.get().is_none() {
                        let now = Instant::now();
                        this.began.0.set(Some(now));
                        this.until = now + this.limits.request;
                    }
                }
                Poll::Ready(end) => return Poll::Ready(end),
                Poll::Pending => {
                    return this.poll_limits(context).map(Err);
                }
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write(context, bytes) {
            Poll::Ready(written) => {
                this.wrote(*written.as_ref().unwrap_or(&0));
                Poll::Ready(written)
            }
            Poll::Pending => this.blocked(context),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write_vectored(context, slices) {
            Poll::Ready(written) => {
                this.wrote(*written.as_ref().unwrap_or(&0));
                Poll::Ready(written)
            }
            Poll::Pending => this.blocked(context),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// The library flushes after each poll of the app, once it has nothing left to write.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_flush(context) {
            Poll::Ready(Ok(())) => {
                this.taken_by = None;
                if this.turn.phase() == Phase::Answered {
                    this.written = true;
                    this.end_turn();
                }
                this.wake(context);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(error) => Poll::Ready(error),
            Poll::Pending => this.blocked(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_shutdown(context) {
            Poll::Pending => this.blocked(context),
            done @ Poll::Ready(_) => done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_http::Request;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const LIMITS: TimeLimits = TimeLimits {
        request: Duration::from_secs(10),
        pause: Duration::from_secs(75),
        answer: Duration::from_secs(5),
    };

    const HEAD: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    #[tokio::test(start_paused = true)]
    async fn a_request_that_trickles_ends_at_its_limit_and_an_answered_one_starts_anew() {
        let (mut client, server) = tokio::io::duplex(64);
        let secs = Duration::from_secs;
        let mut server = TimedStream::new(server, LIMITS, None);
        for _ in 0..3 {
            client.write_all(HEAD).await.unwrap();
            server.read_exact(&mut [0; HEAD.len()]).await.unwrap();
            assert!(server.began().get().is_some());
            server.turn().ask(&mut Request::new());
            tokio::time::advance(secs(9)).await;
            server.turn().answering();
            server.write_all(b"y").await.unwrap();
            server.turn().answered();
            server.flush().await.unwrap();
            assert!(server.began().get().is_none());
            tokio::time::advance(secs(70)).await;
        }
        let trickling = async {
            for byte in HEAD.iter().take(11) {
                client.write_all(&[*byte]).await.unwrap();
                tokio::time::sleep(secs(1)).await;
            }
        };
        let (read, ()) = tokio::join!(server.read_u8(), trickling);
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_at_its_limit() {
        let (_client, server) = tokio::io::duplex(64);
        let mut server = TimedStream::new(server, LIMITS, None);
        assert_eq!(server.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    /// Reads whatever is available without waiting.
    async fn read_at_once(server: &mut TimedStream<tokio::io::DuplexStream>) -> String {
        let mut read = Vec::with_capacity(1 << 16);
        loop {
            let more = tokio::time::timeout(Duration::ZERO, server.read_buf(&mut read)).await;
            if !matches!(more, Ok(Ok(1..))) {
                return String::from_utf8(read).unwrap();
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_request_is_handed_on_when_the_answer_before_it_is_out() {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let mut server = TimedStream::new(server, LIMITS, None);
        let requests: Vec<String> =
            (0..20).map(|n| format!("GET /{n} HTTP/1.1\r\nhost: a\r\n\r\n")).collect();
        client.write_all(requests.concat().as_bytes()).await.unwrap();
        for request in &requests {
            assert_eq!(read_at_once(&mut server).await, *request);
            assert_eq!(read_at_once(&mut server).await, "");
            server.turn().ask(&mut Request::new());
            server.turn().answering();
            server.write_all(b"y").await.unwrap();
            server.turn().answered();
            assert_eq!(read_at_once(&mut server).await, "");
            server.flush().await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_taken_ends_the_connection() {
        let (_client, server) = tokio::io::duplex(64);
        let mut server = TimedStream::new(server, LIMITS, None);
        let began = Instant::now();
        let ended = server.write_all(&[0; 1000]).await.unwrap_err();
        assert_eq!((ended.kind(), began.elapsed().as_secs()), (io::ErrorKind::TimedOut, 5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_is_too_large_or_has_bare_line_ends_is_replaced() {
        let large = format!("GET / HTTP/1.1\r\nx: {}", "a".repeat(MAX_HEAD));
        let bare = "GET / HTTP/1.1\nhost: a\r\n\r\n".to_owned();
        for (head, status) in [(large, 431), (bare, 400)] {
            let (mut client, server) = tokio::io::duplex(1 << 17);
            let mut server = TimedStream::new(server, LIMITS, None);
            client.write_all(head.as_bytes()).await.unwrap();
            assert_eq!(read_at_once(&mut server).await.as_bytes(), REFUSED);
            let refused = server.turn().ask(&mut Request::new());
            assert_eq!(refused.map(|status| status.as_u16()), Some(status));
        }
    }
}
