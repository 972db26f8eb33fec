//! A client's socket as hyper reads it, with the clock that hyper does not keep: heads may not be slow, and an idle
//! connection may not stay for ever. Must never touch a timer for each request: the clock is set when it has run out.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::Limits;

/// How long a client that has closed its sending side is still given its answer. It may have gone altogether, which
/// looks the same, so that a long answer to nobody must end at some time.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the exchange tells the socket.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// A request is being answered.
    busy: AtomicBool,
    /// Its body has not been read to the end.
    body: AtomicBool,
}

impl Activity {
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        self.busy.store(true, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    pub(super) fn body_open(&self, open: bool) {
        self.body.store(open, Ordering::Relaxed);
    }
}

/// A request is being answered until this is dropped.
#[derive(Debug)]
pub(super) struct Busy(Arc<Activity>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Relaxed);
    }
}

/// What the connection is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// For a request, since then.
    Idle(Instant),
    /// For the rest of a head, since then.
    Head(Instant),
    /// For the front.
    Busy,
    /// For the front, by a client that sends no more since then.
    Ended(Instant),
}

/// The socket.
#[derive(Debug)]
pub(crate) struct ClientIo {
    stream: TcpStream,
    /// Bytes that were read before HTTP was recognised.
    read: Bytes,
    activity: Arc<Activity>,
    phase: Phase,
    clock: Pin<Box<Sleep>>,
    idle: Duration,
    head: Duration,
}

impl ClientIo {
    pub(super) fn new(stream: TcpStream, read: Bytes, activity: Arc<Activity>, limits: &Limits) -> Self {
        let (idle, head) = (Duration::from_millis(limits.idle_ms), Duration::from_millis(limits.head_ms));
        let now = Instant::now();
        let clock = Box::pin(sleep_until(now + head));
        // A new connection has been opened for a request: it is not idle, it is slow.
        Self { stream, read, activity, phase: Phase::Head(now), clock, idle, head }
    }

    /// The socket, and what was read from it and not yet taken.
    pub(super) fn into_parts(self) -> (TcpStream, Bytes) {
        (self.stream, self.read)
    }

    fn observe(&mut self) {
        let busy = self.activity.busy.load(Ordering::Relaxed);
        match self.phase {
            Phase::Idle(_) | Phase::Head(_) if busy => self.phase = Phase::Busy,
            Phase::Busy if !busy => self.phase = Phase::Idle(Instant::now()),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Idle(since) => Some(since + self.idle),
            Phase::Head(since) => Some(since + self.head),
            Phase::Ended(since) => Some(since + PATIENCE),
            Phase::Busy => None,
        }
    }

    /// Ready when the client was too slow.
    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline() else { return Poll::Pending };
        if deadline < self.clock.deadline() {
            self.clock.as_mut().reset(deadline);
        }
        while self.clock.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            self.clock.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    fn took(&mut self, cx: &mut Context<'_>, count: usize) -> Poll<io::Result<()>> {
        let whole = !self.activity.body.load(Ordering::Relaxed);
        match self.phase {
            Phase::Busy if count == 0 && whole => {
                self.phase = Phase::Ended(Instant::now());
                return self.poll_ended(cx);
            }
            Phase::Idle(_) => self.phase = Phase::Head(Instant::now()),
            _ => {}
        }
        Poll::Ready(Ok(()))
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.activity.busy.load(Ordering::Relaxed) {
            ready!(self.poll_clock(cx));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.read.is_empty() {
            let count = this.read.len().min(buffer.remaining());
            buffer.put_slice(&this.read[..count]);
            this.read.advance(count);
            return Poll::Ready(Ok(()));
        }
        this.observe();
        if let Phase::Ended(_) = this.phase {
            return this.poll_ended(cx);
        }
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => this.took(cx, buffer.filled().len() - before),
            Poll::Ready(Err(e)) => Poll::Ready(Err(e)),
            Poll::Pending => {
                ready!(this.poll_clock(cx));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client was too slow")))
            }
        }
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }
}
