//! What an exchange tells the socket of its client, and the other way round.
//! Must never need a lock: both run in the same task most of the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::task::Waker;

use futures_util::task::AtomicWaker;
use http::StatusCode;

use super::body::BodyError;

/// One for each client connection.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// A request is being answered.
    busy: AtomicBool,
    /// How many have begun.
    begun: AtomicUsize,
    /// Its body has not been read to the end.
    body: AtomicBool,
    /// What is to be said about a body that did not come to its end; 0: it is as it should be.
    failed: AtomicU16,
    /// Nothing has happened for so long that the connection needs no memory.
    resting: AtomicBool,
    /// Of the connection that this is one of many streams of.
    _stream: Option<Arc<()>>,
    /// Who has the next request and may not give it out yet.
    holder: AtomicWaker,
}

impl Activity {
    /// For one stream of many.
    pub(super) fn of(stream: Arc<()>) -> Self {
        Self { _stream: Some(stream), ..Self::default() }
    }

    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.busy.store(true, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    pub(super) fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }

    pub(super) fn body_open(&self, open: bool) {
        self.body.store(open, Ordering::Relaxed);
    }

    pub(super) fn has_body(&self) -> bool {
        self.body.load(Ordering::Relaxed)
    }

    pub(super) fn body_failed(&self, error: &BodyError) {
        let status = match error {
            BodyError::Broken(_) => StatusCode::BAD_REQUEST,
            BodyError::Slow => StatusCode::REQUEST_TIMEOUT,
        };
        self.failed.store(status.as_u16(), Ordering::Relaxed);
    }

    /// What the client is to be told when its body is why there is no answer.
    pub(super) fn failure(&self) -> Option<StatusCode> {
        StatusCode::from_u16(self.failed.load(Ordering::Relaxed)).ok()
    }

    pub(super) fn rest(&self) {
        self.resting.store(true, Ordering::Relaxed);
    }

    /// Whether it may rest, asked once.
    pub(super) fn take_rest(&self) -> bool {
        self.resting.load(Ordering::Relaxed) && self.resting.swap(false, Ordering::Relaxed)
    }

    /// Wakes when the request that is being answered is done.
    pub(super) fn hold(&self, waker: &Waker) {
        self.holder.register(waker);
    }
}

/// A request is being answered until this is dropped.
#[derive(Debug)]
pub(super) struct Busy(Arc<Activity>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Relaxed);
        self.0.holder.wake();
    }
}
