//! A stream that bounds how long one request may take, from its first byte to the first byte of
//! its answer, and how long nothing may come between two.
//!
//! The HTTP library bounds the head of a connection's first request only; without this, a
//! stranger could hold any number of connections open with half a second one.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// When the first byte of the request at hand came; `None` between requests. Found as
/// `conn_data::<RequestBegan>()`.
#[derive(Debug, Clone, Default)]
pub struct RequestBegan(Rc<Cell<Option<Instant>>>);

impl RequestBegan {
    /// The time, if it is known.
    #[must_use]
    pub fn get(&self) -> Option<Instant> {
        self.0.get()
    }
}

/// A stream with a time limit on each request and on each pause.
pub(super) struct Paced<S> {
    stream: S,
    /// Longest time from a request's first byte to its answer's.
    request: Duration,
    /// Longest time without a request.
    pause: Duration,
    until: Instant,
    timer: Pin<Box<Sleep>>,
    began: RequestBegan,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, request: Duration, pause: Duration) -> Self {
        // The head of the first request is due as that of any other, from the start.
        let until = Instant::now() + request;
        let timer = Box::pin(sleep_until(until));
        Self { stream, request, pause, until, timer, began: RequestBegan::default() }
    }

    pub(super) fn stream(&self) -> &S {
        &self.stream
    }

    pub(super) fn began(&self) -> RequestBegan {
        self.began.clone()
    }

    fn due_in(&mut self, limit: Duration) {
        self.until = Instant::now() + limit;
        self.timer.as_mut().reset(self.until);
    }

    fn answered(&mut self, written: usize) {
        if written > 0 && self.began.0.take().is_some() {
            self.due_in(self.pause);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if Instant::now() >= this.until {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Ready(read) => {
                if buffer.filled().len() > before && this.began.get().is_none() {
                    this.began.0.set(Some(Instant::now()));
                    this.due_in(this.request);
                }
                Poll::Ready(read)
            }
            Poll::Pending => {
                ready!(this.timer.as_mut().poll(context));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write(context, bytes))?;
        this.answered(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write_vectored(context, slices))?;
        this.answered(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(start_paused = true)]
    async fn a_request_that_trickles_ends_at_its_limit_and_an_answered_one_starts_anew() {
        let (mut client, server) = tokio::io::duplex(64);
        let secs = Duration::from_secs;
        let mut server = Paced::new(server, secs(10), secs(75));
        for _ in 0..3 {
            client.write_all(b"x").await.unwrap();
            assert_eq!(server.read_u8().await.unwrap(), b'x');
            assert!(server.began().get().is_some());
            tokio::time::advance(secs(9)).await;
            server.write_all(b"y").await.unwrap();
            assert!(server.began().get().is_none());
            tokio::time::advance(secs(70)).await;
        }
        client.write_all(b"x").await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), b'x');
        for _ in 0..9 {
            client.write_all(b"x").await.unwrap();
            tokio::time::advance(secs(1)).await;
            assert_eq!(server.read_u8().await.unwrap(), b'x');
        }
        tokio::time::advance(secs(1)).await;
        client.write_all(b"x").await.unwrap();
        assert_eq!(server.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_at_its_limit() {
        let (_client, server) = tokio::io::duplex(64);
        let mut server = Paced::new(server, Duration::from_secs(10), Duration::from_secs(75));
        assert_eq!(server.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
