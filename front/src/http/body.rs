//! A request body on its way from a client to a target.
//! Must never be read before the target wants it, when the client asked for that.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use super::activity::Activity;
use super::forwarded;
use crate::limits::CONTINUE;
use crate::metrics::Series;

/// The body, or none.
#[derive(Debug)]
pub(crate) struct RequestBody(Option<Box<Streaming>>);

#[derive(Debug)]
struct Streaming {
    body: Incoming,
    gate: Option<(Gate, Pin<Box<Sleep>>)>,
    activity: Arc<Activity>,
    /// Since when the target waits for more.
    waiting: Option<Instant>,
    /// Made when it is waited for the first time.
    clock: Option<Pin<Box<Sleep>>>,
    patience: Duration,
    /// Bytes that came, and where they are counted at the end.
    received: u64,
    series: Option<Arc<Series>>,
}

/// A body did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the client's body is broken")]
    Broken(#[source] hyper::Error),
    #[error("the client sends no more of its body")]
    Slow,
}

impl RequestBody {
    pub(super) fn empty() -> Self {
        Self(None)
    }

    pub(super) fn new(body: Incoming, activity: &Arc<Activity>, patience: Duration) -> Self {
        if body.is_end_stream() {
            return Self(None);
        }
        activity.body_open(true);
        let activity = Arc::clone(activity);
        let streaming = Streaming {
            body,
            gate: None,
            activity,
            waiting: None,
            clock: None,
            patience,
            received: 0,
            series: None,
        };
        Self(Some(Box::new(streaming)))
    }

    /// From now on it is counted there.
    pub(super) fn count(&mut self, series: &Arc<Series>) {
        if let Some(streaming) = &mut self.0 {
            streaming.series = Some(Arc::clone(series));
        }
    }

    /// Nothing is read until the gate opens: reading is what tells the client to continue.
    pub(super) fn behind(&mut self, gate: Gate) {
        if let Some(streaming) = &mut self.0 {
            streaming.gate = Some((gate, Box::pin(sleep(CONTINUE))));
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(streaming) = &mut self.0 else { return Poll::Ready(None) };
        if let Some((gate, patience)) = &mut streaming.gate {
            if gate.poll_open(cx).is_pending() {
                ready!(patience.as_mut().poll(cx));
            }
            streaming.gate = None;
        }
        let frame = ready!(streaming.poll_client(cx));
        if !matches!(frame, Some(Ok(_))) || streaming.body.is_end_stream() {
            streaming.activity.body_open(false);
        }
        // Some applications put trailers to the headers.
        let frame = frame.map(|frame| frame.map(without_claims));
        match &frame {
            Some(Ok(frame)) => streaming.received += frame.data_ref().map_or(0, |d| d.len() as u64),
            Some(Err(e)) => streaming.activity.body_failed(e),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|s| s.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or(SizeHint::with_exact(0), |s| s.body.size_hint())
    }
}

fn without_claims(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            forwarded::forget(&mut trailers);
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    }
}

impl Streaming {
    /// The next part, or an error when the client has been silent for too long.
    fn poll_client(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.waiting = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Broken)));
        }
        let deadline = *self.waiting.get_or_insert_with(Instant::now) + self.patience;
        let clock = self.clock.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        while clock.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(Some(Err(BodyError::Slow)));
            }
            clock.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        if let Some(series) = &self.series {
            series.received.add(self.received);
        }
        self.activity.body_open(false);
    }
}

/// Opens when the target said `100 Continue`.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate(Arc<Latch>);

#[derive(Debug, Default)]
struct Latch {
    open: AtomicBool,
    waker: AtomicWaker,
}

impl Gate {
    pub(super) fn open(&self) {
        self.0.open.store(true, Ordering::SeqCst);
        self.0.waker.wake();
    }

    fn poll_open(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.waker.register(cx.waker());
        if self.0.open.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
    }
}
