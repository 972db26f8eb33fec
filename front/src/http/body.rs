//! A request body on its way from a client to a target.
//! Must never be read before the target wants it, when the client asked for that.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

use super::client_io::Activity;
use crate::limits::CONTINUE;

/// The body, or none.
#[derive(Debug)]
pub(crate) struct RequestBody(Option<Box<Streaming>>);

#[derive(Debug)]
struct Streaming {
    body: Incoming,
    gate: Option<(Gate, Pin<Box<Sleep>>)>,
    activity: Arc<Activity>,
}

impl RequestBody {
    pub(super) fn empty() -> Self {
        Self(None)
    }

    pub(super) fn new(body: Incoming, activity: &Arc<Activity>) -> Self {
        if body.is_end_stream() {
            return Self(None);
        }
        activity.body_open(true);
        Self(Some(Box::new(Streaming { body, gate: None, activity: Arc::clone(activity) })))
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
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(streaming) = &mut self.0 else { return Poll::Ready(None) };
        if let Some((gate, patience)) = &mut streaming.gate {
            if gate.poll_open(cx).is_pending() {
                ready!(patience.as_mut().poll(cx));
            }
            streaming.gate = None;
        }
        let frame = ready!(Pin::new(&mut streaming.body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) || streaming.body.is_end_stream() {
            streaming.activity.body_open(false);
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

impl Drop for Streaming {
    fn drop(&mut self) {
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
