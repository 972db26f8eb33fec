//! A client's socket as hyper reads it, with the clock that hyper does not keep: heads may not be slow, and an idle
//! connection may not stay for ever. Must never touch a timer for each request: the clock is set when it has run out.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::guard::Guard;
use crate::Limits;

/// How long a client that has closed its sending side is still given its answer. It may have gone altogether, which
/// looks the same, so that a long answer to nobody must end at some time.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the exchange tells the socket.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// A request is being answered.
    busy: AtomicBool,
    /// How many have begun.
    begun: AtomicUsize,
    /// Its body has not been read to the end.
    body: AtomicBool,
}

impl Activity {
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        self.begun.fetch_add(1, Ordering::Relaxed);
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
    /// How many requests had begun when the phase was looked at last.
    begun: usize,
    guard: Guard,
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
        Self {
            stream,
            read,
            activity,
            phase: Phase::Head(now),
            begun: 0,
            guard: Guard::default(),
            clock,
            idle,
            head,
        }
    }

    /// The socket, and what was read from it and not yet taken.
    pub(super) fn into_parts(self) -> (TcpStream, Bytes) {
        (self.stream, self.read)
    }

    fn observe(&mut self) {
        let begun = self.activity.begun.load(Ordering::Relaxed);
        if begun != self.begun {
            self.begun = begun;
            self.guard.reset();
            self.phase = Phase::Busy;
        }
        if self.phase == Phase::Busy && !self.activity.busy.load(Ordering::Relaxed) {
            self.phase = Phase::Idle(Instant::now());
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

    /// Looks at what was just read; hyper is made to refuse what it would put right in silence.
    fn took(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<()>> {
        match self.phase {
            Phase::Busy if bytes.is_empty() && !self.activity.body.load(Ordering::Relaxed) => {
                self.phase = Phase::Ended(Instant::now());
                return self.poll_ended(cx);
            }
            Phase::Busy | Phase::Ended(_) => return Poll::Ready(Ok(())),
            Phase::Idle(_) => self.phase = Phase::Head(Instant::now()),
            Phase::Head(_) => {}
        }
        if let Err(wrong) = self.guard.check(bytes) {
            tracing::debug!(?wrong, "refused");
            bytes.fill(0);
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
        this.observe();
        let before = buffer.filled().len();
        if !this.read.is_empty() {
            let count = this.read.len().min(buffer.remaining());
            buffer.put_slice(&this.read[..count]);
            this.read.advance(count);
            return this.took(cx, &mut buffer.filled_mut()[before..]);
        }
        if let Phase::Ended(_) = this.phase {
            return this.poll_ended(cx);
        }
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => this.took(cx, &mut buffer.filled_mut()[before..]),
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
