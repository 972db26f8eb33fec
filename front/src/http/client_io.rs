//! A client's socket as hyper reads it, with the clock that hyper does not keep: heads may not be slow, and an idle
//! connection may not stay for ever. One request at a time is given out, and none before the last one is answered, so
//! that every head and every body is looked at. Must never touch a timer for each request: the clock is set when it has
//! run out.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::activity::Activity;
use super::guard::{Guard, Wrong};
use super::linger::Linger;
use crate::Limits;
use crate::limits::REST;

/// How long a client that has closed its sending side is still given its answer. It may have gone altogether, which
/// looks the same, so that a long answer to nobody must end at some time.
const PATIENCE: Duration = Duration::from_secs(5);

/// The end of a head that no reader takes for one that is right.
const POISON: &[u8] = b"\0\r\n\r\n";

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
    /// Bytes that were read and not yet given out.
    read: Bytes,
    activity: Arc<Activity>,
    phase: Phase,
    /// How many requests had begun when the phase was looked at last.
    begun: usize,
    /// How many were given out to the end.
    given: usize,
    guard: Guard,
    clock: Pin<Box<Sleep>>,
    /// The client has taken nothing since then.
    stalled: Option<Instant>,
    /// Nothing is left that was written and not sent.
    flushed: bool,
    linger: Option<Linger>,
    idle: Duration,
    head: Duration,
    send: Duration,
}

impl ClientIo {
    pub(super) fn new(stream: TcpStream, read: Bytes, activity: Arc<Activity>, limits: &Limits) -> Self {
        let now = Instant::now();
        let begun = activity.begun();
        // A connection comes here with a request's first byte: it is not idle, it is slow.
        Self {
            stream,
            read,
            activity,
            phase: Phase::Head(now),
            begun,
            given: begun,
            guard: Guard::default(),
            clock: Box::pin(sleep_until(now + limits.head())),
            stalled: None,
            flushed: true,
            linger: None,
            idle: limits.idle(),
            head: limits.head(),
            send: limits.send(),
        }
    }

    /// The socket, and what was read from it and not yet taken.
    pub(super) fn into_parts(self) -> (TcpStream, Bytes) {
        (self.stream, self.read)
    }

    fn observe(&mut self) {
        let begun = self.activity.begun();
        if begun != self.begun {
            self.begun = begun;
            self.phase = Phase::Busy;
        }
        if self.phase == Phase::Busy && !self.activity.is_busy() {
            self.phase = Phase::Idle(Instant::now());
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Idle(since) if self.may_rest() => Some(since + REST.min(self.idle)),
            Phase::Idle(since) => Some(since + self.idle),
            Phase::Head(since) => Some(since + self.head),
            Phase::Ended(since) => Some(since + PATIENCE),
            Phase::Busy => None,
        }
    }

    /// Nothing of the connection is anywhere but in the socket.
    fn may_rest(&self) -> bool {
        self.flushed && self.read.is_empty() && self.guard.is_fresh()
    }

    /// Ready when the client was too slow.
    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline() else { return Poll::Pending };
        ready!(self.poll_until(cx, deadline));
        if matches!(self.phase, Phase::Idle(_)) && self.may_rest() {
            self.activity.rest();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
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

    /// The request that was given out is answered, and the next one may follow.
    fn is_answered(&self) -> bool {
        self.begun == self.given && !self.activity.is_busy()
    }

    /// Gives out what belongs to the request that is being read, of what was just put into the buffer from there on;
    /// answers how much of it that is. hyper is made to refuse what it would put right in silence.
    fn give(&mut self, buffer: &mut ReadBuf<'_>, from: usize) -> io::Result<usize> {
        if let Phase::Idle(_) = self.phase {
            self.phase = Phase::Head(Instant::now());
        }
        let bytes = &buffer.filled()[from..];
        let (all, result) = (bytes.len(), self.guard.check(bytes));
        match result {
            Ok(taken) => {
                self.given += usize::from(self.guard.is_at_end());
                buffer.set_filled(from + taken);
                Ok(taken)
            }
            Err(wrong) if wrong != Wrong::Chunk && buffer.capacity() >= from + POISON.len() => {
                tracing::debug!(?wrong, "refused");
                buffer.set_filled(from);
                buffer.put_slice(POISON);
                Ok(all)
            }
            Err(_) => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "the request is not framed as it should be"))
            }
        }
    }

    fn give_read(&mut self, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        let before = buffer.filled().len();
        let count = self.read.len().min(buffer.remaining());
        buffer.put_slice(&self.read[..count]);
        let taken = self.give(buffer, before)?;
        self.read.advance(taken);
        Ok(())
    }

    /// As [`Self::give`], of what has just come; what is not given out is kept.
    fn give_fresh(&mut self, buffer: &mut ReadBuf<'_>, from: usize) -> io::Result<()> {
        let all = buffer.filled().len();
        let taken = self.give(buffer, from)?;
        if from + taken < all {
            buffer.set_filled(all);
            self.read = Bytes::copy_from_slice(&buffer.filled()[from + taken..]);
            buffer.set_filled(from + taken);
        }
        Ok(())
    }

    /// Between the end of one request and the beginning of the next.
    fn poll_held(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            let before = buffer.filled().len();
            match Pin::new(&mut self.stream).poll_read(cx, buffer) {
                Poll::Ready(Ok(())) if buffer.filled().len() == before => return self.poll_end(cx),
                Poll::Ready(Ok(())) => {
                    self.read = Bytes::copy_from_slice(&buffer.filled()[before..]);
                    buffer.set_filled(before);
                }
                Poll::Ready(Err(e)) => return Poll::Ready(Err(e)),
                Poll::Pending => {}
            }
        }
        if !self.read.is_empty() {
            self.activity.hold(cx.waker());
        }
        ready!(self.poll_clock(cx));
        Poll::Ready(Err(too_slow()))
    }

    /// The client sends no more. It may still read, unless it owes the rest of a body.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.phase == Phase::Busy && !self.activity.has_body() {
            self.phase = Phase::Ended(Instant::now());
        }
        if matches!(self.phase, Phase::Ended(_)) && self.activity.is_busy() {
            ready!(self.poll_clock(cx));
        }
        Poll::Ready(Ok(()))
    }

    /// Notes whether the client takes what it is sent; an error when it has not for too long.
    fn sent<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.stalled = None;
            return result;
        }
        let since = *self.stalled.get_or_insert_with(Instant::now);
        ready!(self.poll_until(cx, since + self.send));
        Poll::Ready(Err(too_slow()))
    }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client was too slow")
}

impl AsyncRead for ClientIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.observe();
        if let Phase::Ended(_) = this.phase {
            return this.poll_end(cx);
        }
        if this.guard.is_at_end() {
            if !this.is_answered() {
                return this.poll_held(cx, buffer);
            }
            this.guard.next();
        }
        if !this.read.is_empty() {
            return Poll::Ready(this.give_read(buffer));
        }
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) if buffer.filled().len() == before => this.poll_end(cx),
            Poll::Ready(Ok(())) => Poll::Ready(this.give_fresh(buffer, before)),
            Poll::Ready(Err(e)) => Poll::Ready(Err(e)),
            Poll::Pending => {
                ready!(this.poll_clock(cx));
                Poll::Ready(Err(too_slow()))
            }
        }
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.flushed = false;
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.sent(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper asks for it when it has written everything, and a socket has nothing to flush.
        self.flushed = true;
        Poll::Ready(Ok(()))
    }

    /// One that closes while bytes come that nobody reads has the kernel take back the answer too.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            if (this.guard.is_at_end() || this.guard.is_fresh()) && this.read.is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
        let linger = this.linger.get_or_insert_with(Linger::new);
        linger.poll(&mut this.stream, cx).map(Ok)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.flushed = false;
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.sent(cx, written)
    }
}
